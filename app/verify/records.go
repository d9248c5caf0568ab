package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// reading is one reading of all records: one reader and some workers, each with a sheet of its own.
type reading struct {
	*run
	jobs chan []numbered

	mu    sync.Mutex
	found map[*folding]*discrepancies
	err   error // of a worker
}

// numbered is a record and its place in the order of keys.
type numbered struct {
	n int64
	platform.Record
}

// discrepancies is what is wrong with one room's records.
type discrepancies struct {
	matched int64 // records that both the store and the fold have
	count   int64
	first   []difference
	ranks   []int64 // of first
	making  bool    // the room is counting its numbers again
}

// readRecords compares every record with the fold and looks into it.
func (r *run) readRecords(ctx context.Context) error {
	rd := &reading{
		run: r, jobs: make(chan []numbered, ahead), found: make(map[*folding]*discrepancies),
	}
	for _, f := range r.folds {
		rd.found[f] = &discrepancies{}
	}
	var all sync.WaitGroup
	for range r.workers {
		s := r.sheet()
		all.Go(func() {
			for some := range rd.jobs {
				rd.look(some, s)
			}
		})
	}
	err := rd.read(ctx)
	close(rd.jobs)
	all.Wait()
	if err == nil {
		err = rd.err
	}
	if err != nil {
		return err
	}
	for _, f := range r.folds {
		if err := rd.settle(ctx, f, rd.found[f]); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reading) read(ctx context.Context) error {
	some := make([]numbered, 0, batchSize)
	err := rd.in.History.Records(ctx, "", func(rec platform.Record) error {
		rd.records++
		some = append(some, numbered{rd.records, rec})
		if len(some) == batchSize {
			rd.jobs <- some
			some = make([]numbered, 0, batchSize)
		}
		return ctx.Err()
	})
	rd.jobs <- some
	return err
}

// look is a worker's part.
func (rd *reading) look(some []numbered, s *sheet) {
	for _, rec := range some {
		name, _, _ := strings.Cut(rec.Key.Part, "/")
		aux := room.IsAux(rec.Key)
		if rd.books != nil {
			s.check(secrecy)
			if leak := leakInRecord(rec.Value, aux); leak != "" {
				s.broken(secrecy, place{}, "a record holds "+leak,
					"record", rec.Key.Part+" "+rec.Key.Sort)
			}
			if err := rd.books.record(name, &rec.Record, aux); err != nil {
				s.broken(foldIsState, place{}, "a record cannot be decoded: "+err.Error(),
					"record", rec.Key.Part+" "+rec.Key.Sort)
			}
		}
		for _, f := range rd.folds {
			if f.room.Name() == name {
				rd.compare(f, rec, aux, s)
			}
		}
	}
}

func (rd *reading) compare(f *folding, rec numbered, aux bool, s *sheet) {
	rec.Key.Part = strings.TrimPrefix(rec.Key.Part, f.prefix)
	if aux {
		if rec.Key.Part == room.AuxPrefix+"rebuild" {
			rd.mu.Lock()
			rd.found[f].making = true
			rd.mu.Unlock()
		}
		return
	}
	if f.skip != "" {
		return
	}
	s.check(foldIsState)
	what, known, err := f.compare(rec.Record)
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if err != nil && rd.err == nil {
		rd.err = fmt.Errorf("compare %s %s: %w", rec.Key.Part, rec.Key.Sort, err)
	}
	d := rd.found[f]
	if known {
		d.matched++
	}
	if what != "" {
		d.add(rec.n, difference{key: rec.Key, what: what})
	}
}

// add keeps the first few differences in the order of keys.
func (d *discrepancies) add(rank int64, one difference) {
	d.count++
	at, _ := slices.BinarySearch(d.ranks, rank)
	if at >= maxListed {
		return
	}
	d.ranks = slices.Insert(d.ranks, at, rank)
	d.first = slices.Insert(d.first, at, one)
	if len(d.first) > maxListed {
		d.ranks, d.first = d.ranks[:maxListed], d.first[:maxListed]
	}
}

// settle reports what is wrong with one room's records, or why they were not compared.
func (rd *reading) settle(ctx context.Context, f *folding, d *discrepancies) error {
	if d.making {
		f.skip = "its numbers are being counted again: run its rebuild to the end"
	}
	if f.skip != "" {
		rd.note("the records of %s were not compared: %s", f.room.Name(), f.skip)
		return nil
	}
	if keys := f.domainKeys(); int64(len(keys)) != d.matched {
		if err := rd.missing(ctx, f, d, keys); err != nil {
			return err
		}
	}
	if d.count == 0 {
		return nil
	}
	if err := f.trace(ctx, rd.in.History, d.first); err != nil {
		return fmt.Errorf("find what wrote the records of %s: %w", f.room.Name(), err)
	}
	f.report(d.first)
	f.laws[foldIsState].broken += d.count - int64(len(d.first))
	return nil
}

// missing finds the folded records that are not stored.
func (rd *reading) missing(
	ctx context.Context, f *folding, d *discrepancies, keys []platform.Key,
) error {
	stored := make(map[platform.Key]bool, len(keys))
	err := rd.in.History.Records(ctx, f.prefix, func(rec platform.Record) error {
		rec.Key.Part = strings.TrimPrefix(rec.Key.Part, f.prefix)
		stored[rec.Key] = true
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	slices.SortFunc(keys, func(a, b platform.Key) int {
		return cmp.Or(strings.Compare(a.Part, b.Part), strings.Compare(a.Sort, b.Sort))
	})
	for _, key := range keys {
		if !stored[key] {
			d.add(rd.records+d.count, difference{
				key: key, what: "the log makes this record, but it is not stored",
			})
		}
	}
	return nil
}
