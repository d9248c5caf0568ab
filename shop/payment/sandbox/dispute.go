package sandbox

import (
	"context"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// What disputes leave in the ledger: money of a capture that was taken from us, and that came back.
const (
	Dispute       = "dispute"
	DisputeReturn = "dispute_return"
)

// dispute is what the provider knows of a contested capture.
type dispute struct {
	op       *operation
	key      string // of the capture
	amount   int64
	until    time.Time
	state    string
	inquiry  bool
	evidence bool
	given    string // key under which it was handed in
	moves    []payment.Movement
}

var _ payment.Disputer = (*Sandbox)(nil)

const disputePrefix = "sbxd-"

// contest opens a dispute about what is left of a capture. The caller holds mu.
func (s *Sandbox) contest(e event) {
	d := &dispute{
		op: e.op, key: e.key, amount: e.op.moved - e.op.used, until: e.at.Add(s.opt.Evidence),
		state: "open", inquiry: e.op.plan.Has(Inquiry),
	}
	if d.amount <= 0 {
		return
	}
	s.disputes[disputePrefix+e.key] = d
	if !d.inquiry {
		s.shift(d, false, e.at)
	}
	s.await(event{d.until, "dispute_end", e.key, e.op})
	s.tell(d, e.at)
}

// shift moves the contested money, away from us or back. The caller holds mu.
func (s *Sandbox) shift(d *dispute, back bool, now time.Time) {
	kind := Dispute
	d.op.contested += d.amount
	if back {
		kind = DisputeReturn
		d.op.contested -= 2 * d.amount
	}
	s.bookAmount(d.key, d.op, kind, d.amount, now)
	d.moves = append(d.moves, payment.Movement{
		ID: reference(s.seq, d.op.token), Back: back, Amount: d.amount,
	})
}

// judge ends a dispute, if that has not happened. The caller holds mu.
func (s *Sandbox) judge(e event) {
	d := s.disputes[disputePrefix+e.key]
	if d == nil || d.state != "open" {
		return
	}
	switch {
	case d.inquiry:
		d.state = "closed"
	case d.evidence && !d.op.plan.Has(DisputedLost):
		d.state = "won"
		s.shift(d, true, e.at)
	default:
		d.state = "lost"
	}
	s.tell(d, e.at)
}

// tell sends the webhook of a dispute. The caller holds mu.
func (s *Sandbox) tell(d *dispute, now time.Time) {
	s.post(d.key, d.op, payment.Notice{
		Type: payment.NoticeDispute, At: now, Data: payment.NoticeData{
			Payment: d.op.payment, Order: d.op.order, Key: d.key, Operation: Dispute,
			Reference: disputePrefix + d.key,
			Amount:    shop.Money{Amount: d.amount, Currency: d.op.amount.Currency},
		},
	}, now)
}

// Dispute implements payment.Disputer.
func (s *Sandbox) Dispute(_ context.Context, reference string) (payment.Report, error) {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	last := s.ripen(now)
	d, err := s.disputed(reference)
	var r payment.Report
	if err == nil {
		r = d.report(reference)
	}
	s.mu.Unlock()
	if err == nil {
		err = s.settled(last)
	}
	return r, err
}

// disputed finds a dispute. One from before a restart is made anew from the ledger: whether
// evidence was handed in then is not in it. The caller holds mu.
func (s *Sandbox) disputed(reference string) (*dispute, error) {
	if d := s.disputes[reference]; d != nil {
		return d, nil
	}
	missing := shop.Errorf(shop.NotFound, "there is no dispute %q", reference)
	key, ok := strings.CutPrefix(reference, disputePrefix)
	if !ok || !s.older && s.known(key) == nil {
		return nil, missing
	}
	o, err := s.find(key, "")
	if err != nil || o == nil {
		return nil, missing
	}
	var d *dispute
	err = s.journal.each(func(e Entry) error {
		switch {
		case e.Key != key:
		case e.Kind == Dispute:
			d = &dispute{
				op: o, key: key, amount: e.Amount, until: e.At.Add(s.opt.Evidence), state: "open",
				moves: []payment.Movement{{ID: e.Ref, Amount: e.Amount}},
			}
		case e.Kind == DisputeReturn && d != nil:
			d.state, d.evidence = "won", true
			d.moves = append(d.moves, payment.Movement{ID: e.Ref, Back: true, Amount: e.Amount})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, missing
	}
	s.disputes[reference] = d
	if d.state == "open" {
		s.await(event{d.until, "dispute_end", key, o})
	}
	return d, nil
}

func (d *dispute) report(reference string) payment.Report {
	return payment.Report{
		Reference: reference, Payment: d.op.payment,
		Amount: shop.Money{Amount: d.amount, Currency: d.op.amount.Currency},
		Reason: "product_not_received", Inquiry: d.inquiry, Until: d.until, State: d.state,
		Evidence: d.evidence, Moves: append([]payment.Movement(nil), d.moves...),
	}
}

// Submit implements payment.Disputer. The bank takes as long as money does to come back.
func (s *Sandbox) Submit(
	_ context.Context, e payment.Submission,
) (payment.Outcome, error) {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ripen(now)
	d, err := s.disputed(e.Reference)
	switch {
	case err != nil:
		return payment.Outcome{Verdict: payment.Refused, Reason: "no_dispute"}, nil
	case d.evidence && d.given == e.Key:
	case d.evidence, d.state != "open", !now.Before(d.until):
		return payment.Outcome{Verdict: payment.Refused, Reason: "too_late"}, nil
	default:
		d.evidence, d.given = true, e.Key
		s.await(event{now.Add(s.opt.Later), "dispute_end", d.key, d.op})
	}
	return payment.Outcome{Verdict: payment.Succeeded, Payment: d.op.payment}, nil
}
