package verify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// stock is what the facts say is on the shelf, and for whom it is kept.
type stock struct {
	*books
	shelves map[shelf]*level
	goods   map[shop.SKU]*good
	cares   map[shop.SKU]*care
	takes   takes
}

// shelf is one allotment of a SKU.
type shelf struct {
	sku       shop.SKU
	allotment int
}

// level is how much is on a shelf. The stored ones are what the records say.
type level struct {
	onHand, reserved int64
	last             place // the fact that last moved it

	stored                                 bool
	storedOnHand, storedReserved, storedOf int64
	storedAside                            int64
	kept                                   int64 // by the records of the open holds
}

// good is a SKU over all its shelves.
type good struct {
	supply int64 // by movements
	sold   int64 // to orders that were placed and not cancelled
	last   place // the fact that last took some
}

func newStock(b *books) stock {
	return stock{
		books: b, shelves: make(map[shelf]*level), goods: make(map[shop.SKU]*good),
		cares: make(map[shop.SKU]*care), takes: make(takes),
	}
}

// enter looks at one event.
func (s *stock) enter(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.StockMoved:
		s.moved(it, f)
	case *event.StockAllotted:
		for n, change := range f.Spread {
			s.move(it, shelf{f.SKU, n}, change, 0)
		}
	case *event.StockGathered:
		s.take(it, l, f.Items, gathering)
		s.chunk(it, l, f.Chunk, f.Chunk == l.hold.chunks)
		l.hold.chunks++
	case *event.StockHeld:
		s.take(it, l, f.Items, held)
		l.hold.held = true
		s.whole(it, l)
	case *event.StockRejected:
		l.hold.short = true
		if len(l.hold.kept) > 0 {
			s.become(it, l, releasing)
		} else {
			s.become(it, l, rejected)
		}
		s.known(it, l)
		s.wanted(it, l, f)
	case *event.StockCommitted:
		s.stands(it, l, held)
		s.become(it, l, committed)
	case *event.StockReleased:
		s.released(it, l, f)
	case *event.StockConsumed:
		s.consumed(it, l, f)
	case *event.StockFreed:
		s.freed(it, l, f)
	case *event.OrderPlaced:
		s.placed(it, l, f)
	case *event.OrderCancelled:
		if l.placed != nil && l.head.status.String() != "cancelled" {
			s.unsold(it, l)
		}
	}
}

func (s *stock) moved(it *item, f *event.StockMoved) {
	if len(f.Spread) == 0 {
		s.move(it, shelf{f.SKU, 0}, f.Quantity, 0)
	}
	for n, change := range f.Spread {
		s.move(it, shelf{f.SKU, n}, change, 0)
	}
	s.good(f.SKU).supply += f.Quantity
	if f.Quantity < 0 {
		s.oversold(it, f.SKU)
	}
	if f.Reason != "dispatch" {
		return
	}
	// A parcel left after its hold was given back: the movement is called after its shipment.
	name := cutLast(cutLast(strings.TrimPrefix(string(f.Movement), "shp_")))
	if l := s.lives[s.census.of(shop.ID("ord_"+name))]; l != nil {
		l.hold.loose -= f.Quantity
	}
}

// cutLast takes off what follows the last '_'.
func cutLast(s string) string { return s[:max(0, strings.LastIndexByte(s, '_'))] }

// move changes one shelf and requires that nothing on it is below zero.
func (s *stock) move(it *item, at shelf, onHand, reserved int64) {
	v := s.shelves[at]
	if v == nil {
		v = &level{}
		s.shelves[at] = v
	}
	if s.ordered {
		s.due(it, at, reserved)
	}
	v.onHand += onHand
	v.reserved += reserved
	v.last = it.at
	if !s.ordered {
		return // that is for the end to show
	}
	s.check(neverNegative)
	if v.onHand < 0 || v.reserved < 0 || v.onHand+s.missing(at) < v.reserved {
		s.broken(neverNegative, it.at, "there is less than nothing on a shelf",
			"sku", at.sku, "allotment", at.allotment, "onHand", v.onHand, "reserved", v.reserved,
			"available", v.onHand-v.reserved)
	}
}

