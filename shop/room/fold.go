package room

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// State is a room's records as a fold of the log makes them, in memory.
type State struct {
	desk    *Desk
	entries map[platform.Key]*entry
	touched []*entry // written by the fact that is being applied
}

// NewState returns the state before the first event. Only Apply and Catalogue of the desk are used.
func NewState(d *Desk) *State {
	return &State{desk: d, entries: make(map[platform.Key]*entry)}
}

// Fold applies one event of the log.
func (s *State) Fold(ctx context.Context, e platform.Event) error {
	f, err := FactOf(s.desk.Catalogue, e)
	if err != nil {
		return err
	}
	return s.FoldFact(ctx, f, Meta{ID: e.ID, Sequence: e.Sequence})
}

// FoldFact is Fold for a fact that was decoded already.
func (s *State) FoldFact(ctx context.Context, f event.Fact, m Meta) error {
	s.touched = s.touched[:0]
	return s.desk.Apply(ctx, &Tx{desk: s.desk, state: s}, f, m)
}

// Touched lists the keys that the last Fold wrote, each once a write.
func (s *State) Touched() []platform.Key {
	keys := make([]platform.Key, len(s.touched))
	for i, e := range s.touched {
		keys[i] = e.key
	}
	return keys
}

// Counter returns one counter of the record at key.
func (s *State) Counter(key platform.Key, name string) int64 {
	if e := s.entries[key]; e != nil {
		return e.count[name]
	}
	return 0
}

// Record returns the folded record at key; false if there is none. Versions are not folded: a unit
// of work may write a record once for several facts.
func (s *State) Record(key platform.Key) (platform.Record, bool, error) {
	e := s.entries[key]
	if e == nil || !e.exists {
		return platform.Record{}, false, nil
	}
	rec := platform.Record{Key: key, Counters: e.count}
	if e.value != nil {
		raw, err := Encode(e.value)
		if err != nil {
			return rec, false, fmt.Errorf("encode %s/%s: %w", key.Part, key.Sort, err)
		}
		rec.Value = raw
	}
	return rec, true, nil
}

// Keys lists the keys of all records that exist, in no order.
func (s *State) Keys() []platform.Key {
	keys := make([]platform.Key, 0, len(s.entries))
	for k, e := range s.entries {
		if e.exists {
			keys = append(keys, k)
		}
	}
	return keys
}

// Value returns the decoded record at key, or nil. It must not be changed.
func Value[T any](s *State, key platform.Key) *T {
	if e := s.entries[key]; e != nil {
		v, _ := e.value.(*T)
		return v
	}
	return nil
}

func (s *State) entry(key platform.Key) *entry {
	e := s.entries[key]
	if e == nil {
		e = &entry{key: key, read: true}
		s.entries[key] = e
	}
	return e
}

func (s *State) version(e *entry) { s.touched = append(s.touched, e) }

func (s *State) move(e *entry, moves []platform.Move) {
	if e.count == nil {
		e.count = make(map[string]int64, len(moves))
	}
	for _, m := range moves {
		e.count[m.Counter] += m.Delta
	}
	e.exists = true
	s.touched = append(s.touched, e)
}

func (s *State) drop(key platform.Key) {
	if e := s.entries[key]; e != nil {
		s.touched = append(s.touched, e)
	}
	delete(s.entries, key)
}
