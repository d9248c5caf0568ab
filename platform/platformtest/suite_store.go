package platformtest

import (
	"errors"
	"math"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runStore(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Absence", testAbsence}, {"Versions", testVersions}, {"Conflicts", testConflicts},
		{"Counters", testCounters}, {"CounterRange", testCounterRange},
		{"SeveralCounters", testSeveralCounters},
		{"PutWithMoves", testPutWithMoves}, {"Checks", testChecks}, {"Deletes", testDeletes},
		{"ConflictBeforeBound", testConflictBeforeBound}, {"Atomicity", testAtomicity},
		{"Twice", testTwice}, {"Sequences", testSequences}, {"Contract", testContract},
	})
}

// Goal: what was never written is ErrNotFound, in a partition with neighbours and in one without,
// and an empty batch succeeds. Method: read before and after writing beside it.
func testAbsence(t *testing.T, w *world) {
	w.wantRecord(t, "p", "s", 0, "", nil)
	w.commit(t, platform.Batch{})
	w.commit(t, writes(put("p", "s1", "v", platform.Absent)))
	w.wantRecord(t, "p", "s", 0, "", nil)
	w.wantRecord(t, "p", "", 0, "", nil)
	w.wantRecord(t, "p1", "s1", 0, "", nil)
	list, err := w.alpha().List(t.Context(), platform.Query{Part: "q", Limit: 10})
	if err != nil || len(list) != 0 {
		t.Errorf("list of nothing: %v, %v", list, err)
	}
}

// Goal: a version starts at 1 and grows by one with every write, and writing the same value is a
// write. Method: every kind of write on one record, reading in between.
func testVersions(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "a", platform.Absent)))
	w.wantRecord(t, "p", "s", 1, "a", nil)
	w.commit(t, writes(put("p", "s", "a", 1)))
	w.wantRecord(t, "p", "s", 2, "a", nil)
	w.commit(t, writes(put("p", "s", "", platform.Any)))
	w.wantRecord(t, "p", "s", 3, "", nil)
	w.commit(t, writes(add("p", "s", 3, move("n", 5, 0))))
	w.wantRecord(t, "p", "s", 4, "", map[string]int64{"n": 5})
	w.commit(t, writes(check("p", "s", 4)))
	w.wantRecord(t, "p", "s", 4, "", map[string]int64{"n": 5})
}

// Goal: every kind of write refuses a version that it did not expect, names the record, and does
// nothing. Method: each kind against too low, too high, absent and present.
func testConflicts(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "a", platform.Absent)))
	w.commit(t, writes(put("p", "s", "b", 1)))
	for name, b := range map[string]platform.Write{
		"put on absent":      put("p", "gone", "x", 1),
		"put, stale":         put("p", "s", "x", 1),
		"put, from tomorrow": put("p", "s", "x", 3),
		"put, absent":        put("p", "s", "x", platform.Absent),
		"add on absent":      add("p", "gone", 1, move("n", 1, 0)),
		"add, stale":         add("p", "s", 1, move("n", 1, 0)),
		"add, absent":        add("p", "s", platform.Absent, move("n", 1, 0)),
		"delete on absent":   remove("p", "gone", 1),
		"delete, stale":      remove("p", "s", 1),
		"delete, absent":     remove("p", "s", platform.Absent),
		"check on absent":    check("p", "gone", 1),
		"check, stale":       check("p", "s", 1),
		"check, absent":      check("p", "s", platform.Absent),
	} {
		err := w.try(t, writes(b))
		wantError(t, name, err, platform.ErrConflict)
		var c *platform.ConflictError
		if !errors.As(err, &c) {
			t.Errorf("%s: %T is not a ConflictError", name, err)
		} else if c.Key != b.Key {
			t.Errorf("%s: the error names %q, want %q", name, c.Key, b.Key)
		}
	}
	w.wantRecord(t, "p", "s", 2, "b", nil)
	w.wantRecord(t, "p", "gone", 0, "", nil)
}

