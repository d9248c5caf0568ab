package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// orders replays every order through the published table of the order room, with a state that is
// kept here, and every shipment through its own automaton.
type orders struct {
	*books
	commands map[string]order.Command
	now      time.Time // when the last event was recorded
}

func newOrders(b *books) orders {
	o := orders{books: b, commands: make(map[string]order.Command)}
	for _, c := range order.Commands() {
		o.commands[c.String()] = c
	}
	return o
}

// head is how an order stands by its facts.
type head struct {
	status     order.Status
	deadline   time.Time
	due        time.Time // of the last deadline that came
	windows    int       // return windows that closed
	opened     int       // return windows that were opened
	action     bool
	failed     bool
	voided     bool
	paid       order.Parcels
	dispatched order.Parcels
	delivered  order.Parcels
	captured   int64
	refunded   int64
	refunds    []string // causes that were counted
}

// way is how far a shipment has come.
type way uint8

const (
	nowhere way = iota
	requested
	packed
	cleared
	dispatched
	delivered
	cancelled
)

func (w way) String() string {
	return [...]string{
		"nowhere", "requested", "packed", "cleared", "dispatched", "delivered", "cancelled",
	}[w]
}

// may is the automaton of shipments.
func (w way) may(next way) bool {
	if next == cancelled {
		return w == requested || w == packed || w == cleared
	}
	return w != cancelled && next == w+1
}

// order is the state as the order room's table wants it.
func (o *orders) order(l *life) *order.Order {
	h := &l.head
	v := &order.Order{
		ID: l.id, Status: h.status, Deadline: h.deadline, Action: h.action, Failed: h.failed,
		Voided: h.voided, Captured: h.captured, Refunded: h.refunded, Paid: h.paid,
		Dispatched: h.dispatched, Delivered: h.delivered, Authorized: l.placed != nil,
		Parcels: len(l.parcels),
	}
	if c := l.created; c != nil {
		v.Currency, v.Total = c.Currency, c.Total
	}
	return v
}

// enter looks at one event.
func (o *orders) enter(it *item, l *life) {
	o.now = it.e.Time
	switch f := it.fact.(type) {
	case *event.OrderCreated:
		o.decide(it, l, "check out", order.Given{})
		l.head.deadline = f.Deadline
	case *event.OrderPlaced:
		p := &l.purse
		o.decide(it, l, "place", order.Given{
			Authorised: shop.Money{Amount: p.authorised, Currency: p.currency},
		})
	case *event.OrderCancelled:
		o.cancelled(it, l, f)
	case *event.OrderExpired:
		o.decide(it, l, "expire", order.Given{Due: l.head.due})
	case *event.OrderHeld:
		o.decide(it, l, "hold", order.Given{})
	case *event.OrderApproved:
		o.decide(it, l, "approve", order.Given{})
		if o.arrived(l) {
			l.head.opened++
		}
	case *event.OrderCompleted:
		o.decide(it, l, "complete", order.Given{})
	case *event.OrderProgressed:
		o.progressed(it, l, f)
	case *event.OrderDeadline:
		o.deadline(it, l, f)
	case *event.OrderReturnWindowClosed:
		o.windowClosed(it, l)
	default:
		o.shipment(it, l)
	}
}

func (o *orders) arrived(l *life) bool { return o.order(l).FulfilmentStatus() == order.Delivered() }

// decide asks the table whether a command leads on from where the order stands.
func (o *orders) decide(it *item, l *life, command string, given order.Given) {
	o.check(transitions)
	next, err := o.order(l).Decide(o.commands[command], given)
	if err != nil {
		o.broken(transitions, it.at, err.Error(), "order", l.id, "from", l.head.status,
			"command", command)
		next = o.target(o.commands[command])
	}
	l.head.status = next
}

// target is where a command leads, whatever stood before.
func (*orders) target(c order.Command) order.Status {
	for _, t := range order.Table() {
		if t.Command == c {
			return t.To
		}
	}
	return order.Status{}
}