func (s *stock) good(sku shop.SKU) *good {
	g := s.goods[sku]
	if g == nil {
		g = &good{}
		s.goods[sku] = g
	}
	return g
}

// known requires that the order of a hold was created before.
func (s *stock) known(it *item, l *life) {
	s.check(ordersAndHolds)
	if l.created == nil {
		s.broken(ordersAndHolds, it.at, "a hold without an order", "order", l.id)
	}
}

// take keeps units for an order.
func (s *stock) take(it *item, l *life, items []event.StockItem, next holdState) {
	s.become(it, l, next)
	s.known(it, l)
	for _, i := range items {
		s.move(it, shelf{i.SKU, i.Allotment}, 0, i.Quantity)
	}
	if len(l.hold.kept) == 0 {
		l.hold.kept = items // shared with the fact, and never changed
		return
	}
	l.hold.kept = slices.Concat(l.hold.kept, items)
}

func (s *stock) become(it *item, l *life, next holdState) {
	s.check(holdLifecycle)
	h := &l.hold
	if !h.state.may(next) {
		message := "a hold takes a way that there is not"
		if h.state.ended() {
			message = "a hold goes on after its end"
		}
		s.broken(holdLifecycle, it.at, message, "order", l.id, "from", h.state, "to", next,
			"last", h.last.id)
	}
	h.state, h.last = next, it.at
}

// stands requires that a hold is in a state before it goes on.
func (s *stock) stands(it *item, l *life, in holdState) {
	if l.hold.state != in {
		s.broken(holdLifecycle, it.at, "a hold goes on from where it does not stand",
			"order", l.id, "type", it.e.Type, "hold", l.hold.state, "expected", in)
	}
}

// whole requires that what is held is what was ordered.
func (s *stock) whole(it *item, l *life) {
	s.check(ordersAndHolds)
	if l.created == nil {
		return // a finding already
	}
	var ordered, kept []event.StockItem
	for _, line := range l.created.Lines {
		ordered = append(ordered, event.StockItem{SKU: line.SKU, Quantity: line.Quantity})
	}
	for _, i := range l.hold.kept {
		kept = append(kept, event.StockItem{SKU: i.SKU, Quantity: i.Quantity})
	}
	ordered, kept = sumUp(ordered), sumUp(kept)
	for i := range max(len(ordered), len(kept)) {
		var want, have event.StockItem
		if i < len(ordered) {
			want = ordered[i]
		}
		if i < len(kept) {
			have = kept[i]
		}
		if want != have {
			s.broken(ordersAndHolds, it.at, "what is held is not what was ordered", "order", l.id,
				"ordered", sizeOf(want), "held", sizeOf(have))
			return
		}
	}
}

// wanted requires that what was refused is what was ordered.
func (s *stock) wanted(it *item, l *life, f *event.StockRejected) {
	if l.created == nil {
		return // a finding already
	}
	var ordered int64
	for _, line := range l.created.Lines {
		if line.SKU == f.SKU {
			ordered += line.Quantity
		}
	}
	if ordered != f.Wanted {
		s.broken(ordersAndHolds, it.at, "what was refused is not what was ordered",
			"order", l.id, "sku", f.SKU, "ordered", ordered, "wanted", f.Wanted)
	}
}

func sizeOf(i event.StockItem) string {
	return strconv.FormatInt(i.Quantity, 10) + " " + string(i.SKU)
}

// sumUp sorts by SKU and adds up what occurs more than once. It works in place.
func sumUp(items []event.StockItem) []event.StockItem {
	slices.SortFunc(items, func(a, b event.StockItem) int { return cmp.Compare(a.SKU, b.SKU) })
	sums := items[:0]
	for _, i := range items {
		if n := len(sums); n > 0 && sums[n-1].SKU == i.SKU {
			sums[n-1].Quantity += i.Quantity
			continue
		}
		sums = append(sums, i)
	}
	return sums
}

