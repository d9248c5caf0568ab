package verify

import (
	"slices"

	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// disputes looks at what payment announces of disputes, of refunds that come back, and of
// authorisations that it does not use.
func (m *money) disputes(it *item, l *life) {
	p := &l.purse
	switch f := it.fact.(type) {
	case *event.PaymentAttemptVoided:
		m.attemptVoided(it, l, f)
	case *event.PaymentRefundReturned:
		m.refundReturned(it, l, f)
	case *event.PaymentDisputed:
		if d := p.dispute(f.Dispute); d == nil {
			p.disputes = append(p.disputes, contest{id: f.Dispute, provider: f.Provider})
		} else if d.over {
			m.broken(transitions, it.at, "a dispute begins again after its end", "order", l.id,
				"dispute", f.Dispute)
		}
		m.ofOrder(it, l, f.Amount)
	case *event.PaymentDisputeMoved:
		m.disputeMoved(it, l, f)
	case *event.PaymentDisputeClosed:
		m.check(transitions)
		d := p.dispute(f.Dispute)
		if d == nil || d.over {
			m.broken(transitions, it.at, "a dispute ends that is not open", "order", l.id,
				"dispute", f.Dispute)
			return
		}
		d.over = true
	}
}

// attemptVoided requires that what is given back apart was asked for, and is not what was placed.
func (m *money) attemptVoided(it *item, l *life, f *event.PaymentAttemptVoided) {
	p := &l.purse
	m.check(bounds)
	o := m.answered(it, l, p.op(f.Key), payment.Void)
	a := p.attempt(f.Attempt)
	if o == nil || a == nil {
		return
	}
	o.stage = done
	m.about(it, l, o.apart && o.attempt == f.Attempt)
	if a.stage == done || f.Amount.Amount > a.amount {
		m.broken(bounds, it.at, "an authorisation is given back that the payment rests on",
			"order", l.id, "attempt", f.Attempt, "amount", f.Amount)
	}
	a.freed += f.Amount.Amount
}

// refundReturned requires that a refund had been announced before it comes back, once.
func (m *money) refundReturned(it *item, l *life, f *event.PaymentRefundReturned) {
	p := &l.purse
	m.check(bounds)
	o := p.op(f.Key)
	if o == nil || o.stage != done || o.back || o.refund != f.Refund ||
		o.amount != f.Amount.Amount {
		m.broken(bounds, it.at, "a refund comes back that had not been made", "order", l.id,
			"refund", f.Refund, "amount", f.Amount)
		return
	}
	o.back, o.stage = true, refused
	p.refunded -= f.Amount.Amount
	p.returned += f.Amount.Amount
	m.sum(f.Amount.Currency).Refunded -= f.Amount.Amount
	if q, _ := l.parcel(f.Shipment); q != nil {
		q.refunded -= f.Amount.Amount
		q.undone += f.Amount.Amount
	}
}

// disputeMoved requires that a movement is counted once, and that a dispute gives back no more than
// it took.
func (m *money) disputeMoved(it *item, l *life, f *event.PaymentDisputeMoved) {
	p := &l.purse
	m.check(bounds)
	m.check(singletons)
	m.ofOrder(it, l, f.Amount)
	d := p.dispute(f.Dispute)
	if d == nil {
		m.broken(bounds, it.at, "money moves for a dispute that there is not", "order", l.id,
			"dispute", f.Dispute)
		return
	}
	if slices.Contains(d.moves, f.Movement) {
		m.broken(singletons, it.at, "a dispute moves the same money twice", "order", l.id,
			"dispute", f.Dispute, "movement", f.Movement)
	}
	d.moves = append(d.moves, f.Movement)
	sign := int64(1)
	if f.Back {
		sign = -1
	}
	d.taken += sign * f.Amount.Amount
	p.fees += sign * f.Fee
	for _, share := range f.Shares {
		q, _ := l.parcel(share.Shipment)
		if q == nil {
			m.broken(bounds, it.at, "a dispute takes the money of a parcel that there is not",
				"order", l.id, "dispute", f.Dispute, "shipment", share.Shipment)
			continue
		}
		q.disputed += sign * share.Amount
	}
	if d.taken < 0 {
		m.broken(bounds, it.at, "a dispute gives back more than it took", "order", l.id,
			"dispute", f.Dispute, "taken", d.taken)
	}
	if p.refunded+p.contested("") > p.captured+f.Beyond {
		m.broken(bounds, it.at, "refunds and disputes have more than was captured", "order", l.id,
			"refunded", p.refunded, "disputed", p.contested(""), "captured", p.captured)
	}
}
