package analytics

import (
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The counters of a record of totals. Money is in minor units.
const (
	created   = "created"   // orders
	placed    = "placed"    // orders
	cancelled = "cancelled" // orders
	expired   = "expired"   // orders
	delivered = "delivered" // parcels
	ordered   = "ordered"   // money of placed orders
	captured  = "captured"  // money
	refunded  = "refunded"  // money
)

// The counters of a product and of a dealer, over placed orders.
const (
	orders  = "orders"
	units   = "units"
	parcels = "parcels"
	revenue = "revenue" // money, without tax
)

// count is one counter of one record that a fact moves.
type count struct {
	key  platform.Key
	move platform.Move
}

// tally lists what a fact counts for, each record once, in an order that depends on the fact alone.
// It is empty for a fact that does not count.
func tally(f event.Fact) [][]count {
	t := newSheet()
	switch f := f.(type) {
	case *event.OrderCreated:
		t.add(totalKey(f.Order, f.Currency), created, 1)
	case *event.OrderPlaced:
		t.placed(f)
	case *event.OrderCancelled:
		t.add(totalKey(f.Order, ""), cancelled, 1)
	case *event.OrderExpired:
		t.add(totalKey(f.Order, ""), expired, 1)
	case *event.PaymentCaptured:
		t.add(totalKey(f.Order, f.Amount.Currency), captured, f.Amount.Amount)
	case *event.PaymentRefunded:
		t.add(totalKey(f.Order, f.Amount.Currency), refunded, f.Amount.Amount)
	case *event.ShipmentDelivered:
		t.add(totalKey(f.Order, ""), delivered, 1)
	}
	return t.records
}

// sheet collects counts by record.
type sheet struct {
	records [][]count
	at      map[platform.Key]int
}

func newSheet() *sheet { return &sheet{at: make(map[platform.Key]int)} }

func (t *sheet) add(key platform.Key, counter string, delta int64) {
	c := count{key, platform.Move{Counter: counter, Delta: delta, Floor: platform.NoFloor}}
	i, known := t.at[key]
	if !known {
		t.at[key] = len(t.records)
		t.records = append(t.records, []count{c})
		return
	}
	for j := range t.records[i] {
		if t.records[i][j].move.Counter == counter {
			t.records[i][j].move.Delta += delta
			return
		}
	}
	t.records[i] = append(t.records[i], c)
}

// placed counts an order, its money, and what it means to each dealer and each product.
func (t *sheet) placed(f *event.OrderPlaced) {
	total := totalKey(f.Order, f.Currency)
	t.add(total, placed, 1)
	t.add(total, ordered, f.Total)
	seen := make(map[shop.SKU]bool)
	for _, p := range f.Parcels {
		dealer := dealerKey(p.Dealer, f.Currency)
		t.add(dealer, parcels, 1)
		t.add(dealer, revenue, p.Amount-p.Tax)
		for _, l := range p.Lines {
			t.add(productKey(l.SKU), units, l.Quantity)
			if !seen[l.SKU] {
				seen[l.SKU] = true
				t.add(productKey(l.SKU), orders, 1)
			}
		}
	}
}
