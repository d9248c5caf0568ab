package payment

import (
	"context"
	"errors"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// pursue brings an operation one step further: it calls the provider if this is certainly the first
// call, and otherwise asks what became of it. The caller has entered the operation.
func (s *Service) pursue(
	ctx context.Context, c room.Cause, due event.PaymentCheckDue, fresh bool,
) error {
	p, op, err := s.read(ctx, due)
	if err != nil {
		return err
	}
	settled := !op.State.open() && op.State != action
	switch {
	case settled && !op.Case:
		return nil
	case settled: // there is a doubt about it; nothing is sent again
		return s.conclude(ctx, c, due, s.status(ctx, p, op), nil)
	case p.blocked(op): // what unblocks it sets the timer anew; this one is only in case
		due.Round = min(due.Round+1, s.opt.Policy.CaseAfter-1)
		return s.do(ctx, c, p.ID, func(_ context.Context, u *unit) error {
			return u.ask(&due, due.Round)
		})
	case op.Kind == Void && !op.Apart && p.Granted && p.Authorised == p.Captured:
		return s.conclude(ctx, c, due, Outcome{ // captures took the rest: nothing is left to free
			Verdict: Succeeded, Payment: p.ID, Amount: p.money(0),
		}, nil)
	}
	if s.opt.Apart {
		if fresh, err = s.claim(ctx, c, due); err != nil {
			return err
		}
	}
	if fresh {
		return s.send(ctx, c, due, p.errand(op), p.request(op))
	}
	out := s.status(ctx, p, op)
	if out.Verdict != Missing {
		due.Missing = 0
		return s.conclude(ctx, c, due, out, nil)
	}
	due.Missing++
	if due.Missing < s.opt.Policy.Missing || due.Round > s.opt.Policy.ResendUntil {
		return s.conclude(ctx, c, due, out, nil)
	}
	// It was denied often enough that the first call must have been lost. The same key makes even a
	// wrong belief harmless.
	due.Missing = 0
	s.nums.resent.Add(1)
	return s.send(ctx, c, due, p.errand(op), p.request(op))
}

func (s *Service) read(
	ctx context.Context, due event.PaymentCheckDue,
) (*Payment, *Operation, error) {
	p, err := room.Get[Payment](ctx, s.desk.Begin(room.Cause{}), paymentKey(due.Payment))
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, platform.ErrNotYet
	}
	op := p.operation(due.Key)
	if op == nil {
		return nil, nil, platform.ErrNotYet
	}
	return p, op, nil
}

// request is an operation as the provider is asked for it, without the token.
func (p *Payment) request(op *Operation) Request {
	r := Request{
		Operation: op.Kind, Key: op.Key, Payment: p.ID, Order: p.Order, Amount: p.money(op.Amount),
		Own: op.Reference, Captures: max(p.Captures, 1),
	}
	switch op.Kind {
	case Refund:
		if part := p.part(op.Shipment); part != nil {
			r.Of, r.Reference = part.Key, part.Reference
		}
	case Capture, Void:
		a := p.last(Authorise)
		if op.Apart {
			a = p.attempt(op.Attempt)
		} else {
			r.Captured = p.Captured
		}
		if a != nil {
			r.Of, r.Reference = a.Key, a.Reference
		}
	}
	return r
}

// errand is who is asked for an operation, and with whose card.
type errand struct {
	provider         string
	customer, method shop.ID
}

func (p *Payment) errand(op *Operation) errand {
	return errand{p.providerOf(op), p.Customer, p.method(op)}
}

// send calls the provider, with nothing held, and commits what it answers.
func (s *Service) send(
	ctx context.Context, c room.Cause, due event.PaymentCheckDue, to errand, r Request,
) error {
	desk := s.at(to.provider)
	if desk == nil {
		return s.nobody(to.provider)
	}
	if r.Operation == Authorise {
		token, refusal, err := s.token(ctx, to.customer, to.method)
		if err != nil {
			return err
		}
		if refusal != "" {
			return s.conclude(ctx, c, due, unpayable(due, refusal), nil)
		}
		r.Token = token
	}
	s.calls.spend(due.Key)
	s.nums.calls.Add(1)
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	out, err := desk.Provider.Do(limited, r)
	cancel()
	if errors.Is(err, ErrTooMany) {
		due.Missing = s.opt.Policy.Missing - 1
	}
	if err != nil || out.Verdict == Missing {
		out = Outcome{}
	}
	if out.Verdict == Unknown {
		s.nums.unanswered.Add(1)
	}
	return s.conclude(ctx, c, due, out, nil)
}

// unpayable is the outcome of an authorisation whose token is not there. When a call may have been
// made before the token went away, only the provider knows the outcome.
func unpayable(due event.PaymentCheckDue, refusal string) Outcome {
	if due.Round > 0 {
		return Outcome{}
	}
	return Outcome{Verdict: Refused, Reason: refusal}
}

// nobody refuses what a provider is to do that this process does not know: the event waits for one
// that does.
func (s *Service) nobody(provider string) error {
	return shop.Errorf(shop.Unavailable, "the payment provider %q is not opened here; nothing was "+
		"asked", provider).WithHint("open every provider that payments name: %v", s.Provides())
}

// status asks the provider what became of an operation. No answer is Unknown.
func (s *Service) status(ctx context.Context, p *Payment, op *Operation) Outcome {
	s.nums.questions.Add(1)
	desk := s.at(p.providerOf(op))
	if desk == nil {
		return Outcome{}
	}
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	out, err := desk.Provider.Status(limited, p.request(op))
	if err != nil {
		return Outcome{}
	}
	return out
}

