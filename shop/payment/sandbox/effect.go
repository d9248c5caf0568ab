package sandbox

import (
	"time"

	"github.com/souk-commerce/souk/shop/payment"
)

// effect decides an operation as an honest provider does, but for its plan. It does nothing if what
// the operation acts on cannot be read. The caller holds mu.
func (s *Sandbox) effect(key string, o *operation, now time.Time) error {
	if o.kind != Authorise {
		of, err := s.find(o.ofKey, o.ofRef)
		if err != nil {
			return err
		}
		o.of = of
		defer func() { o.of = nil }() // it may be forgotten, and made anew, before the next time
	}
	switch o.kind {
	case Authorise:
		s.authorise(key, o, now)
	case Capture:
		s.capture(key, o, now)
	case Void:
		s.void(key, o, now)
	case Refund:
		s.refund(key, o, now)
	default:
		s.refuse(key, o, "unknown_operation", now)
	}
	if o.plan.Has(StatusDown) || o.plan.Has(StatusLies) || o.plan.Has(StatusStale) {
		o.lieUntil = now.Add(s.opt.LieFor)
	}
	return nil
}

func (s *Sandbox) authorise(key string, o *operation, now time.Time) {
	switch {
	case o.ended:
		s.refuse(key, o, "voided", now)
	case o.plan.Has(Declined):
		s.refuse(key, o, "declined", now)
	case o.plan.Has(TryAgain) && !s.tries[o.payment]:
		if len(s.tries) > 1<<12 {
			clear(s.tries) // bounded: a payment that is forgotten is refused once more
		}
		s.tries[o.payment] = true
		o.again = true
		s.refuse(key, o, "try_again", now)
	case o.plan.Has(NeedsAction) && o.verdict != payment.Action:
		o.verdict, o.until = payment.Action, now.Add(10*time.Minute)
		o.page = s.opt.Page + key
		s.notify(key, o, payment.NoticeAction, now)
	case o.verdict == payment.Action:
	case o.plan.Has(RefusedThenYes) && o.verdict != payment.Refused:
		s.refuse(key, o, "declined", now)
		s.await(event{now.Add(lateBy), "effect", key, o})
	default:
		s.move(key, o, o.amount.Amount, now)
		if o.plan.Has(LaterDeclined) {
			s.await(event{now.Add(s.opt.Later), "lapse", key, o})
		}
	}
}

func (s *Sandbox) capture(key string, o *operation, now time.Time) {
	amount := o.amount.Amount
	if o.plan.Has(PartialCapture) {
		amount /= 2
	}
	a := o.of
	switch {
	case a == nil || a.kind != Authorise || a.verdict != payment.Succeeded:
		s.refuse(key, o, "no_authorisation", now)
	case a.ended:
		s.refuse(key, o, "authorisation_ended", now)
	case o.plan.Has(CaptureRefused):
		s.refuse(key, o, "declined", now)
	case o.plan.Has(CaptureOnce) && !a.declined:
		a.declined = true // in memory only: an authorisation that is forgotten is refused once more
		s.refuse(key, o, "declined", now)
	case a.used+amount > a.moved:
		s.refuse(key, o, "over_authorised", now)
	default:
		a.used += amount
		s.move(key, o, amount, now)
		switch {
		case o.plan.Has(Chargeback):
			s.await(event{now.Add(s.opt.Later), "chargeback", key, o})
		case o.plan.Has(Disputed), o.plan.Has(DisputedLost), o.plan.Has(Inquiry):
			s.await(event{now.Add(s.opt.Later), "dispute", key, o})
		}
	}
}

// void ends an authorisation, also one that waits for the customer or never came: it can then no
// longer succeed.
func (s *Sandbox) void(key string, o *operation, now time.Time) {
	a := o.of
	if a == nil || a.kind != Authorise {
		s.refuse(key, o, "no_authorisation", now)
		return
	}
	var rest int64
	if a.verdict == payment.Succeeded && !a.ended {
		rest = a.moved - a.used
	}
	a.ended = true
	s.past.mark(seqOf(a.ref), ended)
	if a.verdict == payment.Action {
		a.verdict, a.reason = payment.Refused, "voided"
	}
	s.move(key, o, rest, now)
}

