package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Why nothing is paid out now.
const (
	NoPayee    shop.Code = "no_payee"    // nobody has named an account, or it refused a payout
	NothingDue shop.Code = "nothing_due" // less than the minimum is there, if anything
	PayoutOpen shop.Code = "payout_open" // the payout before has no outcome yet
)

// occasion is why a payout is made: a day of the schedule, or somebody who asks.
type occasion struct {
	due string
	by  shop.ID
}

// intend takes all that a dealer may be paid out of the dealer's account, and says that it is about
// to be sent. It rests on every slice of the account being as it was read, so two of them never
// take the same money, whatever is booked meanwhile.
func (s *Service) intend(
	ctx context.Context, tx *room.Tx, dealer shop.ID, c shop.Currency, why occasion,
) (*Payout, error) {
	payee, blocked, err := payeeOf(ctx, tx, dealer)
	if err != nil {
		return nil, err
	}
	switch {
	case payee == nil:
		return nil, shop.Errorf(NoPayee, "%s has named no account; nothing was paid out", dealer)
	case blocked:
		return nil, shop.Errorf(NoPayee,
			"the account of %s refused a payout; nothing was paid out", dealer).
			WithHint("the dealer names an account again, the same or another")
	}
	r, err := room.Get[run](ctx, tx, runKey(dealer, c))
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &run{}
	}
	if r.Stage.open() {
		return nil, shop.Errorf(PayoutOpen,
			"nobody knows yet what became of the payout %s; nothing more was paid out", r.ID)
	}
	if why.due != "" && (why.due <= r.Due || payee.Schedule == Manual) {
		return nil, shop.Errorf(NothingDue, "the payout of %s was made", why.due)
	}
	due, err := pinned(ctx, tx, accountPart(c, Payable(dealer)))
	if err != nil {
		return nil, err
	}
	amount, err := shop.NewMoney(-due, c)
	if err != nil {
		return nil, err
	}
	if amount.Amount < s.opt.Policy.Minimum {
		return nil, shop.Errorf(NothingDue,
			"%s may be paid %s, at least %d are paid out; nothing was", dealer, amount,
			s.opt.Policy.Minimum)
	}
	id := payoutID(dealer, c, r.Last+1)
	f := &event.PayoutIntended{
		Payout: id, Dealer: dealer, Number: r.Last + 1, Amount: amount,
		Destination: payee.Destination, Payee: payee.Seq, Provider: s.opt.Name,
		Key: payoutCall(id, amount, payee.Destination), Due: why.due, By: why.by, At: tx.Now(),
	}
	if err := announce(ctx, tx, 1, f); err != nil {
		return nil, err
	}
	return room.Get[Payout](ctx, tx, payoutKey(id))
}

// pinned adds up the slices of an account and has the commit conflict if one of them changes.
func pinned(ctx context.Context, tx *room.Tx, part string) (sum int64, err error) {
	for n := range sliceCount {
		key := platform.Key{Part: part, Sort: fmt.Sprintf("%02d", n)}
		counters, err := tx.Counters(ctx, key)
		if err != nil {
			return 0, err
		}
		sum += counters[balance]
		tx.Pin(key)
	}
	return sum, nil
}

// announce announces facts of one payout from a place in its sequence on, each with what it moves
// in the books.
func announce(ctx context.Context, tx *room.Tx, seq int64, facts ...event.Fact) error {
	for _, f := range facts {
		if err := tx.Announce(ctx, f, seq); err != nil {
			return err
		}
		if posted := booking(f); posted != nil {
			posted.Cause, posted.At = room.EventID(f.Subject(), seq), tx.Now()
			if err := tx.Announce(ctx, posted, 1); err != nil {
				return err
			}
		}
		seq++
	}
	return nil
}

// payOutOnDue pays a dealer all currencies by schedule, and sets the timer of the next time. What
// cannot be paid now waits for then.
func (s *Service) payOutOnDue(ctx context.Context, f *event.PayoutDue, c room.Cause) error {
	currencies, err := s.currencies(ctx, f.Dealer)
	if err != nil {
		return err
	}
	for _, currency := range currencies {
		if s.opt.Provider == nil {
			break
		}
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			_, err := s.intend(ctx, tx, f.Dealer, currency, occasion{due: f.Due})
			return err
		})
		if err != nil && !isRefusal(err) {
			return fmt.Errorf("pay %s out: %w", f.Dealer, err)
		}
	}
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		payee, err := room.Get[Payee](ctx, tx, payeeKey(f.Dealer))
		if err != nil || payee == nil {
			return err
		}
		tx.Pin(payeeKey(f.Dealer)) // whoever changes the schedule meanwhile has the last word
		return arm(tx, f.Dealer, payee.Schedule)
	})
}

func isRefusal(err error) bool {
	return slices.Contains([]shop.Code{NoPayee, NothingDue, PayoutOpen}, shop.CodeOf(err))
}

// currencies lists those in which anything stands in a dealer's statements.
func (s *Service) currencies(ctx context.Context, dealer shop.ID) ([]shop.Currency, error) {
	var all []shop.Currency
	for after := ""; ; {
		list, err := s.desk.Store.List(ctx, platform.Query{
			Part: totalsPart(dealer), After: after, Limit: 1,
		})
		if err != nil {
			return nil, fmt.Errorf("list the currencies of %s: %w", dealer, err)
		}
		if len(list) == 0 {
			return all, nil
		}
		c := currencyOf(list[0].Key.Sort)
		all = append(all, c)
		after = string(c) + "#~" // behind every day
	}
}

