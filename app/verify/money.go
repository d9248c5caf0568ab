package verify

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// money is what the facts say was promised, taken and given back.
type money struct {
	*books
	sums     map[shop.Currency]*Sums
	accounts map[account]*balance
}

func newMoney(b *books) money {
	return money{
		books: b, sums: make(map[shop.Currency]*Sums), accounts: make(map[account]*balance),
	}
}

// enter looks at one event.
func (m *money) enter(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.OrderCreated:
		m.created(it, l, f)
	case *event.OrderPlaced:
		m.placed(it, l, f)
	case *event.ShipmentRequested:
		m.requested(it, l, f)
	case *event.ShipmentPacked:
		m.packed(it, l, f)
	case *event.ShipmentDispatched:
		m.dispatched(it, l, f)
	case *event.ShipmentDelivered:
		m.ofDealer(it, l, f.Shipment, f.Dealer)
	case *event.ShipmentLost:
		m.ofDealer(it, l, f.Shipment, f.Dealer)
	case *event.ShipmentTurnedUp:
		m.ofDealer(it, l, f.Shipment, f.Dealer)
	case *event.LedgerPosted:
		m.posted(it, l, f)
	case *event.PaymentCheckDue:
		m.asked(it, l, f)
	default:
		if event.Room(it.e.Type) == "payment" {
			m.payment(it, l)
		}
	}
}

// payment looks at what payment announces.
func (m *money) payment(it *item, l *life) {
	m.check(chargeAndOrder)
	if l.created == nil {
		m.broken(chargeAndOrder, it.at, "money moves for an order that does not exist",
			"order", l.id, "type", it.e.Type)
	}
	l.purse.began = true
	switch f := it.fact.(type) {
	case *event.PaymentIntended:
		m.intended(it, l, f)
	case *event.PaymentAuthorized:
		m.authorized(it, l, f)
	case *event.PaymentRequiresAction:
		if o := m.answered(it, l, l.purse.attempt(f.Attempt), "authorise"); o != nil {
			o.stage = action
		}
	case *event.PaymentFailed:
		m.failed(it, l, f)
	case *event.PaymentUnresolved:
		if o := m.answered(it, l, l.purse.op(f.Key), f.Operation); o != nil {
			m.about(it, l, f.Operation == o.kind)
			o.stage = unresolved
		}
	case *event.PaymentCaptured:
		m.captured(it, l, f)
	case *event.PaymentCaptureFailed:
		m.captureFailed(it, l, f)
	case *event.PaymentVoided:
		m.voided(it, l, f)
	case *event.PaymentReduced:
		m.reduced(it, l, f)
	case *event.PaymentRefunded:
		m.refunded(it, l, f)
	case *event.PaymentRefundFailed:
		m.refundRefused(it, l, f)
	case *event.PaymentCaseOpened:
		m.cased(it, l, f.Key, true)
		if o := l.purse.op(f.Key); o != nil {
			m.about(it, l, f.Operation == o.kind)
		}
	case *event.PaymentCaseClosed:
		m.cased(it, l, f.Key, false)
	default:
		m.disputes(it, l)
	}
}

// intended requires one key for each thing that a provider is asked to do, and that what was asked
// before is over.
func (m *money) intended(it *item, l *life, f *event.PaymentIntended) {
	m.check(unknownOutcomes)
	m.check(arithmetic)
	p := &l.purse
	for i := range p.ops {
		o := &p.ops[i]
		if o.key == f.Key {
			m.broken(singletons, it.at, "the same key is intended twice",
				"order", l.id, "key", f.Key, "first", o.at.id)
			return
		}
		if same(o, f) && (o.attempt == f.Attempt || o.stage != refused && !f.Apart) {
			m.broken(unknownOutcomes, it.at,
				"another key for what the provider was asked already, and has not refused",
				"order", l.id, "operation", f.Operation, "attempt", f.Attempt,
				"first", o.key, "second", f.Key, "stage", o.stage)
		}
	}
	if p.closed && (f.Operation == payment.Authorise || f.Operation == payment.Capture) {
		m.broken(bounds, it.at, "money is asked for after everything is to be given back",
			"order", l.id, "operation", f.Operation)
	}
	m.rightProvider(it, l, f)
	switch {
	case f.Operation == payment.Authorise:
		m.alone(it, l)
		p.currency = f.Amount.Currency
		m.dueIsTotal(it, l, f)
	case f.Operation == payment.Void && !f.Apart:
		p.closed = true
	}
	if p.currency != f.Amount.Currency {
		m.broken(arithmetic, it.at, "one order, two currencies",
			"order", l.id, "authorised", p.currency, "now", f.Amount.Currency)
	}
	p.ops = append(p.ops, op{
		key: f.Key, kind: f.Operation, attempt: f.Attempt, amount: f.Amount.Amount,
		shipment: f.Shipment, refund: f.Refund, reason: f.Reason, at: it.at,
		provider: f.Provider, apart: f.Apart,
	})
}

