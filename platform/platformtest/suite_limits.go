package platformtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runLimits(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Items", testItems}, {"BatchBytes", testBatchBytes}, {"ItemBytes", testItemBytes},
		{"CounterBytes", testCounterBytes}, {"Moves", testMoves}, {"Keys", testKeySizes},
		{"EventBytes", testEventBytes},
		{"Malformed", testMalformed},
	})
}

// Goal: MaxItems bounds writes, events, timers and cancellations together. Method: batches of
// exactly that many, mixed in several ways, and each of them with one more.
func testItems(t *testing.T, w *world) {
	due := w.clock.Now().Add(24 * w.span(60))
	make100 := func(round, nWrites, nEvents, nTimers int) platform.Batch {
		var b platform.Batch
		for i := range platform.MaxItems {
			key := fmt.Sprintf("%d-%d", round, i)
			switch {
			case i < nWrites:
				b.Writes = append(b.Writes, put("p", key, "v", platform.Any))
			case i < nWrites+nEvents:
				b.Events = append(b.Events, w.event(typeA, "thing/"+key, 1))
			case i < nWrites+nEvents+nTimers:
				b.Timers = append(b.Timers, platform.Timer{
					Key: key, Due: due, Event: w.event(typeRang, "thing/"+key, 0),
				})
			default:
				b.Cancel = append(b.Cancel, key)
			}
		}
		return b
	}
	mixes := [][3]int{{100, 0, 0}, {0, 100, 0}, {0, 0, 100}, {0, 0, 0}, {25, 25, 25}}
	for round, mix := range mixes {
		b := make100(round, mix[0], mix[1], mix[2])
		over := b
		over.Cancel = append(append([]string{}, b.Cancel...), "one more")
		err := w.try(t, over)
		wantError(t, fmt.Sprintf("%d items", over.Items()), err, platform.ErrTooLarge)
		w.commit(t, b)
	}
	if n := len(w.log(t)); n != 125 {
		t.Errorf("the log holds %d events, want 125", n)
	}
}

// Goal: MaxBatchBytes bounds the bytes of a batch. Method: ten records that add up to exactly the
// limit, and the same with one byte more in an eleventh.
func testBatchBytes(t *testing.T, w *world) {
	const each = platform.MaxBatchBytes / 10
	var b platform.Batch
	for i := range 10 {
		key := fmt.Sprint(i)
		b.Writes = append(b.Writes,
			put("p", key, strings.Repeat("x", each-len("p")-len(key)), platform.Any))
	}
	over := b
	over.Writes = append(append([]platform.Write{}, b.Writes...), put("p", "10", "", platform.Any))
	wantError(t, "over the limit by a key", w.try(t, over), platform.ErrTooLarge)
	w.wantRecord(t, "p", "0", 0, "", nil)
	w.commit(t, b)
	w.wantRecord(t, "p", "9", 1, string(b.Writes[9].Value), nil)
}

// Goal: MaxItemBytes bounds one record's key and value. Method: exactly the limit, and one more.
func testItemBytes(t *testing.T, w *world) {
	fits := strings.Repeat("x", platform.MaxItemBytes-len("part")-len("sort"))
	err := w.try(t, writes(put("part", "sort", fits+"x", platform.Any)))
	wantError(t, "one byte over the limit", err, platform.ErrTooLarge)
	w.wantRecord(t, "part", "sort", 0, "", nil)
	w.commit(t, writes(put("part", "sort", fits, platform.Any)))
	w.wantRecord(t, "part", "sort", 1, fits, nil)
}