// cancelled knows the command by the reason: stock and money have theirs, people the rest.
func (o *orders) cancelled(it *item, l *life, f *event.OrderCancelled) {
	if from := l.head.status.String(); f.From != from {
		o.broken(transitions, it.at, "the order leaves a status that it does not have",
			"order", l.id, "status", from, "from", f.From)
	}
	command := "cancel"
	switch f.Reason {
	case "out_of_stock":
		command = "reject"
		if !l.hold.short {
			o.broken(transitions, it.at, "cancelled for want of stock that was never refused",
				"order", l.id, "hold", l.hold.state)
		}
	case "payment_failed":
		command = "fail"
		l.head.failed = true
		if !l.purse.failed {
			o.broken(transitions, it.at, "cancelled for want of money that was never refused",
				"order", l.id)
		}
	}
	o.decide(it, l, command, order.Given{})
}

// progressed requires that the axes are what the facts so far make them, and that exactly what the
// cause names has moved.
func (o *orders) progressed(it *item, l *life, f *event.OrderProgressed) {
	o.check(transitions)
	h := &l.head
	was := *h
	kind, ref, _ := strings.Cut(f.Cause, "/")
	o.once(it, l, kind, ref, f)
	h.captured, h.refunded, h.deadline = f.Captured, f.Refunded, f.Deadline
	v := o.order(l)
	back := f.Captured < was.captured || f.Refunded < was.refunded ||
		f.Deadline.Before(was.deadline)
	if back || v.PaymentStatus().String() != f.Payment ||
		v.FulfilmentStatus().String() != f.Fulfilment ||
		f.Dispatched != int64(count(h.dispatched)) || f.Delivered != int64(count(h.delivered)) {
		o.broken(transitions, it.at, "the order moves to where its facts do not lead",
			"order", l.id, "cause", f.Cause, "payment", f.Payment, "expected", v.PaymentStatus(),
			"fulfilment", f.Fulfilment, "captured", f.Captured, "before", was.captured,
			"refunded", f.Refunded, "dispatched", f.Dispatched, "delivered", f.Delivered)
	}
	if h.captured != was.captured && kind != "payment.captured" ||
		h.refunded != was.refunded && kind != "payment.refunded" {
		o.broken(transitions, it.at, "money moves in an order without a cause", "order", l.id,
			"cause", f.Cause, "captured", f.Captured, "refunded", f.Refunded)
	}
	if h.delivered != was.delivered && o.arrived(l) {
		h.opened++
	}
}

// once notes the cause and requires that it was not counted before.
func (o *orders) once(it *item, l *life, kind, ref string, f *event.OrderProgressed) {
	o.check(effectsOnce)
	h := &l.head
	again := false
	note := func(set *order.Parcels) {
		_, n := l.parcel(shop.ID(ref))
		bit := order.Parcels(1) << n
		again = *set&bit != 0
		*set |= bit
	}
	switch kind {
	case "payment.requires_action":
		again, h.action = h.action, true
	case "payment.voided":
		again, h.voided = h.voided, true
	case "payment.captured":
		note(&h.paid)
	case "fulfilment.dispatched":
		note(&h.dispatched)
	case "fulfilment.delivered":
		note(&h.delivered)
	default:
		again = slices.Contains(h.refunds, f.Cause)
		h.refunds = append(h.refunds, f.Cause)
	}
	if again {
		o.broken(effectsOnce, it.at, "an order counts a fact twice",
			"order", l.id, "cause", f.Cause)
	}
}

func count(p order.Parcels) int {
	n := 0
	for ; p != 0; p &= p - 1 {
		n++
	}
	return n
}

func (o *orders) deadline(it *item, l *life, f *event.OrderDeadline) {
	o.check(timers)
	h := &l.head
	if it.e.Time.Before(f.Due) {
		o.broken(timers, it.at, "a deadline came early", "order", l.id,
			"due", f.Due, "fired", it.e.Time)
	}
	if f.Due.Equal(h.due) {
		o.broken(timers, it.at, "a deadline came twice", "order", l.id, "due", f.Due)
	}
	h.due = f.Due
}

