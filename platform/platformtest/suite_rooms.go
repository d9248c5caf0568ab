package platformtest

import (
	"errors"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runRooms(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Records", testForeignRecords}, {"Events", testForeignEvents},
		{"Timers", testForeignTimers},
	})
}

// Goal: rooms do not share records, and no name that a room can write leads into another. Method:
// the same key in two rooms; then every way to spell the other room's key.
func testForeignRecords(t *testing.T, w *world) {
	alpha, beta := w.p.Store("alpha"), w.p.Store("beta")
	w.commit(t, writes(put("p", "s", "of alpha", platform.Absent)))
	err := retry(t.Context(), beta, writes(put("p", "s", "of beta", platform.Absent)))
	if err != nil {
		t.Fatal(err)
	}
	w.wantRecord(t, "p", "s", 1, "of alpha", nil)
	for _, part := range []string{
		"alpha/p", "/alpha/p", "../alpha/p", "alpha", "\x00alpha/p", "p\x00", "alpha\x00p",
		"beta/p",
	} {
		rec, err := beta.Get(t.Context(), platform.Key{Part: part, Sort: "s"})
		if !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("beta reads %q: %+v, %v", part, rec, err)
		}
		list, err := beta.List(t.Context(), platform.Query{Part: part, Limit: 10})
		if err != nil || len(list) != 0 {
			t.Errorf("beta lists %q: %+v, %v", part, list, err)
		}
	}
	// A room whose name continues another's, or is continued by it.
	for _, room := range []string{"alph", "alphabet", "alpha-2"} {
		list, err := w.p.Store(room).List(t.Context(), platform.Query{Part: "p", Limit: 10})
		if err != nil || len(list) != 0 {
			t.Errorf("%s lists %+v, %v", room, list, err)
		}
		rec, err := w.p.Store(room).Get(t.Context(), platform.Key{Part: "a/p", Sort: "s"})
		if !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("%s reads %+v, %v", room, rec, err)
		}
	}
	if err := retry(t.Context(), beta, writes(remove("p", "s", platform.Any))); err != nil {
		t.Fatal(err)
	}
	rec, err := alpha.Get(t.Context(), platform.Key{Part: "p", Sort: "s"})
	if err != nil || string(rec.Value) != "of alpha" {
		t.Errorf("alpha's record after beta deleted its own: %+v, %v", rec, err)
	}
}

// Goal: a room can announce only its own facts, now and by timer. Method: the types of another room
// and types that merely look like the room's own.
func testForeignEvents(t *testing.T, w *world) {
	for _, typ := range []string{
		typeBeta, "souk.alphabet.happened.v1", "souk.alph.happened.v1", "souk.alpha",
		"alpha.happened.v1", "happened", "other.alpha.happened.v1", "SOUK.ALPHA.happened.v1",
		"souk..alpha.v1", " souk.alpha.happened.v1",
	} {
		b := platform.Batch{
			Writes: []platform.Write{put("p", "s", "v", platform.Any)},
			Events: []platform.Event{w.event(typ, "thing/1", 1)},
		}
		err := w.try(t, b)
		wantError(t, "announce "+typ, err, platform.ErrInvalid, platform.ErrContract)
		b.Events = nil
		b.Timers = []platform.Timer{{
			Key: "t", Due: w.clock.Now(), Event: w.event(typ, "thing/1", 0),
		}}
		err = w.try(t, b)
		wantError(t, "set a timer for "+typ, err, platform.ErrInvalid, platform.ErrContract)
	}
	w.wantRecord(t, "p", "s", 0, "", nil)
	err := retry(t.Context(), w.p.Store("beta"),
		platform.Batch{Events: []platform.Event{w.event(typeBeta, "thing/1", 1)}})
	if err != nil {
		t.Errorf("beta announces its own: %v", err)
	}
	if log := w.log(t); len(log) != 1 {
		t.Errorf("the log holds %d events, want 1", len(log))
	}
}

// Goal: rooms do not share timers. Method: both set a timer of the same key; one cancels; the other
// rings.
func testForeignTimers(t *testing.T, w *world) {
	w.start(t)
	due := w.clock.Now().Add(w.span(1))
	beta := w.p.Store("beta")
	w.commit(t, platform.Batch{Timers: []platform.Timer{{
		Key: "t", Due: due, Event: w.event(typeRang, "thing/alpha", 0),
	}}})
	err := retry(t.Context(), beta, platform.Batch{Timers: []platform.Timer{{
		Key: "t", Due: due, Event: w.event(typeBeta, "thing/beta", 0),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := retry(t.Context(), beta, platform.Batch{Cancel: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	w.pass(w.span(1))
	w.untilFired(t, "alpha's timer", func() bool { return len(w.log(t)) > 0 })
	if log := w.log(t); len(log) != 1 || log[0].Subject != "thing/alpha" {
		t.Errorf("the log holds %+v, want alpha's timer only", log)
	}
}
