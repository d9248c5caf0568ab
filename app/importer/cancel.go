package importer

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
)

// maxEarlier bounds the orders of one customer that are looked at for one cancellation.
const maxEarlier = 10_000

// takeback is what one cancellation takes back.
type takeback struct {
	at     time.Time
	number string // of the cancellation, without its letter
	items  map[shop.SKU]int64
	worth  int64 // pence
}

// cancel reads the file again and cancels what its cancellations take back. It comes after all
// orders, so what it finds does not depend on the pace at which they were placed; and it looks only
// at orders that are earlier, by the file's own dates.
func (im *Importer) cancel(ctx context.Context) error {
	im.enter(PhaseCancel, im.report.Lines)
	claimed := make(map[shop.ID]bool)
	return im.invoices(ctx, func(v *invoice) error {
		im.progress.done.Add(int64(len(v.rows)))
		if v.kind != cancelling {
			return nil
		}
		if err := im.undo(ctx, v, claimed); err != nil {
			return shop.Errorf(shop.CodeOf(err), "cancel by invoice %s: %w", v.number, err)
		}
		return im.tally(v, &im.report.Cancelled)
	})
}

// undo cancels the order that a cancellation is about, or refuses the lines. An order is claimed by
// one cancellation, the first in the file, whether this run cancels it or an earlier one did.
func (im *Importer) undo(ctx context.Context, v *invoice, claimed map[shop.ID]bool) error {
	rows := v.good()
	switch {
	case len(rows) == 0:
		return nil
	case v.customer == "":
		v.refuse(NoCustomer, "")
		return nil
	}
	found, why, err := im.match(ctx, v, im.takeback(v, rows), claimed)
	if err != nil {
		return err
	}
	if why != "" {
		v.refuse(why, "")
		return nil
	}
	if found.Status != order.Cancelled().String() {
		err := im.again(ctx, func() error {
			_, err := im.cfg.App.Order.Cancel(ctx, found.ID, "customer")
			return err
		})
		if stands(err) {
			v.refuse(OrderMoved, err.Error())
			return nil
		}
		if err != nil {
			return err
		}
	}
	claimed[found.ID] = true
	im.report.Cancellations++
	return nil
}

func (im *Importer) takeback(v *invoice, rows []*row) *takeback {
	t := &takeback{at: v.at, number: v.number[1:], items: make(map[shop.SKU]int64, len(rows))}
	for _, r := range rows {
		t.items[im.wares.sku(r)] += r.quantity
		t.worth += r.price * r.quantity
	}
	return t
}

// match finds the newest earlier order that consists of exactly what is taken back. Otherwise it
// says whether an earlier order at least holds all of it.
func (im *Importer) match(
	ctx context.Context, v *invoice, t *takeback, claimed map[shop.ID]bool,
) (*order.View, Reason, error) {
	why, after := NoSuchOrder, ""
	for seen := 0; seen < maxEarlier; seen += order.MaxPage {
		page, err := im.cfg.App.Order.ListMine(ctx, customerID(v), after, order.MaxPage)
		if err != nil {
			return nil, "", err
		}
		for i := range page.Orders {
			o := &page.Orders[i]
			if claimed[o.ID] || !t.after(o) || !t.needs(o, why) {
				continue
			}
			full, err := im.cfg.App.Order.Get(ctx, o.ID)
			if err != nil {
				return nil, "", err
			}
			holds, exactly := t.within(full.Items)
			if exactly {
				return &full, "", nil
			}
			if holds {
				why = PartOfOrder
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	return nil, why, nil
}

// after says whether the order was there when it was cancelled. The source counts orders and
// cancellations together, so within a minute their numbers tell.
func (t *takeback) after(o *order.View) bool {
	number := strings.TrimPrefix(string(o.ID), string(orderID("")))
	sooner := cmp.Or(
		o.CreatedAt.Compare(t.at), cmp.Compare(len(number), len(t.number)),
		strings.Compare(number, t.number))
	return sooner < 0 && notPlaced(o) == ""
}

// needs says whether the lines of an order must be read: one that is worth less cannot hold what is
// taken back, and one that is worth more is no match and only of interest until one was seen.
func (t *takeback) needs(o *order.View, why Reason) bool {
	return o.ItemsTotal.Amount == t.worth || o.ItemsTotal.Amount > t.worth && why != PartOfOrder
}

// within says whether an order holds all that is taken back, and whether it holds nothing else.
func (t *takeback) within(lines []order.LineView) (holds, exactly bool) {
	have := make(map[shop.SKU]int64, len(lines))
	for _, l := range lines {
		have[l.SKU] += l.Quantity
	}
	exactly = len(have) == len(t.items)
	for sku, n := range t.items {
		if have[sku] < n {
			return false, false
		}
		exactly = exactly && have[sku] == n
	}
	return true, exactly
}
