package verify

import (
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
)

// halt is what somebody knows of an order's holds: the last round that was heard of, and whether it
// stands. The order's own is told by order.held and order.approved, fulfilment's by its stops.
type halt struct {
	round int64
	on    bool
}

// held requires that holds are counted without a gap, and that a fact holds an order once.
func (o *orders) held(it *item, l *life, f *event.OrderHeld) {
	o.decide(it, l, "hold", order.Given{})
	h := &l.head
	if f.Round != 0 && f.Round != h.held.round+1 { // 0: from before holds were counted
		o.broken(transitions, it.at, "holds are not counted one by one",
			"order", l.id, "last", h.held.round, "now", f.Round)
	}
	h.held = halt{f.Round, true}
	if f.Cause != "" {
		o.first(it, l, f.Cause)
	}
}

// approved requires that an approval ends the last hold, and names every capture that was refused
// since the approval before.
func (o *orders) approved(it *item, l *life, f *event.OrderApproved) {
	o.decide(it, l, "approve", order.Given{})
	h := &l.head
	if f.Round != h.held.round || f.Round != 0 && !slices.Equal(f.Captures, h.untried) {
		o.broken(transitions, it.at, "an approval is not of what was held", "order", l.id,
			"hold", h.held.round, "approved", f.Round, "refused", h.untried, "named", f.Captures)
	}
	h.held.on, h.untried = false, nil
	if o.arrived(l) {
		h.opened++
	}
}

// stopped requires that fulfilment stops and resumes what the order held and approved, each round
// once and never an older one.
func (o *orders) stopped(it *item, l *life, f event.Fact) {
	o.check(transitions)
	h := &l.head
	var next halt
	said := h.held.round
	switch f := f.(type) {
	case *event.ParcelsStopped:
		next = halt{f.Round, true}
	case *event.ParcelsResumed:
		next = halt{f.Round, false}
		if h.held.on {
			said-- // the last hold is not approved yet
		}
	default:
		return
	}
	older := next.round < h.stop.round ||
		next.round == h.stop.round && (next.on || !h.stop.on)
	if older || next.round > said {
		o.broken(transitions, it.at, "parcels are stopped or resumed out of turn", "order", l.id,
			"round", next.round, "stop", next.on, "before", h.stop.round, "announced", said)
	}
	h.stop = next
	if !o.ordered {
		l.late.halts = append(l.late.halts, halting{next.on, next.round, it.e.Time})
	}
}

// still requires that a parcel is neither packed nor dispatched while its order is stopped.
func (o *orders) still(it *item, l *life, id shop.ID, next way) {
	if next != packed && next != dispatched {
		return
	}
	if !o.ordered {
		l.late.moves = append(l.late.moves, moving{id, next, it.e.Time, it.at})
	} else if l.head.stop.on {
		o.broken(transitions, it.at, "a parcel moves while its order is on hold",
			"shipment", id, "to", next, "round", l.head.stop.round)
	}
}

// holdsEnd requires, once all is quiet, that fulfilment knows how the order stands, and that no
// parcel of an order that goes on waits for money which was refused.
func (o *orders) holdsEnd(l *life, stuck func(why string, pairs ...any)) {
	h := &l.head
	if h.held.round != 0 && h.held != h.stop {
		stuck("fulfilment does not know whether the order is on hold", "round", h.held.round,
			"onHold", h.held.on, "stopped", h.stop.round, "stop", h.stop.on)
	}
	if h.status != order.Placed() {
		return
	}
	for i := range l.parcels {
		last := l.purse.lastCapture(i + 1)
		if l.parcels[i].way == packed && last != nil && last.stage == refused {
			stuck("a capture was refused, and nobody tries it again", "parcel", i+1,
				"key", last.key)
		}
	}
}
