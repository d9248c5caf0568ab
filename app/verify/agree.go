package verify

import (
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// Facts repeat what others have said, for those who listen to one room alone. What is repeated must
// be the same, though nothing else follows from it.

// wish is what a customer's bank wants, as the event of that name says.
type wish struct {
	event string
	said  *event.PaymentRequiresAction
}

// reminder is the timer of a return, when it came.
type reminder struct {
	*event.ReturnDue
	when time.Time
	at   place
}

// agree looks at what a fact repeats.
func (b *books) agree(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.PaymentRequiresAction:
		l.wishes = append(l.wishes, wish{it.e.ID, f})
	case *event.ShipmentDispatched:
		b.check(transitions)
		if q, _ := l.parcel(f.Shipment); q != nil && f.Rest != q.rest {
			b.broken(transitions, it.at, "a parcel leaves, and names another rest than it left",
				"shipment", f.Shipment, "rest", f.Rest, "split", q.rest)
		}
	case *event.ReturnInspected:
		b.money.ofOrder(it, l, f.Amount)
		if f.Payment != payment.Of(l.id) {
			b.broken(returns, it.at, "a return is to be paid by another order's payment",
				"return", f.Return, "order", l.id, "payment", f.Payment)
		}
	case *event.ReturnRefunded:
		b.money.ofOrder(it, l, f.Amount)
	case *event.ReturnClosed:
		b.money.ofOrder(it, l, f.Refunded)
		b.cameBack(it, l, f)
	case *event.ReturnDue:
		r := reminder{f, it.e.Time, it.at}
		if b.ordered {
			b.judgeReminder(l, &r)
		} else {
			l.late.reminders = append(l.late.reminders, r)
		}
	}
}

// confirms requires that an order tells its customer what their bank said, and nothing when no bank
// wants anything. It was not always told.
func (o *orders) confirms(it *item, l *life, f *event.OrderProgressed) {
	c := &f.Confirm
	if c.Attempt == 0 && c.Until.IsZero() && c.Page.Person == "" && c.Page.Box == nil {
		return
	}
	at := slices.IndexFunc(l.wishes, func(w wish) bool { return w.event == it.e.Causation })
	if at < 0 {
		o.broken(transitions, it.at, "an order asks its customer for what no bank wants",
			"order", l.id, "cause", f.Cause)
		return
	}
	said := l.wishes[at].said
	if c.Attempt != said.Attempt || !c.Until.Equal(said.Until) || !sameBox(c.Page, said.Page) {
		o.broken(transitions, it.at, "an order asks its customer for something else than the bank",
			"order", l.id, "attempt", c.Attempt, "until", c.Until, "bankAttempt", said.Attempt,
			"bankUntil", said.Until, "samePage", sameBox(c.Page, said.Page))
	}
}

// cameBack requires that a return which ends lists what was received, to its own customer.
func (b *books) cameBack(it *item, l *life, f *event.ReturnClosed) {
	r := l.comeback(f.Return)
	if r == nil {
		return // a finding already
	}
	var came []event.ParcelLine
	for _, line := range r.lines {
		if line.received > 0 {
			came = append(came, event.ParcelLine{SKU: line.sku, Quantity: line.received})
		}
	}
	if !slices.Equal(came, f.Items) {
		b.broken(returns, it.at, "a return ends with other goods than arrived",
			"return", f.Return, "items", f.Items, "arrived", came)
	}
	if l.created != nil && f.Customer != l.created.Customer {
		b.broken(returns, it.at, "a return ends as another customer's", "return", f.Return,
			"customer", l.created.Customer, "now", f.Customer)
	}
}

// judgeReminder requires that the timer of a return is about one that there is, and comes when the
// time for its answer, or for its goods, is over.
func (b *books) judgeReminder(l *life, d *reminder) {
	b.check(timers)
	r := l.comeback(d.Return)
	if r == nil || r.shipment != d.Shipment {
		b.broken(timers, d.at, "a timer of a return that nobody asked for", "return", d.Return,
			"order", d.Order, "shipment", d.Shipment)
		return
	}
	until := r.answerBy
	if d.Stage == "arrival" {
		until = r.arriveBy
	}
	if until.IsZero() || d.when.Before(until) {
		b.broken(timers, d.at, "the timer of a return comes before its time", "return", d.Return,
			"stage", d.Stage, "until", until)
	}
}

// comeback finds a return of the order; nil if there is none.
func (l *life) comeback(id shop.ID) *comeback {
	for i := range l.returns {
		if l.returns[i].id == id {
			return &l.returns[i]
		}
	}
	return nil
}