// conclude commits what follows from an outcome: facts, and the timer that goes on asking. What
// also does goes into the same commit; it may be nil.
func (s *Service) conclude(
	ctx context.Context, c room.Cause, due event.PaymentCheckDue, out Outcome,
	also func(ctx context.Context, u *unit) error,
) error {
	if err := s.sealPage(ctx, due.Payment, &out); err != nil {
		return err
	}
	return s.do(ctx, c, due.Payment, func(ctx context.Context, u *unit) error {
		if u.p == nil || u.p.operation(due.Key) == nil {
			return platform.ErrNotYet
		}
		if also != nil {
			if err := also(ctx, u); err != nil {
				return err
			}
		}
		op := u.p.operation(due.Key)
		was := op.State
		out.Until = s.limit(u, out)
		if op.Apart {
			out.next = s.providerOf(op.Method)
		}
		facts := u.p.settle(op, out, s.opt.Policy.Attempts)
		if err := u.announce(ctx, facts...); err != nil {
			return err
		}
		if err := s.followUp(ctx, u, due); err != nil {
			return err
		}
		return s.timers(ctx, u, due, was, out.Verdict)
	})
}

// sealPage seals the address where a customer confirms: it is theirs alone. A person who was erased
// cannot confirm any more.
func (s *Service) sealPage(ctx context.Context, id shop.ID, out *Outcome) error {
	if out.Verdict != Action || out.Page == "" {
		return nil
	}
	p, err := s.Payment(ctx, id)
	if err != nil {
		return err
	}
	page, err := shop.Seal(ctx, s.desk.Keys, p.Customer, out.Page)
	if errors.Is(err, platform.ErrErased) {
		return nil
	}
	out.sealed = &page
	return err
}

// limit bounds the customer's time to confirm.
func (s *Service) limit(u *unit, out Outcome) (until time.Time) {
	if out.Verdict != Action {
		return out.Until
	}
	most := u.tx.Now().Add(s.opt.Policy.ActionLimit)
	if out.Until.IsZero() || out.Until.After(most) {
		return most
	}
	return out.Until.UTC()
}

// followUp intends what an outcome makes necessary: money that was captured after the order had
// ended goes back, and an authorisation that the customer did not confirm in time is given up.
func (s *Service) followUp(ctx context.Context, u *unit, due event.PaymentCheckDue) error {
	op := u.p.operation(due.Key)
	switch {
	case op.Kind == Capture && op.State == done && u.p.ended():
		if back := u.p.giveBack(op.Shipment); back != nil {
			return u.announce(ctx, back)
		}
	case op.Kind == Capture && op.State == done:
		return u.announce(ctx, u.p.freeRest()...)
	case op.State == action && !u.p.Closed && !u.tx.Now().Before(u.p.Until):
		if u.p.another() { // another card may be tried while the order waits
			return u.announce(ctx, u.p.giveUp(op, "")...)
		}
		return u.announce(ctx, u.p.planVoid()...)
	}
	return nil
}

// soon is when a void is looked at that need not wait any more. It is not at once: a timer's fact
// is named after its key and its moment, and in this one the void's own may just have fired.
const soon = time.Millisecond

// slowAfter is how many rounds, some ten minutes, a refund is asked about as often as anything else
// while the bank is said to work on it.
const slowAfter = 15

// timers sets what has to be looked at again: this operation, and a void that waited for it.
func (s *Service) timers(
	ctx context.Context, u *unit, due event.PaymentCheckDue, was Stage, said Verdict,
) error {
	op := u.p.operation(due.Key)
	switch {
	case op.State.open() && op.Kind == Refund && said == Pending: // banks take days: no case
		wait := s.opt.Policy.Slow
		if due.Round++; due.Round < slowAfter {
			wait = s.opt.Policy.wait(due.Round)
		}
		if err := u.askIn(&due, wait); err != nil {
			return err
		}
	case op.State.open():
		due.Round++
		if due.Round >= s.opt.Policy.CaseAfter && !op.Case {
			err := u.announce(ctx, &event.PaymentCaseOpened{
				Payment: u.p.ID, Order: u.p.Order, Key: op.Key, Operation: op.Kind,
				Reason: "no_answer",
			})
			if err != nil {
				return err
			}
		}
		if err := u.ask(&due, due.Round); err != nil {
			return err
		}
	case op.State == action && (was != action || u.tx.Now().Before(u.p.Until)):
		// The webhook that says that they confirmed may be lost: nobody else would tell in time.
		again, next := &event.PaymentCheckDue{Payment: u.p.ID, Key: op.Key}, u.p.Until
		if early := u.tx.Now().Add(s.opt.Policy.LastCheck); early.Before(next) {
			next = early
		}
		if err := u.tx.SetTimer(timerKey(op.Key), next, again); err != nil {
			return err
		}
	case was == unresolved || was == action && op.State != action:
		u.tx.CancelTimer(timerKey(op.Key))
	case op.Case && said == Unknown && due.Round < s.opt.Policy.ResendUntil: // a doubt stays
		due.Round++
		if err := u.ask(&due, due.Round); err != nil {
			return err
		}
	}
	void := u.p.closing()
	if void == nil || void.Key == due.Key || void.State != intended || u.p.blocked(void) {
		return nil
	}
	return u.tx.SetTimer(timerKey(void.Key), u.tx.Now().Add(soon),
		&event.PaymentCheckDue{Payment: u.p.ID, Key: void.Key})
}
