package inventory

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The bounds of the room.
const (
	// MaxUnits bounds one movement, and one count, of a SKU.
	MaxUnits int64 = 1_000_000_000
	// MaxAllotments bounds into how many allotments the stock of one SKU can be split.
	MaxAllotments = 16
	// maxTakes bounds the stock and chunk records of one commit, and is not less than
	// MaxAllotments, so that the units of one SKU always fit. With the hold, a mark and a fact it
	// stays well below platform.MaxItems.
	maxTakes = 80
)

// demand sums what is wanted per SKU, sorted by SKU. Two orders therefore ask in the same order,
// and a SKU on two lines is asked for once.
func demand[L any](lines []L, of func(L) event.StockItem) []event.StockItem {
	want := make([]event.StockItem, 0, len(lines))
	for _, l := range lines {
		want = append(want, of(l))
	}
	slices.SortFunc(want, func(a, b event.StockItem) int {
		return strings.Compare(string(a.SKU), string(b.SKU))
	})
	merged := want[:0]
	for _, w := range want {
		if n := len(merged); n > 0 && merged[n-1].SKU == w.SKU {
			merged[n-1].Quantity = plus(merged[n-1].Quantity, w.Quantity)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

// plus adds two quantities and stays at the largest number there is: nobody has so many units, so
// such an order is refused like any other that is too large.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// nextGather decides the next fact of a hold that is not decided yet: everything at once if it fits
// into one commit, which takes from at most most stock records, else the next chunk, else that it
// is held. share says from which allotments a SKU's units are taken, and weight how much of a
// commit that makes; h is nil before the first fact.
func nextGather(
	h *Hold, order shop.ID, want []event.StockItem, most int,
	weight func(shop.SKU, int) int, share func(event.StockItem) []event.StockItem,
) event.Fact {
	if h == nil {
		h = Begin(order)
	}
	if h.Taken == len(want) {
		return &event.StockHeld{Order: order, Chunks: len(h.Chunks)}
	}
	takes := make([]event.StockItem, 0, min(len(want)-h.Taken, most))
	next, load := h.Taken, 0
	for ; next < len(want); next++ {
		parts := share(want[next])
		load += weight(want[next].SKU, len(parts))
		if len(takes) > 0 && load > most {
			break
		}
		takes = append(takes, parts...)
	}
	if h.Taken == 0 && next == len(want) {
		return &event.StockHeld{Order: order, Items: takes}
	}
	return &event.StockGathered{Order: order, Chunk: len(h.Chunks), Items: takes}
}

// decideCommit decides what it means to a hold that its order was placed: a fact, nothing, or that
// it is too early.
func decideCommit(h *Hold, order shop.ID) (event.Fact, error) {
	switch {
	case h == nil || h.State == Gathering():
		return nil, platform.ErrNotYet
	case h.State == Held():
		return &event.StockCommitted{Order: order}, nil
	case h.State == Rejected() || h.Short:
		return nil, shop.Errorf(shop.Internal,
			"order %s was placed, but its stock was rejected", order).
			WithHint("look at the order's events: placing needs inventory.held")
	}
	return nil, nil // committed already, or cancelled since
}

// decideRelease decides the next fact of a hold that must not go on: one chunk, everything of a
// small hold, or, for an order that was never heard of, a closed hold that a late order.created
// will find. kept is what the record of the first chunk holds.
func decideRelease(h *Hold, order shop.ID, kept []event.StockItem) *event.StockReleased {
	switch {
	case h == nil:
		return &event.StockReleased{Order: order, Items: []event.StockItem{}, Last: true}
	case h.State.Ended():
		return nil
	case len(h.Chunks) > 0:
		return &event.StockReleased{
			Order: order, Chunk: h.Chunks[0].N, Items: kept, Last: len(h.Chunks) == 1,
		}
	}
	return &event.StockReleased{Order: order, Items: h.Items, Last: true}
}

// draw takes a quantity of a SKU out of what is kept of it.
func draw(kept []event.StockItem, want event.StockItem) ([]event.StockItem, error) {
	var parts []event.StockItem
	for _, k := range kept {
		if k.SKU != want.SKU || want.Quantity == 0 {
			continue
		}
		k.Quantity = min(k.Quantity, want.Quantity)
		want.Quantity -= k.Quantity
		parts = append(parts, k)
	}
	if want.Quantity > 0 {
		return nil, shop.Errorf(shop.Internal,
			"%d units of %s are to leave that the order does not keep", want.Quantity, want.SKU)
	}
	return parts, nil
}

// shareOut takes a quantity from allotments with the given available units: all from the order's
// own one if that has enough, else from it and the ones after it. It reports false if all together
// have too few.
func shareOut(want event.StockItem, own int, available []int64) ([]event.StockItem, bool) {
	var parts []event.StockItem
	for i := range available {
		at := (own + i) % len(available)
		if n := min(available[at], want.Quantity); n > 0 {
			parts = append(parts, event.StockItem{SKU: want.SKU, Quantity: n, Allotment: at})
			want.Quantity -= n
		}
	}
	slices.SortFunc(parts, func(a, b event.StockItem) int { return a.Allotment - b.Allotment })
	return parts, want.Quantity == 0
}

// ownAllotment spreads orders evenly over a SKU's allotments.
func ownAllotment(order shop.ID, allotments int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(order)) // a hash never fails to be written to
	return int(h.Sum32() % uint32(allotments))
}

// spreadEvenly divides n over allotments; the first ones get what is left over.
func spreadEvenly(n int64, allotments int) []int64 {
	parts := make([]int64, allotments)
	each, rest := n/int64(allotments), n%int64(allotments)
	for i := range parts {
		parts[i] = each
		if int64(i) < rest {
			parts[i]++
		}
	}
	return parts
}

// takeOut spreads the loss of n units over allotments, never more than one has available. It
// reports false if all together have too few.
func takeOut(n int64, available []int64) ([]int64, bool) {
	parts := make([]int64, len(available))
	for i, a := range available {
		part := max(0, min(a, n))
		parts[i] = -part
		n -= part
	}
	return parts, n == 0
}