// rightProvider requires that whoever has the money is asked about it: a card of another provider's
// may be tried, and all that follows is that one's.
func (m *money) rightProvider(it *item, l *life, f *event.PaymentIntended) {
	a := l.purse.last()
	if f.Operation == payment.Authorise || a == nil {
		return
	}
	if f.Apart {
		a = l.purse.attempt(f.Attempt)
	}
	if a == nil || a.provider != f.Provider {
		m.broken(unknownOutcomes, it.at, "another provider is asked than has the money",
			"order", l.id, "operation", f.Operation, "asked", f.Provider)
	}
}

// alone requires that no other authorisation of an order is alive when one is begun.
func (m *money) alone(it *item, l *life) {
	for i := range l.purse.ops {
		o := &l.purse.ops[i]
		if o.kind == payment.Authorise && o.stage != refused {
			m.broken(unknownOutcomes, it.at, "a card is tried while another may still be charged",
				"order", l.id, "attempt", o.attempt, "stage", o.stage)
		}
	}
}

// same reports whether an intent is for what was intended before: the order's authorisation, its
// void, the capture of the same shipment, the same refund.
func same(o *op, f *event.PaymentIntended) bool {
	return o.kind == f.Operation && o.shipment == f.Shipment && o.refund == f.Refund &&
		o.apart == f.Apart
}

func (m *money) dueIsTotal(it *item, l *life, f *event.PaymentIntended) {
	c := l.created
	if c != nil && (f.Amount.Amount != c.Total || f.Amount.Currency != c.Currency) {
		m.broken(arithmetic, it.at, "what is charged is not the order's total", "order", l.id,
			"charged", f.Amount, "total", shop.Money{Amount: c.Total, Currency: c.Currency})
	}
}

// answered requires that an outcome belongs to an operation whose outcome is still open.
func (m *money) answered(it *item, l *life, o *op, kind string) *op {
	m.check(unknownOutcomes)
	switch {
	case o == nil:
		m.broken(unknownOutcomes, it.at, "an outcome of what nobody was asked for",
			"order", l.id, "operation", kind, "type", it.e.Type)
		return nil
	case !o.open() && o.stage != action:
		m.broken(unknownOutcomes, it.at, "an operation ends twice", "order", l.id,
			"operation", o.kind, "key", o.key, "was", o.stage, "type", it.e.Type)
	}
	return o
}

// about requires that an outcome speaks of what was asked for.
func (m *money) about(it *item, l *life, right bool) {
	if !right {
		m.broken(unknownOutcomes, it.at, "an outcome speaks of something else than was asked for",
			"order", l.id, "type", it.e.Type)
	}
}

func (m *money) authorized(it *item, l *life, f *event.PaymentAuthorized) {
	p := &l.purse
	m.check(singletons)
	if p.granted {
		m.broken(singletons, it.at, "an order is authorised twice",
			"order", l.id, "amount", f.Amount)
	}
	o := m.answered(it, l, p.attempt(f.Attempt), payment.Authorise)
	if o != nil {
		o.stage = done
		m.amountOf(it, l, o, f.Amount)
	}
	p.granted, p.late = true, p.closed
	p.authorised += f.Amount.Amount
	m.sum(f.Amount.Currency).Authorised += f.Amount.Amount
}

