package platformtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func runTimers(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Once", testTimerOnce}, {"Never early", testTimerNotEarly}, {"Past", testTimerPast},
		{"Replace", testTimerReplace}, {"Cancel", testTimerCancel}, {"Refused", testTimerRefused},
		{"Many", testTimerMany}, {"WithoutSubscription", testTimerAlone},
	})
}

// timer sets a timer of alpha whose event is about the subject.
func (w *world) timer(t *testing.T, key string, due time.Time, subject string) platform.Event {
	t.Helper()
	e := w.event(typeRang, subject, 0)
	w.commit(t, platform.Batch{Timers: []platform.Timer{{Key: key, Due: due, Event: e}}})
	return e
}

// rang lists the subjects of the timers' events in the log.
func (w *world) rang(t *testing.T) []string {
	t.Helper()
	subjects := []string{}
	for _, e := range w.log(t) {
		if e.Type == typeRang {
			subjects = append(subjects, e.Subject)
		}
	}
	return subjects
}

// passTo lets time pass, and returns when the platform has fired what was due until then: a timer
// of its own, due at the end, has rung.
func (w *world) passTo(t *testing.T, end time.Time) {
	t.Helper()
	key := fmt.Sprint("mark-", w.ids.Add(1))
	w.timer(t, key, end, key)
	if d := end.Sub(w.clock.Now()); d > 0 {
		w.pass(d)
	}
	w.untilFired(t, key, func() bool {
		for _, s := range w.rang(t) {
			if s == key {
				return true
			}
		}
		return false
	})
}

// Goal: a timer's event is committed once, whole, stamped not before its due, outside every
// sequence, and delivered. Method: one timer, with and without an event id of its own.
func testTimerOnce(t *testing.T, w *world) {
	in := w.collect(t, "rings", quick(1), typeRang)
	w.start(t)
	due := w.clock.Now().Add(w.span(1))
	want := w.timer(t, "named", due, "named")
	nameless := w.event(typeRang, "nameless", 0)
	nameless.ID = ""
	w.commit(t, platform.Batch{Timers: []platform.Timer{
		{Key: "nameless", Due: due, Event: nameless},
	}})
	w.passTo(t, due.Add(w.span(1)))
	w.until(t, "the rings", func() bool { return in.count() == 3 })
	ids := make(map[string]bool)
	for _, e := range w.log(t) {
		ids[e.ID] = true
		switch e.Subject {
		case "named":
			sameEvent(t, e, want)
		case "nameless":
			if nameless.ID = e.ID; e.ID == "" {
				t.Error("a timer's event has no id")
			}
			sameEvent(t, e, nameless)
		}
		if e.Time.Before(due) || e.Sequence != 0 {
			t.Errorf("rang at %s with number %d, due was %s", e.Time, e.Sequence, due)
		}
	}
	if len(ids) != 3 || len(w.log(t)) != 3 {
		t.Errorf("three timers rang %d times", len(w.log(t)))
	}
	events, err := w.p.History().Subject(t.Context(), "named", 0, 10)
	if err != nil || len(events) != 0 {
		t.Errorf("a timer's event is in its subject's sequence: %v, %v", events, err)
	}
}

// Goal: no timer fires before its moment. Method: timers all along a line of time, set in no order;
// at every mark, what has rung is exactly what was due.
func testTimerNotEarly(t *testing.T, w *world) {
	w.start(t)
	began := w.clock.Now()
	const n = 10
	due := func(i int) time.Time { return began.Add(time.Duration(i+1) * w.span(1)) }
	for i := range n {
		j := (i * 7) % n
		w.timer(t, fmt.Sprint("t", j), due(j), fmt.Sprint("t", j))
	}
	for i := range n {
		w.passTo(t, due(i).Add(w.span(1)/4))
		have := make(map[string]int)
		for _, s := range w.rang(t) {
			have[s]++
		}
		for j := range n {
			want := 0
			if j <= i {
				want = 1
			}
			rung := have[fmt.Sprint("t", j)]
			if late := j > i && !w.clock.Now().Before(due(j)); !late && rung != want {
				t.Fatalf("after %d spans timer %d has rung %d times", i+1, j, rung)
			}
		}
	}
	for _, e := range w.log(t) {
		var j int
		if _, err := fmt.Sscanf(e.Subject, "t%d", &j); err == nil && e.Time.Before(due(j)) {
			t.Errorf("timer %d rang at %s, %s before its due", j, e.Time, due(j).Sub(e.Time))
		}
	}
}

// Goal: a timer whose moment has passed fires at once, and one whose moment is absurd fires
// rightly or is refused, but is never lost and never early. Method: dues now, long ago, at the
// zero time, and beyond what nanoseconds in 64 bits can tell, in both directions.
func testTimerPast(t *testing.T, w *world) {
	w.start(t)
	now := w.clock.Now()
	w.timer(t, "now", now, "now")
	w.timer(t, "past", now.Add(-time.Hour), "past")
	want := []string{"now", "past"}
	for name, due := range map[string]time.Time{
		"1970": time.Unix(0, 0), "1969": time.Unix(-1, 0), "zero": {},
		"1600": time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC),
		"2300": time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		err := w.try(t, platform.Batch{Timers: []platform.Timer{{
			Key: name, Due: due, Event: w.event(typeRang, name, 0),
		}}})
		if err != nil {
			wantError(t, "a timer due in "+name, err, platform.ErrInvalid)
		} else if due.Before(now) {
			want = append(want, name)
		}
	}
	w.passTo(t, now.Add(w.span(1)))
	w.wantRings(t, want...)
}

