package platformtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func runFailures(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Retries", testRetries}, {"DeadLetter", testDeadLetter},
		{"DeadLetterPages", testDeadPages}, {"Panic", testPanic},
		{"NotYet", testNotYet}, {"NotYetForEver", testNotYetForEver},
		{"Impatient", testImpatient},
	})
}

// Goal: an event is tried again until it succeeds, as often as the policy says and no letter dies
// before. Method: events that succeed at their first to fourth attempt of four.
func testRetries(t *testing.T, w *world) {
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "flaky", Types: []string{typeA}, Retry: quick(4),
		Handle: func(_ context.Context, e platform.Event) error {
			if int64(in.add(e)) < e.Sequence {
				return fmt.Errorf("attempt before number %d", e.Sequence)
			}
			return nil
		},
	})
	w.start(t)
	var events []platform.Event
	for seq := int64(1); seq <= 4; seq++ {
		events = append(events, w.event(typeA, "thing/1", seq))
	}
	w.announce(t, events...)
	for i, e := range events {
		w.until(t, e.ID, func() bool { return in.times(e.ID) > i })
	}
	w.untilIdle(t, "flaky")
	if dead := w.dead(t, "flaky"); len(dead) != 0 {
		t.Errorf("dead letters: %+v", dead)
	}
	if s := w.status(t, "flaky"); s.Done < 4 || s.Failed < 6 {
		t.Errorf("4 events with 6 failed attempts: %+v", s)
	}
}

// Goal: after its attempts an event is a dead letter that tells the first and the last error, and
// only its own subscription's; redriven, it comes with the same id and fresh attempts; redriven
// twice it is not found. Method: an event that fails with a different error each time.
func testDeadLetter(t *testing.T, w *world) {
	in := newInbox()
	var well atomic.Int64
	well.Store(1 << 30)
	w.subscribe(t, platform.Subscription{
		Name: "failing", Types: []string{typeA}, Retry: quick(3),
		Handle: func(_ context.Context, e platform.Event) error {
			if n := int64(in.add(e)); n < well.Load() {
				return fmt.Errorf("error number %d", n)
			}
			return nil
		},
	})
	other := w.collect(t, "other", quick(1), typeA)
	w.start(t)
	began := w.clock.Now()
	e := w.event(typeA, "thing/1", 1)
	w.announce(t, e)
	w.until(t, "the dead letter", func() bool { return len(w.dead(t, "failing")) == 1 })
	w.untilIdle(t, "failing")
	d := w.dead(t, "failing")[0]
	sameEvent(t, d.Event, e)
	if d.Subscription != "failing" || d.Attempts != 3 || d.ID == "" ||
		!strings.Contains(d.FirstError, "error number 1") ||
		!strings.Contains(d.LastError, "error number 3") ||
		d.FirstAt.Before(began.Add(-time.Second)) || d.LastAt.Before(d.FirstAt) {
		t.Errorf("dead letter: %+v", d)
	}
	w.until(t, "the other subscription", func() bool { return other.count() == 1 })
	if len(w.dead(t, "other")) != 0 {
		t.Error("the other subscription has a dead letter")
	}
	if s := w.status(t, "failing"); s.DeadLetters != 1 || s.Pending+s.Waiting != 0 {
		t.Errorf("status: %+v", s)
	}
	wantError(t, "redrive for another", w.p.Delivery().Redrive(t.Context(), "other", d.ID),
		platform.ErrNotFound)

	well.Store(int64(in.times(e.ID)) + 3) // the third attempt from here succeeds
	if err := w.p.Delivery().Redrive(t.Context(), "failing", d.ID); err != nil {
		t.Fatalf("redrive: %v", err)
	}
	w.until(t, "the redriven event", func() bool { return w.status(t, "failing").Done >= 1 })
	w.untilIdle(t, "failing")
	if dead := w.dead(t, "failing"); len(dead) != 0 || in.count() != 1 {
		t.Errorf("after the redrive: %d dead letters, %d ids were delivered", len(dead), in.count())
	}
	wantError(t, "redrive again", w.p.Delivery().Redrive(t.Context(), "failing", d.ID),
		platform.ErrNotFound)
}

// Goal: dead letters are listed oldest first, by pages, each once. Method: seven of them, by two.
func testDeadPages(t *testing.T, w *world) {
	w.subscribe(t, platform.Subscription{
		Name: "failing", Types: []string{typeA}, Retry: quick(1),
		Handle: func(context.Context, platform.Event) error { return errors.New("never") },
	})
	w.start(t)
	const total = 7
	for i := range total {
		w.announce(t, w.event(typeA, fmt.Sprint("thing/", i), 1))
		w.until(t, "a dead letter", func() bool { return len(w.dead(t, "failing")) == i+1 })
	}
	var have []string
	after := ""
	for range total {
		page, err := w.p.Delivery().DeadLetters(t.Context(), "failing", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			have = append(have, d.Event.Subject)
			after = d.ID
		}
	}
	want := "[thing/0 thing/1 thing/2 thing/3 thing/4 thing/5 thing/6]"
	if fmt.Sprint(have) != want {
		t.Errorf("dead letters by pages: %v, want %s", have, want)
	}
}

