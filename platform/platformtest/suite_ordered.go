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

func runOrdered(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Sequence", testOrdered}, {"PastDeadLetter", testOrderedPastDeadLetter},
		{"Redrive", testOrderedRedrive},
	})
}

// sequencer is the handler of an ordered subscription: it notes what was handled, and what was
// handled at the same time as another of its subject.
type sequencer struct {
	t  *testing.T
	mu sync.Mutex
	at map[string]bool    // subjects at work
	ok map[string][]int64 // sequences that were handled, by subject
}

func newSequencer(t *testing.T) *sequencer {
	return &sequencer{t: t, at: make(map[string]bool), ok: make(map[string][]int64)}
}

func (s *sequencer) handle(e platform.Event, work func() error) error {
	s.mu.Lock()
	if s.at[e.Subject] {
		s.t.Errorf("two events of %s are handled at the same time", e.Subject)
	}
	s.at[e.Subject] = true
	s.mu.Unlock()
	err := work()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[e.Subject] = false
	if err == nil {
		s.ok[e.Subject] = append(s.ok[e.Subject], e.Sequence)
	}
	return err
}

// first returns the sequences of a subject in the order in which they were first handled.
func (s *sequencer) first(subject string) (order []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[int64]bool)
	for _, seq := range s.ok[subject] {
		if !seen[seq] {
			order = append(order, seq)
		}
		seen[seq] = true
	}
	return order
}

func wantSequence(t *testing.T, subject string, have []int64, want ...int64) {
	t.Helper()
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%s was handled in the order %v, want %v", subject, have, want)
	}
}

// Goal: an Ordered subscription handles the events of a subject one at a time and in order, also
// when attempts fail and are too early. Method: several subjects, every third event fails at first,
// every fifth is too early at first.
func testOrdered(t *testing.T, w *world) {
	s, tries := newSequencer(t), newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "ordered", Types: []string{typeA}, Retry: quick(10), Ordered: true,
		Handle: func(_ context.Context, e platform.Event) error {
			return s.handle(e, func() error {
				n := tries.add(e)
				switch {
				case e.Sequence%3 == 0 && n < 3:
					return errors.New("not this time")
				case e.Sequence%5 == 0 && n < 3:
					return fmt.Errorf("too early: %w", platform.ErrNotYet)
				}
				return nil
			})
		},
	})
	w.start(t)
	const subjects, each = 5, 20
	together(subjects, func(i int) {
		for seq := int64(1); seq <= each; seq++ {
			e := w.event(typeA, fmt.Sprint("thing/", i), seq)
			if err := w.try(t, platform.Batch{
				Events: []platform.Event{e},
			}); err != nil {
				t.Errorf("commit: %v", err)
			}
		}
	})
	var want []int64
	for seq := range int64(each) {
		want = append(want, seq+1)
	}
	for i := range subjects {
		subject := fmt.Sprint("thing/", i)
		w.until(t, subject, func() bool { return len(s.first(subject)) == each })
		wantSequence(t, subject, s.first(subject), want...)
	}
}

// Goal: a dead letter does not hold back what comes after it on its subject. Method: the second of
// five events never succeeds.
func testOrderedPastDeadLetter(t *testing.T, w *world) {
	s := newSequencer(t)
	w.subscribe(t, platform.Subscription{
		Name: "ordered", Types: []string{typeA}, Retry: quick(2), Ordered: true,
		Handle: func(_ context.Context, e platform.Event) error {
			return s.handle(e, func() error {
				if e.Sequence == 2 {
					return errors.New("never")
				}
				return nil
			})
		},
	})
	w.start(t)
	for seq := int64(1); seq <= 5; seq++ {
		w.announce(t, w.event(typeA, "thing/1", seq))
	}
	w.until(t, "the others", func() bool { return len(s.first("thing/1")) == 4 })
	wantSequence(t, "thing/1", s.first("thing/1"), 1, 3, 4, 5)
	if dead := w.dead(t, "ordered"); len(dead) != 1 || dead[0].Event.Sequence != 2 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// Goal: a dead letter that is redriven keeps the promise of one at a time within its subject.
// Method: redrive the first event while the second is being handled; a third on another subject
// shows that the subscription is awake.
func testOrderedRedrive(t *testing.T, w *world) {
	s := newSequencer(t)
	wait, open := gate(t)
	var well, inside atomic.Bool
	w.subscribe(t, platform.Subscription{
		Name: "ordered", Types: []string{typeA}, Retry: quick(1), Ordered: true,
		Handle: func(ctx context.Context, e platform.Event) error {
			return s.handle(e, func() error {
				switch {
				case e.Subject != "thing/1":
					return nil
				case e.Sequence == 1 && !well.Load():
					return errors.New("not before it is well")
				case e.Sequence == 2:
					inside.Store(true)
					return wait(ctx)
				}
				return nil
			})
		},
	})
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1))
	w.until(t, "the dead letter", func() bool { return len(w.dead(t, "ordered")) == 1 })
	well.Store(true)
	w.announce(t, w.event(typeA, "thing/1", 2))
	w.until(t, "the second event", inside.Load)
	dead := w.dead(t, "ordered")[0].ID
	if err := w.p.Delivery().Redrive(t.Context(), "ordered", dead); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		subject := fmt.Sprint("other/", i)
		w.announce(t, w.event(typeA, subject, 1))
		w.until(t, subject, func() bool { return len(s.first(subject)) == 1 })
	}
	open()
	w.until(t, "both events", func() bool { return len(s.first("thing/1")) == 2 })
}
