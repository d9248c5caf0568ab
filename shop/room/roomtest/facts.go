package roomtest

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Announce commits facts as the rooms that own them would, each with the next sequence of its
// subject, one commit a fact. They do not count for ExpectEvents.
func (w *World) Announce(t T, facts ...event.Fact) {
	t.Helper()
	for _, f := range facts {
		w.commit(t, f, w.lastSequence(t, f.Subject())+1)
	}
}

// Ring commits facts as fired timers do: outside every sequence.
func (w *World) Ring(t T, facts ...event.Fact) {
	t.Helper()
	for _, f := range facts {
		w.commit(t, f, 0)
	}
}

func (w *World) commit(t T, f event.Fact, seq int64) {
	t.Helper()
	id := room.EventID(f.Subject(), seq)
	if seq == 0 {
		w.mu.Lock()
		w.rung++
		id = fmt.Sprintf("rung/%d", w.rung)
		w.mu.Unlock()
	}
	data, err := room.Encode(f)
	if err != nil {
		t.Fatalf("encode %s: %v", f.Type(), err)
	}
	w.mu.Lock()
	w.own[id] = true
	w.mu.Unlock()
	err = w.Raw.Store(event.Room(f.Type())).Commit(t.Context(), platform.Batch{
		Events: []platform.Event{{
			ID: id, Type: f.Type(), Subject: f.Subject(), Sequence: seq, Correlation: id,
			Idempotency: id, Data: data, Value: f,
		}},
	})
	if err != nil {
		t.Fatalf("announce %s of %s as number %d: %v", f.Type(), f.Subject(), seq, err)
	}
}

func (w *World) lastSequence(t T, subject string) int64 {
	t.Helper()
	var last int64
	for {
		page, err := w.Raw.History().Subject(t.Context(), subject, last, platform.MaxList)
		if err != nil {
			t.Fatalf("read the history of %s: %v", subject, err)
		}
		for _, e := range page {
			last = max(last, e.Sequence)
		}
		if len(page) < platform.MaxList {
			return last
		}
	}
}

// Events returns the log from its beginning, in an order that keeps each subject's.
func (w *World) Events(t T) []Announced {
	t.Helper()
	w.read(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Announced(nil), w.log...)
}

// EventsOf returns the events of one subject, in the order of the log.
func (w *World) EventsOf(t T, subject string) []Announced {
	t.Helper()
	var of []Announced
	for _, e := range w.Events(t) {
		if e.Subject == subject {
			of = append(of, e)
		}
	}
	return of
}

// FactsOf returns every fact of type F, in the order of the log.
func FactsOf[F event.Fact](t T, w *World) []F {
	t.Helper()
	var of []F
	for _, e := range w.Events(t) {
		if f, ok := e.Fact.(F); ok {
			of = append(of, f)
		}
	}
	return of
}

// read brings the world's copy of the log up to date.
func (w *World) read(t T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.Raw.History().Log(t.Context(), w.cursor, func(cursor string, e platform.Event) error {
		f, err := room.FactOf(w.Catalogue, e)
		if err != nil {
			return err
		}
		w.log = append(w.log, Announced{Event: e, Fact: f})
		w.cursor = cursor
		w.fired(e)
		return nil
	})
	if err != nil {
		t.Fatalf("read the log: %v", err)
	}
}

// ExpectEvents requires that exactly these facts were announced since the last ExpectEvents or
// Skip, besides those that the test itself announced: no fact more, none missing, and those of one
// subject in this order. The order between subjects does not count. Boxes of sealed data are
// compared by their person only.
func (w *World) ExpectEvents(t T, want ...event.Fact) {
	t.Helper()
	have := w.fresh(t)
	left, right := make([]line, len(have)), make([]line, len(want))
	for i, e := range have {
		left[i] = lineOf(t, e.Fact)
	}
	for i, f := range want {
		right[i] = lineOf(t, w.Catalogue.Upcast(f))
	}
	compare(t, left, right)
}

// ExpectTypes is ExpectEvents for tests to which only types and subjects matter: each of want is
// "<type> <subject>".
func (w *World) ExpectTypes(t T, want ...string) {
	t.Helper()
	have := w.fresh(t)
	left, right := make([]line, len(have)), make([]line, len(want))
	for i, e := range have {
		left[i] = line{e.Subject, e.Fact.Type() + " " + e.Subject}
	}
	for i, s := range want {
		var typ, subject string
		if _, err := fmt.Sscan(s, &typ, &subject); err != nil {
			t.Fatalf("%q is not a type and a subject", s)
		}
		right[i] = line{subject, typ + " " + subject}
	}
	compare(t, left, right)
}

// Skip lets ExpectEvents begin after everything that was announced so far.
func (w *World) Skip(t T) { w.fresh(t) }

func (w *World) fresh(t T) []Announced {
	t.Helper()
	w.read(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	var fresh []Announced
	for _, e := range w.log[w.asked:] {
		if !w.own[e.ID] {
			fresh = append(fresh, e)
		}
	}
	w.asked = len(w.log)
	return fresh
}

// line is a fact as it is compared and printed.
type line struct{ subject, text string }

func compare(t T, have, want []line) {
	t.Helper()
	bySubject := func(lines []line) {
		sort.SliceStable(lines, func(i, j int) bool { return lines[i].subject < lines[j].subject })
	}
	bySubject(have)
	bySubject(want)
	for i := 0; i < max(len(have), len(want)); i++ {
		switch {
		case i >= len(have):
			t.Errorf("not announced: %s", want[i].text)
		case i >= len(want):
			t.Errorf("announced besides: %s", have[i].text)
		case have[i] != want[i]:
			t.Errorf("announced %s\n     want %s", have[i].text, want[i].text)
		}
	}
}

func lineOf(t T, f event.Fact) line {
	t.Helper()
	raw, err := room.Encode(f)
	if err != nil {
		t.Fatalf("encode %s: %v", f.Type(), err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("read back %s: %v", f.Type(), err)
	}
	shut(v)
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("print %s: %v", f.Type(), err)
	}
	return line{f.Subject(), f.Type() + " " + string(text)}
}

// shut removes what is in the boxes of sealed data, which is new at every sealing.
func shut(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, sealed := v["box"]; sealed && len(v) == 2 && v["person"] != nil {
			delete(v, "box")
		}
		for _, inner := range v {
			shut(inner)
		}
	case []any:
		for _, inner := range v {
			shut(inner)
		}
	}
}

// fold applies the whole log to an empty state of the room.
func (w *World) fold(ctx context.Context, t T, r room.Room) *room.State {
	t.Helper()
	d := w.Desk(r.Name())
	d.Apply = r.Apply
	state := room.NewState(d)
	for _, e := range w.Events(t) {
		err := state.FoldFact(ctx, e.Fact, room.Meta{ID: e.ID, Sequence: e.Sequence})
		if err != nil {
			t.Fatalf("fold %s %s into %s: %v", e.Type, e.ID, r.Name(), err)
		}
	}
	return state
}
