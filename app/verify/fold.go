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

// folding makes one room's records of the log, by the room's own Apply.
type folding struct {
	*sheet
	room   room.Room
	prefix string // of its records in the whole store
	cat    *event.Catalogue
	state  *room.State
	types  map[string]bool // what it folds
	owner  bool            // it has facts of its own, so its records are never behind the log
	skip   string          // why its records are not compared; "" if they are
}

func newFolding(one room.Room, cat *event.Catalogue, s *sheet) *folding {
	f := &folding{
		sheet: s, room: one, prefix: one.Name() + "/", cat: cat, types: make(map[string]bool),
		state: room.NewState(&room.Desk{Apply: one.Apply, Catalogue: cat}),
	}
	for _, k := range event.Kinds() {
		if event.Room(k.Type) == one.Name() {
			f.types[k.Type], f.owner = true, true
		}
	}
	if !f.owner {
		for _, r := range one.Reactions() {
			f.types[r.Fact.Type()] = true
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
		case f.types[it.fact.Type()]:
			f.check(foldIsState)
			if err := f.fold(it.fact, &it.e); err != nil {
				f.broken(foldIsState, it.at, "the fold stops here: "+err.Error(),
					"room", f.room.Name(), "type", it.e.Type)
			}
		}
	}
}

func (f *folding) fold(fact event.Fact, e *platform.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f.state.FoldFact(context.Background(), fact, room.Meta{ID: e.ID, Sequence: e.Sequence})
}

// compare says how a stored record differs from the folded one, "" if it does not, and whether
// there is a folded one. Several goroutines may compare at once, after the log was read.
func (f *folding) compare(stored platform.Record) (what string, known bool, err error) {
	folded, ok, err := f.state.Record(stored.Key)
	if err != nil {
		return "", false, err
	}
	if !ok {
		return "no fact of the log makes this record", false, nil
	}
	what, err = differ(stored, folded)
	return what, true, err
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
	for name := range names {
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

// domainKeys counts the folded records that must be stored.
func (f *folding) domainKeys() []platform.Key {
	keys := f.state.Keys()
	kept := keys[:0]
	for _, k := range keys {
		if !strings.HasPrefix(k.Part, room.AuxPrefix) {
			kept = append(kept, k)
		}
	}
	return kept
}

// difference is a record that is not what the log makes of it.
type difference struct {
	key     platform.Key
	what    string
	touched place // the fact that last wrote it; zero if none did
}

// trace finds the fact that last wrote each of a few records, by folding the log once more.
func (f *folding) trace(ctx context.Context, h platform.History, found []difference) error {
	at := make(map[platform.Key]*difference, len(found))
	for i := range found {
		at[found[i].key] = &found[i]
	}
	again := newFolding(f.room, f.cat, &sheet{})
	var pos int64
	return h.Log(ctx, "", func(_ string, e platform.Event) error {
		pos++
		fact, err := room.FactOf(f.cat, e)
		if err != nil || !again.types[fact.Type()] {
			return ctx.Err() // it was reported when the log was read
		}
		if err := again.fold(fact, &e); err != nil {
			return ctx.Err()
		}
		for _, key := range again.state.Touched() {
			if d := at[key]; d != nil {
				d.touched = place{pos, e.ID}
			}
		}
		return ctx.Err()
	})
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
