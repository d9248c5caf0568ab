package platformtest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// runReopening tests what a platform that declares itself Durable finds when it is opened again.
func runReopening(t *testing.T, a Adapter) {
	if !a.Features.Durable {
		return // it declares that nothing survives, so there is nothing to ask
	}
	runTrials(t, a, []trial{
		{"Records", testReopenRecords}, {"Undelivered", testReopenUndelivered},
		{"Failures", testReopenFailures}, {"Pause", testReopenPause},
		{"Newcomer", testReopenNewcomer}, {"Timers", testReopenTimers},
		{"Queue", testReopenQueue}, {"FilesAndKeys", testReopenKeys},
		{"Pure", testPureReopened}, {"Patterns", testPatternReopened},
	})
}

// Goal: records, versions, counters, log, sequences and cursors are the same after reopening, and
// the log goes on. Method: write, remember, reopen twice, compare.
func testReopenRecords(t *testing.T, w *world) {
	log := w.fill(t)
	w.commit(t, writes(put("p", "s", "v", platform.Absent, move("n", 7, 0))))
	w.commit(t, writes(put("p", "gone", "v", platform.Absent)))
	w.commit(t, writes(add("p", "s", 1, move("n", -2, 0)), remove("p", "gone", 1)))
	cursor, err := w.p.History().Seek(t.Context(), log[0].Time.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.reopen(t)
		w.wantRecord(t, "p", "s", 2, "v", map[string]int64{"n": 5})
		w.wantRecord(t, "p", "gone", 0, "", nil)
		again := w.log(t)
		if len(again) != len(log) {
			t.Fatalf("the log holds %d events, before it held %d", len(again), len(log))
		}
		for i := range log {
			sameEvent(t, again[i], log[i])
			if !again[i].Time.Equal(log[i].Time) {
				t.Errorf("event %d is from %s, before it was from %s",
					i, again[i].Time, log[i].Time)
			}
		}
		if n := len(w.logAfter(t, cursor)); n != len(log) {
			t.Errorf("the old cursor yields %d events, want %d", n, len(log))
		}
		err := w.try(t, platform.Batch{
			Events: []platform.Event{w.event(typeA, "thing/0", 20)},
		})
		wantError(t, "a place that was taken before", err, platform.ErrConflict)
		w.announce(t, w.event(typeA, "thing/0", 1000+int64(len(log))))
		log = w.log(t)
	}
}

// Goal: what was not delivered before closing is delivered after opening. Method: a handler that
// fails for want of the first life's end; the second life's succeeds, also for what was committed
// while nobody delivered.
func testReopenUndelivered(t *testing.T, w *world) {
	first := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "sub", Types: []string{typeA}, Retry: quick(1000),
		Handle: func(_ context.Context, e platform.Event) error {
			first.add(e)
			if e.Sequence > 5 {
				return errors.New("not in this life")
			}
			return nil
		},
	})
	w.start(t)
	for seq := int64(1); seq <= 10; seq++ {
		w.announce(t, w.event(typeA, "thing/1", seq))
	}
	w.until(t, "the first life", func() bool { return first.count() == 10 })
	w.reopen(t)
	w.announce(t, w.event(typeA, "thing/1", 11))
	second := w.collect(t, "sub", quick(1), typeA)
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 12))
	log, want := w.log(t), make(map[string]bool)
	if len(log) != 12 {
		t.Fatalf("the log holds %d events, want 12", len(log))
	}
	for _, e := range log[5:] {
		want[e.ID] = true
	}
	w.until(t, "the second life", func() bool {
		for id := range want {
			if second.times(id) == 0 {
				return false
			}
		}
		return true
	})
}

// Goal: dead letters and parked events survive, with what is known of them. Method: one of each,
// reopened with a handler that is well.
func testReopenFailures(t *testing.T, w *world) {
	w.subscribe(t, platform.Subscription{
		Name: "sub", Types: []string{typeA}, Retry: quick(2),
		Handle: func(_ context.Context, e platform.Event) error {
			if e.Subject == "early" {
				return platform.ErrNotYet
			}
			return fmt.Errorf("no %s today", e.Subject)
		},
	})
	w.start(t)
	dead, early := w.event(typeA, "dead", 1), w.event(typeA, "early", 1)
	w.announce(t, dead, early)
	w.until(t, "both fates", func() bool {
		return len(w.dead(t, "sub")) == 1 && w.status(t, "sub").Waiting == 1
	})
	before := w.dead(t, "sub")[0]
	w.reopen(t)
	in := w.collect(t, "sub", quick(2), typeA)
	w.start(t)
	w.until(t, "the parked event", func() bool { return in.times(early.ID) >= 1 })
	w.untilIdle(t, "sub")
	after := w.dead(t, "sub")
	if len(after) != 1 {
		t.Fatalf("dead letters: %+v", after)
	}
	sameEvent(t, after[0].Event, dead)
	if after[0].ID != before.ID || after[0].Attempts != 2 ||
		after[0].FirstError != before.FirstError ||
		!strings.Contains(after[0].LastError, "no dead today") {
		t.Errorf("the dead letter became %+v, before it was %+v", after[0], before)
	}
	if in.times(dead.ID) != 0 {
		t.Error("a dead letter was delivered without being redriven")
	}
	if err := w.p.Delivery().Redrive(t.Context(), "sub", after[0].ID); err != nil {
		t.Fatalf("redrive: %v", err)
	}
	w.until(t, "the dead letter", func() bool { return in.times(dead.ID) >= 1 })
}

