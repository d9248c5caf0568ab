package verify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// folding makes one room's records of the log, by the room's own Apply. Each order has a state of
// its own, which is added up and let go after the order's last event; so what a fact about an order
// puts must be that order's own. Counters may be shared: those that orders move are added up.
type folding struct {
	*sheet
	run    *run
	bit    uint64 // in item.wants
	room   room.Room
	prefix string          // of its records in the whole store
	types  map[string]bool // of the facts that it folds
	owner  bool            // it has facts of its own, so its records are never behind the log
	skip   string          // why its records are not compared; "" if they are

	desk   *room.Desk
	shared *room.State // what is no order's own
	states map[number]*room.State
	counts map[platform.Key]map[string]int64 // what orders moved, of those that were let go
	put    func(of number, rec platform.Record)
	err    error // a record could not be encoded

	stored, folded *sums
}

func newFolding(r *run, one room.Room, s *sheet) *folding {
	f := &folding{
		sheet: s, run: r, room: one, prefix: one.Name() + "/", types: make(map[string]bool),
		desk:   &room.Desk{Apply: one.Apply, Catalogue: r.in.Catalogue},
		states: make(map[number]*room.State), counts: make(map[platform.Key]map[string]int64),
		stored: newSums(r.hints), folded: newSums(r.hints),
	}
	f.shared = room.NewState(f.desk)
	f.put = func(_ number, rec platform.Record) { f.folded.add(&rec) }
	for _, k := range event.Kinds() {
		if event.Room(k.Type) == one.Name() {
			f.types[k.Type], f.owner = true, true
		}
	}
	if !f.owner {
		for _, r := range one.Reactions() {
			f.types[r.Fact.Type()] = true
			for _, more := range r.More {
				f.types[more.Type()] = true
			}
		}
	}
	return f
}

// take implements sink.
func (f *folding) take(items []item) {
	for i := range items {
		it := &items[i]
		switch {
		case it.fact == nil:
			if event.Room(it.e.Type) == f.room.Name() {
				f.broken(foldIsState, it.at, "the event cannot be read, so it cannot be folded",
					"type", it.e.Type)
			}
		case it.wants&f.bit != 0:
			f.check(foldIsState)
			if err := f.fold(f.state(it.group), it.fact, &it.e); err != nil {
				f.broken(foldIsState, it.at, "the fold stops here: "+err.Error(),
					"room", f.room.Name(), "type", it.e.Type)
			}
		}
		if it.last {
			f.letGo(it.group)
		}
	}
}

// state is where what an order's facts make is kept. A room that only counts has nothing that is an
// order's own.
func (f *folding) state(of number) *room.State {
	if of == 0 || !f.owner {
		return f.shared
	}
	s := f.states[of]
	if s == nil {
		s = room.NewState(f.desk)
		f.states[of] = s
	}
	return s
}

func (f *folding) fold(s *room.State, fact event.Fact, e *platform.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.FoldFact(context.Background(), fact, room.Meta{ID: e.ID, Sequence: e.Sequence})
}

// letGo hands over the records of an order, which nothing changes any more.
func (f *folding) letGo(of number) {
	s := f.states[of]
	if s == nil {
		return
	}
	delete(f.states, of)
	for _, key := range s.Keys() {
		rec, ok := f.record(s, key)
		switch {
		case !ok:
		case rec.Value == nil:
			f.count(key, rec.Counters)
		default:
			f.put(of, rec)
		}
	}
}

// end hands over the rest: the orders that were not let go, and what is shared.
func (f *folding) end() {
	for of := range f.states {
		f.letGo(of)
	}
	for _, key := range f.shared.Keys() {
		if rec, ok := f.record(f.shared, key); ok {
			rec.Counters = added(rec.Counters, f.counts[key])
			delete(f.counts, key)
			f.put(0, rec)
		}
	}
	for key, counters := range f.counts {
		f.put(0, platform.Record{Key: key, Counters: counters})
	}
	clear(f.counts)
}

// record is a folded record that must be stored.
func (f *folding) record(s *room.State, key platform.Key) (platform.Record, bool) {
	if strings.HasPrefix(key.Part, room.AuxPrefix) {
		return platform.Record{}, false
	}
	rec, ok, err := s.Record(key)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("compare %s %s: %w", key.Part, key.Sort, err)
	}
	return rec, ok && err == nil
}

func (f *folding) count(key platform.Key, counters map[string]int64) {
	if of := f.counts[key]; of != nil {
		for name, n := range counters {
			of[name] += n
		}
		return
	}
	f.counts[key] = counters // the state that made them is gone
}

func added(a, b map[string]int64) map[string]int64 {
	if b == nil {
		return a
	}
	sum := maps.Clone(b)
	for name, n := range a {
		sum[name] += n
	}
	return sum
}

func differ(stored, folded platform.Record) (string, error) {
	if !bytes.Equal(stored.Value, folded.Value) {
		same, err := sameJSON(stored.Value, folded.Value)
		if err != nil {
			return "the stored value is not JSON: " + err.Error(), nil
		}
		if !same {
			return fmt.Sprintf("stored %s folded %s", clip(string(stored.Value)),
				clip(string(folded.Value))), nil
		}
	}
	if maps.Equal(stored.Counters, folded.Counters) {
		return "", nil
	}
	names := make(map[string]bool)
	for name := range stored.Counters {
		names[name] = true
	}
	for name := range folded.Counters {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if s, f := stored.Counters[name], folded.Counters[name]; s != f {
			return fmt.Sprintf("the counter %s is stored as %d and folded as %d", name, s, f), nil
		}
	}
	return "", nil
}

func sameJSON(a, b []byte) (bool, error) {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b), nil
	}
	var have, want any
	if err := json.Unmarshal(a, &have); err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, &want); err != nil {
		return false, err
	}
	return reflect.DeepEqual(have, want), nil
}

// report notes the differences, each with the fact that last wrote the record.
func (f *folding) report(found []difference) {
	slices.SortStableFunc(found, func(a, b difference) int {
		return cmp.Compare(a.touched.pos, b.touched.pos)
	})
	for _, d := range found {
		f.broken(foldIsState, d.touched, d.what, "room", f.room.Name(),
			"record", d.key.Part+" "+d.key.Sort)
	}
}