// Goal: value and counters together are bounded, however they came to be there: at the latest 9,600
// bytes over MaxItemBytes. Method: a record that is nearly full of value, then counters by and by;
// and the other way about.
func testCounterBytes(t *testing.T, w *world) {
	nearly := strings.Repeat("x", platform.MaxItemBytes-20_000)
	long := func(i int) string { return strings.Repeat("n", 18_000) + fmt.Sprint(i) }
	w.commit(t, writes(put("p", "s", nearly, platform.Any)))
	w.commit(t, writes(add("p", "s", platform.Any, move(long(1), 1, 0))))
	err := w.try(t, writes(add("p", "s", platform.Any, move(long(2), 1, 0))))
	wantError(t, "counters that make the record too large", err, platform.ErrTooLarge)
	w.wantRecord(t, "p", "s", 2, nearly, map[string]int64{long(1): 1})

	w.commit(t, writes(add("p", "c", platform.Any, move(long(1), 1, 0), move(long(2), 1, 0))))
	err = w.try(t, writes(put("p", "c", nearly, platform.Any)))
	wantError(t, "a value that makes the record too large", err, platform.ErrTooLarge)
	w.commit(t, writes(put("p", "c", nearly[:len(nearly)-20_000], platform.Any)))
}

// Goal: one write moves up to MaxMoves counters, each with a floor of its own. Method: that many in
// one write, twice, the second time with one that would pass its floor; then one more.
func testMoves(t *testing.T, w *world) {
	moves, counters := make([]platform.Move, 0, platform.MaxMoves), make(map[string]int64)
	for i := range platform.MaxMoves {
		name := fmt.Sprint("counter-", i)
		moves = append(moves, move(name, int64(i)+1, 0))
		counters[name] = int64(i) + 1
	}
	w.commit(t, writes(add("p", "s", platform.Absent, moves...)))
	w.wantRecord(t, "p", "s", 1, "", counters)
	back := make([]platform.Move, len(moves))
	for i, m := range moves {
		back[i] = move(m.Counter, -m.Delta, 0)
	}
	over := back[len(back)-1]
	back[len(back)-1].Delta--
	err := w.try(t, writes(add("p", "s", platform.Any, back...)))
	wantError(t, "the last of many passes its floor", err, platform.ErrBound)
	back[len(back)-1] = over
	for name := range counters {
		counters[name] = 0
	}
	w.commit(t, writes(add("p", "s", platform.Any, back...)))
	w.wantRecord(t, "p", "s", 2, "", counters)
	err = w.try(t, writes(add("p", "s", platform.Any, append(back, move("more", 1, 0))...)))
	wantError(t, "one move too many", err, platform.ErrTooLarge)
}

// Goal: the sizes of keys are bounded as the port says, with a partition that is never empty and a
// place that may be. Method: each at its limit and one over, in every call that takes a key.
func testKeySizes(t *testing.T, w *world) {
	part := strings.Repeat("p", platform.MaxPartBytes)
	sort := strings.Repeat("s", platform.MaxSortBytes)
	w.commit(t, writes(put(part, sort, "v", platform.Absent), put("p", "", "v", platform.Absent)))
	w.wantRecord(t, part, sort, 1, "v", nil)
	edge := strings.Repeat("\xff", platform.MaxPartBytes)
	w.commit(t, writes(put(edge, strings.Repeat("\xff", platform.MaxSortBytes), "v", 0)))
	w.wantRecord(t, edge, strings.Repeat("\xff", platform.MaxSortBytes), 1, "v", nil)
	w.wantRecord(t, "p", "", 1, "v", nil)
	list, err := w.alpha().List(t.Context(), platform.Query{Part: part, After: sort[1:], Limit: 1})
	if err != nil || len(list) != 1 {
		t.Errorf("list of the longest partition: %d records, %v", len(list), err)
	}
	for name, k := range map[string]platform.Key{
		"partition": {Part: part + "p", Sort: "s"}, "place": {Part: "p", Sort: sort + "s"},
	} {
		wantError(t, "put, long "+name, w.try(t,
			writes(put(k.Part, k.Sort, "v", platform.Any))), platform.ErrTooLarge)
		_, err := w.alpha().Get(t.Context(), k)
		wantError(t, "get, long "+name, err, platform.ErrTooLarge, platform.ErrNotFound)
	}
	wantError(t, "put without a partition", w.try(t,
		writes(put("", "s", "v", platform.Any))), platform.ErrInvalid)
	_, err = w.alpha().Get(t.Context(), platform.Key{Sort: "s"})
	wantError(t, "get without a partition", err, platform.ErrInvalid)
	for _, limit := range []int{-1, 0, platform.MaxList + 1} {
		_, err := w.alpha().List(t.Context(), platform.Query{Part: "p", Limit: limit})
		wantError(t, fmt.Sprint("a list of ", limit), err,
			platform.ErrInvalid, platform.ErrTooLarge)
	}
}

