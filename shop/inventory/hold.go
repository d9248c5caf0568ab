package inventory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// State is where a hold stands. The set is closed; the zero State is a hold that has not begun.
type State struct{ name string }

// Gathering takes units chunk by chunk; nothing is promised yet.
func Gathering() State { return State{"gathering"} }

// Held keeps every unit of the order.
func Held() State { return State{"held"} }

// Committed keeps the units for an order that was placed; shipments consume them.
func Committed() State { return State{"committed"} }

// Consumed is the end of a hold whose last unit left the building.
func Consumed() State { return State{"consumed"} }

// Releasing gives units back chunk by chunk.
func Releasing() State { return State{"releasing"} }

// Released is the end of a hold that was given back, or that was closed before it began.
func Released() State { return State{"released"} }

// Rejected is the end of a hold that could not be had.
func Rejected() State { return State{"rejected"} }

// String returns the state's name, "" for a hold that has not begun.
func (s State) String() string { return s.name }

// Ended reports whether the state is terminal: it never changes again.
func (s State) Ended() bool { return s == Consumed() || s == Released() || s == Rejected() }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It refuses a name that is not a state's.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range []State{
		{}, Gathering(), Held(), Committed(), Consumed(), Releasing(), Released(), Rejected(),
	} {
		if known.name == string(text) {
			*s = known
			return nil
		}
	}
	return shop.Errorf(shop.Invalid, "a hold has no state %q", text)
}

// may reports whether a hold can go from s to next. Staying where it is counts: a large hold
// gathers, ships and releases in several steps.
func (s State) may(next State) bool {
	var from []State
	switch next {
	case Gathering(), Held():
		from = []State{{}, Gathering()}
	case Rejected():
		from = []State{{}, Releasing()}
	case Committed():
		from = []State{Held(), Committed()}
	case Consumed():
		from = []State{Committed()}
	case Releasing():
		from = []State{Gathering(), Held(), Committed(), Releasing()}
	case Released():
		from = []State{{}, Gathering(), Held(), Committed(), Releasing()}
	}
	return slices.Contains(from, s)
}

// Hold is what is kept for one order. Its record is the mark that makes every redelivery harmless.
type Hold struct {
	Order shop.ID `json:"order"`
	State State   `json:"state"`
	Seq   int64   `json:"seq"`             // of the last fact applied
	Units int64   `json:"units,omitempty"` // kept now, all SKUs together
	Short bool    `json:"short,omitempty"` // something was short, so the release ends in Rejected

	// Items is what a small hold keeps now. A large one has chunks instead, each in a record of its
	// own; those that were emptied are no longer listed.
	Items  []event.StockItem `json:"items,omitempty"`
	Chunks []Chunk           `json:"chunks,omitempty"`
	Taken  int               `json:"taken,omitempty"` // distinct SKUs in chunks so far
}

// Clone implements room.Kept.
func (h *Hold) Clone() any {
	c := *h
	c.Items, c.Chunks = slices.Clone(h.Items), slices.Clone(h.Chunks)
	return &c
}

// Chunk is one part of a large hold. Chunks are disjoint in SKUs and sorted by them.
type Chunk struct {
	N     int      `json:"n"` // from 0
	First shop.SKU `json:"first"`
}

// Begin returns the hold of an order for which nothing has happened.
func Begin(order shop.ID) *Hold { return &Hold{Order: order} }

// chunkOf returns the place in Chunks of the one that holds a SKU, if any does.
func (h *Hold) chunkOf(sku shop.SKU) (int, bool) {
	i, exact := slices.BinarySearchFunc(h.Chunks, sku, func(c Chunk, sku shop.SKU) int {
		return strings.Compare(string(c.First), string(sku))
	})
	if !exact {
		i-- // the last chunk that begins before it
	}
	return i, i >= 0
}

// gathered keeps one more chunk.
func (h *Hold) gathered(f *event.StockGathered) error {
	if len(f.Items) == 0 || f.Chunk != len(h.Chunks) {
		return h.broken("chunk %d does not follow %d of them", f.Chunk, len(h.Chunks))
	}
	h.Chunks = append(h.Chunks, Chunk{N: f.Chunk, First: f.Items[0].SKU})
	h.Taken += distinct(f.Items)
	h.Units += units(f.Items)
	return h.become(Gathering())
}

// held decides that the hold stands.
func (h *Hold) held(f *event.StockHeld) error {
	if f.Chunks != len(h.Chunks) {
		return h.broken("%d chunks were to be gathered, %d are", f.Chunks, len(h.Chunks))
	}
	h.Items = f.Items
	h.Units += units(f.Items)
	return h.become(Held())
}

// rejected decides that the hold cannot be had; what was gathered has still to be given back.
func (h *Hold) rejected() error {
	h.Short = true
	if len(h.Chunks) > 0 {
		return h.become(Releasing())
	}
	return h.become(Rejected())
}

// committed makes the units the placed order's own.
func (h *Hold) committed() error { return h.become(Committed()) }

// released counts what was given back. Items, or the chunk records, are reduced beside it.
func (h *Hold) released(f *event.StockReleased) error {
	h.Units -= units(f.Items)
	if f.Last != (h.Units == 0) {
		return h.broken("a release with last %t leaves %d units", f.Last, h.Units)
	}
	switch {
	case !f.Last:
		return h.become(Releasing())
	case h.Short:
		return h.become(Rejected())
	}
	return h.become(Released())
}

// consumed counts what left in a shipment off a committed hold. Items, or the chunk records, are
// reduced beside it.
func (h *Hold) consumed(f *event.StockConsumed) error {
	h.Units -= units(f.Items)
	if f.Last != (h.Units == 0) {
		return h.broken("consumption with last %t leaves %d units", f.Last, h.Units)
	}
	if f.Last {
		return h.become(Consumed())
	}
	return h.become(Committed())
}

func (h *Hold) become(next State) error {
	if !h.State.may(next) {
		return h.broken("it cannot become %s", next)
	}
	h.State = next
	return nil
}

func (h *Hold) broken(format string, args ...any) error {
	return shop.Errorf(shop.Illegal, "the hold of %s is %s: %s",
		h.Order, h.State.describe(), fmt.Sprintf(format, args...))
}

func (s State) describe() string {
	if s == (State{}) {
		return "not begun"
	}
	return s.name
}

// without returns kept less taken, in a new list; both are sorted. It refuses to take what is not
// kept.
func without(kept, taken []event.StockItem) ([]event.StockItem, error) {
	left := make([]event.StockItem, 0, len(kept))
	for _, k := range kept {
		if len(taken) > 0 && k.SKU == taken[0].SKU && k.Allotment == taken[0].Allotment {
			k.Quantity -= taken[0].Quantity
			taken = taken[1:]
		}
		if k.Quantity < 0 {
			return nil, shop.Errorf(shop.Illegal, "more of %s is taken than is kept", k.SKU)
		}
		if k.Quantity > 0 {
			left = append(left, k)
		}
	}
	if len(taken) > 0 {
		return nil, shop.Errorf(shop.Illegal, "%s is taken, but is not kept", taken[0].SKU)
	}
	return left, nil
}

func distinct(items []event.StockItem) int {
	n := 0
	for i := range items {
		if i == 0 || items[i].SKU != items[i-1].SKU {
			n++
		}
	}
	return n
}

func units(items []event.StockItem) int64 {
	var n int64
	for _, i := range items {
		n += i.Quantity
	}
	return n
}
