package analytics

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// Sheets lists the tables that CSV writes.
func Sheets() []string { return []string{"funnel", "takings", "products", "dealers"} }

// CSV writes one of the Sheets as RFC 4180, with a header: every product and dealer, not only the
// first ones, in the order of keys where the platform has one. Money is in minor units. It is
// Unavailable while the numbers are being counted again, and Invalid for another name. Memory does
// not grow with the number of rows.
func (s *Service) CSV(ctx context.Context, sheet string, out io.Writer) error {
	rebuilding, err := s.rebuilding(ctx)
	if err != nil {
		return err
	}
	if rebuilding {
		return errRebuilding()
	}
	w := &sheetWriter{out: csv.NewWriter(out)}
	switch sheet {
	case "funnel", "takings":
		err = s.totalsCSV(ctx, sheet, w)
	case "products":
		w.line("sku", "units", "orders")
		err = s.each(ctx, "product/", func(sku string, r platform.Record) {
			w.line(plain(sku), number(r.Counters[units]), number(r.Counters[orders]))
		})
	case "dealers":
		w.line("dealer", "currency", "parcels", "revenue")
		err = s.each(ctx, "dealer/", func(dealer string, r platform.Record) {
			w.line(plain(dealer), r.Key.Sort,
				number(r.Counters[parcels]), number(r.Counters[revenue]))
		})
	default:
		return shop.Errorf(shop.Invalid, "there is no sheet %q; nothing was written", sheet).
			WithHint("the sheets are %s", strings.Join(Sheets(), ", "))
	}
	w.out.Flush()
	if err == nil {
		err = w.err
	}
	if err == nil {
		err = w.out.Error()
	}
	return err
}

func (s *Service) totalsCSV(ctx context.Context, sheet string, w *sheetWriter) error {
	var sum Summary
	if err := s.readTotals(ctx, &sum); err != nil {
		return err
	}
	if sheet == "takings" {
		w.line("currency", "ordered", "captured", "refunded")
		for _, t := range sum.Takings {
			w.line(string(t.Currency), number(t.Ordered), number(t.Captured), number(t.Refunded))
		}
		return nil
	}
	w.line("stage", "count")
	w.line("orders created", number(sum.Orders.Created))
	w.line("orders placed", number(sum.Orders.Placed))
	w.line("orders cancelled", number(sum.Orders.Cancelled))
	w.line("orders expired", number(sum.Orders.Expired))
	w.line("parcels delivered", number(sum.Orders.Delivered))
	return nil
}

// sheetWriter remembers the first error, so that callbacks need none.
type sheetWriter struct {
	out *csv.Writer
	err error
}

func (w *sheetWriter) line(cells ...string) {
	if w.err == nil {
		w.err = w.out.Write(cells)
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// plain keeps a spreadsheet from taking text for a formula: a quote before it makes it text (OWASP,
// "CSV Injection"). Dealers choose their SKUs.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