func (s *Service) callOnPayoutIntended(
	ctx context.Context, f *event.PayoutIntended, c room.Cause,
) error {
	return s.pursue(ctx, c, event.PayoutCheckDue{Payout: f.Payout, Key: f.Key}, false)
}

func (s *Service) checkOnPayoutCheckDue(
	ctx context.Context, f *event.PayoutCheckDue, c room.Cause,
) error {
	return s.pursue(ctx, c, *f, false)
}

// pursue brings a payout one step further: it calls the provider if this is certainly the first
// call, and otherwise asks what became of it. byHand leaves the timers alone.
func (s *Service) pursue(
	ctx context.Context, c room.Cause, due event.PayoutCheckDue, byHand bool,
) error {
	p, err := room.Get[Payout](ctx, s.desk.Begin(room.Cause{}), payoutKey(due.Payout))
	switch {
	case err != nil:
		return err
	case p == nil:
		return platform.ErrNotYet
	case p.Stage == StageFailed || p.Stage == StageReturned:
		return nil
	case s.opt.Provider == nil:
		return shop.Errorf(shop.Unavailable, "there is no provider to pay %s with", p.Dealer)
	}
	first := false
	if p.Stage.open() {
		if first, err = s.claim(ctx, c, p.ID); err != nil {
			return err
		}
	}
	if first {
		return s.send(ctx, c, due, p)
	}
	out := s.status(ctx, due.Key)
	if out.Verdict != Missing || !p.Stage.open() || byHand {
		if out.Verdict != Missing {
			due.Missing = 0
		}
		return s.conclude(ctx, c, due, out, byHand)
	}
	due.Missing++
	late := s.desk.Clock.Now().Sub(p.At) > s.opt.Policy.ResendWithin
	if due.Missing < s.opt.Policy.Missing || late {
		return s.conclude(ctx, c, due, out, false)
	}
	// It was denied often enough that the first call must have been lost. The same key makes even a
	// wrong belief harmless.
	due.Missing = 0
	return s.send(ctx, c, due, p)
}

// claim reports whether this is certainly the first call: nobody calls without having claimed, and
// only one claim succeeds.
func (s *Service) claim(
	ctx context.Context, c room.Cause, id shop.ID,
) (first bool, err error) {
	err = s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		have, err := room.Get[mark](ctx, tx, callKey(id))
		if err != nil {
			return err
		}
		if first = have == nil; first {
			room.Put(tx, callKey(id), &mark{})
		}
		return nil
	})
	return first && err == nil, err
}

// send calls the provider, with nothing held, and commits what it answers.
func (s *Service) send(
	ctx context.Context, c room.Cause, due event.PayoutCheckDue, p *Payout,
) error {
	token, refusal, err := s.token(ctx, p.Dealer, p.Destination)
	if err != nil {
		return err
	}
	if refusal != "" {
		out := Outcome{} // when a call may have been made before, only the provider knows
		if due.Round == 0 {
			out = Outcome{Verdict: Refused, Reason: refusal}
		}
		return s.conclude(ctx, c, due, out, false)
	}
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	out, err := s.opt.Provider.Pay(limited, Request{
		Key: p.Key, Payout: p.ID, Dealer: p.Dealer, Amount: p.Amount, Token: token,
	})
	cancel()
	if err != nil || out.Verdict == Missing {
		out = Outcome{}
	}
	return s.conclude(ctx, c, due, out, false)
}

// status asks the provider what became of a payout. No answer is Unknown.
func (s *Service) status(ctx context.Context, key string) Outcome {
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	out, err := s.opt.Provider.Status(limited, key)
	if err != nil {
		return Outcome{}
	}
	return out
}

// conclude commits what follows from an outcome: facts, what they move in the books, and the timer
// that goes on asking.
func (s *Service) conclude(
	ctx context.Context, c room.Cause, due event.PayoutCheckDue, out Outcome, byHand bool,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		p, err := room.Get[Payout](ctx, tx, payoutKey(due.Payout))
		if err != nil {
			return err
		}
		if p == nil {
			return platform.ErrNotYet
		}
		was := p.Stage
		if err := announce(ctx, tx, p.Seq+1, p.settle(out)...); err != nil {
			return err
		}
		if p.Stage == was && byHand {
			return nil
		}
		return s.timers(tx, p, was, due)
	})
}

// timers sets when a payout is looked at again: one without an answer until it has one, one that
// was sent for as long as its money may come back.
func (s *Service) timers(
	tx *room.Tx, p *Payout, was Stage, due event.PayoutCheckDue,
) error {
	key := "check/" + string(p.ID)
	next := event.PayoutCheckDue{Payout: p.ID, Key: p.Key}
	switch {
	case p.Stage.open():
		next.Round, next.Missing = due.Round+1, due.Missing
		return tx.SetTimer(key, tx.Now().Add(s.opt.Policy.wait(next.Round)), &next)
	case p.Stage == StagePaid:
		if was == StagePaid {
			next.Round = due.Round + 1
		}
		if next.Round < len(s.opt.Policy.Watch) {
			return tx.SetTimer(key, tx.Now().Add(s.opt.Policy.Watch[next.Round]), &next)
		}
	}
	tx.CancelTimer(key)
	return nil
}
