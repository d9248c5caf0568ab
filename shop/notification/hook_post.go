package notification

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// health is how an endpoint does: outside the domain state, since it only says when to try. There
// is none while all is well.
type health struct {
	Failures int       `json:"failures"` // in a row
	Since    time.Time `json:"since"`    // of the first of them
	Rest     time.Time `json:"rest"`     // it is left alone until then
}

func healthKey(endpoint shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "health/" + string(endpoint), Sort: "health"}
}

// forgive forgets that an endpoint failed.
func forgive(ctx context.Context, tx *room.Tx, endpoint shop.ID) error {
	bad, err := room.Get[health](ctx, tx, healthKey(endpoint))
	if err == nil && bad != nil {
		tx.Delete(healthKey(endpoint))
	}
	return err
}

// postOnHookQueued makes the first attempt. What finds its endpoint busy, resting or disabled stays
// in the endpoint's queue, and a timer sees to it.
func (s *Service) postOnHookQueued(ctx context.Context, f *event.HookQueued, c room.Cause) error {
	bad, err := room.Get[health](ctx, s.desk.Begin(room.Cause{}), healthKey(f.Endpoint))
	if err != nil {
		return err
	}
	if bad != nil && bad.Failures >= s.opt.Hooks.Failures {
		return s.later(ctx, c, f.Endpoint, bad.Rest)
	}
	if !s.gate.enter(f.Endpoint, f.Hook, c, s.slots(bad)) {
		return s.later(ctx, c, f.Endpoint, s.desk.Clock.Now().Add(busyPause))
	}
	// Whoever holds a slot goes on with what came meanwhile, so that a burst does not wait for the
	// timer; that is set all the same, for the case that this process dies.
	until := s.desk.Clock.Now().Add(postFor)
	for w, more := (waiting{f.Hook, c}), true; more; {
		well, err := s.post(ctx, w.cause, w.hook)
		if err != nil || !well || s.desk.Clock.Now().After(until) {
			s.gate.leave(f.Endpoint, w.hook, well)
			return err
		}
		w, more = s.gate.next(f.Endpoint, w.hook)
	}
	return nil
}

const (
	// busyPause is when the queue of an endpoint is looked at that had no free slot.
	busyPause = 5 * time.Second
	// postFor is how long one reaction goes on to take from a queue. With the last request it ends
	// before the time that a platform gives a handler.
	postFor = 10 * time.Second
)

// slots is how many requests an endpoint may have at once: one that just failed has one, so that it
// keeps nobody.
func (s *Service) slots(bad *health) int {
	if bad != nil {
		return 1
	}
	return s.opt.Hooks.Slots
}

// postOnHooksDue sends what is due to an endpoint, until nothing is, or it rests.
func (s *Service) postOnHooksDue(ctx context.Context, f *event.HooksDue, c room.Cause) error {
	if !s.gate.drain(f.Endpoint) {
		return s.later(ctx, c, f.Endpoint, s.desk.Clock.Now().Add(busyPause))
	}
	defer s.gate.drained(f.Endpoint)
	until := s.desk.Clock.Now().Add(postFor)
	for {
		e, err := room.Get[Endpoint](ctx, s.desk.Begin(room.Cause{}), endpointKey(f.Endpoint))
		if err != nil || e == nil || e.Off != "" || e.Removed {
			return err // who enables it sets a timer
		}
		bad, err := room.Get[health](ctx, s.desk.Begin(room.Cause{}), healthKey(f.Endpoint))
		if err != nil {
			return err
		}
		now := s.desk.Clock.Now()
		if bad != nil && now.Before(bad.Rest) {
			return s.later(ctx, c, f.Endpoint, bad.Rest)
		}
		due, next, err := s.dueHooks(ctx, f.Endpoint, now, s.slots(bad))
		switch {
		case err != nil:
			return err
		case len(due) == 0 && next.IsZero():
			return nil
		case len(due) == 0:
			return s.later(ctx, c, f.Endpoint, next)
		case now.After(until):
			return s.later(ctx, c, f.Endpoint, now)
		}
		if err := s.postAll(ctx, c, f.Endpoint, due); err != nil {
			return err
		}
	}
}

// dueHooks lists the first webhooks that are due, and when the first that is not will be (zero:
// there is none).
func (s *Service) dueHooks(
	ctx context.Context, endpoint shop.ID, now time.Time, limit int,
) (due []shop.ID, next time.Time, err error) {
	recs, err := s.desk.Store.List(ctx, platform.Query{Part: queuePart(endpoint), Limit: limit + 1})
	if err != nil {
		return nil, next, fmt.Errorf("list what waits for %s: %w", endpoint, err)
	}
	for _, rec := range recs {
		at, id := placed(rec.Key.Sort)
		if at.After(now) {
			return due, at, nil
		}
		if len(due) < limit {
			due = append(due, id)
		}
	}
	return due, next, nil
}

// postAll makes one attempt for each, at once, and waits for all.
func (s *Service) postAll(
	ctx context.Context, c room.Cause, endpoint shop.ID, due []shop.ID,
) error {
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i, id := range due {
		all.Go(func() {
			if !s.gate.take(endpoint, id) {
				errs[i] = platform.ErrNotYet // somebody else is at it
				return
			}
			var well bool
			well, errs[i] = s.post(ctx, c, id)
			s.gate.leave(endpoint, id, well)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// post makes one attempt to deliver a webhook, if it waits for one, and commits what came of it. It
// reports whether the endpoint took it, or had it already. An attempt whose outcome was lost is
// made again: the receiver knows the webhook by its id.
func (s *Service) post(ctx context.Context, c room.Cause, id shop.ID) (well bool, err error) {
	tx := s.desk.Begin(room.Cause{})
	h, err := room.Get[Hook](ctx, tx, hookKey(id))
	if err != nil {
		return false, err
	}
	if h == nil {
		return false, platform.ErrNotYet
	}
	e, err := room.Get[Endpoint](ctx, tx, endpointKey(h.Endpoint))
	if err != nil {
		return false, err
	}
	if h.State != HookWaits || e == nil || e.Off != "" || e.Removed {
		return h.State == HookDelivered, nil
	}
	secrets, err := s.secrets(ctx, e)
	if err != nil {
		return false, err
	}
	// From here on a process that is told to stop still finishes: what it knows would be lost.
	ctx = context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, s.opt.Hooks.CallTimeout)
	defer cancel()
	began := s.desk.Clock.Now()
	a := s.opt.Poster.Post(limited, Post{
		URL: e.URL, ID: string(id), At: began, Body: h.Body,
		Signature: signatures(secrets, string(id), began, h.Body),
	})
	took := s.desk.Clock.Now().Sub(began)
	return a.taken(), s.posted(ctx, c, h, a, took)
}

// secrets opens what the webhooks of an endpoint are signed with, the newest first.
func (s *Service) secrets(ctx context.Context, e *Endpoint) ([][]byte, error) {
	sealed := []shop.Sealed[event.HookSecret]{e.Secret}
	if s.desk.Clock.Now().Before(e.OldUntil) {
		sealed = append(sealed, e.Old)
	}
	var all [][]byte
	for _, one := range sealed {
		secret, err := one.Open(ctx, s.desk.Keys)
		if err != nil {
			return nil, fmt.Errorf("open the secrets of %s, nothing was sent: %w", e.ID, err)
		}
		all = append(all, secret.Secret)
	}
	return all, nil
}
