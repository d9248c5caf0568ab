package platformtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func runOperation(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Pause", testPause}, {"Replay", testReplay}, {"ReplayFrom", testReplayFrom},
		{"ReplayPaused", testReplayPaused}, {"Status", testStatus}, {"Backlog", testBacklog},
	})
}

func (w *world) pause(t *testing.T, name string, paused bool) {
	t.Helper()
	if err := w.p.Delivery().Pause(t.Context(), name, paused); err != nil {
		t.Fatalf("pause %s, %t: %v", name, paused, err)
	}
}

// Goal: a paused subscription is given nothing, no other notices, and when it goes on it has missed
// nothing. Method: pause, commit, wait for another subscription, look, go on.
func testPause(t *testing.T, w *world) {
	in := w.collect(t, "resting", quick(1), typeA)
	other := w.collect(t, "other", quick(1), typeA)
	w.start(t)
	w.announce(t, w.event(typeA, "thing/0", 1))
	w.until(t, "the first event", func() bool { return in.count() == 1 })
	w.pause(t, "resting", true)
	for i := range 20 {
		w.announce(t, w.event(typeA, fmt.Sprint("thing/", i), 2))
	}
	w.until(t, "the other subscription", func() bool { return other.count() == 21 })
	if s := w.status(t, "resting"); in.count() != 1 || !s.Paused || s.Pending == 0 {
		t.Errorf("while it rested it was given %d events: %+v", in.count()-1, s)
	}
	w.pause(t, "resting", true) // once more is no error
	w.pause(t, "resting", false)
	w.until(t, "what came in between", func() bool { return in.count() == 21 })
	if s := w.status(t, "resting"); s.Paused {
		t.Errorf("status: %+v", s)
	}
}

// Goal: a replay delivers every matching event again, to its own subscription only, and a dry one
// only counts. Method: events of two types, both kinds of replay from before the first.
func testReplay(t *testing.T, w *world) {
	in := w.collect(t, "again", quick(1), typeA)
	other := w.collect(t, "other", quick(1), typeA, typeB)
	w.start(t)
	var ids []string
	for i := range 30 {
		e := w.event(typeA, fmt.Sprint("thing/", i), 1)
		ids = append(ids, e.ID)
		w.announce(t, e, w.event(typeB, fmt.Sprint("thing/", i), 2))
	}
	w.until(t, "everything", func() bool { return in.count() == 30 && other.count() == 60 })
	w.untilIdle(t, "again")
	w.untilIdle(t, "other")
	before, otherBefore := len(in.all()), len(other.all())
	from := w.log(t)[0].Time
	n, err := w.p.Delivery().Replay(t.Context(), "again", from, true)
	if err != nil || n != 30 {
		t.Errorf("a dry replay counts %d, %v; want 30", n, err)
	}
	w.untilIdle(t, "again")
	if len(in.all()) != before {
		t.Errorf("a dry replay delivered %d events", len(in.all())-before)
	}
	n, err = w.p.Delivery().Replay(t.Context(), "again", from, false)
	if err != nil || n != 30 {
		t.Errorf("a replay counts %d, %v; want 30", n, err)
	}
	w.until(t, "everything again", func() bool {
		for _, id := range ids {
			if in.times(id) < 2 {
				return false
			}
		}
		return true
	})
	w.untilIdle(t, "again")
	if len(other.all()) != otherBefore {
		t.Errorf("another subscription was given %d events again", len(other.all())-otherBefore)
	}
}

// Goal: a replay begins at its moment. Method: events in two groups with time between them, and a
// replay from the second group, from now, and from long ago.
func testReplayFrom(t *testing.T, w *world) {
	in := w.collect(t, "again", quick(1), typeA)
	w.start(t)
	for i := range 10 {
		if i == 5 {
			w.pass(w.span(1))
		}
		w.announce(t, w.event(typeA, "thing/1", int64(i)+1))
	}
	w.until(t, "everything", func() bool { return in.count() == 10 })
	w.untilIdle(t, "again")
	second := w.log(t)[5].Time
	for from, want := range map[time.Time]int{
		second: 5, second.Add(time.Hour): 0, second.Add(-24 * time.Hour): 10,
	} {
		n, err := w.p.Delivery().Replay(t.Context(), "again", from, true)
		if err != nil || n != want {
			t.Errorf("a dry replay from %s counts %d, %v; want %d", from, n, err, want)
		}
	}
	if n, err := w.p.Delivery().Replay(t.Context(), "again", second, false); err != nil || n != 5 {
		t.Fatalf("replay: %d, %v; want 5", n, err)
	}
	log := w.log(t)
	w.until(t, "the second group again", func() bool { return in.times(log[9].ID) >= 2 })
	w.untilIdle(t, "again")
	for i, e := range log {
		if want := 1 + i/5; in.times(e.ID) != want {
			t.Errorf("event %d came %d times, want %d", i, in.times(e.ID), want)
		}
	}
}