func (s *Sandbox) refund(key string, o *operation, now time.Time) {
	c := o.of
	switch {
	case c == nil || c.kind != Capture || c.verdict != payment.Succeeded:
		s.refuse(key, o, "no_capture", now)
	case o.plan.Has(RefundRefused):
		s.refuse(key, o, "refund_refused", now)
	case c.used+c.contested+o.amount.Amount > c.moved:
		s.refuse(key, o, "over_captured", now)
	case o.plan.Has(RefundPending) && o.verdict != payment.Pending:
		o.verdict = payment.Pending
		s.await(event{now.Add(48 * time.Hour), "effect", key, o})
	default:
		c.used += o.amount.Amount
		s.move(key, o, o.amount.Amount, now)
		if o.plan.Has(RefundReversed) {
			s.await(event{now.Add(s.opt.Later), "refund_reversal", key, o})
		}
	}
}

func (s *Sandbox) refuse(key string, o *operation, reason string, now time.Time) {
	o.verdict, o.reason = payment.Refused, reason
	s.notify(key, o, payment.NoticeRefused, now)
}

// move is an effect: it succeeds, and stands in the ledger if any money moved.
func (s *Sandbox) move(key string, o *operation, amount int64, now time.Time) {
	o.verdict, o.moved = payment.Succeeded, amount
	if o.ref == "" {
		o.ref = reference(s.seq+1, o.token)
	}
	if amount > 0 {
		s.book(key, o, o.kind, now)
	}
	s.notify(key, o, payment.NoticeSucceeded, now)
}

// book joins an entry to the next write, under mu, so that the ledger is in the order of effects.
func (s *Sandbox) book(key string, o *operation, kind string, now time.Time) {
	s.bookAmount(key, o, kind, o.moved, now)
}

func (s *Sandbox) bookAmount(key string, o *operation, kind string, amount int64, now time.Time) {
	s.seq++
	e := Entry{
		Seq: s.seq, Key: key, Payment: o.payment, Order: o.order, Kind: kind, Amount: amount,
		Currency: o.amount.Currency, At: now, Ref: o.ref,
	}
	if o.of != nil {
		e.Of = o.of.ref
	}
	if kind != o.kind {
		e.Ref, e.Of = reference(s.seq, o.token), o.ref
	}
	var room [320]byte
	line, err := appendEntry(room[:0], &e)
	if err != nil {
		panic("sandbox: a checked request cannot be written: " + err.Error())
	}
	var at int64
	o.pack, at = s.journal.join(line)
	if !s.past.built {
		return
	}
	s.past.index(e.Seq, at)
	switch {
	case kind == Dispute, kind == DisputeReturn:
	case kind != o.kind:
		s.past.reversed(e)
	case kind == Capture || kind == Refund:
		s.past.spent(seqOf(e.Of), o.of.used, o.of.moved)
	}
}

// await lets something happen later. Until then its operation is not forgotten.
func (s *Sandbox) await(e event) {
	e.op.awaits++
	s.later = append(s.later, e)
}

// ripen lets happen what was to happen by now, and returns the last write that it began. The caller
// holds mu.
func (s *Sandbox) ripen(now time.Time) (last *pack) {
	if len(s.later) == 0 {
		return nil
	}
	due := s.later
	s.later = nil
	for _, e := range due {
		if now.Before(e.at) {
			s.later = append(s.later, e)
			continue
		}
		if err := s.happen(e); err != nil {
			s.later = append(s.later, e) // the ledger could not be read: with the next call
			continue
		}
		if e.op.awaits--; e.op.awaits == 0 {
			delete(s.held, e.key)
		}
		if e.op.pack != nil {
			last = e.op.pack
		}
	}
	return last
}

// happen is one event. The caller holds mu.
func (s *Sandbox) happen(e event) error {
	switch e.kind {
	case "effect":
		return s.effect(e.key, e.op, e.at)
	case "lapse":
		if e.op.ended {
			return nil
		}
		e.op.ended = true
	case "dispute":
		s.contest(e)
		return nil
	case "dispute_end":
		s.judge(e)
		return nil
	}
	if e.kind == "refund_reversal" { // its capture has that money again
		if c, err := s.find(e.op.ofKey, e.op.ofRef); err == nil && c != nil {
			c.used -= e.op.moved
		}
	}
	s.book(e.key, e.op, e.kind, e.at)
	e.op.verdict, e.op.reason = payment.Refused, e.kind
	s.notify(e.key, e.op, payment.NoticeReversed, e.at)
	return nil
}
