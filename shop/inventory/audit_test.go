package inventory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// books are what the facts alone say of the stock, kept without the room's own code.
type books struct {
	moved, consumed, open map[shop.SKU]int64
	allotments            map[shop.SKU]int // of the split ones
	cares                 map[shop.SKU]*saidOf
}

// saidOf is what the facts say of a SKU with a care.
type saidOf struct {
	rules event.StockRuled
	low   bool
	short int64
}

func (c *saidOf) aside() int64 {
	if c.rules.Watched && !c.low {
		return c.rules.Safety + c.rules.LowAt + 1
	}
	return c.rules.Safety
}

func (b *books) care(sku shop.SKU) *saidOf {
	if b.cares[sku] == nil {
		b.cares[sku] = &saidOf{}
	}
	return b.cares[sku]
}

func newBooks() *books {
	return &books{
		moved: map[shop.SKU]int64{}, consumed: map[shop.SKU]int64{}, open: map[shop.SKU]int64{},
		allotments: map[shop.SKU]int{}, cares: map[shop.SKU]*saidOf{},
	}
}

func (b *books) enter(f event.Fact) {
	add := func(to map[shop.SKU]int64, sign int64, items []event.StockItem) {
		for _, i := range items {
			to[i.SKU] += sign * i.Quantity
		}
	}
	switch f := f.(type) {
	case *event.StockMoved:
		b.moved[f.SKU] += f.Quantity
	case *event.StockAllotted:
		b.allotments[f.SKU] = f.Allotments
	case *event.StockRuled:
		c := b.care(f.SKU)
		c.rules, c.low = *f, f.Low
	case *event.StockLow:
		b.care(f.SKU).low = true
	case *event.StockRecovered:
		b.care(f.SKU).low = false
	case *event.StockShort:
		b.care(f.SKU).short = f.Units
	case *event.StockCovered:
		b.care(f.SKU).short = f.Left
	case *event.StockGathered:
		add(b.open, 1, f.Items)
	case *event.StockHeld:
		add(b.open, 1, f.Items)
	case *event.StockReleased:
		add(b.open, -1, f.Items)
	case *event.StockConsumed:
		add(b.open, -1, f.Items)
		add(b.consumed, 1, f.Items)
	}
}

// audit folds the log and checks conservation and non-negativity after every event, then that the
// fold is exactly what is stored, and that the hold records keep what the facts say.
func (w *world) audit() {
	w.t.Helper()
	ctx, b, st := context.Background(), newBooks(), room.NewState(w.s.desk)
	err := w.p.History().Log(ctx, "", func(cursor string, e platform.Event) error {
		f, err := room.FactOf(w.s.desk.Catalogue, e)
		if err != nil {
			return err
		}
		b.enter(f)
		if err := st.FoldFact(ctx, f, room.Meta{ID: e.ID, Sequence: e.Sequence}); err != nil {
			return fmt.Errorf("fold %s at %s: %w", e.ID, cursor, err)
		}
		for _, key := range st.Touched() {
			if sku, ok := strings.CutPrefix(key.Part, "stock/"); ok {
				if err := b.agree(st, shop.SKU(sku)); err != nil {
					return fmt.Errorf("after %s %s: %w", e.Type, e.ID, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.compare(st)
	w.compareHolds(st, b)
	w.compareCares(st, b)
}

// agree checks one SKU after an event.
func (b *books) agree(st *room.State, sku shop.SKU) error {
	var onHand, reserved int64
	said := b.cares[sku]
	if said == nil {
		said = &saidOf{}
	}
	for i := range max(1, b.allotments[sku]) {
		key := StockKey(sku, i)
		h, r, a := st.Counter(key, OnHand), st.Counter(key, Reserved), st.Counter(key, Available)
		if h < 0 || r < 0 || h-r < -said.short || a != h-r-said.aside() {
			return fmt.Errorf("%s/%d: %d on hand, %d reserved, %d available, care %+v", sku, i,
				h, r, a, said)
		}
		onHand, reserved = onHand+h, reserved+r
	}
	if want := b.moved[sku] - b.consumed[sku]; onHand != want {
		return fmt.Errorf("%s: %d on hand, %d by the movements", sku, onHand, want)
	}
	if reserved != b.open[sku] {
		return fmt.Errorf("%s: %d reserved, %d by the open holds", sku, reserved, b.open[sku])
	}
	return nil
}

// compare checks that the fold is what is stored, record by record.
func (w *world) compare(st *room.State) {
	w.t.Helper()
	stored := 0
	err := w.p.History().Records(context.Background(), "inventory/", func(r platform.Record) error {
		if room.IsAux(r.Key) {
			return nil
		}
		stored++
		r.Key.Part = strings.TrimPrefix(r.Key.Part, "inventory/")
		folded, ok, err := st.Record(r.Key)
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("%v is stored, but not folded", r.Key)
		case !bytes.Equal(folded.Value, r.Value) || !maps.Equal(folded.Counters, r.Counters):
			return fmt.Errorf("%v is %s %v, folded %s %v", r.Key,
				r.Value, r.Counters, folded.Value, folded.Counters)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if folded := len(st.Keys()); folded != stored {
		w.t.Errorf("%d records are stored, %d folded", stored, folded)
	}
}

// compareHolds checks that the hold records keep what the facts say is open.
func (w *world) compareHolds(st *room.State, b *books) {
	w.t.Helper()
	kept := map[shop.SKU]int64{}
	for _, key := range st.Keys() {
		var list []event.StockItem
		if h := room.Value[Hold](st, key); h != nil {
			list = h.Items
			if h.State.Ended() && (h.Units != 0 || len(h.Chunks) != 0) {
				w.t.Errorf("the hold of %s has ended, but keeps %d units", h.Order, h.Units)
			}
		}
		if c := room.Value[chunk](st, key); c != nil {
			list = c.Items
		}
		for _, i := range list {
			kept[i.SKU] += i.Quantity
		}
	}
	for sku, n := range b.open {
		if kept[sku] != n {
			w.t.Errorf("the records keep %d of %s, the facts %d", kept[sku], sku, n)
		}
	}
}

// compareCares checks that every SKU is low, and short, exactly when it was told.
func (w *world) compareCares(st *room.State, b *books) {
	w.t.Helper()
	for sku, said := range b.cares {
		key := StockKey(sku, 0)
		free := st.Counter(key, OnHand) - st.Counter(key, Reserved)
		if missing := max(0, -free); said.short != missing {
			w.t.Errorf("%s is told to lack %d units, and lacks %d", sku, said.short, missing)
		}
		r := said.rules
		if low := r.Watched && free-r.Safety <= r.LowAt; low != said.low {
			w.t.Errorf("%s is told to be low: %v, and has %d for orders of rules %+v", sku,
				said.low, free-r.Safety, r)
		}
	}
}