// Goal: a pause survives. Method: pause, commit, reopen; another subscription gets what the paused
// one does not; then go on.
func testReopenPause(t *testing.T, w *world) {
	w.collect(t, "resting", quick(1), typeA)
	w.collect(t, "other", quick(1), typeA)
	w.start(t)
	w.pause(t, "resting", true)
	w.reopen(t)
	in, other := w.collect(t, "resting", quick(1), typeA), w.collect(t, "other", quick(1), typeA)
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1))
	w.until(t, "the other subscription", func() bool { return other.count() == 1 })
	if s := w.status(t, "resting"); !s.Paused || in.count() != 0 {
		t.Errorf("given %d events: %+v", in.count(), s)
	}
	w.pause(t, "resting", false)
	w.until(t, "the event", func() bool { return in.count() == 1 })
}

// Goal: a subscription that is new hears nothing of the past, and a subscription that is away for a
// life misses nothing. Method: three lives, one subscription in the first and third, one from the
// second on.
func testReopenNewcomer(t *testing.T, w *world) {
	w.collect(t, "old", quick(1), typeA)
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 1))
	w.untilIdle(t, "old")
	w.reopen(t)
	newcomer := w.collect(t, "new", quick(1), typeA)
	w.start(t)
	w.announce(t, w.event(typeA, "thing/1", 2))
	w.until(t, "the newcomer", func() bool { return newcomer.count() == 1 })
	w.untilIdle(t, "new")
	if e := newcomer.all()[0]; e.Sequence != 2 {
		t.Errorf("the newcomer was given event %d", e.Sequence)
	}
	w.reopen(t)
	old := w.collect(t, "old", quick(1), typeA)
	w.start(t)
	log := w.log(t)
	if len(log) != 2 {
		t.Fatalf("the log holds %d events, want 2", len(log))
	}
	w.until(t, "what the old one missed", func() bool { return old.times(log[1].ID) >= 1 })
}

// Goal: timers survive, fire once although their moment passed while the platform was closed, and
// stay cancelled and replaced. Method: set four, close, let time pass, open.
func testReopenTimers(t *testing.T, w *world) {
	now := w.clock.Now()
	w.timer(t, "passes", now.Add(w.span(1)), "passes")
	w.timer(t, "cancelled", now.Add(w.span(1)), "cancelled")
	w.timer(t, "replaced", now.Add(w.span(1)), "replaced")
	w.timer(t, "replaced", now.Add(w.span(4)), "replacement")
	w.commit(t, platform.Batch{Cancel: []string{"cancelled"}})
	if err := w.p.Close(); err != nil {
		t.Fatal(err)
	}
	w.pass(w.span(2))
	w.p = w.a.Open(t, w.o)
	w.start(t)
	w.passTo(t, now.Add(w.span(3)))
	w.wantRings(t, "passes")
	w.reopen(t)
	w.start(t)
	w.passTo(t, now.Add(w.span(5)))
	w.wantRings(t, "passes", "replacement")
}

// Goal: a queue survives with its messages, attempts, hidden and dead ones. Method: one message in
// each state, reopened.
func testReopenQueue(t *testing.T, w *world) {
	q := w.queue(t, "q", 2)
	send(t, q, "dies", 0)
	for range 2 {
		w.take(t, q, w.span(1), "dies")
		w.pass(w.span(1))
	}
	wantNothing(t, q)
	send(t, q, "hidden", 0)
	hidden := w.take(t, q, 10*time.Hour, "hidden")["hidden"]
	send(t, q, "late", w.span(4))
	send(t, q, "visible", 0)
	w.reopen(t)
	q = w.queue(t, "q", 2)
	wantDepth(t, q, 1, 2, 1)
	w.take(t, q, 10*time.Hour, "visible")
	if err := q.Delete(t.Context(), hidden.Receipt); err != nil {
		t.Errorf("delete by a receipt of the first life: %v", err)
	}
	w.pass(w.span(4))
	w.take(t, q, 10*time.Hour, "late")
	if dead, err := q.Dead(t.Context(), 10); err != nil || len(dead) != 1 || dead[0].ID != "dies" {
		t.Errorf("dead letters: %+v, %v", dead, err)
	}
}

// Goal: files, people's keys, erasures and signatures survive. Method: one of each, reopened.
func testReopenKeys(t *testing.T, w *world) {
	digest, err := w.p.Files().Put(t.Context(), strings.NewReader("a file"))
	if err != nil {
		t.Fatal(err)
	}
	ann, bob := seal(t, w.p.Keys(), "ann", "of ann"), seal(t, w.p.Keys(), "bob", "of bob")
	if err := w.p.Keys().Erase(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	signature, id := verify(t, w.p.Keys(), "signed in the first life")
	w.reopen(t)
	w.wantFile(t, digest, []byte("a file"))
	wantOpen(t, w.p.Keys(), "ann", ann, "of ann")
	wantOpen(t, w.p.Keys(), "ann", seal(t, w.p.Keys(), "ann", "new"), "new")
	_, err = w.p.Keys().Open(t.Context(), "bob", bob)
	wantError(t, "open for one who was erased", err, platform.ErrErased)
	_, err = w.p.Keys().Seal(t.Context(), "bob", []byte("new"))
	wantError(t, "seal for one who was erased", err, platform.ErrErased)
	public := publicKey(t.Context(), t, w.p.Keys(), id)
	if !ed25519.Verify(public, []byte("signed in the first life"), signature) {
		t.Error("the old signature no longer verifies")
	}
}
