package payment

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// unit is one unit of work on one payment.
type unit struct {
	s    *Service
	tx   *room.Tx
	id   shop.ID
	p    *Payment // nil until the first fact
	keys []string // of the intents that this attempt announces
}

// do runs work on a payment, read in the same unit, and tells calls which intents were committed
// here. After a doubtful commit none counts as fresh.
func (s *Service) do(
	ctx context.Context, cause room.Cause, id shop.ID, work func(context.Context, *unit) error,
) error {
	u := &unit{s: s, id: id}
	err := s.desk.Do(ctx, cause, func(ctx context.Context, tx *room.Tx) error {
		u.forget(false)
		u.tx = tx
		var err error
		if u.p, err = room.Get[Payment](ctx, tx, paymentKey(id)); err != nil {
			return err
		}
		return work(ctx, u)
	})
	u.forget(err == nil)
	return err
}

func (u *unit) forget(committed bool) {
	for _, key := range u.keys {
		u.s.calls.end(key, committed)
	}
	u.keys = u.keys[:0]
}

// announce announces facts of this payment, each with the next sequence.
func (u *unit) announce(ctx context.Context, facts ...event.Fact) error {
	for _, f := range facts {
		if intent, ok := f.(*event.PaymentIntended); ok && intent.Amount.Amount > 0 {
			u.s.calls.begin(intent.Key)
			u.keys = append(u.keys, intent.Key)
		}
		var seq int64 = 1
		if u.p != nil {
			seq = u.p.Seq + 1
		}
		if err := u.tx.Announce(ctx, f, seq); err != nil {
			return err
		}
		if u.p == nil {
			p, err := room.Get[Payment](ctx, u.tx, paymentKey(u.id))
			if err != nil {
				return err
			}
			u.p = p
		}
	}
	return nil
}

// ask sets the timer by which the provider is asked again.
func (u *unit) ask(due *event.PaymentCheckDue, afterRound int) error {
	return u.askIn(due, u.s.opt.Policy.wait(afterRound))
}

func (u *unit) askIn(due *event.PaymentCheckDue, wait time.Duration) error {
	return u.tx.SetTimer(timerKey(due.Key), u.tx.Now().Add(wait), due)
}

func timerKey(key string) string { return "check/" + key }