// Goal: setting a timer again replaces it, to a later and to an earlier moment; only the last one
// fires, also after it fired once. Method: both directions, looked at between the moments.
func testTimerReplace(t *testing.T, w *world) {
	w.start(t)
	at := func(spans int) func() time.Time {
		began := w.clock.Now()
		return func() time.Time { return began.Add(time.Duration(spans) * w.span(1)) }
	}
	two, four, six := at(2)(), at(4)(), at(6)()
	w.timer(t, "later", two, "later, replaced")
	w.timer(t, "earlier", six, "earlier, replaced")
	w.timer(t, "later", four, "later")
	w.timer(t, "earlier", two, "earlier")
	w.passTo(t, two.Add(w.span(1)/2))
	w.wantRings(t, "earlier")
	w.passTo(t, four.Add(w.span(1)/2))
	w.wantRings(t, "earlier", "later")
	w.timer(t, "later", w.clock.Now(), "later, again")
	w.passTo(t, six.Add(w.span(1)/2))
	w.wantRings(t, "earlier", "later", "later, again")
}

// wantRings requires that exactly these subjects have rung, besides marks, in this order where the
// log has one.
func (w *world) wantRings(t *testing.T, want ...string) {
	t.Helper()
	have := make(map[string]int)
	n := 0
	for _, s := range w.rang(t) {
		if len(s) < 5 || s[:5] != "mark-" {
			have[s]++
			n++
		}
	}
	for _, s := range want {
		if have[s] != 1 {
			t.Errorf("%q has rung %d times, want once", s, have[s])
		}
	}
	if n != len(want) {
		t.Errorf("rang: %v, want %v", have, want)
	}
}

// Goal: a cancelled timer does not fire; cancelling what is not set is no error. Method: cancel one
// of two, one that never was, and one that has rung.
func testTimerCancel(t *testing.T, w *world) {
	w.start(t)
	due := w.clock.Now().Add(w.span(1))
	w.timer(t, "kept", due, "kept")
	w.timer(t, "dropped", due, "dropped")
	w.commit(t, platform.Batch{Cancel: []string{"dropped", "never set"}})
	w.passTo(t, due.Add(w.span(1)/2))
	w.wantRings(t, "kept")
	w.commit(t, platform.Batch{Cancel: []string{"kept", "dropped"}})
	w.timer(t, "dropped", w.clock.Now(), "dropped, set again")
	w.passTo(t, due.Add(w.span(1)))
	w.wantRings(t, "kept", "dropped, set again")
}

// Goal: a refused batch neither sets nor replaces nor cancels a timer. Method: a batch that does
// all three and conflicts.
func testTimerRefused(t *testing.T, w *world) {
	w.start(t)
	due := w.clock.Now().Add(w.span(1))
	w.timer(t, "to be replaced", due, "stays")
	w.timer(t, "to be cancelled", due, "stays too")
	err := w.try(t, platform.Batch{
		Writes: []platform.Write{put("p", "s", "v", 7)},
		Timers: []platform.Timer{
			{Key: "to be set", Due: due, Event: w.event(typeRang, "never set", 0)},
			{Key: "to be replaced", Due: due, Event: w.event(typeRang, "never replaced", 0)},
		},
		Cancel: []string{"to be cancelled"},
	})
	wantError(t, "a batch that conflicts", err, platform.ErrConflict)
	w.passTo(t, due.Add(w.span(1)/2))
	w.wantRings(t, "stays", "stays too")
}

// Goal: many timers of one moment all fire, each once. Method: more than any batch holds.
func testTimerMany(t *testing.T, w *world) {
	in := w.collect(t, "rings", quick(1), typeRang)
	w.start(t)
	due := w.clock.Now().Add(w.span(2))
	const batches = 7
	for i := range batches {
		var b platform.Batch
		for j := range platform.MaxItems {
			key := fmt.Sprint("t-", i, "-", j)
			b.Timers = append(b.Timers, platform.Timer{
				Key: key, Due: due, Event: w.event(typeRang, key, 0),
			})
		}
		w.commit(t, b)
	}
	w.pass(w.span(2))
	w.untilFired(t, "every ring", func() bool { return in.count() >= batches*platform.MaxItems })
	w.passTo(t, due.Add(w.span(1)))
	if n := len(w.log(t)); n != batches*platform.MaxItems+1 {
		t.Errorf("%d timers and a mark rang %d times", batches*platform.MaxItems, n)
	}
}

// Goal: timers fire into the log whether anybody listens or not. Method: no subscription.
func testTimerAlone(t *testing.T, w *world) {
	w.start(t)
	due := w.clock.Now().Add(w.span(1))
	w.timer(t, "t", due, "alone")
	w.passTo(t, due)
	w.untilFired(t, "the ring", func() bool { return len(w.rang(t)) == 2 })
}
