package platformtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runPure(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"SeesItself", testPureSeesItself}, {"Durable", testPureDurable},
		{"Ordered", testPureOrdered}, {"Fails", testPureFails},
	})
}

// pure declares a subscription to typeA whose handler has no effect but its commits.
func (w *world) pure(
	t *testing.T, ordered bool, attempts int, do func(ctx context.Context, e platform.Event) error,
) {
	t.Helper()
	w.subscribe(t, platform.Subscription{
		Name: "pure", Types: []string{typeA}, Ordered: ordered, Pure: true,
		Retry: quick(attempts), Handle: do,
	})
}

// answer commits a record and an event that follow from e, once.
func (w *world) answer(ctx context.Context, e platform.Event) error {
	err := w.alpha().Commit(ctx, platform.Batch{
		Writes: []platform.Write{put("answers", e.Subject+"/"+e.ID, "v", platform.Absent)},
		Events: []platform.Event{w.event(typeB, "answer/"+e.ID, 1)},
	})
	if errors.Is(err, platform.ErrConflict) {
		return nil
	}
	return err
}

// Goal: a pure handler sees what it committed itself, by every way of reading. Method: it reads
// after each of several commits.
func testPureSeesItself(t *testing.T, w *world) {
	in := newInbox()
	w.pure(t, false, 1, func(ctx context.Context, e platform.Event) error {
		defer in.add(e)
		k := platform.Key{Part: "p", Sort: e.Subject}
		for version := range int64(3) {
			err := w.alpha().Commit(ctx, platform.Batch{
				Writes: []platform.Write{put(k.Part, k.Sort, fmt.Sprint(version), version)},
				Events: []platform.Event{w.event(typeB, e.Subject, version+2)},
			})
			rec, err2 := w.alpha().Get(ctx, k)
			if err := errors.Join(err, err2); err != nil || rec.Version != version+1 {
				t.Errorf("%s: version %d after writing %d: %v", e.ID, rec.Version, version+1, err)
			}
			if version == 1 {
				continue // with and without a reading that has to wait
			}
			list, err := w.alpha().List(ctx, platform.Query{
				Part: k.Part, Prefix: k.Sort, Limit: 1,
			})
			if err != nil || len(list) != 1 || list[0].Version != version+1 {
				t.Errorf("%s: a list shows %v, want version %d: %v", e.ID, list, version+1, err)
			}
			events, err := w.p.History().Subject(ctx, e.Subject, 1, 10)
			if err != nil || len(events) != int(version)+1 {
				t.Errorf("%s: the history shows %d events, want %d: %v", e.ID, len(events),
					version+1, err)
			}
		}
		return nil
	})
	w.start(t)
	for i := range 50 {
		w.commit(t, platform.Batch{Events: []platform.Event{
			w.event(typeA, fmt.Sprintf("thing/%03d", i), 1),
		}})
	}
	w.until(t, "every event", func() bool { return in.count() == 50 })
}

// Goal: what a pure handler announces is delivered when it is durable, and not before. Method: the
// next handler calls somebody, so it looks with a reading that waits and one that does not.
func testPureDurable(t *testing.T, w *world) {
	in := newInbox()
	w.pure(t, false, 3, w.answer)
	w.subscribe(t, platform.Subscription{
		Name: "calls", Types: []string{typeB}, Retry: quick(1),
		Handle: func(ctx context.Context, e platform.Event) error {
			in.add(e)
			events, err := w.p.History().Subject(ctx, e.Subject, 0, 1)
			if err != nil || len(events) != 1 {
				t.Errorf("%s was delivered before it was in the log: %v", e.ID, err)
			}
			return nil
		},
	})
	w.start(t)
	together(4, func(i int) {
		for seq := int64(1); seq <= 100; seq++ {
			err := w.try(t, platform.Batch{
				Events: []platform.Event{w.event(typeA, fmt.Sprint("thing/", i), seq)},
			})
			if err != nil {
				t.Errorf("commit: %v", err)
			}
		}
	})
	w.until(t, "every answer", func() bool { return in.count() == 400 })
	w.until(t, "nothing to do", func() bool {
		status, err := w.p.Delivery().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range status {
			if s.Pending+s.Waiting > 0 {
				return false
			}
		}
		return true
	})
}

// Goal: purity changes nothing about order within a subject. Method: several subjects, whose
// handlers note what they were given and what they found of the one before.
func testPureOrdered(t *testing.T, w *world) {
	var mu sync.Mutex
	last, n := make(map[string]int64), 0
	w.pure(t, true, 1, func(ctx context.Context, e platform.Event) error {
		mu.Lock()
		if last[e.Subject] != e.Sequence-1 {
			t.Errorf("%s came after %d", e.ID, last[e.Subject])
		}
		last[e.Subject] = e.Sequence
		mu.Unlock()
		err := w.alpha().Commit(ctx, writes(
			put("p", e.Subject, fmt.Sprint(e.Sequence), e.Sequence-1)))
		if err != nil {
			t.Errorf("%s did not find what the one before it wrote: %v", e.ID, err)
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return nil
	})
	w.start(t)
	together(5, func(i int) {
		for seq := int64(1); seq <= 40; seq++ {
			e := w.event(typeA, fmt.Sprint("thing/", i), seq)
			if err := w.try(t, platform.Batch{Events: []platform.Event{e}}); err != nil {
				t.Errorf("commit: %v", err)
			}
		}
	})
	w.until(t, "every event", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return n == 200
	})
}

// Goal: a pure handler that fails after it committed is tried again, and finds its commit; one that
// always fails ends as a dead letter. Method: both.
func testPureFails(t *testing.T, w *world) {
	in := newInbox()
	w.pure(t, false, 3, func(ctx context.Context, e platform.Event) error {
		if err := w.answer(ctx, e); err != nil {
			return err
		}
		if n := in.add(e); e.Subject == "thing/hopeless" || n == 1 {
			return errors.New("after the commit")
		}
		return nil
	})
	w.start(t)
	for _, s := range []string{"thing/a", "thing/b", "thing/hopeless"} {
		w.commit(t, platform.Batch{Events: []platform.Event{w.event(typeA, s, 1)}})
	}
	w.until(t, "a dead letter", func() bool {
		w.pass(w.span(1))
		letters, err := w.p.Delivery().DeadLetters(t.Context(), "pure", "", 10)
		return err == nil && len(letters) == 1 && letters[0].Event.Subject == "thing/hopeless"
	})
	list, err := w.alpha().List(t.Context(), platform.Query{Part: "answers", Limit: 10})
	if err != nil || len(list) != 3 {
		t.Errorf("there are %d answers, want 3: %v", len(list), err)
	}
}

// Goal: closing loses nothing of what pure handlers did, and leaves nothing half done. Method: the
// platform is closed in the middle of the work and opened again.
func testPureReopened(t *testing.T, w *world) {
	const n = 300
	w.pure(t, false, 3, w.answer)
	w.start(t)
	for i := range n {
		w.commit(t, platform.Batch{
			Events: []platform.Event{w.event(typeA, fmt.Sprintf("thing/%03d", i), 1)},
		})
	}
	w.reopen(t)
	w.pure(t, false, 3, w.answer)
	w.start(t)
	w.until(t, "every answer", func() bool {
		list, err := w.alpha().List(t.Context(), platform.Query{Part: "answers", Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Version != 1 {
				t.Errorf("%s was answered %d times", r.Key.Sort, r.Version)
			}
		}
		return len(list) == n
	})
}
