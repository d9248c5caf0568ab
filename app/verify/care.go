package verify

import (
	"maps"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// care is what the facts say of a SKU of which more is asked than to be counted.
type care struct {
	dealer        shop.ID
	safety, lowAt int64
	watched, low  bool
	short         int64   // units that are said to be missing
	by            shop.ID // the stock-take that said so
	last          place
}

// aside is how many units no order takes without asking.
func (c *care) aside() int64 {
	switch {
	case c == nil:
		return 0
	case c.watched && !c.low:
		return c.safety + c.lowAt + 1
	}
	return c.safety
}

// offered is what orders can have of a SKU with a care, which is on one shelf.
func (c *care) offered(v *level) int64 { return v.onHand - v.reserved - c.safety }

// takes are the stock-takes whose movement, and the movements whose stock-take, was not seen yet.
type takes map[shop.ID]taken

type taken struct {
	sku        shop.SKU
	difference int64
	at         place
}

// missing is how many units a shelf may have promised that are not there: as many as was said.
func (s *stock) missing(at shelf) int64 {
	if c := s.cares[at.sku]; c != nil && at.allotment == 0 {
		return c.short
	}
	return 0
}

// asideOf is how many units of a shelf the rules keep aside.
func (s *stock) asideOf(at shelf) int64 {
	if at.allotment != 0 {
		return 0
	}
	return s.cares[at.sku].aside()
}

// cared looks at what one event says of a SKU, once its units have moved.
func (s *stock) cared(it *item) {
	switch f := it.fact.(type) {
	case *event.StockRuled:
		c := s.care(it, f.SKU)
		c.owned(f.Dealer)
		c.safety, c.watched, c.lowAt, c.low = f.Safety, f.Watched, f.LowAt, f.Low
		s.check(keptBack)
		if f.Aside != c.aside() {
			s.broken(keptBack, it.at, "other units are kept aside than the rules ask for",
				"sku", f.SKU, "aside", f.Aside, "rules", c.aside())
		}
		if offered := c.offered(s.shelf(f.SKU)); s.ordered &&
			f.Low != (f.Watched && offered <= f.LowAt) {
			s.broken(keptBack, it.at, "rules say wrongly whether the SKU is low", "sku", f.SKU,
				"low", f.Low, "lowAt", f.LowAt, "offered", offered)
		}
	case *event.StockLow:
		s.whose(it, f.SKU, f.Dealer)
		s.turned(it, f.SKU, true, f.LowAt, f.Available)
	case *event.StockRecovered:
		s.whose(it, f.SKU, f.Dealer)
		s.turned(it, f.SKU, false, f.LowAt, f.Available)
	case *event.StockCounted:
		s.counted(it, f)
	case *event.StockShort:
		s.whose(it, f.SKU, f.Dealer)
		c := s.care(it, f.SKU)
		s.check(shortages)
		if f.Units <= c.short {
			s.broken(shortages, it.at, "a shortage is told that was known", "sku", f.SKU,
				"units", f.Units, "known", c.short)
		}
		c.short, c.by = f.Units, f.Take
	case *event.StockCovered:
		s.whose(it, f.SKU, f.Dealer)
		c := s.care(it, f.SKU)
		s.check(shortages)
		if f.Take != c.by || f.Units+f.Left != c.short {
			s.broken(shortages, it.at, "what is covered was not missing", "sku", f.SKU,
				"units", f.Units, "left", f.Left, "missing", c.short, "take", f.Take)
		}
		c.short = f.Left
	case *event.StockMoved:
		if strings.HasPrefix(string(f.Movement), "cnt_") {
			s.pair(f.Movement, taken{f.SKU, f.Quantity, it.at})
		}
	}
}

func (s *stock) care(it *item, sku shop.SKU) *care {
	c := s.cares[sku]
	if c == nil {
		c = &care{}
		s.cares[sku] = c
	}
	c.last = it.at
	return c
}

// owned notes whose SKU it is; while units are missing it stays whose it was when that was found.
func (c *care) owned(dealer shop.ID) {
	if c.short == 0 {
		c.dealer = dealer
	}
}

// whose requires that what is told of a SKU is told of its dealer.
func (s *stock) whose(it *item, sku shop.SKU, dealer shop.ID) {
	s.check(keptBack)
	if c := s.care(it, sku); c.dealer != dealer {
		s.broken(keptBack, it.at, "a SKU is told of as another dealer's", "sku", sku,
			"dealer", dealer, "rules", c.dealer)
	}
}

// shelf is the only shelf of a SKU with a care.
func (s *stock) shelf(sku shop.SKU) *level { return s.stored(shelf{sku, 0}) }

// turned requires that a SKU is told to be low, or not to be any more, by turns and when it is.
func (s *stock) turned(it *item, sku shop.SKU, low bool, at, available int64) {
	s.check(keptBack)
	c := s.care(it, sku)
	if !c.watched || c.low == low || c.lowAt != at {
		s.broken(keptBack, it.at, "a SKU is told to be low, or not to be, out of turn", "sku", sku,
			"low", low, "watched", c.watched, "was", c.low, "lowAt", at, "rules", c.lowAt)
	}
	c.low = low
	if offered := c.offered(s.shelf(sku)); s.ordered && offered != available {
		s.broken(keptBack, it.at, "a SKU is told to be low, or not to be, by another level",
			"sku", sku, "told", available, "offered", offered)
	}
}

// counted requires that a stock-take was of what the books said.
func (s *stock) counted(it *item, f *event.StockCounted) {
	s.care(it, f.SKU).owned(f.Dealer)
	s.check(shortages)
	if v := s.shelf(f.SKU); s.ordered && (f.Book != v.onHand || f.Reserved != v.reserved) {
		s.broken(shortages, it.at, "a stock-take was of other books", "sku", f.SKU,
			"book", f.Book, "onHand", v.onHand, "promised", f.Reserved, "reserved", v.reserved)
	}
	if f.Counted != f.Book {
		s.pair(f.Take, taken{f.SKU, f.Counted - f.Book, it.at})
	}
}

// pair brings a stock-take and its movement together, whichever comes first.
func (s *stock) pair(id shop.ID, t taken) {
	had, ok := s.takes[id]
	if !ok {
		s.takes[id] = t
		return
	}
	delete(s.takes, id)
	s.check(shortages)
	if had.sku != t.sku || had.difference != t.difference {
		s.broken(shortages, t.at, "the books were not moved to what was counted", "take", id,
			"sku", t.sku, "this", t.difference, "other", had.difference)
	}
}

// due requires, before a shelf moves again, that what its last move meant was told with it.
func (s *stock) due(it *item, at shelf, reserved int64) {
	c := s.cares[at.sku]
	if c == nil || at.allotment != 0 {
		return
	}
	v := s.shelf(at.sku)
	if f, ok := it.fact.(*event.StockMoved); !ok || !strings.HasPrefix(string(f.Movement), "cnt_") {
		s.told(at.sku, c, v) // what a stock-take misses is told before it moves
	}
	s.check(keptBack)
	if _, back := it.fact.(*event.StockReleased); reserved > 0 && !back &&
		c.offered(v)-reserved < 0 {
		s.broken(keptBack, it.at, "units are promised that are kept back", "sku", at.sku,
			"safety", c.safety, "onHand", v.onHand, "reserved", v.reserved+reserved)
	}
}

// told requires that a SKU is said to be low, and to be short, exactly when it is.
func (s *stock) told(sku shop.SKU, c *care, v *level) {
	s.check(keptBack)
	if offered := c.offered(v); c.watched && c.low != (offered <= c.lowAt) {
		s.broken(keptBack, v.last, "nobody was told that a SKU became low, or is not any more",
			"sku", sku, "offered", offered, "lowAt", c.lowAt, "told", c.low)
	}
	s.check(shortages)
	if missing := max(0, v.reserved-v.onHand); missing != c.short {
		s.broken(shortages, v.last, "units are missing that nobody was told of, or are there again",
			"sku", sku, "missing", missing, "told", c.short)
	}
}

// finishCares requires at the end what due requires before each move.
func (s *stock) finishCares() {
	for _, sku := range slices.Sorted(maps.Keys(s.cares)) {
		s.told(sku, s.cares[sku], s.shelf(sku))
	}
	for _, id := range slices.Sorted(maps.Keys(s.takes)) {
		t := s.takes[id]
		s.broken(shortages, t.at, "a stock-take without its movement, or a movement without it",
			"take", id, "sku", t.sku, "difference", t.difference)
	}
}
