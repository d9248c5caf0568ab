package inventory

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Care is what is known of a SKU of which more is asked than to be counted: units that are kept
// back, a level from which on it is low, units that a stock-take missed. Most SKUs have none.
type Care struct {
	SKU    shop.SKU `json:"sku"`
	Dealer shop.ID  `json:"dealer"`
	Seq    int64    `json:"seq"` // of the last fact applied

	Safety  int64 `json:"safety,omitempty"` // units that are never promised to orders
	Watched bool  `json:"watched,omitempty"`
	LowAt   int64 `json:"lowAt,omitempty"`
	Low     bool  `json:"low,omitempty"` // it was told that the SKU is low

	Short int64   `json:"short,omitempty"` // units promised to orders that are not there
	Take  shop.ID `json:"take,omitempty"`  // the stock-take that found so

	Last *event.StockCounted `json:"last,omitempty"` // the last stock-take
}

// Shortage is an open one: units of a SKU that are promised to orders and were not found.
type Shortage struct {
	SKU    shop.SKU `json:"sku"`
	Dealer shop.ID  `json:"dealer"`
	Take   shop.ID  `json:"take" doc:"the stock-take that found it"`
	Units  int64    `json:"units" doc:"that are still missing"`
}

// Why units are not missing any more.
const (
	byStock   = "stock"
	byRelease = "release"
)

// aside is how many units no order takes without asking: those kept back and, so that the order
// that takes one of them is noticed, the last ones of a SKU that is watched and not low.
func (c *Care) aside() int64 {
	if c.Watched && !c.Low {
		return c.Safety + c.LowAt + 1
	}
	return c.Safety
}

// offered is how many units orders can have when so many are on hand and reserved. It is below 0
// while there are fewer than are kept back or promised.
func (c *Care) offered(onHand, reserved int64) int64 { return onHand - reserved - c.Safety }

// due lists what is to be told of a SKU once so many units are on hand and reserved. by says what
// made the difference.
func (c *Care) due(onHand, reserved int64, by string) []event.Fact {
	var facts []event.Fact
	if missing := max(0, reserved-onHand); missing < c.Short {
		facts = append(facts, &event.StockCovered{
			SKU: c.SKU, Dealer: c.Dealer, Take: c.Take, Units: c.Short - missing, Left: missing,
			By: by,
		})
	}
	offered := c.offered(onHand, reserved)
	switch {
	case !c.Watched:
	case !c.Low && offered <= c.LowAt:
		facts = append(facts, &event.StockLow{
			SKU: c.SKU, Dealer: c.Dealer, LowAt: c.LowAt, Available: offered,
		})
	case c.Low && offered > c.LowAt:
		facts = append(facts, &event.StockRecovered{
			SKU: c.SKU, Dealer: c.Dealer, LowAt: c.LowAt, Available: offered,
		})
	}
	return facts
}

// ruled decides the fact that sets the rules of a SKU, nil if they are like this already.
func (c *Care) ruled(dealer shop.ID, r Rules, onHand, reserved int64) *event.StockRuled {
	next := *c
	next.owned(dealer)
	next.Safety, next.Watched, next.LowAt = r.Safety, r.LowAt != nil, 0
	if next.Watched {
		next.LowAt = *r.LowAt
	}
	next.Low = next.Watched && next.offered(onHand, reserved) <= next.LowAt
	if next == *c {
		return nil
	}
	return &event.StockRuled{
		SKU: c.SKU, Dealer: next.Dealer, Safety: next.Safety, Watched: next.Watched,
		LowAt: next.LowAt, Low: next.Low, Aside: next.aside(),
	}
}

// apply changes the care by a fact about it.
func (c *Care) apply(f event.Fact) {
	switch f := f.(type) {
	case *event.StockRuled:
		c.owned(f.Dealer)
		c.Safety, c.Watched, c.LowAt, c.Low = f.Safety, f.Watched, f.LowAt, f.Low
	case *event.StockLow:
		c.Low = true
	case *event.StockRecovered:
		c.Low = false
	case *event.StockCounted:
		c.owned(f.Dealer)
		c.Last = f
	case *event.StockShort:
		c.Short, c.Take = f.Units, f.Take
	case *event.StockCovered:
		if c.Short = f.Left; c.Short == 0 {
			c.Take = ""
		}
	}
}

// owned notes whose SKU it is. While units are missing it stays whose it was when that was found,
// since the shortage is on that dealer's list.
func (c *Care) owned(dealer shop.ID) {
	if c.Short == 0 {
		c.Dealer = dealer
	}
}

// Rules are what a dealer asks of a SKU's stock.
type Rules struct {
	Safety int64  `json:"safety" minimum:"0" maximum:"1000000000" doc:"units never promised to orders"`
	LowAt  *int64 `json:"lowAt,omitempty" minimum:"0" maximum:"1000000000" doc:"tell when orders can have so few or fewer; absent: never"`
}

// check refuses what no rules can be.
func (r Rules) check() error {
	if r.Safety < 0 || r.Safety > MaxUnits {
		return shop.Errorf(shop.Invalid, "safety is 0 to %d units, not %d", MaxUnits, r.Safety)
	}
	if r.LowAt != nil && (*r.LowAt < 0 || *r.LowAt > MaxUnits) {
		return shop.Errorf(shop.Invalid, "lowAt is 0 to %d units, not %d", MaxUnits, *r.LowAt)
	}
	return nil
}

// Take is a stock-take of one SKU: what was counted, and what the books said at that moment.
type Take struct {
	ID         shop.ID   `json:"id"`
	SKU        shop.SKU  `json:"sku"`
	Counted    int64     `json:"counted"`
	Book       int64     `json:"book" doc:"units that the books had on hand"`
	Difference int64     `json:"difference" doc:"counted less book, by which the books were moved"`
	Reserved   int64     `json:"reserved" doc:"units promised to orders at that moment"`
	Short      int64     `json:"short" doc:"of them not there: an open shortage"`
	At         time.Time `json:"at"`
}

// rules are what was asked of the SKU's stock.
func (c *Care) rules() Rules {
	r := Rules{Safety: c.Safety}
	if c.Watched {
		at := c.LowAt
		r.LowAt = &at
	}
	return r
}
