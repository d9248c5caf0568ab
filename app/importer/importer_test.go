package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/importer"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// update rewrites the golden file of refusals.
var update = flag.Bool("update", false, "rewrite golden files")

// smallReport is what becomes of testdata/small.csv.
func smallReport() importer.Report {
	return importer.Report{
		Lines: 42, Ordered: 14, Cancelled: 4, Refused: 24, Invoices: 22,
		Reasons: map[importer.Reason]int64{
			importer.Malformed: 8, importer.NotAnOrder: 1, importer.NotGoods: 3,
			importer.BadCode: 1, importer.Correction: 1, importer.BadQuantity: 3,
			importer.FreeOfPrice: 1, importer.Mixed: 1, importer.NoCustomer: 1,
			importer.NoSuchOrder: 2, importer.PartOfOrder: 2,
		},
		Listings: 6, Units: 34, Orders: 9, Guests: 1, Cancellations: 3,
		Worth: shop.Money{Amount: 16990, Currency: "GBP"},
	}
}

// same compares reports, without what may differ between two runs.
func same(t *testing.T, got, want importer.Report) {
	t.Helper()
	got.Seconds, want.Seconds, got.Before, want.Before = 0, 0, 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the report is\n%+v, want\n%+v", got, want)
	}
}

// Goal: every line of a dirty file ends in one place, and what it becomes is right. Method: a
// made-up file with one line of each kind, its exact report, its refusals as a golden file, and the
// orders, stock and listings that the shop shows afterwards.
func TestImport(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	var refused bytes.Buffer
	c := s.config(small)
	c.Refused = &refused
	r := s.mustRun(c)
	same(t, r, smallReport())
	golden(t, "testdata/small.refused.jsonl", refused.Bytes())

	type result struct {
		status, reason string
		total          int64
	}
	for invoice, want := range map[string]result{
		"900001": {"cancelled", "customer", 6*255 + 2*340},
		"900002": {"placed", "", 425 + 4*255},
		"900003": {"placed", "", 5*85 + 340},
		"900005": {},
		"900006": {"placed", "", 3*1250 + 700}, // its lines do not stand together
		"900007": {"placed", "", 700},
		"900013": {}, // nothing of it can be ordered
		"900015": {"cancelled", "customer", 510},
		"900016": {"cancelled", "customer", 510},
		"900021": {"placed", "", 5000},
		"900023": {"placed", "", 1400},
	} {
		var got result
		if got.status, got.reason, got.total = s.order(invoice); got != want {
			t.Errorf("invoice %s is %+v, want %+v", invoice, got, want)
		}
	}
	s.expectStock(map[shop.SKU][2]int64{ // on hand, available
		"10001A": {14, 10}, "10001A@425": {1, 0}, "10002": {3, 2}, "10003": {5, 0},
		"10004": {7, 0}, "10005": {4, 0}, "10006": {0, 0},
	})
	s.expectOrderOf900002()
}

func (s *stage) expectStock(want map[shop.SKU][2]int64) {
	s.t.Helper()
	for sku, n := range want {
		l, err := s.app.Inventory.Level(s.ctx, sku)
		if err != nil {
			s.t.Fatal(err)
		}
		if l.OnHand != n[0] || l.Available != n[1] {
			s.t.Errorf("of %s %d are on hand and %d available, want %v",
				sku, l.OnHand, l.Available, n)
		}
	}
}