// Goal: a counter moves by exactly its delta, never passes its floor, counts as 0 before it exists,
// and its refusal names it. Method: moves around the floor, with floors below and above zero.
func testCounters(t *testing.T, w *world) {
	w.commit(t, writes(add("p", "s", platform.Any, move("n", 10, 0))))
	w.wantRecord(t, "p", "s", 1, "", map[string]int64{"n": 10})
	w.commit(t, writes(add("p", "s", platform.Any, move("n", -10, 0))))
	w.wantRecord(t, "p", "s", 2, "", map[string]int64{"n": 0})

	err := w.try(t, writes(add("p", "s", platform.Any, move("n", -1, 0))))
	wantError(t, "one below the floor", err, platform.ErrBound)
	var bound *platform.BoundError
	if !errors.As(err, &bound) {
		t.Fatalf("%T is not a BoundError", err)
	}
	if bound.Key != (platform.Key{Part: "p", Sort: "s"}) || bound.Counter != "n" ||
		bound.Delta != -1 || bound.Floor != 0 {
		t.Errorf("the error does not name the move: %+v", bound)
	}
	w.wantRecord(t, "p", "s", 2, "", map[string]int64{"n": 0})

	w.commit(t, writes(add("p", "s", platform.Any, move("n", -7, -7))))
	w.commit(t, writes(add("p", "s", platform.Any, move("n", -100, platform.NoFloor))))
	w.wantRecord(t, "p", "s", 4, "", map[string]int64{"n": -107})
	err = w.try(t, writes(add("p", "new", platform.Any, move("n", 4, 5))))
	wantError(t, "a new counter below its floor", err, platform.ErrBound)
	w.wantRecord(t, "p", "new", 0, "", nil)
	w.commit(t, writes(add("p", "new", platform.Absent, move("n", 5, 5))))
	w.wantRecord(t, "p", "new", 1, "", map[string]int64{"n": 5})
}

// Goal: no move takes a counter round the ends of int64, where a floor would no longer hold.
// Method: moves to both ends and beyond, with and without a floor.
func testCounterRange(t *testing.T, w *world) {
	refused := []error{platform.ErrBound, platform.ErrInvalid, platform.ErrTooLarge}
	w.commit(t, writes(add("p", "s", platform.Any,
		move("up", math.MaxInt64, 0), move("down", -math.MaxInt64, platform.NoFloor))))
	for name, m := range map[string]platform.Move{
		"above the top":          move("up", 1, platform.NoFloor),
		"far above":              move("up", math.MaxInt64, 0),
		"below the bottom":       move("down", -2, platform.NoFloor),
		"far below":              move("down", math.MinInt64, platform.NoFloor),
		"far below with a floor": move("down", math.MinInt64, 0),
	} {
		err := w.try(t, writes(add("p", "s", platform.Any, m)))
		wantError(t, name, err, refused...)
	}
	w.wantRecord(t, "p", "s", 1, "",
		map[string]int64{"up": math.MaxInt64, "down": -math.MaxInt64})
	w.commit(t, writes(add("p", "s", platform.Any, move("down", -1, platform.NoFloor))))
	w.wantRecord(t, "p", "s", 2, "",
		map[string]int64{"up": math.MaxInt64, "down": math.MinInt64})
}

// Goal: several counters of one record move under one condition, all or none. Method: one of three
// would pass its floor; then none does.
func testSeveralCounters(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "v", platform.Absent, move("a", 5, 0), move("b", 1, 0))))
	err := w.try(t, writes(
		add("p", "s", platform.Any, move("a", -1, 0), move("b", -2, 0), move("c", 1, 0))))
	wantError(t, "one of three passes its floor", err, platform.ErrBound)
	w.wantRecord(t, "p", "s", 1, "v", map[string]int64{"a": 5, "b": 1})
	w.commit(t, writes(
		add("p", "s", platform.Any, move("a", -1, 0), move("b", -1, 0), move("c", 1, 0))))
	w.wantRecord(t, "p", "s", 2, "v", map[string]int64{"a": 4, "b": 0, "c": 1})
	w.commit(t, writes(add("p", "s", 2, move("a", 0, 4))))
	w.wantRecord(t, "p", "s", 3, "v", map[string]int64{"a": 4, "b": 0, "c": 1})
}

// Goal: a Put keeps the counters, and moves them in the same step when it carries moves; a refused
// move keeps the value. Method: put with and without moves, around the floor.
func testPutWithMoves(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "a", platform.Absent, move("n", 3, 0))))
	w.commit(t, writes(put("p", "s", "b", 1)))
	w.wantRecord(t, "p", "s", 2, "b", map[string]int64{"n": 3})
	err := w.try(t, writes(put("p", "s", "c", 2, move("n", -4, 0))))
	wantError(t, "a put whose move passes the floor", err, platform.ErrBound)
	w.wantRecord(t, "p", "s", 2, "b", map[string]int64{"n": 3})
	w.commit(t, writes(put("p", "s", "c", 2, move("n", -3, 0))))
	w.wantRecord(t, "p", "s", 3, "c", map[string]int64{"n": 0})
}

