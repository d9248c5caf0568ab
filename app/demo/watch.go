package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// View is the market at one moment, for those who look on. It is a copy.
type View struct {
	Phase    string
	Elapsed  time.Duration
	Shoppers int // who will have come
	Served   int // of these, those who are done
	Rush     int // who want one of the flash sale
	Units    int64
	Counts
	Rate    []float64 // events a second, in slots of rateSlot, oldest first
	Placed  Latency
	Stories []Story
}

// Latency is how long orders took from request to placed. The zero Latency is of none.
type Latency struct {
	Orders        int
	P50, P95, P99 time.Duration
}

const (
	lookEvery = 40 * time.Millisecond
	showEvery = 3 // looks
	rateSlot  = 250 * time.Millisecond
	rateSlots = 32
)

// watch reads the log as it grows. It subscribes to nothing, so it leaves no trace in the market.
type watch struct {
	history platform.History
	cat     *event.Catalogue
	began   time.Time

	mu      sync.Mutex // guards everything below
	cursor  string
	tally   *tally
	stories *stories
	rate    []float64
	slot    time.Time
	counted int64 // events before the slot
	phase   string
	served  int
	waits   []time.Duration // from request to placed
}

func newWatch(h platform.History, cat *event.Catalogue) *watch {
	now := time.Now()
	return &watch{
		history: h, cat: cat, began: now, slot: now, tally: newTally(), stories: newStories(),
	}
}

// run looks on until ctx ends, and tells show. Its error is of the log.
func (w *watch) run(ctx context.Context, show func(View)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := w.look(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if n%showEvery == 0 && show != nil {
			show(w.view())
		}
	}
}

// look reads what the log has got since.
func (w *watch) look(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	err := w.history.Log(ctx, w.cursor, func(cursor string, e platform.Event) error {
		f, err := room.FactOf(w.cat, e)
		if err != nil {
			return err
		}
		w.cursor = cursor
		w.tally.add(e, f)
		w.stories.add(f, now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("watch the log: %w", err)
	}
	for now.Sub(w.slot) >= rateSlot {
		w.rate = append(w.rate, float64(w.tally.events-w.counted)/rateSlot.Seconds())
		w.counted, w.slot = w.tally.events, w.slot.Add(rateSlot)
	}
	if n := len(w.rate) - rateSlots; n > 0 {
		w.rate = slices.Delete(w.rate, 0, n)
	}
	return nil
}

// begin opens a new part of the day.
func (w *watch) begin(phase string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = phase
}

// serve counts a shopper who is done. took is how long the order took to be placed; 0 when that
// is not measured.
func (w *watch) serve(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.served++
	if took > 0 {
		w.waits = append(w.waits, took)
	}
}

// view copies what there is to see, but for what the watch does not know.
func (w *watch) view() View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return View{
		Phase: w.phase, Elapsed: time.Since(w.began), Served: w.served, Counts: w.tally.counts(),
		Rate: slices.Clone(w.rate), Placed: latencyOf(w.waits), Stories: w.stories.view(),
	}
}

// latencyOf takes the percentiles of what was measured.
func latencyOf(all []time.Duration) Latency {
	if len(all) == 0 {
		return Latency{}
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	at := func(percent int) time.Duration { return sorted[(len(sorted)*percent-1)/100] }
	return Latency{Orders: len(all), P50: at(50), P95: at(95), P99: at(99)}
}