// expectOrderOf900002 looks at one order in full: one thing at two prices, and the same line twice.
func (s *stage) expectOrderOf900002() {
	s.t.Helper()
	v, err := s.app.Order.Get(s.ctx, "ord_uci_900002")
	if err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for _, l := range v.Items {
		lines = append(lines, fmt.Sprintf("%s %s %d×%d", l.SKU, l.Title, l.Quantity, l.UnitPrice))
	}
	const want = "10001A@425 BRASS LAMP 1×425, 10001A BRASS LAMP 2×255, 10001A BRASS LAMP 2×255"
	if got := strings.Join(lines, ", "); got != want {
		s.t.Errorf("the lines are %s, want %s", got, want)
	}
	if got := v.CreatedAt.Format("2006-01-02 15:04"); got != "2020-01-02 09:00" ||
		v.Customer != "cus_uci_102" {
		s.t.Errorf("ordered at %s by %s", got, v.Customer)
	}
	l, err := s.app.Catalog.Get(s.ctx, "10003")
	if err != nil || l.Title != "10003" {
		s.t.Errorf("what has no name is called %q (%v), want its code", l.Title, err)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

// Goal: importing a file a second time changes nothing and tells the same. Method: the made-up file
// twice, the second time gzipped; no event follows, and the reports and refusals agree.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	s.mustRun(s.config(small))
	before := s.facts()
	packed := filepath.Join(t.TempDir(), "small.csv.gz")
	pack(t, "testdata/small.csv", packed)
	var refused bytes.Buffer
	c := s.config(func() (io.ReadCloser, error) { return importer.Open(packed) })
	c.Refused = &refused
	r := s.mustRun(c)
	same(t, r, smallReport())
	golden(t, "testdata/small.refused.jsonl", refused.Bytes())
	if r.Before != r.Orders {
		t.Errorf("%d of %d orders were there before", r.Before, r.Orders)
	}
	if after := s.facts(); !maps.Equal(before, after) {
		t.Errorf("the log had %v and has %v", before, after)
	}
}

func pack(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err = z.Write(raw)
	if err := errors.Join(err, z.Close(), os.WriteFile(to, buf.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// Goal: parcels are delivered when that is wanted, and only those of orders that stand. Method: the
// made-up file with Fulfil, twice.
func TestFulfil(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	c := s.config(small)
	c.Fulfil = true
	for range 2 {
		r := s.mustRun(c)
		var parcels int64
		for _, invoice := range strings.Fields("900002 900003 900006 900007 900021 900023") {
			v, err := s.app.Order.Get(s.ctx, shop.ID("ord_uci_"+invoice))
			if err != nil {
				t.Fatal(err)
			}
			parcels += int64(v.Parcels)
			if v.FulfilmentStatus != "delivered" || v.PaymentStatus != "captured" {
				t.Errorf("invoice %s is %s and %s", invoice, v.FulfilmentStatus, v.PaymentStatus)
			}
		}
		want := smallReport()
		want.Delivered = parcels
		same(t, r, want)
	}
	s.expectStock(map[shop.SKU][2]int64{"10001A": {10, 10}, "10005": {0, 0}})
}

// Goal: an order that gets no money is not counted as ordered. Method: a provider that declines
// every authorisation.
func TestDeclined(t *testing.T) {
	t.Parallel()
	decline := func(string, string, int) sandbox.Plan {
		return sandbox.Plan(0).With(sandbox.Declined)
	}
	s := open(t, world{provider: newProvider(t, sandbox.Options{Plan: decline})})
	defer s.close()
	r := s.mustRun(s.config(small))
	if r.Orders != 0 || r.Ordered != 0 || r.Reasons[importer.NotPlaced] != 14 || r.Cancelled != 0 {
		t.Errorf("the report is %+v", r)
	}
	if status, reason, _ := s.order("900023"); status != "cancelled" || reason != "payment_failed" {
		t.Errorf("an order without money is %s, %s", status, reason)
	}
}

// Goal: the longest order passes, one that is too long for the shop is refused whole, and one that
// is too long for anybody costs no memory. Method: invoices of 1,114, 1,201 and 10,100 lines.
func TestLongInvoices(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	var b strings.Builder
	write := func(invoice string, n int) {
		for i := range n {
			fmt.Fprintf(&b, "%s,%05d,THING,1,2020-01-02 08:00:00,1.00,7.0,France\n",
				invoice, i%1200)
		}
	}
	write("1", 1114)
	write("2", 1201)
	write("3", 10_100)
	write("4", 2)
	r := s.mustRun(s.config(textFile(b.String())))
	want := map[importer.Reason]int64{importer.Refused: 1201, importer.TooLong: 10_100}
	if r.Ordered != 1116 || r.Orders != 2 || !maps.Equal(r.Reasons, want) || r.Invoices != 4 {
		t.Errorf("the report is %+v", r)
	}
	if status, _, total := s.order("1"); status != "placed" || total != 111_400 {
		t.Errorf("the long order is %s for %d", status, total)
	}
}

// Goal: what the shop refuses is a refused line, not a failed import, and another shop's order of
// the same number is left alone. Method: a withdrawn listing, and a file in which an invoice that
// was imported before has other lines and a thing another price.
func TestShopRefuses(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	s.mustRun(s.config(textFile("1,1A,THING,1,2020-01-02 08:00:00,1.00,7.0,France\n" +
		"2,1B,OTHER,1,2020-01-02 08:00:00,1.00,7.0,France\n")))
	if _, err := s.app.Catalog.Withdraw(s.ctx, "1B"); err != nil {
		t.Fatal(err)
	}
	r := s.mustRun(s.config(textFile("1,1A,THING,2,2020-01-02 08:00:00,3.00,7.0,France\n" +
		"3,1B,OTHER,1,2020-01-02 08:00:00,1.00,7.0,France\n" +
		"4,1A,THING,1,2020-01-02 08:00:00,3.00,7.0,France\n")))
	if r.Ordered != 1 || r.Reasons[importer.Refused] != 2 {
		t.Errorf("the report is %+v", r)
	}
	if _, _, total := s.order("1"); total != 100 {
		t.Errorf("the order of the first file costs %d now", total)
	}
	if _, _, total := s.order("4"); total != 300 {
		t.Errorf("the order of the second file costs %d, want the file's price", total)
	}
	s.expectStock(map[shop.SKU][2]int64{"1A": {4, 2}})
}

// Goal: a file that cannot be read is refused before anything is imported. Method: files of another
// format, cut off, and changed between two readings.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	packed := filepath.Join(t.TempDir(), "small.csv.gz")
	pack(t, "testdata/small.csv", packed)
	raw, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.csv.gz")
	if err := os.WriteFile(cut, raw[:len(raw)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	text := func(s string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
	}
	readings := 0
	for name, file := range map[string]func() (io.ReadCloser, error){
		"empty":      text(""),
		"another":    text("a,b,c\n1,2,3\n"),
		"no file":    func() (io.ReadCloser, error) { return importer.Open("testdata/none.csv") },
		"no gzip":    func() (io.ReadCloser, error) { return importer.Open("importer_test.go") },
		"cut off":    func() (io.ReadCloser, error) { return importer.Open(cut) },
		"a long one": text(strings.Repeat("InvoiceNo", 100_000)),
		"changed": func() (io.ReadCloser, error) {
			readings++
			return textFile(fmt.Sprintf("%d,POST,P,1,2020-01-02 08:00:00,1,,X\n", readings))()
		},
	} {
		s := open(t, world{})
		_, err := importer.New(s.config(file)).Run(t.Context())
		if err == nil {
			t.Errorf("%s: it was imported", name)
		}
		if n := len(s.facts()); n != 0 {
			t.Errorf("%s: %d kinds of events followed", name, n)
		}
		s.close()
	}
}

// Goal: an import that is told to stop stops, says so, and hands back what it counted. Method: end
// the context while the file is read for the second time.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := open(t, world{})
	defer s.close()
	ctx, stop := context.WithCancel(t.Context())
	readings := 0
	r, err := importer.New(s.config(func() (io.ReadCloser, error) {
		if readings++; readings == 2 {
			stop()
		}
		return small()
	})).Run(ctx)
	if !errors.Is(err, context.Canceled) || r.Lines != 42 || r.Orders != 0 {
		t.Errorf("it ended with %v and %+v", err, r)
	}
	same(t, s.mustRun(s.config(small)), smallReport())
}