// Goal: what a paused subscription is to replay waits until it goes on, and new events follow.
// Method: pause, replay, commit, look, go on.
func testReplayPaused(t *testing.T, w *world) {
	in := w.collect(t, "again", quick(1), typeA)
	other := w.collect(t, "other", quick(1), typeA)
	w.start(t)
	first := w.event(typeA, "thing/1", 1)
	w.announce(t, first)
	w.until(t, "the first event", func() bool { return in.count() == 1 })
	w.untilIdle(t, "again")
	w.pause(t, "again", true)
	n, err := w.p.Delivery().Replay(t.Context(), "again", w.log(t)[0].Time, false)
	if err != nil || n != 1 {
		t.Fatalf("replay: %d, %v", n, err)
	}
	w.announce(t, w.event(typeA, "thing/1", 2))
	w.until(t, "the other subscription", func() bool { return other.count() == 2 })
	if n := len(in.all()); n != 1 {
		t.Errorf("a paused subscription was given %d events", n-1)
	}
	w.pause(t, "again", false)
	w.until(t, "both", func() bool { return in.times(first.ID) == 2 && in.count() == 2 })
}

// Goal: the status counts what is to be done, what waits for another attempt, what died and what
// was done, and tells the oldest. Method: one subscription whose events each have another fate.
func testStatus(t *testing.T, w *world) {
	wait, open := gate(t)
	r := quick(1)
	r.Base, r.Most = time.Hour, time.Hour
	w.subscribe(t, platform.Subscription{
		Name: "fates", Types: []string{typeA}, Class: platform.Standard, Retry: r,
		Handle: func(ctx context.Context, e platform.Event) error {
			switch e.Subject {
			case "stuck":
				return wait(ctx)
			case "early":
				return platform.ErrNotYet
			case "dead":
				return errors.New("never")
			}
			return nil
		},
	})
	w.start(t)
	for _, s := range []string{"stuck", "early", "dead", "well"} {
		w.announce(t, w.event(typeA, s, 1))
	}
	var s platform.SubscriptionStatus
	w.until(t, "every fate", func() bool {
		s = w.status(t, "fates")
		return s.Pending == 1 && s.Waiting == 1 && s.DeadLetters == 1 && s.Done == 1
	})
	if s.Name != "fates" || s.Class != platform.Standard || s.Paused || s.Failed < 1 {
		t.Errorf("status: %+v", s)
	}
	before := s.Oldest
	w.pass(w.span(1))
	if s := w.status(t, "fates"); s.Oldest < before+w.span(1) {
		t.Errorf("the oldest is %s, after %s more it must be at least that much older than %s",
			s.Oldest, w.span(1), before)
	}
	open()
}

// Goal: a subscription that fell far behind gets everything, in order if it asks for order. Method:
// thousands of events while paused, then go on.
func testBacklog(t *testing.T, w *world) {
	const batches = 60
	in := w.collect(t, "behind", quick(1), typeA)
	s := newSequencer(t)
	w.subscribe(t, platform.Subscription{
		Name: "ordered", Types: []string{typeA}, Retry: quick(1), Ordered: true,
		Handle: func(_ context.Context, e platform.Event) error {
			return s.handle(e, func() error { return nil })
		},
	})
	w.start(t)
	w.pause(t, "behind", true)
	w.pause(t, "ordered", true)
	for i := range batches {
		var b platform.Batch
		for j := range platform.MaxItems {
			b.Events = append(b.Events, w.event(typeA, fmt.Sprint("thing/", j), int64(i)+1))
		}
		w.commit(t, b)
	}
	w.pause(t, "behind", false)
	w.pause(t, "ordered", false)
	w.until(t, "the backlog", func() bool { return in.count() == batches*platform.MaxItems })
	w.untilIdle(t, "ordered")
	var want []int64
	for i := range int64(batches) {
		want = append(want, i+1)
	}
	for j := range platform.MaxItems {
		subject := fmt.Sprint("thing/", j)
		wantSequence(t, subject, s.first(subject), want...)
	}
}
