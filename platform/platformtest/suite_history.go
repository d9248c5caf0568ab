package platformtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func runHistory(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Subject", testSubject}, {"Log", testLog}, {"Resume", testResume}, {"Stop", testStop},
		{"Seek", testSeek}, {"Records", testRecords},
	})
}

// sameEvent compares what was committed with what came back: everything but Time, which the
// platform sets, and Value, which may be absent.
func sameEvent(t *testing.T, have, want platform.Event) {
	t.Helper()
	if have.ID != want.ID || have.Type != want.Type || have.Subject != want.Subject ||
		have.Sequence != want.Sequence || have.Correlation != want.Correlation ||
		have.Causation != want.Causation || have.Idempotency != want.Idempotency ||
		have.TraceParent != want.TraceParent || !bytes.Equal(have.Data, want.Data) {
		have.Data = have.Data[:min(len(have.Data), 80)]
		want.Data = want.Data[:min(len(want.Data), 80)]
		t.Errorf("event\n have %+v\n want %+v", have, want)
	}
	if have.Time.IsZero() {
		t.Errorf("event %s has no time", have.ID)
	}
}

// Goal: a subject's events come back whole, in sequence, by pages, and without those of other
// subjects, even of subjects that begin alike. Method: subjects that are prefixes of each other and
// have more events than one digit counts; pages of several sizes from several places.
func testSubject(t *testing.T, w *world) {
	subjects := []string{"thing/1", "thing/10", "thing/", "thing/1\x00", "Thing/1", "thing/ä"}
	want := make(map[string][]platform.Event)
	for seq := int64(1); seq <= 12; seq++ {
		for _, s := range subjects {
			e := w.event(typeA, s, seq)
			w.announce(t, e)
			want[s] = append(want[s], e)
		}
	}
	for _, s := range subjects {
		for _, after := range []int64{0, 1, 9, 10, 11, 12, 100} {
			for _, limit := range []int{1, 5, platform.MaxList} {
				events, err := w.p.History().Subject(t.Context(), s, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				rest := want[s][min(after, 12):]
				rest = rest[:min(limit, len(rest))]
				if len(events) != len(rest) {
					t.Fatalf("%q after %d: %d events, want %d", s, after, len(events), len(rest))
				}
				for i := range rest {
					sameEvent(t, events[i], rest[i])
				}
			}
		}
	}
	events, err := w.p.History().Subject(t.Context(), "thing/none", 0, 10)
	if err != nil || len(events) != 0 {
		t.Errorf("a subject without events: %v, %v", events, err)
	}
	for _, limit := range []int{0, -1, platform.MaxList + 1} {
		_, err := w.p.History().Subject(t.Context(), "thing/1", 0, limit)
		wantError(t, fmt.Sprint("limit ", limit), err, platform.ErrInvalid, platform.ErrTooLarge)
	}
}

// fill commits 5 times 20 events from five writers at once and returns the log.
func (w *world) fill(t *testing.T) []platform.Event {
	t.Helper()
	together(5, func(i int) {
		for seq := int64(1); seq <= 20; seq++ {
			e := w.event(typeA, fmt.Sprint("thing/", i), seq)
			if err := w.try(t, platform.Batch{
				Writes: []platform.Write{put("p", e.ID, "v", platform.Absent)},
				Events: []platform.Event{e},
			}); err != nil {
				t.Errorf("commit: %v", err)
			}
		}
	})
	return w.log(t)
}

// Goal: the log holds every event once, each subject's in sequence; with GlobalOrder, in the order
// of commits, and times never fall. Method: concurrent writers, then one after the other.
func testLog(t *testing.T, w *world) {
	log := w.fill(t)
	next := make(map[string]int64)
	for i, e := range log {
		next[e.Subject]++
		if e.Sequence != next[e.Subject] {
			t.Fatalf("number %d of %s comes as number %d", e.Sequence, e.Subject, next[e.Subject])
		}
		if i > 0 && w.a.Features.GlobalOrder && e.Time.Before(log[i-1].Time) {
			t.Errorf("event %d is from %s, the one before it from %s", i, e.Time, log[i-1].Time)
		}
	}
	if len(log) != 100 {
		t.Fatalf("the log holds %d events, want 100", len(log))
	}
	var ids []string
	for i := range 20 {
		e := w.event(typeB, fmt.Sprint("other/", i), 1)
		ids = append(ids, e.ID)
		w.announce(t, e)
	}
	if !w.a.Features.GlobalOrder {
		return
	}
	for i, e := range w.log(t)[100:] {
		if e.ID != ids[i] {
			t.Errorf("event %d is %s, want %s", 100+i, e.ID, ids[i])
		}
	}
}

// Goal: reading goes on after any cursor with exactly the rest, and a cursor at the end yields what
// is committed later. Method: resume from every cursor of a log.
func testResume(t *testing.T, w *world) {
	log := w.fill(t)
	var cursors []string
	err := w.p.History().Log(t.Context(), "", func(cursor string, _ platform.Event) error {
		cursors = append(cursors, cursor)
		return nil
	})
	if err != nil || len(cursors) != len(log) {
		t.Fatalf("%d cursors of %d events, %v", len(cursors), len(log), err)
	}
	for i := range cursors {
		rest := w.logAfter(t, cursors[i])
		if !slices.Equal(idsOf(rest), idsOf(log[i+1:])) {
			t.Fatalf("after cursor %d: %d events, want %d", i, len(rest), len(log)-i-1)
		}
	}
	later := w.event(typeA, "thing/later", 1)
	w.announce(t, later)
	rest := idsOf(w.logAfter(t, cursors[len(cursors)-1]))
	if !slices.Equal(rest, []string{later.ID}) {
		t.Errorf("after the end: %v, want %s", rest, later.ID)
	}
	err = w.p.History().Log(t.Context(), "no cursor",
		func(string, platform.Event) error { return nil })
	wantError(t, "a cursor that never was", err, platform.ErrInvalid, platform.ErrNotFound)
}

func (w *world) logAfter(t *testing.T, cursor string) []platform.Event {
	t.Helper()
	var rest []platform.Event
	err := w.p.History().Log(t.Context(), cursor, func(_ string, e platform.Event) error {
		rest = append(rest, e)
		return nil
	})
	if err != nil {
		t.Fatalf("log after %q: %v", cursor, err)
	}
	return rest
}

func idsOf(events []platform.Event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// Goal: Log and Records stop at the function's first error and return it. Method: an error at the
// third call.
func testStop(t *testing.T, w *world) {
	w.fill(t)
	enough := errors.New("enough")
	n := 0
	third := func() error {
		if n++; n == 3 {
			return enough
		}
		return nil
	}
	err := w.p.History().Log(t.Context(), "", func(string, platform.Event) error { return third() })
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("Log: %v after %d calls", err, n)
	}
	n = 0
	err = w.p.History().Records(t.Context(), "alpha/",
		func(platform.Record) error { return third() })
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("Records: %v after %d calls", err, n)
	}
}