// Goal: a panic is a failed attempt and nothing more. Method: an event that panics once, one that
// always does, and one that is well.
func testPanic(t *testing.T, w *world) {
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "nervous", Types: []string{typeA}, Retry: quick(3),
		Handle: func(_ context.Context, e platform.Event) error {
			n := in.add(e)
			if e.Subject == "always" || e.Subject == "once" && n == 1 {
				panic("the handler lost its nerve")
			}
			return nil
		},
	})
	w.start(t)
	for _, s := range []string{"once", "always", "never"} {
		w.announce(t, w.event(typeA, s, 1))
	}
	w.until(t, "the dead letter", func() bool { return len(w.dead(t, "nervous")) == 1 })
	w.untilIdle(t, "nervous")
	d := w.dead(t, "nervous")[0]
	if d.Event.Subject != "always" || d.Attempts != 3 ||
		!strings.Contains(d.LastError, "lost its nerve") {
		t.Errorf("dead letter: %+v", d)
	}
	if s := w.status(t, "nervous"); s.Done < 2 {
		t.Errorf("status: %+v", s)
	}
}

// Goal: ErrNotYet, wrapped or not, parks an event without burning an attempt, while others go on.
// Method: a policy of one attempt, and an event that is too early until another has come.
func testNotYet(t *testing.T, w *world) {
	in := newInbox()
	var opened atomic.Bool
	w.subscribe(t, platform.Subscription{
		Name: "early", Types: []string{typeA, typeB}, Retry: quick(1),
		Handle: func(_ context.Context, e platform.Event) error {
			n := in.add(e)
			switch {
			case e.Type == typeB:
				opened.Store(true)
			case !opened.Load() && n%2 == 0:
				return platform.ErrNotYet
			case !opened.Load():
				return fmt.Errorf("wrapped: %w", platform.ErrNotYet)
			}
			return nil
		},
	})
	w.start(t)
	early := w.event(typeA, "thing/1", 1)
	w.announce(t, early)
	w.until(t, "many attempts", func() bool { return in.times(early.ID) >= 20 })
	if s := w.status(t, "early"); s.Pending+s.Waiting != 1 || s.DeadLetters != 0 {
		t.Errorf("while it is parked: %+v", s)
	}
	w.announce(t, w.event(typeB, "thing/2", 1))
	w.until(t, "both", func() bool { return w.status(t, "early").Done >= 2 })
	w.untilIdle(t, "early")
	if dead := w.dead(t, "early"); len(dead) != 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// Goal: what is too early for longer than Retry.NotYet has failed. Method: a policy of one attempt
// and an event that is always too early; not dead before that time, dead after it.
func testNotYetForEver(t *testing.T, w *world) {
	in := newInbox()
	r := quick(1)
	r.NotYet = w.span(2)
	w.subscribe(t, platform.Subscription{
		Name: "early", Types: []string{typeA}, Retry: r,
		Handle: func(_ context.Context, e platform.Event) error {
			in.add(e)
			return platform.ErrNotYet
		},
	})
	w.start(t)
	e := w.event(typeA, "thing/1", 1)
	w.announce(t, e)
	w.until(t, "the second attempt", func() bool { return in.times(e.ID) >= 2 })
	w.pass(w.span(2))
	w.until(t, "the dead letter", func() bool { return len(w.dead(t, "early")) == 1 })
	d := w.dead(t, "early")[0]
	if waited := d.LastAt.Sub(d.FirstAt); waited < r.NotYet || d.Attempts != 1 {
		t.Errorf("gave up after %s and %d attempts, want at least %s and 1",
			waited, d.Attempts, r.NotYet)
	}
}

// Goal: without patience ErrNotYet is a failure at once. Method: a policy with NotYet of 0.
func testImpatient(t *testing.T, w *world) {
	r := quick(2)
	r.NotYet = 0
	w.subscribe(t, platform.Subscription{
		Name: "impatient", Types: []string{typeA}, Retry: r,
		Handle: func(context.Context, platform.Event) error { return platform.ErrNotYet },
	})
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1))
	w.until(t, "the dead letter", func() bool { return len(w.dead(t, "impatient")) == 1 })
	if d := w.dead(t, "impatient")[0]; d.Attempts != 2 {
		t.Errorf("gave up after %d attempts, want 2", d.Attempts)
	}
}