// amountOf requires that what moved is what was asked for.
func (m *money) amountOf(it *item, l *life, o *op, moved shop.Money) {
	m.check(arithmetic)
	if moved.Amount != o.amount || moved.Currency != l.purse.currency {
		m.broken(arithmetic, it.at, "what moved is not what was asked for", "order", l.id,
			"operation", o.kind, "key", o.key, "asked", o.amount, "moved", moved)
	}
}

// ofOrder requires that an amount which was never asked for is in the order's currency.
func (m *money) ofOrder(it *item, l *life, amount shop.Money) {
	if l.created != nil && amount != (shop.Money{}) && amount.Currency != l.created.Currency {
		m.broken(arithmetic, it.at, "one order, two currencies",
			"order", l.id, "ordered", l.created.Currency, "now", amount.Currency)
	}
}

func (m *money) failed(it *item, l *life, f *event.PaymentFailed) {
	p := &l.purse
	if f.Attempt > 0 || len(p.ops) > 0 && (p.last() == nil || p.last().stage != refused) {
		if o := m.answered(it, l, p.attempt(f.Attempt), payment.Authorise); o != nil {
			o.stage = refused
		}
	}
	if !f.Final {
		return
	}
	p.failed, p.closed = true, true
	if v := p.void(); v != nil && v.stage != done {
		v.stage = moot
	}
}

func (m *money) captured(it *item, l *life, f *event.PaymentCaptured) {
	p := &l.purse
	m.check(bounds)
	m.check(singletons)
	if o := m.answered(it, l, p.op(f.Key), payment.Capture); o != nil {
		if o.stage == done {
			m.broken(singletons, it.at, "a capture key has two captures",
				"order", l.id, "key", f.Key, "amount", f.Amount)
		}
		o.stage = done
		m.amountOf(it, l, o, f.Amount)
		m.about(it, l, f.Shipment == o.shipment)
	}
	p.captured += f.Amount.Amount
	if p.captured+p.voided > p.authorised {
		m.broken(bounds, it.at, "more is captured than is authorised", "order", l.id,
			"captured", p.captured, "authorised", p.authorised, "voided", p.voided)
	}
	if p.over {
		m.broken(bounds, it.at, "money is captured after it was given back", "order", l.id,
			"amount", f.Amount)
	}
	if p.firstTaken == (place{}) {
		p.firstTaken = it.at
	}
	m.sum(f.Amount.Currency).Captured += f.Amount.Amount
	m.capturedParcel(it, l, f)
}

func (m *money) capturedParcel(it *item, l *life, f *event.PaymentCaptured) {
	q, n := l.parcel(f.Shipment)
	if q == nil {
		m.broken(bounds, it.at, "money is captured for a parcel that the order does not have",
			"order", l.id, "shipment", f.Shipment)
		return
	}
	if q.captured > 0 {
		m.broken(singletons, it.at, "a parcel is captured twice",
			"shipment", f.Shipment, "first", q.taken.id)
	}
	q.captured += f.Amount.Amount
	q.taken = it.at
	if due := l.plan[n-1].Amount; q.captured > due+l.cutFor(f.Shipment) {
		m.broken(bounds, it.at, "more is captured than the parcel costs",
			"shipment", f.Shipment, "captured", q.captured, "due", due)
	}
}

func (m *money) captureFailed(it *item, l *life, f *event.PaymentCaptureFailed) {
	p := &l.purse
	o := p.op(f.Key)
	if o == nil { // refused by us, without asking the provider
		m.ofOrder(it, l, f.Amount)
		p.ops = append(p.ops, op{
			key: f.Key, kind: payment.Capture, shipment: f.Shipment, stage: refused, at: it.at,
			amount: f.Amount.Amount,
		})
		return
	}
	if o = m.answered(it, l, o, payment.Capture); o != nil {
		m.about(it, l, f.Shipment == o.shipment)
		if f.Amount != (shop.Money{}) { // it was not always said
			m.amountOf(it, l, o, f.Amount)
		}
		o.stage = refused
	}
}

