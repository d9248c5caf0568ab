package roomtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// FoldEqualsState folds the log from its beginning with the room's Apply and requires that exactly
// the room's records come out: the same keys, the same values as JSON, the same counters (one that
// is 0 equals none). Records outside the domain state are left out. Call it on a settled world.
func (w *World) FoldEqualsState(t T, r room.Room) {
	t.Helper()
	state := w.fold(t.Context(), t, r)
	stored := w.records(t, r.Name())
	seen := make(map[platform.Key]bool)
	for _, rec := range stored {
		seen[rec.Key] = true
		folded, ok, err := state.Record(rec.Key)
		switch {
		case err != nil:
			t.Errorf("%v", err)
		case !ok:
			t.Errorf("%s holds %s, which no fact of the log makes: %s",
				r.Name(), nameOf(rec.Key), rec.Value)
		default:
			if diff := difference(rec, folded); diff != "" {
				t.Errorf("%s %s: %s", r.Name(), nameOf(rec.Key), diff)
			}
		}
	}
	missing := state.Keys()
	sort.Slice(missing, func(i, j int) bool { return nameOf(missing[i]) < nameOf(missing[j]) })
	for _, key := range missing {
		if !seen[key] && !strings.HasPrefix(key.Part, room.AuxPrefix) {
			t.Errorf("the log makes %s of %s, but it is not stored", nameOf(key), r.Name())
		}
	}
}

// Records returns the room's domain records, without the prefix of the room, by key.
func (w *World) records(t T, name string) []platform.Record {
	t.Helper()
	var all []platform.Record
	prefix := name + "/"
	err := w.Raw.History().Records(t.Context(), prefix, func(rec platform.Record) error {
		if room.IsAux(rec.Key) {
			return nil
		}
		rec.Key.Part = strings.TrimPrefix(rec.Key.Part, prefix)
		all = append(all, rec)
		return nil
	})
	if err != nil {
		t.Fatalf("read the records of %s: %v", name, err)
	}
	return all
}

// difference says how the stored record differs from the folded one; "" if it does not.
func difference(stored, folded platform.Record) string {
	var have, want any
	if err := unmarshal(stored.Value, &have); err != nil {
		return fmt.Sprintf("the stored value is not JSON: %v", err)
	}
	if err := unmarshal(folded.Value, &want); err != nil {
		return fmt.Sprintf("the folded value is not JSON: %v", err)
	}
	if !reflect.DeepEqual(have, want) {
		return fmt.Sprintf("stored %s\n  folded %s", stored.Value, folded.Value)
	}
	for name := range union(stored.Counters, folded.Counters) {
		if s, f := stored.Counters[name], folded.Counters[name]; s != f {
			return fmt.Sprintf("counter %s is stored as %d and folded as %d", name, s, f)
		}
	}
	return ""
}

func unmarshal(raw []byte, v any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, v)
}

func union(a, b map[string]int64) map[string]bool {
	names := make(map[string]bool, len(a)+len(b))
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	return names
}

func nameOf(k platform.Key) string { return k.Part + "/" + k.Sort }
