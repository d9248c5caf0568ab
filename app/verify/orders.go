package verify

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
)

// orders replays every order through the published table of the order room, with a state that is
// kept here, and every shipment through its own automaton.
type orders struct {
	*books
	commands map[string]order.Command
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
	acted      int // the last card that was to be confirmed
	declined   int // the last card that failed while others could be tried
	disputed   int // disputes that are open or lost
	failed     bool
	voided     bool
	paid       order.Parcels
	split      order.Parcels
	dispatched order.Parcels
	delivered  order.Parcels
	lost       order.Parcels
	captured   int64
	refunded   int64
	freed      int64         // that is not to be taken any more
	gone       order.Parcels // of which everything was cancelled
	cancelled  int64         // units
	causes     []string      // that were counted and have no place above
	held       halt
	stop       halt     // by fulfilment
	untried    []string // captures that were refused since the last approval
	returns    []coming
	cameBack   int64 // units

	cancelledFor int64   // what the cancelled units cost
	editing      shop.ID // what is being added
}

// order is the state as the order room's table wants it.
func (o *orders) order(l *life) *order.Order {
	h := &l.head
	v := &order.Order{
		ID: l.id, Status: h.status, Deadline: h.deadline, Action: h.action, Failed: h.failed,
		Voided: h.voided, Captured: h.captured, Refunded: h.refunded, Paid: h.paid,
		Dispatched: h.dispatched, Delivered: h.delivered, Lost: h.lost, Authorized: l.placed != nil,
		Split: h.split, Gone: h.gone, Freed: h.freed,
		Acted: h.acted, Declined: h.declined, Disputed: h.disputed,
	}
	if l.placed != nil {
		v.Parcels = len(l.placed.Parcels)
	}
	v.ReturnsAsked, v.ReturnsMoving = h.returning()
	if c := l.created; c != nil {
		v.Currency, v.Total = c.Currency, c.Total
	}
	return v
}

// enter looks at one event.
func (o *orders) enter(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.OrderCreated:
		o.decide(it, l, "check out", order.Given{})
		l.head.deadline = f.Deadline
		if f.Deadline.Add(grace).Before(it.e.Time) {
			o.broken(timers, it.at, "a deadline lies before the order", "order", l.id,
				"deadline", f.Deadline, "ordered", it.e.Time)
		}
	case *event.OrderPlaced:
		p := &l.purse
		o.decide(it, l, "place", order.Given{
			Authorised: shop.Money{Amount: p.authorised, Currency: p.currency},
		})
		o.whose(it, l, f.Customer, &f.Contact)
		c := l.created
		if f.Payment != payment.Of(l.id) || c != nil && !sameBox(f.ShipTo, c.ShipTo) {
			o.broken(transitions, it.at, "the order is placed with another payment or address",
				"order", l.id, "payment", f.Payment)
		}
	case *event.OrderCancelled:
		o.cancelled(it, l, f)
	case *event.OrderExpired:
		o.decide(it, l, "expire", order.Given{Due: l.head.due})
		o.whose(it, l, f.Customer, &f.Contact)
	case *event.OrderHeld:
		o.held(it, l, f)
	case *event.OrderApproved:
		o.approved(it, l, f)
	case *event.OrderCompleted:
		o.decide(it, l, "complete", order.Given{})
		o.whose(it, l, f.Customer, nil)
	case *event.OrderProgressed:
		o.progressed(it, l, f)
	case *event.OrderReduced:
		o.reduced(it, l, f)
	case *event.OrderDeadline:
		o.deadline(it, l, f)
	case *event.OrderReturnWindowClosed:
		o.windowClosed(it, l)
	case *event.ParcelsStopped, *event.ParcelsResumed:
		o.stopped(it, l, f)
	default:
		o.shipment(it, l)
	}
}

// arrived reports whether every parcel has come to its end: delivered, or lost.
func (o *orders) arrived(l *life) bool { return o.order(l).Over() }

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
	o.whose(it, l, f.Customer, &f.Contact)
}

// whose requires that the order stays its customer's, and that what is sealed is passed on as it
// is.
func (o *orders) whose(
	it *item, l *life, customer shop.ID, contact *shop.Sealed[event.Contact],
) {
	c := l.created
	if c == nil {
		return // a finding already
	}
	if customer != c.Customer || contact != nil && !sameBox(*contact, c.Contact) {
		o.broken(transitions, it.at, "the order becomes another customer's",
			"order", l.id, "customer", c.Customer, "now", customer)
	}
}

func sameBox[T any](a, b shop.Sealed[T]) bool {
	return a.Person == b.Person && bytes.Equal(a.Box, b.Box)
}