// Goal: an event may be as large as an item, whatever the transport carries; its subject is
// bounded. Method: an event just inside MaxItemBytes is committed, delivered and read back whole;
// one over is refused; subjects and timer keys at their limit and one over.
func testEventBytes(t *testing.T, w *world) {
	got := w.collect(t, "large", platform.DefaultRetry(), typeA)
	w.start(t)
	large := w.event(typeA, strings.Repeat("s", platform.MaxSubjectBytes), 1)
	large.Data = []byte(`"` + strings.Repeat("x", platform.MaxItemBytes-1000) + `"`)
	w.announce(t, large)
	w.until(t, "the large event", func() bool { return got.count() == 1 })
	sameEvent(t, got.all()[0], large)
	sameEvent(t, w.log(t)[0], large)

	over := w.event(typeA, "thing/1", 1)
	over.Data = []byte(`"` + strings.Repeat("x", platform.MaxItemBytes) + `"`)
	long := w.event(typeA, large.Subject+"s", 1)
	rang := w.event(typeRang, "thing/1", 0)
	for name, b := range map[string]platform.Batch{
		"a large event":    {Events: []platform.Event{over}},
		"a long subject":   {Events: []platform.Event{long}},
		"a long timer key": {Timers: []platform.Timer{{Key: long.Subject, Event: rang}}},
	} {
		wantError(t, name, w.try(t, b), platform.ErrTooLarge, platform.ErrInvalid)
	}
	w.commit(t, platform.Batch{Timers: []platform.Timer{{
		Key: large.Subject, Due: w.clock.Now().Add(w.span(1000)), Event: rang,
	}}})
}

// Goal: what is no write and no event is refused as ErrInvalid. Method: one malformed part a batch.
func testMalformed(t *testing.T, w *world) {
	event := func(change func(e *platform.Event)) platform.Batch {
		e := w.event(typeA, "thing/1", 1)
		change(&e)
		return platform.Batch{Events: []platform.Event{e}}
	}
	key := platform.Key{Part: "p", Sort: "s"}
	for name, b := range map[string]platform.Batch{
		"no kind":             writes(platform.Write{Key: key, Expect: platform.Any}),
		"an unknown kind":     writes(platform.Write{Kind: 99, Key: key, Expect: platform.Any}),
		"an unknown version":  writes(put("p", "s", "v", -2)),
		"no event id":         event(func(e *platform.Event) { e.ID = "" }),
		"no event type":       event(func(e *platform.Event) { e.Type = "" }),
		"no event subject":    event(func(e *platform.Event) { e.Subject = "" }),
		"no UTF-8":            event(func(e *platform.Event) { e.Correlation = "\xff" }),
		"a negative sequence": event(func(e *platform.Event) { e.Sequence = -1 }),
		"a timer with a sequence": {Timers: []platform.Timer{{
			Key: "t", Due: w.clock.Now(), Event: w.event(typeRang, "thing/1", 1),
		}}},
		"a timer without a key": {Timers: []platform.Timer{{
			Due: w.clock.Now(), Event: w.event(typeRang, "thing/1", 0),
		}}},
	} {
		wantError(t, name, w.try(t, b), platform.ErrInvalid)
	}
	w.wantRecord(t, "p", "s", 0, "", nil)
	if log := w.log(t); len(log) != 0 {
		t.Errorf("the log holds %d events of refused batches", len(log))
	}
}
