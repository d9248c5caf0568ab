package verify

import (
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
)

// cut is units of a parcel that were cancelled before they left.
type cut struct {
	refund   shop.ID // its name
	shipment shop.ID
	said     event.ShipmentReduced
	lines    []event.ParcelLine
	units    int64
	amount   int64 // what they cost
	left     int64 // what the parcel costs without them
	at       place

	settled bool  // payment does not take the money, or gives it back
	asked   int64 // of the provider, to be given back
	heard   bool  // by the order
	freed   int64 // units that are available again
	chunks  int   // in which they became so
}

func (l *life) cut(refund shop.ID) *cut {
	for i := range l.cuts {
		if l.cuts[i].refund == refund {
			return &l.cuts[i]
		}
	}
	return nil
}

// cutFor is what was cancelled of a parcel.
func (l *life) cutFor(shipment shop.ID) int64 {
	var sum int64
	for i := range l.cuts {
		if l.cuts[i].shipment == shipment {
			sum += l.cuts[i].amount
		}
	}
	return sum
}

// reduced takes units out of a parcel. It requires that they were in it, that it was not on its way
// or waiting for its money, and that they cost their share of it.
func (b *books) reduced(it *item, l *life, f *event.ShipmentReduced) {
	b.check(arithmetic)
	q, n := l.parcel(f.Shipment)
	if q == nil || q.absent || l.created == nil || q.way != requested && q.way != cleared ||
		l.cut(f.Refund) != nil {
		b.broken(transitions, it.at, "units of a parcel are cancelled that cannot be, or twice",
			"shipment", f.Shipment, "refund", f.Refund)
		return
	}
	whole := &l.plan[n-1]
	shares := b.sharesOf(l, n)
	c := cut{
		refund: f.Refund, shipment: f.Shipment, said: *f, lines: f.Lines, units: unitsOf(f.Lines),
		amount: f.Amount.Amount, left: f.Left.Amount, at: it.at,
	}
	var amount, gone int64
	left := make([]event.ParcelLine, 0, len(whole.Lines))
	for _, line := range whole.Lines {
		var goes int64
		for _, u := range f.Lines {
			if u.SKU == line.SKU {
				goes += u.Quantity
			}
		}
		goes = min(goes, line.Quantity)
		amount += partOf(shares[line.SKU].due, goes, line.Quantity)
		gone += goes
		if line.Quantity -= goes; line.Quantity > 0 {
			left = append(left, line)
		}
	}
	if amount != c.amount || whole.Amount-amount != c.left || gone != c.units ||
		f.Empty != (len(left) == 0) {
		b.broken(arithmetic, it.at, "cancelled units are not what they cost, or were not there",
			"shipment", f.Shipment, "amount", c.amount, "share", amount, "left", c.left,
			"units", c.units, "there", gone)
	}
	if f.Dealer != whole.Dealer || f.Payment != payment.Of(l.id) ||
		f.Amount.Currency != l.created.Currency || f.Left.Currency != l.created.Currency {
		b.broken(arithmetic, it.at, "units are cancelled of another dealer, payment or currency",
			"shipment", f.Shipment, "dealer", f.Dealer, "payment", f.Payment)
	}
	whole.Lines, whole.Amount = left, c.left
	l.cuts = append(l.cuts, c)
}

// freed requires that cancelled units become available again, once.
func (s *stock) freed(it *item, l *life, f *event.StockFreed) {
	next := committed
	if f.Last {
		next = consumed
	}
	s.giveUp(it, l, f.Items, f.Last)
	s.stands(it, l, committed)
	s.become(it, l, next)
	var units int64
	for _, i := range f.Items {
		s.move(it, shelf{i.SKU, i.Allotment}, 0, -i.Quantity)
		units += i.Quantity
		if l.head.status != order.Cancelled() { // else all of it was given up already
			s.good(i.SKU).sold -= i.Quantity
			l.hold.freed = append(l.hold.freed, i)
		}
	}
	c := l.cut(f.Refund)
	if c == nil || c.freed+units > c.units || f.Shipment != c.shipment {
		s.broken(ordersAndHolds, it.at, "units become available that nobody cancelled, or twice",
			"order", l.id, "refund", f.Refund, "units", units)
		return
	}
	s.chunk(it, l, f.Chunk, f.Chunk == c.chunks)
	c.chunks++
	c.freed += units
}

// unsold takes back what an order had taken when it ends: what was cancelled before was given up
// already.
func (s *stock) unsold(it *item, l *life) {
	s.sell(it, l.placed, -1)
	for _, i := range l.hold.freed {
		s.good(i.SKU).sold += i.Quantity
	}
}

// reduced requires that money is not taken because its goods were cancelled before it was.
func (m *money) reduced(it *item, l *life, f *event.PaymentReduced) {
	m.check(bounds)
	c, p := l.cut(f.Refund), &l.purse
	q, _ := l.parcel(f.Shipment)
	if c == nil || c.settled || c.shipment != f.Shipment || c.amount != f.Amount.Amount ||
		c.left != f.Left.Amount || q == nil || q.captured > c.left || p.closed {
		m.broken(bounds, it.at, "money is given up that nobody cancelled, or that was taken",
			"order", l.id, "refund", f.Refund, "amount", f.Amount)
		return
	}
	m.ofOrder(it, l, f.Amount)
	m.ofOrder(it, l, f.Left)
	c.settled = true
	p.freed += f.Amount.Amount
}