// progressed requires that the axes are what the facts so far make them, and that exactly what the
// cause names has moved.
func (o *orders) progressed(it *item, l *life, f *event.OrderProgressed) {
	o.check(transitions)
	h := &l.head
	was := *h
	kind, ref, _ := strings.Cut(f.Cause, "/")
	o.once(it, l, kind, ref, f)
	o.gaveUp(it, l, kind, ref, f)
	o.confirms(it, l, f)
	h.captured, h.refunded, h.deadline = f.Captured, f.Refunded, f.Deadline
	v := o.order(l)
	back := f.Captured < was.captured ||
		f.Refunded < was.refunded && kind != "payment.refund_returned" ||
		f.Deadline.Before(was.deadline)
	if !o.ordered && !f.Deadline.Equal(was.deadline) {
		l.late.ends = append(l.late.ends, f.Deadline)
	}
	if back || v.PaymentStatus().String() != f.Payment ||
		v.FulfilmentStatus().String() != f.Fulfilment ||
		f.Dispatched != int64(count(h.dispatched)) || f.Delivered != int64(count(h.delivered)) ||
		f.Lost != int64(count(h.lost)) {
		o.broken(transitions, it.at, "the order moves to where its facts do not lead",
			"order", l.id, "cause", f.Cause, "payment", f.Payment, "expected", v.PaymentStatus(),
			"fulfilment", f.Fulfilment, "captured", f.Captured, "before", was.captured,
			"refunded", f.Refunded, "dispatched", f.Dispatched, "delivered", f.Delivered,
			"lost", f.Lost)
	}
	if h.captured != was.captured && kind != "payment.captured" ||
		h.refunded != was.refunded && kind != "payment.refunded" &&
			kind != "payment.refund_returned" {
		o.broken(transitions, it.at, "money moves in an order without a cause", "order", l.id,
			"cause", f.Cause, "captured", f.Captured, "refunded", f.Refunded)
	}
	if (h.delivered != was.delivered || h.lost != was.lost) && o.arrived(l) {
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
		n := o.attempt(it, l, ref)
		again, h.action, h.acted = h.action && n <= max(h.acted, 1), true, n
	case "payment.failed":
		n := o.attempt(it, l, ref)
		again, h.declined = n <= h.declined, n
	case "payment.disputed":
		h.disputed++
		o.first(it, l, f.Cause)
	case "payment.dispute_closed":
		h.disputed--
		o.first(it, l, f.Cause)
	case "payment.voided":
		again, h.voided = h.voided, true
		o.own(it, l, ref)
	case "payment.captured":
		note(&h.paid)
	case "fulfilment.split":
		note(&h.split)
	case "fulfilment.dispatched":
		note(&h.dispatched)
	case "fulfilment.delivered":
		note(&h.delivered)
	case "fulfilment.lost":
		note(&h.lost)
	default:
		o.first(it, l, f.Cause)
	}
	if again {
		o.twice(it, l, f.Cause)
	}
}

// attempt requires that a cause names the order's payment, and tells which attempt of it.
func (o *orders) attempt(it *item, l *life, ref string) int {
	id, digits, apart := strings.Cut(ref, "#")
	o.own(it, l, id)
	n, err := strconv.Atoi(digits)
	if !apart || err != nil {
		return 1
	}
	return n
}

// own requires that a cause names the order's payment.
func (o *orders) own(it *item, l *life, ref string) {
	if ref != string(payment.Of(l.id)) {
		o.broken(transitions, it.at, "an order is moved by another one's payment",
			"order", l.id, "cause", ref)
	}
}

// first notes a cause that has no place of its own in the head, and which captures were refused.
func (o *orders) first(it *item, l *life, cause string) {
	if slices.Contains(l.head.causes, cause) {
		o.twice(it, l, cause)
	}
	l.head.causes = append(l.head.causes, cause)
	if key, ok := strings.CutPrefix(cause, "payment.capture_failed/"); ok {
		l.head.untried = append(l.head.untried, key)
	}
}

func (o *orders) twice(it *item, l *life, cause string) {
	o.broken(effectsOnce, it.at, "an order counts a fact twice", "order", l.id, "cause", cause)
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
	if !o.ordered {
		l.late.dues = append(l.late.dues, moment{f.Due, it.at})
		if f.Due.After(h.due) {
			h.due = f.Due
		}
		return
	}
	if c := l.created; !f.Due.Equal(h.deadline) && (c == nil || !f.Due.Equal(c.Deadline)) {
		o.broken(timers, it.at, "a deadline comes that the order never had", "order", l.id,
			"due", f.Due, "deadline", h.deadline)
	}
	if f.Due.Equal(h.due) {
		o.broken(timers, it.at, "a deadline came twice", "order", l.id, "due", f.Due)
	}
	h.due = f.Due
}

func (o *orders) windowClosed(it *item, l *life) {
	o.check(timers)
	h := &l.head
	h.windows++
	if !o.ordered {
		l.late.windows = it.at
	} else if h.windows > h.opened {
		o.broken(timers, it.at, "a return window closes more often than it was opened",
			"order", l.id, "opened", h.opened, "closed", h.windows)
	}
}
