package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
)

// runModel compares the store with the simplest store that can be written down.
//
// Goal: no sequence of batches makes the store differ from the port's rules. Method: random batches
// over a handful of records, each outcome and afterwards every record compared with a model.
func runModel(t *testing.T, a Adapter) {
	w := newWorld(t, a)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		m := &model{part: fmt.Sprint("model-", round), records: make(map[string]*modelRecord)}
		ctx := t.Context() // a platform outlives the rounds
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			b := m.draw(rt)
			want := m.apply(b)
			err := retry(ctx, w.alpha(), b)
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				rt.Fatalf("%+v\nends in %v, want %v", b.Writes, err, want)
			}
			m.compare(ctx, rt, w.alpha())
		}
	})
}

type model struct {
	part    string
	records map[string]*modelRecord
}

type modelRecord struct {
	version  int64
	value    string
	counters map[string]int64
}

// draw makes a batch whose expectations are right more often than not.
func (m *model) draw(rt *rapid.T) platform.Batch {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "a", "b", "c"}), 1, 3,
		rapid.ID[string]).Draw(rt, "names")
	var b platform.Batch
	for _, name := range names {
		w := platform.Write{
			Kind: rapid.SampledFrom([]platform.Kind{
				platform.Put, platform.Put, platform.Add, platform.Add,
				platform.Delete, platform.Check,
			}).Draw(rt, "kind"),
			Key: platform.Key{Part: m.part, Sort: name},
		}
		w.Expect = rapid.SampledFrom([]int64{
			m.version(name), m.version(name), platform.Any, platform.Any, platform.Absent, 1, 2,
		}).Draw(rt, "expect")
		if w.Kind == platform.Put {
			w.Value = []byte(rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "value"))
			if rapid.Bool().Draw(rt, "object too") {
				w.Object = string(w.Value)
			}
		}
		if w.Kind == platform.Add || w.Kind == platform.Put && rapid.Bool().Draw(rt, "moves too") {
			w.Moves = drawMoves(rt)
		}
		b.Writes = append(b.Writes, w)
	}
	return b
}

func drawMoves(rt *rapid.T) []platform.Move {
	counters := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"m", "n"}), 1, 2,
		rapid.ID[string]).Draw(rt, "counters")
	moves := make([]platform.Move, len(counters))
	for i, c := range counters {
		moves[i] = platform.Move{
			Counter: c,
			Delta:   rapid.Int64Range(-4, 6).Draw(rt, "delta"),
			Floor:   rapid.SampledFrom([]int64{0, 0, -3, 2, platform.NoFloor}).Draw(rt, "floor"),
		}
	}
	return moves
}

func (m *model) version(name string) int64 {
	if r := m.records[name]; r != nil {
		return r.version
	}
	return 0
}

// apply does what the port says, and returns the kind of refusal if it must be refused.
func (m *model) apply(b platform.Batch) error {
	for _, w := range b.Writes {
		if w.Expect != platform.Any && w.Expect != m.version(w.Key.Sort) {
			return platform.ErrConflict
		}
	}
	for _, w := range b.Writes {
		for _, move := range w.Moves {
			var have int64
			if r := m.records[w.Key.Sort]; r != nil {
				have = r.counters[move.Counter]
			}
			if have+move.Delta < move.Floor {
				return platform.ErrBound
			}
		}
	}
	for _, w := range b.Writes {
		m.write(w)
	}
	return nil
}

func (m *model) write(w platform.Write) {
	switch w.Kind {
	case platform.Check:
		return
	case platform.Delete:
		delete(m.records, w.Key.Sort)
		return
	case platform.Put, platform.Add:
	}
	r := m.records[w.Key.Sort]
	if r == nil {
		r = &modelRecord{counters: make(map[string]int64)}
		m.records[w.Key.Sort] = r
	}
	r.version++
	if w.Kind == platform.Put {
		r.value = string(w.Value)
	}
	for _, move := range w.Moves {
		r.counters[move.Counter] += move.Delta
	}
}

// compare lists the partition and gets every record.
func (m *model) compare(ctx context.Context, rt *rapid.T, s platform.Store) {
	list, err := s.List(ctx, platform.Query{Part: m.part, Limit: 10})
	if err != nil {
		rt.Fatalf("list: %v", err)
	}
	var names []string
	for _, rec := range list {
		names = append(names, rec.Key.Sort)
		m.same(rt, rec)
		got, err := s.Get(ctx, rec.Key)
		if err != nil {
			rt.Fatalf("get %q: %v", rec.Key, err)
		}
		m.same(rt, got)
	}
	if want := slices.Sorted(maps.Keys(m.records)); !slices.Equal(names, want) {
		rt.Fatalf("the store holds %q, the model %q", names, want)
	}
}

func (m *model) same(rt *rapid.T, rec platform.Record) {
	want := m.records[rec.Key.Sort]
	if want == nil {
		rt.Fatalf("%q should not exist", rec.Key)
	}
	if rec.Version != want.version || string(rec.Value) != want.value ||
		!sameCounters(rec.Counters, want.counters) || !sameObject(rec) {
		rt.Fatalf("%q is %d %q %v, want %d %q %v", rec.Key, rec.Version, rec.Value, rec.Counters,
			want.version, want.value, want.counters)
	}
}