func (m *money) voided(it *item, l *life, f *event.PaymentVoided) {
	p := &l.purse
	m.check(bounds)
	if p.over {
		m.broken(singletons, it.at, "an authorisation is given back twice", "order", l.id)
	}
	if o := m.answered(it, l, p.void(), payment.Void); o != nil {
		o.stage = done
	}
	if p.granted && f.Amount.Currency != p.currency {
		m.broken(arithmetic, it.at, "one order, two currencies",
			"order", l.id, "authorised", p.currency, "voided", f.Amount.Currency)
	}
	if p.granted && f.Amount.Amount > 0 && f.Late != p.late {
		m.broken(bounds, it.at, "money is called late that was not, or the other way round",
			"order", l.id, "late", f.Late)
	}
	p.over = true
	p.voided += f.Amount.Amount
	if p.captured+p.voided > p.authorised {
		m.broken(bounds, it.at, "more is given back than is left", "order", l.id,
			"voided", p.voided, "captured", p.captured, "authorised", p.authorised)
	}
	m.sum(f.Amount.Currency).Voided += f.Amount.Amount
}

func (m *money) refunded(it *item, l *life, f *event.PaymentRefunded) {
	p := &l.purse
	m.check(bounds)
	m.check(singletons)
	if o := m.answered(it, l, p.op(f.Key), payment.Refund); o != nil {
		if o.stage == done {
			m.broken(singletons, it.at, "a refund key has two refunds",
				"order", l.id, "key", f.Key, "amount", f.Amount)
		}
		o.stage = done
		m.amountOf(it, l, o, f.Amount)
		m.about(it, l, f.Shipment == o.shipment && f.Refund == o.refund && f.Reason == o.reason)
	}
	p.refunds++
	p.refunded += f.Amount.Amount
	if p.refunded > p.captured {
		m.broken(bounds, it.at, "more is refunded than was captured", "order", l.id,
			"refunded", p.refunded, "captured", p.captured)
	}
	if q, _ := l.parcel(f.Shipment); q != nil {
		q.refunded += f.Amount.Amount
		if q.refunded > q.captured {
			m.broken(bounds, it.at, "more is refunded than was captured for the parcel",
				"shipment", f.Shipment, "refunded", q.refunded, "captured", q.captured)
		}
	}
	m.sum(f.Amount.Currency).Refunded += f.Amount.Amount
}

// manyRounds is how often a provider may be asked for an outcome before a person must have been
// told: far more often than the payment room's policy says.
const manyRounds = 20

func (m *money) asked(it *item, l *life, f *event.PaymentCheckDue) {
	m.check(unknownOutcomes)
	if !m.ordered {
		l.late.asked = append(l.late.asked, question{f, it.at})
		return
	}
	o := l.purse.op(f.Key)
	if o == nil {
		m.broken(unknownOutcomes, it.at, "the provider is asked about what nobody intended",
			"payment", f.Payment, "key", f.Key)
		return
	}
	o.round = max(o.round, f.Round)
	if o.open() && !o.cased && f.Round > manyRounds {
		m.broken(unknownOutcomes, it.at, "an outcome is open for long, and nobody was told",
			"payment", f.Payment, "key", f.Key, "round", f.Round)
	}
}

func (m *money) cased(it *item, l *life, key string, open bool) {
	m.check(unknownOutcomes)
	o := l.purse.op(key)
	if d := l.purse.dispute(shop.ID(key)); o == nil && d != nil && d.cased != open {
		d.cased = open
		return
	}
	if o == nil || o.cased == open {
		m.broken(unknownOutcomes, it.at, "a case is opened or closed out of turn",
			"order", l.id, "key", key, "opened", open)
	}
	if o != nil {
		o.cased, o.told = open, o.told || open
	}
}

func (m *money) sum(c shop.Currency) *Sums {
	s := m.sums[c]
	if s == nil {
		s = &Sums{Currency: c}
		m.sums[c] = s
	}
	return s
}