// Goal: a Check lets the rest of its batch happen exactly when it holds. Method: checks that hold
// and that fail, on presence, absence and versions, beside a write.
func testChecks(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "guard", "g", platform.Absent)))
	w.commit(t, writes(check("p", "guard", 1), check("p", "none", platform.Absent),
		put("p", "x", "1", platform.Absent)))
	w.wantRecord(t, "p", "x", 1, "1", nil)
	for _, failing := range []platform.Write{check("p", "guard", 2), check("p", "none", 1)} {
		err := w.try(t, writes(put("p", "x", "2", 1), failing))
		wantError(t, "a check that fails", err, platform.ErrConflict)
	}
	w.wantRecord(t, "p", "x", 1, "1", nil)
	w.wantRecord(t, "p", "guard", 1, "g", nil)
	w.wantRecord(t, "p", "none", 0, "", nil)
}

// Goal: deleting removes value and counters; what is made again starts anew at version 1; deleting
// nothing is no error under Any. Method: delete, look, make again.
func testDeletes(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "a", platform.Absent, move("n", 3, 0))))
	w.commit(t, writes(put("p", "s", "b", 1)))
	w.commit(t, writes(remove("p", "s", 2), remove("p", "never", platform.Any),
		remove("p", "neither", platform.Absent)))
	w.wantRecord(t, "p", "s", 0, "", nil)
	w.wantRecord(t, "p", "never", 0, "", nil)
	w.commit(t, writes(put("p", "s", "c", platform.Absent)))
	w.wantRecord(t, "p", "s", 1, "c", nil)
	w.commit(t, writes(remove("p", "s", platform.Any)))
	w.commit(t, writes(add("p", "s", platform.Any, move("n", 1, 0))))
	w.wantRecord(t, "p", "s", 1, "", map[string]int64{"n": 1})
}

// Goal: a BoundError means that the versions agreed. Method: a batch that breaks both, in both
// orders of its writes and within one write.
func testConflictBeforeBound(t *testing.T, w *world) {
	w.commit(t, writes(put("p", "s", "a", platform.Absent), add("p", "n", 0, move("n", 1, 0))))
	stale, over := put("p", "s", "b", 7), add("p", "n", platform.Any, move("n", -2, 0))
	for _, b := range []platform.Batch{
		writes(stale, over), writes(over, stale), writes(add("p", "n", 7, move("n", -2, 0))),
	} {
		err := w.try(t, b)
		wantError(t, "versions and bounds both broken", err, platform.ErrConflict)
		if errors.Is(err, platform.ErrBound) {
			t.Errorf("%v is both a conflict and a bound", err)
		}
	}
}

// Goal: a refused batch leaves no trace: no record, no counter, no event, no timer, no sequence
// number taken. Method: a batch of everything with one failing part, put first, last and in the
// middle; then look everywhere, and commit it without that part.
func testAtomicity(t *testing.T, w *world) {
	w.commit(t, writes(add("p", "stock", platform.Absent, move("n", 1, 0))))
	failing := map[string]platform.Write{
		"conflict": put("p", "stock", "x", 99),
		"bound":    add("p", "stock", platform.Any, move("n", -2, 0)),
	}
	good := []platform.Write{
		put("p", "a", "1", platform.Absent), add("p", "b", platform.Any, move("n", 1, 0)),
	}
	rest := platform.Batch{
		Events: []platform.Event{w.event(typeA, "thing/1", 1)},
		Timers: []platform.Timer{{
			Key: "t", Due: w.clock.Now(), Event: w.event(typeRang, "thing/1", 0),
		}},
	}
	for name, bad := range failing {
		for at := range len(good) + 1 {
			b := rest
			b.Writes = append(append(append([]platform.Write{}, good[:at]...), bad), good[at:]...)
			wantError(t, name, w.try(t, b),
				platform.ErrConflict, platform.ErrBound)
		}
	}
	w.wantRecord(t, "p", "a", 0, "", nil)
	w.wantRecord(t, "p", "b", 0, "", nil)
	w.wantRecord(t, "p", "stock", 1, "", map[string]int64{"n": 1})
	if log := w.log(t); len(log) != 0 {
		t.Errorf("the log holds %d events of refused batches", len(log))
	}
	rest.Writes = good
	w.commit(t, rest)
	w.wantRecord(t, "p", "a", 1, "1", nil)
}

