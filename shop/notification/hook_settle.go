package notification

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// posted commits what came of an attempt: the webhook's fact, how the endpoint does, and the timer
// by which it goes on. Nothing follows if somebody else committed that attempt before.
func (s *Service) posted(
	ctx context.Context, c room.Cause, was *Hook, a Answer, took time.Duration,
) error {
	s.hooks.count(a.taken())
	return s.insist(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		h, err := room.Get[Hook](ctx, tx, hookKey(was.ID))
		if err != nil || h == nil || h.State != HookWaits || h.Attempts != was.Attempts {
			return err
		}
		if a.taken() {
			if err := forgive(ctx, tx, h.Endpoint); err != nil {
				return err
			}
			return tx.Announce(ctx, &event.HookDelivered{
				Hook: h.ID, Endpoint: h.Endpoint, Attempt: h.Attempts + 1, Status: a.Status,
				Took: took.Milliseconds(), At: tx.Now(),
			}, h.Seq+1)
		}
		f := s.failed(h, a, took, tx.Now())
		if err := tx.Announce(ctx, f, h.Seq+1); err != nil {
			return err
		}
		return s.sicken(ctx, tx, f)
	})
}

// failed is the fact that an attempt failed, and when the next one is.
func (s *Service) failed(
	h *Hook, a Answer, took time.Duration, now time.Time,
) *event.HookFailed {
	f := &event.HookFailed{
		Hook: h.ID, Endpoint: h.Endpoint, Attempt: h.Attempts + 1, Status: a.Status,
		Reason: a.reason(), Took: took.Milliseconds(), At: now,
	}
	if f.Attempt >= s.opt.Hooks.attempts() {
		f.GivenUp = true
		return f
	}
	wait := s.opt.Hooks.Waits[f.Attempt-1]
	wait += s.opt.Jitter(max(wait/10, 1)) // so that not everything comes back at once
	f.Next = now.Add(max(wait, min(a.RetryAfter, maxRetryAfter)))
	return f
}

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = 24 * time.Hour

// goneStatus is the answer of a receiver that wants no more: 410.
const goneStatus = 410

// sicken keeps how an endpoint does after a failure: it rests after some in a row, and is disabled
// when it has taken nothing for long, or says that it is gone.
func (s *Service) sicken(ctx context.Context, tx *room.Tx, f *event.HookFailed) error {
	bad, err := room.Get[health](ctx, tx, healthKey(f.Endpoint))
	if err != nil {
		return err
	}
	if bad == nil {
		bad = &health{Since: f.At}
	}
	bad.Failures++
	bad.Rest = f.At.Add(s.opt.Hooks.rest(bad.Failures))
	room.Put(tx, healthKey(f.Endpoint), bad)
	e, err := room.Get[Endpoint](ctx, tx, endpointKey(f.Endpoint))
	if err != nil || e == nil || e.Off != "" || e.Removed {
		return err
	}
	reason := ""
	switch {
	case f.Status == goneStatus:
		reason = gone
	case f.At.Sub(bad.Since) >= s.opt.Hooks.DisableAfter:
		reason = failing
	}
	if reason != "" {
		defer s.dir.forget()
		return tx.Announce(ctx, e.disabled(reason, bad.Since, f.At, ""), e.Seq+1)
	}
	due := f.Next
	if bad.Rest.After(f.At) {
		due = bad.Rest
	}
	if due.IsZero() {
		return nil // it was given up; what else waits has a timer
	}
	return s.wake(tx, f.Endpoint, due)
}

// wakeStep is how exactly the queue of an endpoint is looked at.
const wakeStep = time.Second

// wake sets the timer by which the queue of an endpoint is looked at, in the first step after due.
// Its key says which step, so that setting it again changes nothing, and none is put off by
// another.
func (s *Service) wake(tx *room.Tx, endpoint shop.ID, due time.Time) error {
	step := max(due.UnixMilli(), tx.Now().UnixMilli())/wakeStep.Milliseconds() + 1
	key := "hooks/" + string(endpoint) + "/" + strconv.FormatInt(step, 10)
	return tx.SetTimer(key, time.UnixMilli(step*wakeStep.Milliseconds()).UTC(),
		&event.HooksDue{Endpoint: endpoint})
}

// later is wake in a commit of its own, unless this process knows of a timer that is soon enough.
func (s *Service) later(
	ctx context.Context, c room.Cause, endpoint shop.ID, due time.Time,
) error {
	now := s.desk.Clock.Now()
	if s.gate.awaits(endpoint, now, due) {
		return nil
	}
	err := s.insist(ctx, c, func(_ context.Context, tx *room.Tx) error {
		return s.wake(tx, endpoint, due)
	})
	if err != nil {
		return fmt.Errorf("set the timer for what waits for %s: %w", endpoint, err)
	}
	s.gate.await(endpoint, due)
	return nil
}