// Goal: after Seek the log holds every event that was committed at that moment or later, and where
// there is a global order no other. Method: events at several moments, several at the same one;
// seeks at, between, before and after them.
func testSeek(t *testing.T, w *world) {
	for i := range 8 {
		w.announce(t, w.event(typeA, fmt.Sprint("thing/", i), 1))
		if i%2 == 1 {
			w.pass(w.span(1))
		}
	}
	log := w.log(t)
	moments := []time.Time{log[0].Time.Add(-time.Hour), log[7].Time.Add(time.Hour)}
	for _, e := range log {
		moments = append(moments, e.Time, e.Time.Add(time.Nanosecond))
	}
	for _, m := range moments {
		cursor, err := w.p.History().Seek(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, e := range log {
			if !e.Time.Before(m) {
				want = append(want, e.ID)
			}
		}
		have := idsOf(w.logAfter(t, cursor))
		if w.a.Features.GlobalOrder && !slices.Equal(have, want) {
			t.Errorf("after seeking %s: %v, want %v", m, have, want)
		}
		for _, id := range want {
			if !slices.Contains(have, id) {
				t.Errorf("after seeking %s: %s is missing", m, id)
			}
		}
	}
}

// Goal: Records yields exactly the records whose partition has the prefix, with the room's name
// before the partition: each partition's together and in order, and with KeyOrder all in order.
// Method: strange partitions and places in two rooms, several prefixes, compared with sorting.
func testRecords(t *testing.T, w *world) {
	var all []platform.Key
	for _, room := range []string{"alpha", "beta"} {
		for _, part := range []string{"p", "p\x00", "p/x", "pp", "q", "p\xff", "~aux"} {
			for _, s := range []string{"", "a", "A", "\x00", "\xff", "ä"} {
				b := writes(put(part, s, "v", platform.Absent, move("n", 3, 0)))
				if err := retry(t.Context(), w.p.Store(room), b); err != nil {
					t.Fatal(err)
				}
				all = append(all, platform.Key{Part: room + "/" + part, Sort: s})
			}
		}
	}
	slices.SortFunc(all, func(a, b platform.Key) int {
		if c := strings.Compare(a.Part, b.Part); c != 0 {
			return c
		}
		return strings.Compare(a.Sort, b.Sort)
	})
	for _, prefix := range []string{
		"alpha/", "beta/", "alpha/p", "alpha/p\x00", "alpha/~", "gamma/", "a",
	} {
		var have, want []platform.Key
		err := w.p.History().Records(t.Context(), prefix, func(r platform.Record) error {
			have = append(have, r.Key)
			if r.Version != 1 || string(r.Value) != "v" || r.Counters["n"] != 3 {
				t.Errorf("%q is %+v", r.Key, r)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range all {
			if strings.HasPrefix(k.Part, prefix) {
				want = append(want, k)
			}
		}
		if !w.a.Features.KeyOrder {
			sortPartitions(have)
		}
		if !slices.Equal(have, want) {
			t.Errorf("prefix %q:\n have %q\n want %q", prefix, have, want)
		}
	}
}

// sortPartitions puts partitions in order, each as it comes. One that comes in two pieces stays so.
func sortPartitions(keys []platform.Key) {
	var pieces [][]platform.Key
	for i, k := range keys {
		if i == 0 || keys[i-1].Part != k.Part {
			pieces = append(pieces, nil)
		}
		pieces[len(pieces)-1] = append(pieces[len(pieces)-1], k)
	}
	slices.SortStableFunc(pieces, func(a, b []platform.Key) int {
		return strings.Compare(a[0].Part, b[0].Part)
	})
	copy(keys, slices.Concat(pieces...))
}
