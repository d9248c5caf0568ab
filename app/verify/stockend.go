package verify

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/room"
)

// record enters a record of the inventory: a shelf's counters, or what a hold keeps.
func (s *stock) record(rec *platform.Record) error {
	part := strings.TrimPrefix(rec.Key.Part, "inventory/")
	switch {
	case strings.HasPrefix(part, "hold/"):
		var kept struct {
			Items []event.StockItem `json:"items"`
		}
		if err := room.Decode(rec.Value, &kept); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, i := range kept.Items {
			s.stored(shelf{i.SKU, i.Allotment}).kept += i.Quantity
		}
	case strings.HasPrefix(part, "stock/") && rec.Key.Sort != "care":
		n, err := strconv.Atoi(rec.Key.Sort)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		v := s.stored(shelf{shop.SKU(strings.TrimPrefix(part, "stock/")), n})
		v.stored = true
		v.storedOnHand = rec.Counters[inventory.OnHand]
		v.storedReserved = rec.Counters[inventory.Reserved]
		v.storedOf = rec.Counters[inventory.Available]
		v.storedAside = rec.Counters[inventory.Aside]
	}
	return nil
}

func (s *stock) stored(at shelf) *level {
	v := s.shelves[at]
	if v == nil {
		v = &level{}
		s.shelves[at] = v
	}
	return v
}

// finish compares the shelves with their records.
func (s *stock) finish() {
	s.finishCares()
	if !s.ordered {
		for _, sku := range slices.Sorted(maps.Keys(s.goods)) {
			s.supplied(sku, s.goods[sku])
		}
	}
	all := make([]shelf, 0, len(s.shelves))
	for at := range s.shelves {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b shelf) int {
		return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.allotment, b.allotment))
	})
	for _, at := range all {
		s.check(conservation)
		v := s.shelves[at]
		if !s.ordered {
			s.less(at, v)
		}
		pairs := []any{"sku", at.sku, "allotment", at.allotment}
		switch {
		case v.storedOnHand != v.onHand:
			s.broken(conservation, v.last, "on hand is not what the movements leave",
				append(pairs, "stored", v.storedOnHand, "movements", v.onHand)...)
		case v.storedReserved != v.reserved:
			s.broken(conservation, v.last, "reserved is not what the open holds keep",
				append(pairs, "stored", v.storedReserved, "facts", v.reserved)...)
		case v.storedReserved != v.kept:
			s.broken(conservation, v.last, "reserved is not what the records of the holds keep",
				append(pairs, "stored", v.storedReserved, "holds", v.kept)...)
		case v.storedAside != s.asideOf(at):
			s.broken(conservation, v.last, "aside is not what the rules keep back",
				append(pairs, "stored", v.storedAside, "rules", s.asideOf(at))...)
		case v.storedOf != v.storedOnHand-v.storedReserved-v.storedAside:
			s.broken(conservation, v.last, "available is not what is on hand and not reserved",
				append(pairs, "available", v.storedOf, "onHand", v.storedOnHand,
					"reserved", v.storedReserved)...)
		}
	}
}

// less requires that nothing on a shelf is below zero in the end, by the facts and by its counters,
// where no more can be said.
func (s *stock) less(at shelf, v *level) {
	s.check(neverNegative)
	if v.onHand < 0 || v.reserved < 0 || v.onHand+s.missing(at) < v.reserved {
		s.broken(neverNegative, v.last, "there is less than nothing on a shelf in the end",
			"sku", at.sku, "allotment", at.allotment, "onHand", v.onHand, "reserved", v.reserved,
			"available", v.onHand-v.reserved)
	}
	if v.storedOnHand < 0 || v.storedReserved < 0 ||
		v.storedOf < -v.storedAside-s.missing(at) {
		s.broken(neverNegative, v.last, "a shelf's counter is below zero",
			"sku", at.sku, "allotment", at.allotment, "onHand", v.storedOnHand,
			"reserved", v.storedReserved, "available", v.storedOf)
	}
}

// end requires, once all is quiet, that order and hold have come to the same end.
func (s *stock) end(l *life) {
	if !s.quiescent || l.created == nil {
		return
	}
	s.check(ordersAndHolds)
	s.check(conservation)
	h := &l.hold
	fits := true
	switch l.head.status.String() {
	case "pending_payment":
		fits = h.state == held || h.state == rejected
	case "placed", "on_hold":
		fits = h.state == committed || h.state == consumed
	case "completed":
		fits = h.state == consumed
	case "cancelled", "expired":
		fits = h.state.ended()
	}
	if !fits {
		s.owed(ordersAndHolds, l, "the hold does not stand as the order does",
			"status", l.head.status, "hold", h.state)
	}
	if h.state == gathering || h.state == releasing {
		s.owed(holdLifecycle, l, "a hold stands between two states", "hold", h.state)
	}
	var left int64
	for i := range l.parcels {
		left += l.parcels[i].units
	}
	if left != h.consumed+h.loose {
		s.owed(conservation, l, "what left in parcels is not what was taken off the shelf",
			"dispatched", left, "consumed", h.consumed, "moved", h.loose)
	}
}