func (o *orders) windowClosed(it *item, l *life) {
	o.check(timers)
	h := &l.head
	if h.windows++; h.windows > h.opened {
		o.broken(timers, it.at, "a return window closes more often than it was opened",
			"order", l.id, "opened", h.opened, "closed", h.windows)
	}
}

// shipment moves a parcel along its way.
func (o *orders) shipment(it *item, l *life) {
	var id shop.ID
	var next way
	switch f := it.fact.(type) {
	case *event.ShipmentRequested:
		id, next = f.Shipment, requested
	case *event.ShipmentPacked:
		id, next = f.Shipment, packed
	case *event.ShipmentCleared:
		id, next = f.Shipment, cleared
	case *event.ShipmentDispatched:
		id, next = f.Shipment, dispatched
	case *event.ShipmentDelivered:
		id, next = f.Shipment, delivered
	case *event.ShipmentCancelled:
		id, next = f.Shipment, cancelled
	default:
		return
	}
	o.check(transitions)
	p, _ := l.parcel(id)
	if p == nil {
		o.broken(singletons, it.at, "a shipment of no parcel", "shipment", id, "order", l.id,
			"parcels", len(l.parcels))
		return
	}
	if !p.way.may(next) {
		l := transitions
		if next == requested {
			l = singletons
		}
		o.broken(l, it.at, "a shipment goes a way that there is not",
			"shipment", id, "from", p.way, "to", next)
	}
	p.way = next
}

// record compares the totals of a stored head with those that were frozen at checkout.
func (o *orders) record(rec *platform.Record) error {
	id, ok := strings.CutPrefix(rec.Key.Part, "order/")
	if !ok || rec.Key.Sort != "head" {
		return nil
	}
	var v struct {
		Currency                    shop.Currency `json:"currency"`
		Items, Shipping, Tax, Total int64
	}
	if err := room.Decode(rec.Value, &v); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lives[shop.ID(id)]
	o.check(frozenTotals)
	if l == nil || l.created == nil || l.purse.firstTaken == (place{}) {
		return nil // the fold has a finding, or nothing is frozen yet
	}
	c := l.created
	if v.Currency != c.Currency || v.Items != c.Items || v.Shipping != c.Shipping ||
		v.Tax != c.Tax || v.Total != c.Total {
		o.broken(frozenTotals, l.purse.firstTaken, "the stored total is not what was frozen",
			"order", id, "total", c.Total, "stored", v.Total)
	}
	return nil
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
		case o.now.After(h.deadline.Add(grace)):
			stuck("the deadline has passed, and the order still waits", "deadline", h.deadline,
				"now", o.now)
		case !p.began:
			stuck("the stock is held, and nobody was asked for money")
		}
	case "placed", "on_hold":
		o.parcelsMove(l, stuck)
		if h.status == order.Placed() && h.windows > 0 && h.windows >= h.opened && o.arrived(l) {
			stuck("the return window has closed, and the order is not completed")
		}
	}
}

// parcelsMove requires that every parcel waits for a person, a provider or the carrier, not for us.
func (o *orders) parcelsMove(l *life, stuck func(why string, pairs ...any)) {
	for i := range l.parcels {
		q := &l.parcels[i]
		switch {
		case q.way == nowhere:
			stuck("a parcel was never requested", "parcel", i+1)
		case q.way == packed && q.captured > 0:
			stuck("a parcel is paid, and may not leave", "parcel", i+1)
		case q.way == packed && !l.purse.asking(i+1):
			stuck("a parcel is packed, and nobody was asked for its money", "parcel", i+1)
		}
	}
}

// asking reports whether the capture of a parcel was intended or refused.
func (p *purse) asking(n int) bool {
	return slices.ContainsFunc(p.ops, func(o op) bool {
		return o.kind == "capture" && lastNumber(o.shipment) == n
	})
}
