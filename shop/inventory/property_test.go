package inventory

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// life is one order as the other rooms would live it, and the facts of it so far.
type life struct {
	id          shop.ID
	want        []event.StockItem
	parcels     [][]event.StockItem
	dispatched  int
	placed, end bool
	stuck       bool // a parcel left with units that a stock-take had not found
	facts       []event.Fact
}

// history is a random run of the room.
type history struct {
	t      *rapid.T
	w      *world
	lives  []*life
	pool   []event.Fact // announced by others, deliverable at any time, any number of times
	skus   []shop.SKU
	serial int
}

// draw makes an order of random lines, to be shipped in one or two parcels.
func (h *history) draw() {
	l := &life{id: shop.ID(fmt.Sprintf("ord_%d", len(h.lives)))}
	for _, sku := range h.skus {
		if n := rapid.Int64Range(0, 3).Draw(h.t, "quantity"); n > 0 {
			l.want = append(l.want, event.StockItem{SKU: sku, Quantity: n})
		}
	}
	if len(l.want) == 0 {
		l.want = items(string(h.skus[0]), 1)
	}
	cut := rapid.IntRange(0, len(l.want)).Draw(h.t, "cut")
	for _, p := range [][]event.StockItem{l.want[:cut], l.want[cut:]} {
		if len(p) > 0 {
			l.parcels = append(l.parcels, p)
		}
	}
	h.lives = append(h.lives, l)
	h.say(l, created(l.id, l.want...))
}

func (h *history) say(l *life, f event.Fact) {
	l.facts = append(l.facts, f)
	h.pool = append(h.pool, f)
}

// live takes an order one step on, as far as the other rooms would.
func (h *history) live(l *life) {
	ways := rapid.SampledFrom([]string{"go on", "go on", "cancel", "expire"})
	switch step := ways.Draw(h.t, "step"); {
	case l.end:
	case step == "cancel":
		l.end = true
		h.say(l, cancelled(l.id))
	case step == "expire" && !l.placed:
		l.end = true
		h.say(l, expired(l.id))
	case !l.placed:
		if h.w.state(l.id) == Held() { // only what is held is placed
			l.placed = true
			h.say(l, placed(l.id))
		}
	case l.dispatched < len(l.parcels):
		h.say(l, dispatched(l.id, l.dispatched, l.parcels[l.dispatched]...))
		l.dispatched++
	}
}

// deliver hands over one fact, perhaps with a crash. It reports whether the fact is done with.
func (h *history) deliver(f event.Fact, crash int64) bool {
	h.w.store.arm(crash, h.serial%2 == 0)
	h.serial++
	err := h.w.deliver(f)
	h.w.store.arm(0, false)
	left, leaves := f.(*event.ShipmentDispatched)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errCrash):
		h.w.restart()
	case errors.Is(err, platform.ErrNotYet):
	case leaves && shop.CodeOf(err) == shop.Conflict:
		for _, l := range h.lives {
			l.stuck = l.stuck || l.id == left.Order
		}
		return true // it left although its units were sold again, or not found: a person looks
	default:
		h.t.Fatalf("%s of %s: %v", f.Type(), f.Subject(), err)
	}
	return false
}

func (h *history) supply() {
	h.serial++
	sku := rapid.SampledFrom(h.skus).Draw(h.t, "sku")
	id, n := shop.ID(fmt.Sprintf("mov_%d", h.serial)), rapid.Int64Range(-3, 6).Draw(h.t, "units")
	switch err := h.w.s.Adjust(context.Background(), id, sku, n); shop.CodeOf(err) {
	case shop.Conflict, shop.Invalid:
	default:
		if err != nil {
			h.t.Fatalf("adjust %s by %d: %v", sku, n, err)
		}
	}
}

// care sets rules, or counts, at random, perhaps with a crash.
func (h *history) care() {
	h.serial++
	sku := rapid.SampledFrom(h.skus).Draw(h.t, "sku")
	ann := as(room.Dealer(), "ann")
	h.w.store.arm(max(0, rapid.Int64Range(-4, 1).Draw(h.t, "crash")), h.serial%2 == 0)
	var err error
	if rapid.Bool().Draw(h.t, "rules") {
		in := &PutRulesIn{SKU: string(sku)}
		in.Body.Safety = rapid.Int64Range(0, 3).Draw(h.t, "safety")
		if at := rapid.Int64Range(-1, 4).Draw(h.t, "low at"); at >= 0 {
			in.Body.LowAt = &at
		}
		_, err = h.w.s.PutRules(ann, in)
	} else {
		in := &PostCountIn{SKU: string(sku), IdempotencyKey: fmt.Sprint(h.serial)}
		in.Body.Counted = rapid.Int64Range(0, 8).Draw(h.t, "counted")
		_, err = h.w.s.PostCount(ann, in)
	}
	h.w.store.arm(0, false)
	switch {
	case errors.Is(err, errCrash):
		h.w.restart()
	case err != nil && shop.CodeOf(err) != shop.Conflict: // it is kept in allotments
		h.t.Fatalf("care for %s: %v", sku, err)
	}
}

// finish delivers everything until nothing waits, twice over.
func (h *history) finish() {
	for range 2 {
		waiting := append([]event.Fact(nil), h.pool...)
		for round := 0; len(waiting) > 0; round++ {
			if round > 20 {
				h.t.Fatalf("%d facts still wait: %v", len(waiting), waiting)
			}
			var left []event.Fact
			for _, f := range waiting {
				if !h.deliver(f, 0) {
					left = append(left, f)
				}
			}
			waiting = left
		}
	}
}

// settled checks where each hold must have come to.
func (h *history) settled() {
	for _, l := range h.lives {
		got, gone := h.w.state(l.id), l.dispatched == len(l.parcels)
		var ok bool
		switch {
		case l.end && l.placed && gone:
			ok = got == Released() || got == Consumed()
		case l.end:
			ok = got == Released() || got == Rejected()
		case gone:
			ok = got == Consumed() || l.stuck && got == Committed()
		case l.placed:
			ok = got == Committed()
		default:
			ok = got == Held() || got == Rejected()
		}
		if !ok {
			h.t.Errorf("the hold of %s is %s; its facts: %v", l.id, got, l.facts)
		}
	}
}

// Goal: whatever the other rooms announce, in whatever order, however often, and wherever the
// process dies in between: no counter is ever negative, units are conserved at every prefix of the
// log, the fold is the state, and every hold comes to where its order says. Method: random lives of
// random orders over a few scarce SKUs, in chunks of at most three stock records, some of them
// split; in between rules are set and shelves counted.
func TestAnyHistoryConserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.most = 3
		w.restart()
		h := &history{t: rt, w: w, skus: names(5)}
		for _, sku := range h.skus {
			w.receive(rapid.Int64Range(1, 8).Draw(rt, "stock"), sku)
		}
		if rapid.Bool().Draw(rt, "split") {
			if err := w.s.Allot(context.Background(), "mov_split", h.skus[1], 3); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "action") {
			case 0:
				if rapid.Bool().Draw(rt, "care") {
					h.care()
					continue
				}
				h.supply()
			case 1, 2:
				h.draw()
			case 3, 4, 5:
				if len(h.lives) > 0 {
					h.live(rapid.SampledFrom(h.lives).Draw(rt, "order"))
				}
			default:
				if len(h.pool) > 0 {
					crash := max(0, rapid.Int64Range(-4, 4).Draw(rt, "crash"))
					h.deliver(rapid.SampledFrom(h.pool).Draw(rt, "fact"), crash)
				}
			}
		}
		h.finish()
		h.settled()
		w.audit()
	})
}
