package platformtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runDelivery(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"AtLeastOnce", testAtLeastOnce}, {"OnlyCommitted", testOnlyCommitted},
		{"Isolation", testIsolation}, {"Concurrently", testConcurrently},
		{"Chain", testChain}, {"Declarations", testDeclarations}, {"CloseWaits", testCloseWaits},
	})
}

// Goal: every subscription gets every matching event, whole, and no other. Method: subscriptions
// with overlapping types, of every class, and five hundred events from several writers.
func testAtLeastOnce(t *testing.T, w *world) {
	onlyA := w.collect(t, "only-a", quick(3), typeA)
	both := w.collect(t, "both", quick(3), typeA, typeB)
	none := w.collect(t, "none", quick(3), "souk.alpha.never.v1")
	background := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "background", Types: []string{typeB}, Class: platform.Background, Retry: quick(3),
		Handle: func(_ context.Context, e platform.Event) error {
			background.add(e)
			return nil
		},
	})
	w.start(t)
	var mu sync.Mutex
	want := make(map[string]platform.Event)
	together(5, func(i int) {
		for seq := int64(1); seq <= 100; seq++ {
			e := w.event([]string{typeA, typeB}[seq%2], fmt.Sprint("thing/", i), seq)
			e.Value = &seq
			mu.Lock()
			want[e.ID] = e
			mu.Unlock()
			if err := w.try(t, platform.Batch{
				Events: []platform.Event{e},
			}); err != nil {
				t.Errorf("commit: %v", err)
			}
		}
	})
	w.until(t, "every event", func() bool {
		return onlyA.count() == 250 && both.count() == 500 && background.count() == 250
	})
	for _, in := range []*inbox{onlyA, both, background} {
		for _, e := range in.all() {
			sent := want[e.ID]
			sameEvent(t, e, sent)
			if e.Value != nil && e.Value != sent.Value {
				t.Errorf("event %s carries a value that was not its own", e.ID)
			}
		}
	}
	for _, e := range onlyA.all() {
		if e.Type != typeA {
			t.Errorf("a subscription to %s was given %s", typeA, e.Type)
		}
	}
	if none.count() != 0 {
		t.Errorf("a subscription was given %d events of other types", none.count())
	}
}

// Goal: what is delivered was committed, and is in the log before it is delivered. Method: batches
// that are refused for every reason, with an event each; then one that succeeds. The handler looks
// for each event and its record.
func testOnlyCommitted(t *testing.T, w *world) {
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "all", Types: []string{typeA}, Retry: quick(1),
		Handle: func(ctx context.Context, e platform.Event) error {
			in.add(e)
			_, err := w.alpha().Get(ctx, platform.Key{Part: "p", Sort: e.Subject})
			events, err2 := w.p.History().Subject(ctx, e.Subject, 0, 1)
			if err := errors.Join(err, err2); err != nil || len(events) != 1 {
				t.Errorf("%s was delivered before it was committed: %v", e.ID, err)
			}
			return nil
		},
	})
	w.start(t)
	w.commit(t, writes(put("p", "s", "v", platform.Absent)))
	bad := w.event(typeA, "refused/3", 1)
	bad.Data = []byte(broken)
	for i, b := range []platform.Batch{
		writes(put("p", "s", "v", 9)), writes(add("p", "n", platform.Any, move("n", -1, 0))),
		writes(put("", "s", "v", 9)), {Events: []platform.Event{bad}},
	} {
		b.Events = append(b.Events, w.event(typeA, fmt.Sprint("refused/", i), 2))
		if err := w.try(t, b); err == nil {
			t.Errorf("batch %d should have been refused", i)
		}
	}
	for i := range 50 {
		s := fmt.Sprint("thing/", i)
		w.commit(t, platform.Batch{
			Writes: []platform.Write{put("p", s, "v", platform.Absent)},
			Events: []platform.Event{w.event(typeA, s, 1)},
		})
	}
	w.until(t, "what was committed", func() bool { return in.count() >= 50 })
	w.untilIdle(t, "all")
	if in.count() != 50 {
		t.Errorf("%d events were delivered, 50 were committed", in.count())
	}
}

// Goal: a stuck and a failing subscription delay no other, nor do a stuck and a failing event their
// own subscription. Method: one subscription that never returns, one that always fails, one that
// does both for some events, and one that is well.
func testIsolation(t *testing.T, w *world) {
	wait, open := gate(t)
	stuck := func(ctx context.Context, _ platform.Event) error { return wait(ctx) }
	poisoned := func(context.Context, platform.Event) error { return errors.New("poisoned") }
	mixed := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "stuck", Types: []string{typeA}, Retry: quick(1), Handle: stuck,
	})
	w.subscribe(t, platform.Subscription{
		Name: "poisoned", Types: []string{typeA}, Retry: quick(1000), Handle: poisoned,
	})
	w.subscribe(t, platform.Subscription{
		Name: "mixed", Types: []string{typeA}, Retry: quick(1000),
		Handle: func(ctx context.Context, e platform.Event) error {
			switch e.Subject {
			case "thing/0":
				return stuck(ctx, e)
			case "thing/1":
				return poisoned(ctx, e)
			}
			mixed.add(e)
			return nil
		},
	})
	well := w.collect(t, "well", quick(1), typeA)
	w.start(t)
	for i := range 100 {
		w.announce(t, w.event(typeA, fmt.Sprint("thing/", i), 1))
	}
	w.until(t, "the well one", func() bool { return well.count() == 100 })
	w.until(t, "the well events", func() bool { return mixed.count() == 98 })
	if s := w.status(t, "stuck"); s.Done != 0 || s.Pending != 100 {
		t.Errorf("the stuck subscription: %+v", s)
	}
	open()
}

