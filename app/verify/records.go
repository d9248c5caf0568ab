package verify

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// reading is one reading of all records: one reader and some workers, each with a sheet of its own.
type reading struct {
	*run
	jobs  chan []platform.Record
	free  chan []platform.Record
	folds map[string]*folding // by the room's name

	mu     sync.Mutex
	making map[*folding]bool // the room is counting its numbers again
}

// readRecords adds up every record, so that the sums can be compared with the fold's, and looks
// into it.
func (r *run) readRecords(ctx context.Context) error {
	rd := &reading{
		run: r, jobs: make(chan []platform.Record, ahead),
		free: make(chan []platform.Record, 2*ahead), folds: make(map[string]*folding),
		making: make(map[*folding]bool),
	}
	for _, f := range r.folds {
		rd.folds[f.room.Name()] = f
	}
	var all sync.WaitGroup
	for range r.workers {
		s := r.sheet()
		all.Go(func() {
			for some := range rd.jobs {
				for i := range some {
					rd.look(&some[i], s)
				}
				select {
				case rd.free <- some[:0]:
				default: // there are enough
				}
			}
		})
	}
	err := rd.read(ctx)
	close(rd.jobs)
	all.Wait()
	for f := range rd.making {
		f.skip = "its numbers are being counted again: run its rebuild to the end"
	}
	return err
}

func (rd *reading) read(ctx context.Context) error {
	some := rd.batch()
	err := rd.in.History.Records(ctx, "", func(rec platform.Record) error {
		rd.records++
		some = append(some, rec)
		if len(some) == batchSize {
			rd.jobs <- some
			some = rd.batch()
		}
		return ctx.Err()
	})
	rd.jobs <- some
	return err
}

func (rd *reading) batch() []platform.Record {
	select {
	case some := <-rd.free:
		return some
	default:
		return make([]platform.Record, 0, batchSize)
	}
}

// look is a worker's part.
func (rd *reading) look(rec *platform.Record, s *sheet) {
	name, _, _ := strings.Cut(rec.Key.Part, "/")
	aux := room.IsAux(rec.Key)
	if rd.books != nil {
		s.check(secrecy)
		if leak := leakInRecord(rec.Value, aux); leak != "" {
			s.broken(secrecy, place{}, "a record holds "+leak,
				"record", rec.Key.Part+" "+rec.Key.Sort)
		}
		err := rd.books.record(name, rec, aux, s)
		if err = errors.Join(err, rd.executions.stored(rec)); err != nil {
			s.broken(foldIsState, place{}, "a record cannot be decoded: "+err.Error(),
				"record", rec.Key.Part+" "+rec.Key.Sort)
		}
	}
	f := rd.folds[name]
	if f == nil {
		return
	}
	rec.Key.Part = strings.TrimPrefix(rec.Key.Part, f.prefix)
	switch {
	case aux && rec.Key.Part == room.AuxPrefix+"rebuild":
		rd.mu.Lock()
		rd.making[f] = true
		rd.mu.Unlock()
	case !aux && f.skip == "":
		s.check(foldIsState)
		f.stored.add(rec)
	}
}
