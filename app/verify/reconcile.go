package verify

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// The kinds of a provider's ledger that are its own doing.
const (
	lapse          = "lapse"
	chargeback     = "chargeback"
	refundReversal = "refund_reversal"
	dispute        = "dispute"        // money that a dispute took
	disputeReturn  = "dispute_return" // and gave back
)

// readProvider keeps what the provider says that it did until its order is closed. Then every
// difference from what payment announced is explained by an operation that is still open, or by a
// case that a person has to look at, or it is a finding.
func (r *run) readProvider() error {
	if r.books == nil || r.in.Provider == nil {
		return nil
	}
	m := &r.books.money
	r.books.effects = &effects{}
	return r.in.Provider(func(e Effect) error {
		n := r.census.of(e.Order)
		o, known := r.census.orders[n]
		if !known {
			m.check(threeWay)
			m.forNoOrder(e)
			return nil
		}
		o.effect = r.books.effects.keep(e, o.effect)
		r.census.orders[n] = o
		return nil
	})
}

// unclaimed looks for what the provider did for orders of which the log tells nothing that can be
// read. It reads the ledger again if there are any.
func (r *run) unclaimed() error {
	if r.in.Provider == nil {
		r.note("there is no provider's ledger to compare with")
		return nil
	}
	m := &r.books.money
	if m.effects.unread == 0 {
		return nil
	}
	return r.in.Provider(func(e Effect) error {
		if m.effects.isUnread(r.census.orders[r.census.of(e.Order)].effect) {
			m.check(threeWay)
			m.forNoOrder(e)
		}
		return nil
	})
}

// readPayouts compares the payouts with what whoever pays dealers says of them.
func (r *run) readPayouts() error {
	p := &r.books.payouts
	if r.in.Payouts == nil {
		if len(p.all) > 0 {
			r.note("there is no ledger of whoever pays dealers to compare with")
		}
		return nil
	}
	err := r.in.Payouts(func(e Paid) error {
		p.compare(e)
		return nil
	})
	p.unpaid()
	return err
}

// forNoOrder is money that moved for an order that does not exist.
func (m *money) forNoOrder(e Effect) {
	m.broken(chargeAndOrder, place{}, "the provider moved money for no order", pairsOf(e)...)
}

func pairsOf(e Effect) []any {
	return []any{
		"order", e.Order, "key", e.Key, "kind", e.Kind, "external",
		shop.Money{Amount: e.Amount, Currency: e.Currency},
	}
}

// reconcile compares an order with what the provider did for it.
func (m *money) reconcile(l *life) {
	var lapsed int64 // of its authorisation, by the bank
	for _, e := range m.effects.of(l.id, m.census.orders[l.number].effect) {
		m.external(l, e, &lapsed)
	}
	m.unmatched(l, lapsed)
}

// external looks at one line of the provider's ledger.
func (m *money) external(l *life, e Effect, lapsed *int64) {
	m.check(threeWay)
	if l.created == nil {
		m.forNoOrder(e)
		return
	}
	pairs := pairsOf(e)
	o := l.purse.op(e.Key)
	if o == nil || e.Payment != payment.Of(e.Order) {
		m.broken(threeWay, l.at, "missing-internal: nobody asked for what the provider did",
			pairs...)
		return
	}
	pairs = append(pairs, "stage", o.stage)
	switch e.Kind {
	case lapse:
		*lapsed += e.Amount
		m.ownDoing(o, l.purse.over, pairs)
		return
	case chargeback:
		m.ownDoing(o, false, pairs)
		return
	case refundReversal:
		m.ownDoing(o, o.back, pairs)
		return
	case dispute:
		l.purse.bank += e.Amount
		return
	case disputeReturn:
		l.purse.bank -= e.Amount
		return
	}
	if o.external++; o.external > 1 {
		m.broken(threeWay, o.at, "duplicate: the provider did it twice", pairs...)
		m.broken(singletons, o.at, "one key has two effects at the provider", pairs...)
		return
	}
	m.compare(l, o, e, pairs)
}

// ownDoing is what the provider did without being asked: a person has to know of it, unless nothing
// of the operation is left.
func (m *money) ownDoing(o *op, over bool, pairs []any) {
	if !o.cased && !over {
		m.broken(threeWay, o.at, "missing-internal: the provider took money back, and nobody knows",
			pairs...)
	}
}

func (m *money) compare(l *life, o *op, e Effect, pairs []any) {
	same := e.Kind == o.kind && e.Amount == o.amount && e.Currency == l.purse.currency
	if o.kind == payment.Void { // it frees what is left, whatever was intended
		same = e.Kind == o.kind && e.Currency == l.purse.currency &&
			(o.stage != done || e.Amount == l.purse.freedBy(o))
	}
	unused := o.kind == payment.Authorise && o.freed == e.Amount // and given back
	explained := o.cased || o.open() || o.stage == action || unused || o.back
	switch {
	case o.stage == done && same, explained:
	case o.stage != done:
		m.broken(threeWay, o.at, "missing-internal: the provider did what we say it did not",
			pairs...)
	default:
		m.broken(threeWay, o.at, "amount: the provider moved something else",
			append(pairs, "internal", o.amount)...)
	}
}

// unmatched looks for what we say was done and the provider does not.
func (m *money) unmatched(l *life, lapsed int64) {
	m.check(threeWay)
	if taken := l.purse.contested(m.ledgerOf); l.purse.bank != taken {
		m.broken(threeWay, l.at, "amount: disputes took other money than we know of",
			"order", l.id, "internal", taken, "external", l.purse.bank)
	}
	for i := range l.purse.ops {
		o := &l.purse.ops[i]
		moved := o.amount
		if o.kind == payment.Void {
			moved = l.purse.freedBy(o)
		}
		m.check(threeWay)
		elsewhere := m.ledgerOf != "" && o.provider != m.ledgerOf
		if elsewhere || o.stage != done || o.external > 0 || moved == 0 || o.cased ||
			o.kind == payment.Void && lapsed > 0 {
			continue
		}
		m.broken(threeWay, o.at, "missing-external: the provider knows of no such thing",
			"order", l.id, "key", o.key, "kind", o.kind, "internal", moved)
	}
}