func (s *stock) released(it *item, l *life, f *event.StockReleased) {
	next := releasing
	switch {
	case f.Last && l.hold.short:
		next = rejected
	case f.Last:
		next = released
	}
	s.giveUp(it, l, f.Items, f.Last)
	s.become(it, l, next)
	s.known(it, l)
	s.chunk(it, l, f.Chunk, f.Chunk < max(1, l.hold.chunks))
	for _, i := range f.Items {
		s.move(it, shelf{i.SKU, i.Allotment}, 0, -i.Quantity)
	}
}

func (s *stock) consumed(it *item, l *life, f *event.StockConsumed) {
	next := committed
	if f.Last {
		next = consumed
	}
	s.giveUp(it, l, f.Items, f.Last)
	s.stands(it, l, committed)
	s.become(it, l, next)
	var units int64
	for _, i := range f.Items {
		s.move(it, shelf{i.SKU, i.Allotment}, -i.Quantity, -i.Quantity)
		units += i.Quantity
	}
	l.hold.consumed += units
	if p, _ := l.parcel(f.Shipment); p != nil {
		p.consumed += units
		s.chunk(it, l, f.Chunk, f.Chunk == p.chunks)
		p.chunks++
	}
}

// chunk requires that a part of a hold, or of a shipment, has its number.
func (s *stock) chunk(it *item, l *life, n int, right bool) {
	if !right {
		s.broken(holdLifecycle, it.at, "a chunk has a number that is not its own",
			"order", l.id, "type", it.e.Type, "chunk", n)
	}
}

// giveUp takes items off what a hold keeps. last says that nothing may be left.
func (s *stock) giveUp(it *item, l *life, items []event.StockItem, last bool) {
	left, missing := without(l.hold.kept, items)
	if missing != nil {
		s.broken(holdLifecycle, it.at, "a hold gives up what it does not keep",
			"order", l.id, "units", sizeOf(*missing))
	}
	if last != (len(left) == 0) {
		s.broken(holdLifecycle, it.at, "a hold ends with units, or goes on without any",
			"order", l.id, "skus", len(left), "last", last)
	}
	l.hold.kept = left
}

// without returns kept less taken, and one item that is not there. Both are sorted.
func without(kept, taken []event.StockItem) ([]event.StockItem, *event.StockItem) {
	if slices.Equal(kept, taken) {
		return nil, nil
	}
	left := slices.Clone(kept)
	var missing *event.StockItem
	for _, t := range taken {
		i, ok := slices.BinarySearchFunc(left, t, func(a, b event.StockItem) int {
			return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Allotment, b.Allotment))
		})
		if !ok || left[i].Quantity < t.Quantity {
			missing = &t
			continue
		}
		left[i].Quantity -= t.Quantity
	}
	return slices.DeleteFunc(left, func(i event.StockItem) bool { return i.Quantity == 0 }), missing
}

// placed requires that stock is kept for an order that is placed.
func (s *stock) placed(it *item, l *life, f *event.OrderPlaced) {
	s.check(ordersAndHolds)
	if l.hold.state != held {
		s.broken(ordersAndHolds, it.at, "an order is placed without its stock",
			"order", l.id, "hold", l.hold.state)
	}
	if l.placed == nil {
		s.sell(it, f, 1)
	}
}

// sell counts what an order takes, or gives back when sign is -1.
func (s *stock) sell(it *item, f *event.OrderPlaced, sign int64) {
	for _, p := range f.Parcels {
		for _, line := range p.Lines {
			s.good(line.SKU).sold += sign * line.Quantity
			if sign > 0 {
				s.oversold(it, line.SKU)
			}
		}
	}
}

// oversold looks at a SKU after each fact, if those are in the order of the commits.
func (s *stock) oversold(it *item, sku shop.SKU) {
	g := s.good(sku)
	g.last = it.at
	if s.ordered {
		s.supplied(sku, g)
	}
}

func (s *stock) supplied(sku shop.SKU, g *good) {
	s.check(noOversell)
	if g.sold > g.supply+s.missing(shelf{sku, 0}) {
		s.broken(noOversell, g.last, "more was sold than there ever was",
			"sku", sku, "sold", g.sold, "supply", g.supply)
	}
}
