package analytics

import (
	"github.com/souk-commerce/souk/platform"
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

// count is what a fact counts for in one record.
type count struct {
	key   platform.Key
	moves []platform.Move
}

// tally lists what a fact counts for, each record once, in an order that depends on the fact alone.
// It is empty for a fact that does not count.
func tally(f event.Fact) []count {
	var t sheet
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
	return t
}

// sheet collects counts by record. It is searched by walking: nearly every order has a few records,
// and the longest there was, of 1,110 lines, is walked in a few milliseconds.
type sheet []count

// add moves a counter. It reports whether the record is new on the sheet.
func (t *sheet) add(key platform.Key, counter string, delta int64) bool {
	move := platform.Move{Counter: counter, Delta: delta, Floor: platform.NoFloor}
	for i := range *t {
		c := &(*t)[i]
		if c.key != key {
			continue
		}
		for j := range c.moves {
			if c.moves[j].Counter == counter {
				c.moves[j].Delta += delta
				return false
			}
		}
		c.moves = append(c.moves, move)
		return false
	}
	*t = append(*t, count{key, append(make([]platform.Move, 0, 2), move)})
	return true
}

// placed counts an order, its money, and what it means to each dealer and each product.
func (t *sheet) placed(f *event.OrderPlaced) {
	total := totalKey(f.Order, f.Currency)
	t.add(total, placed, 1)
	t.add(total, ordered, f.Total)
	for _, p := range f.Parcels {
		dealer := dealerKey(p.Dealer, f.Currency)
		t.add(dealer, parcels, 1)
		t.add(dealer, revenue, p.Amount-p.Tax)
		for _, l := range p.Lines {
			product := productKey(l.SKU)
			if t.add(product, units, l.Quantity) {
				t.add(product, orders, 1)
			}
		}
	}
}
