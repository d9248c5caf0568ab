package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// turns is the embedded platform in memory with deliveries that take turns: one event after the
// other in the order of the log, and each to its subscriptions in the order in which they were
// declared, only when somebody asks for it. So a town on it lives the same history every time. The
// log, the records and the timers are the real ones.
type turns struct {
	platform.Platform
	hand *hand
}

// openTurns is a roomtest.Opener.
func (p *turns) openTurns(
	c platform.Clock, check func(platform.Event) error,
) (platform.Platform, error) {
	real, err := embedded.Open(embedded.Options{Clock: c, Check: check})
	if err != nil {
		return nil, err
	}
	p.Platform, p.hand = real, &hand{Delivery: real.Delivery(), history: real.History()}
	return p, nil
}

// Delivery implements platform.Platform.
func (p *turns) Delivery() platform.Delivery { return p.hand }

// hand delivers by hand. Its embedded Delivery has no subscriptions: it only fires timers.
type hand struct {
	platform.Delivery
	history platform.History
	subs    []platform.Subscription
	cursor  string
}

// Subscribe implements platform.Delivery.
func (h *hand) Subscribe(s platform.Subscription) error {
	h.subs = append(h.subs, s)
	return nil
}

// Status implements platform.Delivery. It is asked only when everything was handled.
func (h *hand) Status(context.Context) ([]platform.SubscriptionStatus, error) {
	all := make([]platform.SubscriptionStatus, len(h.subs))
	for i, s := range h.subs {
		all[i] = platform.SubscriptionStatus{Name: s.Name, Class: s.Class}
	}
	return all, nil
}

// delivered is an event in front of a subscription.
type delivered struct {
	sub   platform.Subscription
	event platform.Event
}

// settle delivers until nothing is left. An event that came too early is tried again when all that
// is there was delivered; no event may be too early for ever, and no handler may fail otherwise.
func (h *hand) settle(t testing.TB, w *roomtest.World) {
	t.Helper()
	var early []delivered
	for {
		fresh := h.fresh(t)
		if len(fresh) == 0 && len(early) == 0 {
			return
		}
		before := len(early)
		var again []delivered
		for _, d := range slices.Concat(early, fresh) {
			switch err := d.sub.Handle(t.Context(), d.event); {
			case errors.Is(err, platform.ErrNotYet):
				again = append(again, d)
			case err != nil:
				t.Fatalf("%s of %s: %v", d.sub.Name, d.event.ID, err)
			}
			awaitTimers(t, w)
		}
		early = again
		if len(fresh) == 0 && len(early) == before {
			t.Fatalf("%d events are too early for ever, the first is %s for %s",
				before, early[0].event.ID, early[0].sub.Name)
		}
	}
}

// fresh returns what was committed since the last call.
func (h *hand) fresh(t testing.TB) []delivered {
	t.Helper()
	var all []delivered
	err := h.history.Log(t.Context(), h.cursor, func(cursor string, e platform.Event) error {
		h.cursor = cursor
		for _, s := range h.subs {
			if slices.Contains(s.Types, e.Type) {
				all = append(all, delivered{s, e})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// awaitTimers waits until every timer that is due has fired, so that nothing else happens at the
// same time.
func awaitTimers(t testing.TB, w *roomtest.World) {
	t.Helper()
	due := func() int { return len(platformtest.Due(w.Timers(t), w.Clock.Now())) }
	if due() > 0 {
		platformtest.Poll(t, func() bool { return due() == 0 }, func() string {
			return "timers that are due do not fire"
		})
	}
}

// pass lets time go by in the middle of a call, as a slow provider does.
func pass(t testing.TB, w *roomtest.World, d time.Duration) {
	t.Helper()
	w.Manual.Advance(d)
	awaitTimers(t, w)
}
