package platformtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runConcurrency(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Adds", testConcurrentAdds}, {"Increments", testConcurrentIncrements},
		{"Creation", testConcurrentCreation}, {"Sequence", testConcurrentSequence},
		{"Transfers", testConcurrentTransfers},
	})
}

// together calls f for 0 to n-1 at once and returns when all have returned.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// Goal: concurrent adds never take a counter past its floor and lose nothing; where Features say
// that adds commute none of them conflicts. Method: sixteen buyers of a hundred units.
func testConcurrentAdds(t *testing.T, w *world) {
	const units, buyers = 100, 16
	w.commit(t, writes(add("p", "stock", platform.Absent, move("n", units, 0))))
	var sold, conflicts atomic.Int64
	together(buyers, func(int) {
		for {
			err := w.try(t, writes(
				add("p", "stock", platform.Any, move("n", -1, 0), move("sold", 1, 0))))
			switch {
			case err == nil:
				sold.Add(1)
			case errors.Is(err, platform.ErrConflict):
				conflicts.Add(1)
			case errors.Is(err, platform.ErrBound):
				return
			default:
				t.Errorf("buy: %v", err)
				return
			}
		}
	})
	if sold.Load() != units {
		t.Errorf("%d units were sold, there were %d", sold.Load(), units)
	}
	if w.a.Features.AddsCommute && conflicts.Load() > 0 {
		t.Errorf("%d adds conflicted, though they are said to commute", conflicts.Load())
	}
	w.wantRecord(t, "p", "stock", units+1, "", map[string]int64{"n": 0, "sold": units})
}

// Goal: no conditional write is lost. Method: eight writers read, add one, and put under the
// version that they read, again after each conflict.
func testConcurrentIncrements(t *testing.T, w *world) {
	const writers, each = 8, 25
	w.commit(t, writes(put("p", "s", "0", platform.Absent)))
	together(writers, func(int) {
		for range each {
			if err := w.increment(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	w.wantRecord(t, "p", "s", 1+writers*each, strconv.Itoa(writers*each), nil)
}

func (w *world) increment(ctx context.Context) error {
	for {
		rec, err := w.alpha().Get(ctx, platform.Key{Part: "p", Sort: "s"})
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(rec.Value))
		if err != nil {
			return err
		}
		err = retry(ctx, w.alpha(), writes(put("p", "s", strconv.Itoa(n+1), rec.Version)))
		if !errors.Is(err, platform.ErrConflict) {
			return err
		}
	}
}

// Goal: of several who make the same record, one does. Method: sixteen at once, over several
// records, each with a second record that shows who won.
func testConcurrentCreation(t *testing.T, w *world) {
	const makers, records = 16, 20
	var made [records]atomic.Int64
	together(makers, func(i int) {
		for r := range records {
			err := w.persist(t.Context(), writes(
				put("p", fmt.Sprint(r), fmt.Sprint(i), platform.Absent),
				put("winner", fmt.Sprint(r, "-", i), "", platform.Absent)))
			switch {
			case err == nil:
				made[r].Add(1)
			case !errors.Is(err, platform.ErrConflict):
				t.Errorf("make: %v", err)
			}
		}
	})
	for r := range records {
		if n := made[r].Load(); n != 1 {
			t.Errorf("record %d was made %d times", r, n)
		}
	}
	list, err := w.alpha().List(t.Context(), platform.Query{Part: "winner", Limit: 100})
	if err != nil || len(list) != records {
		t.Errorf("%d winners left a trace, want %d (%v)", len(list), records, err)
	}
}

// persist repeats a commit that conflicts although its record is absent: some stores cancel both of
// two transactions that meet.
func (w *world) persist(ctx context.Context, b platform.Batch) error {
	var err error
	for range 100 {
		err = retry(ctx, w.alpha(), b)
		if !errors.Is(err, platform.ErrConflict) {
			return err
		}
		if _, missing := w.alpha().Get(ctx, b.Writes[0].Key); missing == nil {
			return err
		}
	}
	return err
}

// Goal: a subject's sequence has one event at each place, whoever races for it. Method: eight
// writers each append to one subject, taking the next place after every conflict.
func testConcurrentSequence(t *testing.T, w *world) {
	const writers, each = 8, 15
	together(writers, func(int) {
		seq := int64(1)
		for done := 0; done < each; {
			e := w.event(typeA, "thing/1", seq)
			err := w.try(t, platform.Batch{Events: []platform.Event{e}})
			switch {
			case err == nil:
				done++
				seq++
			case errors.Is(err, platform.ErrConflict):
				seq = w.lastSequence(t) + 1
			default:
				t.Errorf("append: %v", err)
				return
			}
		}
	})
	events, err := w.p.History().Subject(t.Context(), "thing/1", 0, platform.MaxList)
	if err != nil || len(events) != writers*each {
		t.Fatalf("%d events, want %d (%v)", len(events), writers*each, err)
	}
	for i, e := range events {
		if e.Sequence != int64(i)+1 {
			t.Fatalf("event %d of the subject has sequence %d", i, e.Sequence)
		}
	}
}

func (w *world) lastSequence(t *testing.T) int64 {
	events, err := w.p.History().Subject(t.Context(), "thing/1", 0, platform.MaxList)
	if err != nil {
		t.Error(err)
	}
	return int64(len(events))
}

// Goal: a batch is one step for readers of Records, where Features say so, and for the total in the
// end everywhere. Method: transfers between ten accounts by versions while a reader adds up.
func testConcurrentTransfers(t *testing.T, w *world) {
	const accounts, start, movers, each = 10, 100, 4, 40
	for i := range accounts {
		w.commit(t, writes(add("acc", fmt.Sprint(i), platform.Absent, move("n", start, 0))))
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for done := false; !done; {
			select {
			case <-stop:
				done = true
			default:
			}
			if sum := w.sum(t); sum != accounts*start && (w.a.Features.Snapshot || done) {
				t.Errorf("the accounts add up to %d, want %d", sum, accounts*start)
				return
			}
		}
	})
	together(movers, func(m int) {
		for i := range each {
			from, to := (m+i)%accounts, (m+i*3+1)%accounts
			if from == to {
				continue
			}
			err := w.persistMove(t.Context(), writes(
				add("acc", fmt.Sprint(from), platform.Any, move("n", -1, 0)),
				add("acc", fmt.Sprint(to), platform.Any, move("n", 1, 0))))
			if err != nil {
				t.Errorf("transfer: %v", err)
			}
		}
	})
	close(stop)
	reader.Wait()
}

func (w *world) persistMove(ctx context.Context, b platform.Batch) error {
	var err error
	for range 1000 {
		if err = retry(ctx, w.alpha(), b); !errors.Is(err, platform.ErrConflict) {
			return err
		}
	}
	return err
}

func (w *world) sum(t *testing.T) (sum int64) {
	err := w.p.History().Records(t.Context(), "alpha/acc", func(r platform.Record) error {
		sum += r.Counters["n"]
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return sum
}