// cutBack requires that the provider is asked to give back what was taken for cancelled units, and
// no more. It is looked at before the intent is kept.
func (b *books) cutBack(it *item, l *life, f *event.PaymentIntended) {
	if f.Operation != payment.Refund || !strings.HasPrefix(string(f.Refund), "rfn_can_") {
		return
	}
	b.check(bounds)
	c := l.cut(f.Refund)
	q, _ := l.parcel(f.Shipment)
	if c == nil || q == nil || c.shipment != f.Shipment || c.settled && f.Attempt == 1 {
		b.broken(bounds, it.at, "money goes back for units that nobody cancelled",
			"refund", f.Refund, "order", l.id)
		return
	}
	want := c.asked
	if f.Attempt == 1 {
		want = min(c.amount, q.captured-c.left,
			q.captured-q.refunded-l.purse.underway(f.Shipment, f.Key))
	}
	c.settled, c.asked = true, f.Amount.Amount
	if f.Amount.Amount > want || f.Amount.Amount < want && l.purse.contested("") == 0 {
		b.broken(bounds, it.at, "a refund is not what the cancelled units cost",
			"refund", f.Refund, "amount", f.Amount.Amount, "cost", want)
	}
}

// reduced requires that the order counts what was cancelled, once, and that its axis follows.
func (o *orders) reduced(it *item, l *life, f *event.OrderReduced) {
	o.check(transitions)
	h := &l.head
	kind, ref, _ := strings.Cut(f.Cause, "/")
	c := l.cut(shop.ID(ref))
	if c == nil || kind != "fulfilment.reduced" {
		o.broken(transitions, it.at, "an order counts units that nobody cancelled",
			"order", l.id, "cause", f.Cause)
		return
	}
	if c.heard {
		o.twice(it, l, f.Cause)
	}
	c.heard = true
	before := o.arrived(l)
	h.cancelled += c.units
	h.cancelledFor += c.amount
	_, n := l.parcel(f.Shipment)
	if f.Empty {
		h.gone |= 1 << n
	}
	if !before && o.arrived(l) {
		h.opened++
	}
	if f.Units != h.cancelled || f.Amount != h.cancelledFor || f.Shipment != c.shipment ||
		!slices.Equal(f.Lines, c.lines) || f.Empty != c.said.Empty ||
		f.Cancellation != c.said.Cancellation || f.Reason != c.said.Reason || f.By != c.said.By ||
		f.Fulfilment != o.order(l).FulfilmentStatus().String() {
		o.broken(transitions, it.at, "an order counts other units than were cancelled",
			"order", l.id, "cause", f.Cause, "units", f.Units, "cancelled", h.cancelled,
			"amount", f.Amount, "cost", h.cancelledFor, "fulfilment", f.Fulfilment)
	}
}

// gaveUp follows what an order knows of money that is not taken.
func (o *orders) gaveUp(it *item, l *life, kind, ref string, f *event.OrderProgressed) {
	h := &l.head
	if kind == "payment.reduced" {
		if c := l.cut(shop.ID(ref)); c != nil {
			h.freed += c.amount
		}
	}
	if f.Freed != h.freed {
		o.broken(transitions, it.at, "an order knows of other money that is not taken",
			"order", l.id, "cause", f.Cause, "freed", f.Freed, "expected", h.freed)
	}
}

// cutsEnd requires, once all is quiet, that everything that follows from cancelled units did.
func (b *books) cutsEnd(l *life) {
	if !b.quiescent || l.created == nil || l.placed == nil {
		return
	}
	h, p := &l.head, &l.purse
	live := h.status != order.Cancelled()
	var units int64
	for i := range l.cuts {
		c := &l.cuts[i]
		b.check(effectsOnce)
		units += c.units
		if !c.heard {
			b.owed(effectsOnce, l, "the order did not hear that units were cancelled",
				"refund", c.refund)
		}
		if live && !c.settled && c.amount > 0 {
			b.owed(effectsOnce, l, "nobody saw to the money of cancelled units",
				"refund", c.refund, "amount", c.amount)
		}
		if live && c.freed != c.units {
			b.owed(ordersAndHolds, l, "cancelled units are not available again",
				"refund", c.refund, "units", c.units, "freed", c.freed)
		}
	}
	if live && units > 0 && units == orderedUnits(l) {
		b.owed(termination, l, "all of the order was cancelled, and it goes on")
	}
	if h.freed != p.freed {
		b.owed(effectsOnce, l, "the order did not hear of all money that is not taken",
			"freed", p.freed, "heard", h.freed)
	}
	if !live {
		return
	}
	b.check(chargeAndOrder)
	if p.voided > p.freed {
		b.owed(chargeAndOrder, l, "an order goes on whose authorisation was given back",
			"voided", p.voided, "cancelled", p.freed)
	}
	if p.freed > 0 && p.captured+p.freed >= p.authorised && p.voided == 0 && !p.excused("void") {
		b.owed(chargeAndOrder, l, "what will not be taken is still kept from the customer",
			"freed", p.freed)
	}
}

func orderedUnits(l *life) int64 {
	var units int64
	for _, line := range l.created.Lines {
		units += line.Quantity
	}
	return units
}