// Goal: nothing occurs twice in a batch. Method: every kind of repetition, beside innocent writes.
func testTwice(t *testing.T, w *world) {
	timer := platform.Timer{
		Key: "t", Due: w.clock.Now().Add(w.span(1)), Event: w.event(typeRang, "thing/1", 0),
	}
	many := make([]platform.Write, 0, 50)
	for i := range 49 {
		many = append(many, put("p", string(rune('A'+i)), "v", platform.Any))
	}
	many = append(many, check("p", "B", platform.Any))
	for name, b := range map[string]platform.Batch{
		"two puts":      writes(put("p", "s", "1", platform.Any), put("p", "s", "2", platform.Any)),
		"put and check": writes(check("p", "s", platform.Absent), put("p", "s", "2", platform.Any)),
		"two adds": writes(add("p", "s", platform.Any, move("n", 1, 0)),
			add("p", "s", platform.Any, move("m", 1, 0))),
		"far apart": writes(many...),
		"a counter twice": writes(
			add("p", "s", platform.Any, move("n", 3, 0), move("n", -2, 0))),
		"an event's place twice": {Events: []platform.Event{
			w.event(typeA, "thing/1", 1), w.event(typeB, "thing/1", 1),
		}},
		"a timer twice":        {Timers: []platform.Timer{timer, timer}},
		"a timer and a cancel": {Timers: []platform.Timer{timer}, Cancel: []string{"t"}},
	} {
		wantError(t, name, w.try(t, b), platform.ErrInvalid)
	}
	w.wantRecord(t, "p", "s", 0, "", nil)
	w.wantRecord(t, "p", "A", 0, "", nil)
	if log := w.log(t); len(log) != 0 {
		t.Errorf("the log holds %d events of refused batches", len(log))
	}
}

// Goal: a subject has each sequence number once, across commits and types; number 0 is outside.
// Method: the same number again, the next one, another subject, and 0 several times.
func testSequences(t *testing.T, w *world) {
	w.announce(t, w.event(typeA, "thing/1", 1), w.event(typeA, "thing/2", 1))
	b := platform.Batch{
		Writes: []platform.Write{put("p", "s", "v", platform.Absent)},
		Events: []platform.Event{w.event(typeB, "thing/1", 1)},
	}
	err := w.try(t, b)
	wantError(t, "a place that is taken", err, platform.ErrConflict)
	var c *platform.ConflictError
	if !errors.As(err, &c) {
		t.Errorf("%T is not a ConflictError", err)
	}
	w.wantRecord(t, "p", "s", 0, "", nil)
	b.Events[0].Sequence = 2
	w.commit(t, b)
	w.announce(t, w.event(typeA, "thing/1", 0), w.event(typeA, "thing/1", 0))
	w.commit(t, platform.Batch{Events: []platform.Event{
		w.event(typeA, "thing/3", 1), w.event(typeA, "thing/3", 2), w.event(typeA, "thing/1", 3),
	}})
	if log := w.log(t); len(log) != 8 {
		t.Errorf("the log holds %d events, want 8", len(log))
	}
}

// Goal: an event that the check refuses is not committed, nor anything with it, neither now nor by
// a timer. Method: a refused event beside innocent parts.
func testContract(t *testing.T, w *world) {
	bad := w.event(typeA, "thing/1", 2)
	bad.Data = []byte(broken)
	err := w.try(t, platform.Batch{
		Writes: []platform.Write{put("p", "s", "v", platform.Absent)},
		Events: []platform.Event{w.event(typeA, "thing/1", 1), bad},
	})
	wantError(t, "an event that breaks its contract", err, platform.ErrContract)
	if !errors.Is(err, errBroken) {
		t.Errorf("%v does not say why the check refused", err)
	}
	bad.Sequence = 0
	err = w.try(t, platform.Batch{
		Timers: []platform.Timer{{Key: "t", Due: w.clock.Now().Add(w.span(1)), Event: bad}},
	})
	wantError(t, "a timer's event that breaks its contract", err, platform.ErrContract)
	w.wantRecord(t, "p", "s", 0, "", nil)
	if log := w.log(t); len(log) != 0 {
		t.Errorf("the log holds %d events of refused batches", len(log))
	}
}
