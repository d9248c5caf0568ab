package aws

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// counted counts what delivery does to its rows.
type counted struct {
	table
	reads, writes atomic.Int64
}

func (c *counted) getRow(ctx context.Context, pk, sk string) (row, error) {
	c.reads.Add(1)
	return c.table.getRow(ctx, pk, sk)
}

func (c *counted) putRow(ctx context.Context, r row, expect int64) error {
	c.writes.Add(1)
	return c.table.putRow(ctx, r, expect)
}

func (c *counted) deleteRow(ctx context.Context, pk, sk string, expect int64) error {
	c.writes.Add(1)
	return c.table.deleteRow(ctx, pk, sk, expect)
}

// Goal: what succeeds at once costs no row: one read of the subscription's row for a while. Method:
// two functions with three batches of ten each, over a table that counts.
func TestHappyPathCostsNoRow(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	rows := &counted{table: s.rows}
	s.d.o.Table, s.d.o.Source = rows, nil
	in := &record{}
	for _, name := range []string{"one", "other"} {
		s.declare(t, name, false, quickly(1), func(_ context.Context, e platform.Event) error {
			in.add(e.ID)
			return nil
		})
	}
	var events []platform.Event
	for seq := range int64(30) {
		events = append(events, happened("thing", seq+1))
	}
	log := s.committed(t, events...)
	if failed, err := s.d.o.Relay.Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	for _, w := range s.d.list {
		for range 3 {
			batch := s.receive(t, w.place.URL)
			failed := w.Handle(t.Context(), batch)
			s.acknowledge(t, w.place.URL, batch, failed)
		}
	}
	// Ten that start together may all find that the row was not read yet.
	if len(in.all()) != 60 || rows.writes.Load() != 0 || rows.reads.Load() > 20 {
		t.Errorf("%d events cost %d reads and %d writes of rows; want at most 20 and none",
			len(in.all()), rows.reads.Load(), rows.writes.Load())
	}
}

// Goal: a function whose time is short hands the rest of a long walk to the next, and what it did
// is kept. Method: five events of a subject, functions that have time for one handler only.
func TestShortFunction(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in := &record{}
	w := s.declare(t, "ordered", true, quickly(1), func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	})
	var events []platform.Event
	for seq := range int64(5) {
		events = append(events, happened("thing", seq+1))
	}
	log := s.committed(t, events...)
	if failed, err := s.d.o.Relay.Handle(t.Context(), log[4:]); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	for n := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), handlerTimeout/2)
		batch := s.receive(t, w.place.URL)
		failed := w.Handle(ctx, batch)
		cancel()
		s.acknowledge(t, w.place.URL, batch, failed)
		if len(batch) != 1 || len(in.all()) != n+1 || (len(failed) == 0) != (n == 4) {
			t.Fatalf("function %d: %d messages, failed %v, handled %v", n, len(batch), failed,
				in.all())
		}
	}
	var want []string
	for _, e := range events {
		want = append(want, e.ID)
	}
	if !slices.Equal(in.all(), want) {
		t.Errorf("handled %v, want %v", in.all(), want)
	}
	s.clock.Advance(time.Hour)
	if batch := s.receive(t, w.place.URL); len(batch) != 0 {
		t.Errorf("%d messages are left", len(batch))
	}
}
