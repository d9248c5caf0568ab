package roomtest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

const (
	// settleStep is the longest way that Settle moves the clock at once: the bound of a wait
	// between two attempts under platform.DefaultRetry, and a little.
	settleStep = 31 * time.Second
	// settleMost is how far one Settle moves the clock altogether. It is less than the time for
	// which an event may be parked, so Settle never drives a patient event into the dead letters.
	settleMost = 2 * time.Minute
	// stalled is after how many looks without any activity a handler is taken to wait for the
	// clock.
	stalled = 100
)

// Settle waits until everything that was announced is handled and every timer that is due has
// fired. When all that is left waits for its next attempt, it moves the clock there, at most two
// minutes altogether; events that are still parked then stay parked (see Waiting). A paused
// subscription is not waited for. It fails the test when the world does not come to rest.
func (w *World) Settle(t T) {
	t.Helper()
	var (
		calm, idle int
		activity   int64
		began      = w.Clock.Now()
		last       pulse
	)
	if w.Manual == nil {
		began = time.Time{} // nothing is spent of a clock that moves by itself
	}
	spent := func() bool { return w.Manual != nil && w.Clock.Now().Sub(began) >= settleMost }
	platformtest.Poll(t, func() bool {
		last = w.pulse(t)
		if last.activity == activity {
			idle++
		} else {
			calm, idle, activity = 0, 0, last.activity
		}
		busy := last.pending + last.due + last.running
		if busy == 0 && (last.waiting == 0 || spent()) {
			calm++
			return calm >= 2
		}
		calm = 0
		if w.Manual != nil && !spent() && (busy == 0 || idle > stalled) {
			w.Manual.AdvanceToNext(settleStep)
			idle = 0
		}
		return false
	}, func() string { return "the world did not come to rest: " + last.String() })
}

// Advance moves the still clock by d, and settles.
func (w *World) Advance(t T, d time.Duration) {
	t.Helper()
	if w.Manual == nil {
		t.Fatalf("this world has the machine's clock, which nobody can move")
	}
	w.Manual.Advance(d)
	w.Settle(t)
}

// Waiting lists the subscriptions that have parked events or events between attempts, with how
// many.
func (w *World) Waiting(t T) map[string]int {
	t.Helper()
	m := make(map[string]int)
	for _, s := range w.status(t) {
		if s.Waiting > 0 {
			m[s.Name] = s.Waiting
		}
	}
	return m
}

// Timers lists the timers that are set and have not fired, by due, room and key.
func (w *World) Timers(t T) []platformtest.PendingTimer {
	t.Helper()
	w.read(t)
	return w.Platform.Timers()
}

// ExpectNoDeadLetters fails the test for every event that a subscription gave up on.
func (w *World) ExpectNoDeadLetters(t T) {
	t.Helper()
	for _, s := range w.status(t) {
		if s.DeadLetters == 0 {
			continue
		}
		dead, err := w.Raw.Delivery().DeadLetters(t.Context(), s.Name, "", 10)
		if err != nil {
			t.Fatalf("list the dead letters of %s: %v", s.Name, err)
		}
		for _, d := range dead {
			t.Errorf("%s gave up on %s %s after %d attempts: first %q, last %q",
				s.Name, d.Event.Type, d.Event.ID, d.Attempts, d.FirstError, d.LastError)
		}
	}
}

// pulse is one look at how busy the world is.
type pulse struct {
	pending, waiting, due, running int
	activity                       int64
	names                          []string
}

// String tells who is busy.
func (p pulse) String() string {
	return fmt.Sprintf("%d pending, %d waiting, %d timers due, %d handlers at work; %s",
		p.pending, p.waiting, p.due, p.running, strings.Join(p.names, ", "))
}

func (w *World) pulse(t T) pulse {
	t.Helper()
	p := pulse{activity: w.Platform.Activity()}
	for _, s := range w.status(t) {
		if s.Paused {
			continue
		}
		p.pending += s.Pending
		p.waiting += s.Waiting
		if s.Pending+s.Waiting > 0 {
			p.names = append(p.names, fmt.Sprintf("%s %d+%d", s.Name, s.Pending, s.Waiting))
		}
	}
	p.running = int(w.Platform.Running())
	if due := platformtest.Due(w.Platform.Timers(), w.Clock.Now()); len(due) > 0 {
		w.read(t)
		p.due = len(platformtest.Due(w.Platform.Timers(), w.Clock.Now()))
	}
	return p
}

func (w *World) status(t T) []platform.SubscriptionStatus {
	t.Helper()
	all, err := w.Raw.Delivery().Status(t.Context())
	if err != nil {
		t.Fatalf("ask for the state of deliveries: %v", err)
	}
	return all
}

// fired drops the timer whose event this is from those that are set.
func (w *World) fired(e platform.Event) {
	if e.Sequence != 0 {
		return
	}
	for _, p := range w.Platform.Timers() {
		if p.Event.Type == e.Type && p.Event.Subject == e.Subject && !e.Time.Before(p.Due) &&
			bytes.Equal(p.Event.Data, e.Data) {
			w.Platform.Forget(p)
			return
		}
	}
}
