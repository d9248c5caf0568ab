package verify

import (
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// amounts are what an order costs.
type amounts struct {
	Currency                    shop.Currency `json:"currency"`
	Items, Shipping, Tax, Total int64
}

// record notes the totals of a stored head.
func (o *orders) record(rec *platform.Record, s *sheet) error {
	id, ok := strings.CutPrefix(rec.Key.Part, "order/")
	if !ok || rec.Key.Sort != "head" {
		return nil
	}
	var v amounts
	if err := room.Decode(rec.Value, &v); err != nil {
		return err
	}
	s.check(frozenTotals)
	o.census.stored(shop.ID(id), &v)
	return nil
}

// frozenRecord requires that the stored head of an order has the totals that were frozen when money
// was taken.
func (o *orders) frozenRecord(l *life) {
	c, stored := l.created, o.census.orders[l.number]
	if c == nil || stored.totals == 0 || l.purse.firstTaken == (place{}) {
		return // there is a finding, or nothing is frozen yet
	}
	frozen := amounts{c.Currency, c.Items, c.Shipping, c.Tax, c.Total}
	if stored.totals != o.census.hash(&frozen) {
		o.broken(frozenTotals, l.purse.firstTaken, "the stored total is not what was frozen",
			"order", l.id, "total", c.Total, "stored", stored.total)
	}
}

// grace is how late a deadline may be without being called stuck.
const grace = time.Minute

// end requires, once all is quiet, that an order has ended or waits for somebody.
func (o *orders) end(l *life) {
	if !o.quiescent || l.created == nil {
		return
	}
	o.check(termination)
	h, p := &l.head, &l.purse
	stuck := func(why string, pairs ...any) {
		o.owed(termination, l, why, append(pairs, "status", h.status)...)
	}
	switch h.status.String() {
	case "pending_payment":
		switch {
		case l.hold.short:
			stuck("the stock was refused, and the order still waits")
		case p.failed:
			stuck("the payment failed for good, and the order still waits")
		case p.granted && p.authorised >= l.created.Total && !p.closed:
			stuck("the money is there, and the order still waits")
		case o.census.now.After(h.deadline.Add(grace)):
			stuck("the deadline has passed, and the order still waits", "deadline", h.deadline,
				"now", o.census.now)
		case !p.began:
			stuck("the stock is held, and nobody was asked for money")
		}
	case "placed", "on_hold":
		o.parcelsMove(l, stuck)
		o.holdsEnd(l, stuck)
		asked, moving := h.returning()
		if h.status == order.Placed() && h.windows > 0 && h.windows >= h.opened &&
			o.arrived(l) && asked+moving == 0 {
			stuck("the return window has closed, and the order is not completed")
		}
	}
}

// parcelsMove requires that every parcel waits for a person, a provider or the carrier, not for us.
func (o *orders) parcelsMove(l *life, stuck func(why string, pairs ...any)) {
	for i := range l.parcels {
		q := &l.parcels[i]
		switch {
		case q.absent:
		case q.way == nowhere:
			stuck("a parcel was never requested", "parcel", i+1)
		case q.way == packed && q.captured > 0:
			stuck("a parcel is paid, and may not leave", "parcel", i+1)
		case q.way == packed && l.purse.lastCapture(i+1) == nil:
			stuck("a parcel is packed, and nobody was asked for its money", "parcel", i+1)
		}
	}
}