// Goal: a subscription that asks for no order handles events at the same time, also of one subject.
// Method: handlers that wait for each other.
func testConcurrently(t *testing.T, w *world) {
	both := make(chan struct{})
	var inside atomic.Int64
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "pair", Types: []string{typeA}, Retry: quick(1),
		Handle: func(ctx context.Context, e platform.Event) error {
			if inside.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
			case <-ctx.Done():
				return ctx.Err()
			}
			in.add(e)
			return nil
		},
	})
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1), w.event(typeA, "thing/1", 2))
	w.until(t, "two handlers at once", func() bool { return in.count() == 2 })
}

// Goal: a handler may commit, and what it announces is delivered in turn. Method: a chain of two
// rooms that answer each other's events, each effect made once by its own record.
func testChain(t *testing.T, w *world) {
	const length = 30
	beta := w.p.Store("beta")
	step := func(s platform.Store, typ string) func(context.Context, platform.Event) error {
		return func(ctx context.Context, e platform.Event) error {
			if e.Sequence == length {
				return nil
			}
			next := w.event(typ, e.Subject, e.Sequence+1)
			err := retry(ctx, s, platform.Batch{
				Writes: []platform.Write{put(e.Subject, e.ID, "done", platform.Absent)},
				Events: []platform.Event{next},
			})
			if errors.Is(err, platform.ErrConflict) {
				return nil // done before
			}
			return err
		}
	}
	w.subscribe(t, platform.Subscription{
		Name: "ping", Types: []string{typeBeta}, Retry: quick(5), Handle: step(w.alpha(), typeA),
	})
	w.subscribe(t, platform.Subscription{
		Name: "pong", Types: []string{typeA}, Retry: quick(5), Handle: step(beta, typeBeta),
	})
	end := w.collect(t, "end", quick(1), typeA, typeBeta)
	w.start(t)
	for i := range 5 {
		w.announce(t, w.event(typeA, fmt.Sprint("thing/", i), 1))
	}
	w.until(t, "the ends of the chains", func() bool { return end.count() == 5*length })
	for i := range 5 {
		events, err := w.p.History().Subject(t.Context(), fmt.Sprint("thing/", i), 0, 100)
		if err != nil || len(events) != length {
			t.Errorf("chain %d has %d events, want %d (%v)", i, len(events), length, err)
		}
	}
}

// Goal: a name is declared once, and only before Start. Method: a second declaration, and a late
// one.
func testDeclarations(t *testing.T, w *world) {
	w.collect(t, "one", quick(1), typeA)
	again := platform.Subscription{
		Name: "one", Types: []string{typeB}, Retry: quick(1),
		Handle: func(context.Context, platform.Event) error { return nil },
	}
	d := w.p.Delivery()
	wantError(t, "the same name again", d.Subscribe(again), platform.ErrInvalid)
	w.start(t)
	again.Name = "late"
	wantError(t, "after Start", d.Subscribe(again), platform.ErrInvalid)
	_, err := d.Replay(t.Context(), "nobody", w.clock.Now(), true)
	wantError(t, "replay for nobody", err, platform.ErrNotFound, platform.ErrInvalid)
	wantError(t, "pause nobody", d.Pause(t.Context(), "nobody", true),
		platform.ErrNotFound, platform.ErrInvalid)
	wantError(t, "redrive for nobody", d.Redrive(t.Context(), "nobody", "1"), platform.ErrNotFound)
	wantError(t, "redrive nothing", d.Redrive(t.Context(), "one", "1"), platform.ErrNotFound)
}

// Goal: Close waits for the handlers that are at work. Method: a handler that is let go only when
// Close has been called; it must have ended when Close returns.
func testCloseWaits(t *testing.T, w *world) {
	wait, open := gate(t)
	var entered, left atomic.Bool
	w.subscribe(t, platform.Subscription{
		Name: "slow", Types: []string{typeA}, Retry: quick(1),
		Handle: func(context.Context, platform.Event) error {
			entered.Store(true)
			_ = wait(context.WithoutCancel(t.Context()))
			left.Store(true)
			return nil
		},
	})
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1))
	w.until(t, "the handler", entered.Load)
	closed := make(chan error, 1)
	go func() { closed <- w.p.Close() }()
	open()
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if !left.Load() {
		t.Error("Close returned while a handler was at work")
	}
}
