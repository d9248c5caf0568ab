package verify

import (
	"cmp"
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// The kinds of a provider's ledger that are its own doing.
const (
	lapse          = "lapse"
	chargeback     = "chargeback"
	refundReversal = "refund_reversal"
)

// readProvider compares what the provider says that it did with what payment announced. Every
// difference is explained by an operation that is still open, or by a case that a person has to
// look at, or it is a finding.
func (r *run) readProvider() error {
	if r.in.Provider == nil {
		r.note("there is no provider's ledger to compare with")
		return nil
	}
	lapsed := make(map[shop.ID]int64) // authorisations that the bank took back, by order
	err := r.in.Provider(func(e Effect) error {
		r.books.money.external(e, lapsed)
		return nil
	})
	if err != nil {
		return err
	}
	r.books.money.unmatched(lapsed)
	return nil
}

// external looks at one line of the provider's ledger.
func (m *money) external(e Effect, lapsed map[shop.ID]int64) {
	m.check(threeWay)
	pairs := []any{
		"order", e.Order, "key", e.Key, "kind", e.Kind, "external",
		shop.Money{Amount: e.Amount, Currency: e.Currency},
	}
	l := m.lives[e.Order]
	if l == nil || l.created == nil {
		m.broken(chargeAndOrder, place{}, "the provider moved money for no order", pairs...)
		return
	}
	o := l.purse.op(e.Key)
	if o == nil || e.Payment != payment.Of(e.Order) {
		m.broken(threeWay, l.at, "missing-internal: nobody asked for what the provider did",
			pairs...)
		return
	}
	pairs = append(pairs, "stage", o.stage)
	switch e.Kind {
	case lapse:
		lapsed[e.Order] += e.Amount
		m.ownDoing(o, l.purse.over, pairs)
		return
	case chargeback, refundReversal:
		m.ownDoing(o, false, pairs)
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
			(o.stage != done || e.Amount == l.purse.voided)
	}
	explained := o.cased || o.open() || o.stage == action
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
func (m *money) unmatched(lapsed map[shop.ID]int64) {
	all := make([]*life, 0, len(m.lives))
	for _, l := range m.lives {
		if len(l.purse.ops) > 0 {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *life) int { return cmp.Compare(a.at.pos, b.at.pos) })
	for _, l := range all {
		for i := range l.purse.ops {
			o := &l.purse.ops[i]
			moved := o.amount
			if o.kind == payment.Void {
				moved = l.purse.voided
			}
			m.check(threeWay)
			if o.stage != done || o.external > 0 || moved == 0 || o.cased ||
				o.kind == payment.Void && lapsed[l.id] > 0 {
				continue
			}
			m.broken(threeWay, o.at, "missing-external: the provider knows of no such thing",
				"order", l.id, "key", o.key, "kind", o.kind, "internal", moved)
		}
	}
}
