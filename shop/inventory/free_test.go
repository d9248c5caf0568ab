package inventory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// reducedBy is a reduction of a parcel by units of each SKU.
func reducedBy(order shop.ID, n int, units int64, skus ...shop.SKU) *event.ShipmentReduced {
	f := &event.ShipmentReduced{
		Order: order, Shipment: shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], n)),
		Refund: shop.ID(fmt.Sprintf("rfn_can_%s_%d", order[4:], n)),
	}
	for _, sku := range skus {
		f.Lines = append(f.Lines, event.ParcelLine{SKU: sku, Quantity: units})
	}
	return f
}

// Goal: cancelled units are available again once, wherever the process dies and however often it is
// told, in small holds and in those of many chunks; a hold of which nothing is left has ended.
// Method: five SKUs, two units each, with one and with two SKUs a commit; a crash at every commit,
// with and without its effect; one unit of each is cancelled, the other leaves.
func TestCancelledUnitsAreFreedOnce(t *testing.T) {
	t.Parallel()
	skus := []shop.SKU{"A", "B", "C", "D", "E"}
	for _, most := range []int{maxTakes, 4} {
		for crash := int64(1); crash <= 4; crash++ {
			for _, effect := range []bool{false, true} {
				w := newWorld(t)
				w.most = most
				w.restart()
				w.receive(2, skus...)
				w.must(created("ord_1", each(2, skus)...), placed("ord_1"))
				cut := reducedBy("ord_1", 1, 1, skus...)
				w.store.arm(crash, effect)
				if err := w.deliver(cut); err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				w.store.arm(0, false)
				w.restart()
				w.must(cut, cut)
				for _, sku := range skus {
					w.level(sku, 2, 1)
				}
				left := dispatched("ord_1", 2, each(1, skus)...)
				w.must(left, cut, left)
				for _, sku := range skus {
					w.level(sku, 1, 0)
				}
				if w.state("ord_1") != Consumed() {
					t.Errorf("the hold is %s", w.state("ord_1"))
				}
			}
		}
	}
}

// Goal: what is cancelled of an order that ends, or is only about to be placed, is given back once.
// Method: the reduction before its hold is committed, and after the order was cancelled; then a
// hold that ends with a reduction.
func TestFreeingBeforeAndAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(6, "A")
	w.must(created("ord_1", items("A", 2)...))
	cut := reducedBy("ord_1", 1, 1, "A")
	if err := w.deliver(cut); !errors.Is(err, platform.ErrNotYet) {
		t.Errorf("before it is placed: %v", err)
	}
	w.must(placed("ord_1"), cancelled("ord_1"), cut)
	w.level("A", 6, 0)

	w.must(created("ord_2", items("A", 2)...), placed("ord_2"), reducedBy("ord_2", 1, 2, "A"),
		cancelled("ord_2"))
	w.level("A", 6, 0)
	w.story("ord_2", "held committed freed")
}
