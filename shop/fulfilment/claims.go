package fulfilment

import (
	"math/bits"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Claims is what the returns of one parcel take back together. It is the record that keeps two of
// them from taking back more than there was. The zero Claims is of a parcel without returns.
type Claims struct {
	Returns int     `json:"returns"` // so far
	Lines   []Claim `json:"lines,omitempty"`
	Seq     int64   `json:"seq"`
}

// Claim counts the units of one SKU.
type Claim struct {
	SKU     shop.SKU `json:"sku"`
	Claimed int64    `json:"claimed"`       // that came back, or may still
	Paid    int64    `json:"paid,omitzero"` // of which the money goes back
}

func (c *Claims) of(sku shop.SKU) Claim {
	for i := range c.Lines {
		if c.Lines[i].SKU == sku {
			return c.Lines[i]
		}
	}
	return Claim{SKU: sku}
}

func (c *Claims) add(sku shop.SKU, claimed, paid int64) {
	for i := range c.Lines {
		if l := &c.Lines[i]; l.SKU == sku {
			l.Claimed, l.Paid = l.Claimed+claimed, l.Paid+paid
			return
		}
	}
	c.Lines = append(c.Lines, Claim{sku, claimed, paid})
}

// follow counts a fact of one of the returns, r, which is as it was before it.
func (c *Claims) follow(r *Return, f event.Fact) {
	switch f := f.(type) {
	case *event.ReturnRequested:
		c.Returns++
		for _, l := range f.Lines {
			c.add(l.SKU, l.Quantity, 0)
		}
	case *event.ReturnDeclined, *event.ReturnCancelled, *event.ReturnClosed:
		for i := range r.Lines { // what did not come back may be asked for again
			c.add(r.Lines[i].SKU, -r.Lines[i].awaited(), 0)
		}
	case *event.ReturnLapsed:
		for _, i := range f.Items {
			c.add(i.SKU, -i.Quantity, 0)
		}
	case *event.ReturnInspected:
		for _, u := range f.Units {
			c.add(u.SKU, 0, u.Quantity)
		}
	}
}

// Priced is one line of an order as it was frozen at checkout.
type Priced struct {
	SKU    shop.SKU
	Dealer shop.ID
	Title  string
	Amount int64 // minor units for all units of the line
	Units  int64
}

// shares divides what was paid for a parcel, shipping and tax included, over its SKUs in the
// proportion of their prices, by largest remainder: the shares add up to the parcel's amount. Where
// nothing has a price the SKUs share alike.
func (s *Shipment) shares(lines []Priced) ([]int64, error) {
	type goods struct{ amount, units int64 }
	sold := make(map[shop.SKU]goods, len(lines))
	for _, l := range lines {
		if l.Dealer == s.Dealer {
			g := sold[l.SKU]
			sold[l.SKU] = goods{g.amount + l.Amount, g.units + l.Units}
		}
	}
	weights := make([]int64, len(s.Lines))
	for i, l := range s.Lines {
		g, ok := sold[l.SKU]
		if !ok {
			return nil, shop.Errorf(shop.Internal,
				"the order of parcel %s has no line for %s", s.ID, l.SKU)
		}
		weights[i] = portion(g.amount, l.Quantity, g.units) // of a part, its part
	}
	parts, err := s.Amount.Allocate(weights)
	if err != nil {
		return nil, err
	}
	amounts := make([]int64, len(parts))
	for i := range parts {
		amounts[i] = parts[i].Amount
	}
	return amounts, nil
}

// portion is what count of so many units cost, of what all cost: rounded down, and exact for all.
// The money of the next units is the difference of two portions, so however units come back, one by
// one or all at once, together they give back exactly what was paid.
func portion(due, count, units int64) int64 {
	if count <= 0 || units <= 0 || due <= 0 {
		return 0
	}
	if count >= units {
		return due
	}
	hi, lo := bits.Mul64(uint64(due), uint64(count))
	q, _ := bits.Div64(hi, lo, uint64(units))
	return int64(q)
}
