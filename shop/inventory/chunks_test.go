package inventory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// longest is the number of lines of the longest real order.
const longest = 1110

// crashes runs a script once for every commit at which a process can die in it, with and without
// the commit's effect, and finally without a crash. After a crash the room is opened anew and the
// fact that was being handled is delivered again, first of all. Every run has an order of its own.
func (w *world) crashes(prefix string, script func(order shop.ID) []event.Fact, end State) int {
	w.t.Helper()
	for n := int64(1); ; n++ {
		crashed := false
		for _, effect := range []bool{false, true} {
			order := shop.ID(fmt.Sprintf("ord_%s_%d_%t", prefix, n, effect))
			w.store.arm(n, effect)
			for _, f := range script(order) {
				if err := w.deliver(f); err == nil {
					continue
				} else if !errors.Is(err, errCrash) {
					w.t.Fatalf("%s of %s: %v", f.Type(), order, err)
				}
				crashed = true
				w.restart()
				w.must(f, f)
			}
			if got := w.state(order); got != end {
				w.t.Fatalf("the hold of %s is %s, want %s", order, got, end)
			}
		}
		w.store.arm(0, false)
		if !crashed {
			return int(n - 1)
		}
	}
}

// Goal: an order of 1,110 lines is held whole, shipped, cancelled, or refused because its last line
// is short, and a crash between any two commits changes nothing of that. Method: every crash point
// of four scripts on the same shelf, then the audit of the whole log.
func TestLongestOrderSurvivesEveryCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	skus := names(longest)
	w.receive(1000, skus...)
	all := each(2, skus)
	// 1,110 SKUs are 14 chunks, so: 14 gathered and the flip; committed; 14 released.
	commits := w.crashes("cancelled", func(o shop.ID) []event.Fact {
		return []event.Fact{created(o, all...), placed(o), cancelled(o)}
	}, Released())
	if commits != 14+1+1+14 {
		t.Errorf("placed and cancelled in %d commits, want 30", commits)
	}
	w.level(skus[0], 1000, 0)
	w.level(skus[longest-1], 1000, 0)

	short := append(each(2, skus), event.StockItem{SKU: "Z", Quantity: 1})
	// One more SKU still is in the 14th chunk; it fails there: 13 gathered, rejected, 13 released.
	// The failed commit and the one that explains it are commits as well.
	commits = w.crashes("refused", func(o shop.ID) []event.Fact {
		return []event.Fact{created(o, short...), cancelled(o)}
	}, Rejected())
	if commits != 13+1+1+13 {
		t.Errorf("refused in %d commits, want 28", commits)
	}
	w.level(skus[0], 1000, 0)
	w.story("ord_refused_1_true", "gathered rejected released")
	w.audit()
}

// Goal: parcels of a large order are consumed whole, each once, whatever crashes between. Method:
// every crash point of an order in chunks of 20 that leaves in two interleaved parcels, and of one
// that is cancelled after the first.
func TestParcelsOfALargeOrderSurviveEveryCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.most = 20
	w.restart()
	skus := names(110)
	w.receive(1000, skus...)
	var even, odd []event.StockItem
	for i, item := range each(3, skus) {
		if i%2 == 0 {
			even = append(even, item)
		} else {
			odd = append(odd, item)
		}
	}
	shipped := 0
	w.crashes("shipped", func(o shop.ID) []event.Fact {
		shipped++
		return []event.Fact{
			created(o, each(3, skus)...), placed(o),
			dispatched(o, 1, even...), dispatched(o, 2, odd...), cancelled(o),
		}
	}, Consumed())
	w.level(skus[0], int64(1000-3*shipped), 0)
	w.level(skus[1], int64(1000-3*shipped), 0)
	half := 0
	w.crashes("half", func(o shop.ID) []event.Fact {
		half++
		return []event.Fact{
			created(o, each(3, skus)...), placed(o), dispatched(o, 1, even...), cancelled(o),
		}
	}, Released())
	w.level(skus[0], int64(1000-3*shipped-3*half), 0)
	w.level(skus[1], int64(1000-3*shipped), 0)
	w.audit()
}

// Goal: an order that is cancelled while it gathers is given back, whoever comes first after the
// crash. Method: crash at every commit of gathering, then deliver the cancellation, and only then
// the redelivery of order.created.
func TestCancelledWhileGathering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.most = 20
	w.restart()
	skus := names(110)
	w.receive(10, skus...)
	for n := int64(1); n <= 7; n++ { // 6 chunks and the flip
		for _, effect := range []bool{false, true} {
			order := shop.ID(fmt.Sprintf("ord_%d_%t", n, effect))
			w.store.arm(n, effect)
			if err := w.deliver(created(order, each(1, skus)...)); !errors.Is(err, errCrash) {
				t.Fatalf("%s: %v, want a crash", order, err)
			}
			w.restart()
			w.must(cancelled(order), created(order, each(1, skus)...))
			if got := w.state(order); got != Released() {
				t.Errorf("the hold of %s is %s", order, got)
			}
		}
	}
	w.level(skus[0], 10, 0)
	w.level(skus[109], 10, 0)
	w.audit()
}
