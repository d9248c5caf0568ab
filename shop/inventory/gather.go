package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// maxShortages bounds how often one delivery of order.created looks for units anew, in allotments
// that others take from at the same time.
const maxShortages = 32

// gathering is one delivery's attempt to hold an order.
type gathering struct {
	order shop.ID
	want  []event.StockItem // sorted by SKU, each once
	// cared are the SKUs that were found to have a care; careful: so have some that it gives back.
	cared   map[shop.SKU]bool
	careful bool
	// seen is what the allotments of a split SKU had when one of them was found to be short.
	seen map[shop.SKU][]int64
}

// share says from which allotments a SKU's units are taken: the order's own, as long as nothing
// speaks against it.
func (s *Service) share(g *gathering) func(event.StockItem) []event.StockItem {
	return func(want event.StockItem) []event.StockItem {
		n := s.split.count(want.SKU)
		if available, ok := g.seen[want.SKU]; ok {
			if parts, ok := shareOut(want, ownAllotment(g.order, n)%len(available), available); ok {
				return parts
			}
		}
		if n > 1 {
			want.Allotment = ownAllotment(g.order, n)
		}
		return []event.StockItem{want}
	}
}

// gatherStep does what the hold's record says comes next, in one commit, and says whether there is
// more to do. A BoundError names the stock that is short.
func (s *Service) gatherStep(
	ctx context.Context, g *gathering, c room.Cause,
) (more bool, err error) {
	err = s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		more = false
		h, err := room.Get[Hold](ctx, tx, HoldKey(g.order))
		switch {
		case err != nil:
			return err
		case h == nil || h.State == Gathering():
			more, err = s.gatherNext(ctx, tx, h, g)
			return err
		case h.State == Releasing():
			more, err = s.releaseNext(ctx, tx, h, g.order, g.careful)
			return err
		}
		return nil // decided already
	})
	return more, err
}

// gatherNext announces the next fact of a hold, and what it means to the SKUs with a care that it
// takes from. For these alone it is known before the commit whether they have enough.
func (s *Service) gatherNext(
	ctx context.Context, tx *room.Tx, h *Hold, g *gathering,
) (more bool, err error) {
	f := nextGather(h, g.order, g.want, s.most, g.weight, s.share(g))
	held, last := f.(*event.StockHeld)
	var items []event.StockItem
	if last {
		items = held.Items
	} else {
		items = f.(*event.StockGathered).Items
	}
	var cared []caredItem
	for _, i := range items {
		if !g.cared[i.SKU] {
			continue
		}
		k, _, err := keeping(ctx, tx, i.SKU)
		if err != nil {
			return false, err
		}
		if have := k.care.offered(k.onHand, k.reserved); have < i.Quantity {
			return false, &shortError{want: i, available: max(0, have)}
		}
		cared = append(cared, caredItem{k, i.Quantity})
	}
	if err := tx.Announce(ctx, f, h.next()); err != nil {
		return false, err
	}
	for _, c := range cared {
		if err := c.settle(ctx, tx, 0, c.quantity, ""); err != nil {
			return false, err
		}
	}
	return !last, nil
}

// caredItem is a quantity that is taken of a SKU with a care, or given back.
type caredItem struct {
	kept
	quantity int64
}

// shortError says that a SKU with a care has too few units.
type shortError struct {
	want      event.StockItem
	available int64
}

// Error implements error.
func (e *shortError) Error() string { return "too few units of " + string(e.want.SKU) }

// weight is how many items of a commit go with one SKU that is taken from so many stock records.
func (g *gathering) weight(sku shop.SKU, parts int) int {
	if g.cared[sku] {
		return caredItems
	}
	return parts
}

// caredItems bounds what a commit holds of one SKU with a care: stock, care, two entries in lists
// of shortages, two facts.
const caredItems = 6

// onShortage decides what a bound means. A SKU that is not split is simply short, and the bound
// says what was available. One that is split is short only if all its allotments together were, at
// one moment; otherwise the next step takes from several.
func (s *Service) onShortage(
	ctx context.Context, g *gathering, bound *platform.BoundError, c room.Cause,
) error {
	sku := shop.SKU(strings.TrimPrefix(bound.Key.Part, stockPart("")))
	if uncared(bound) {
		g.careful = true
		return nil
	}
	at, found := slices.BinarySearchFunc(g.want, sku, func(i event.StockItem, sku shop.SKU) int {
		return strings.Compare(string(i.SKU), string(sku))
	})
	if !found || bound.Counter != Available {
		return bound // not a reservation: a counter is not what the hold's record says
	}
	available := bound.Have
	if err := s.split.look(ctx, sku); err != nil {
		return err
	}
	if n := s.split.count(sku); n > 1 {
		levels, sure, err := s.stockAtOnce(ctx, sku)
		if err != nil {
			return err
		}
		available = sum(levels)
		if !sure || available >= g.want[at].Quantity {
			g.see(sku, levels)
			return nil
		}
	}
	has, err := s.hasCare(ctx, sku)
	if err != nil {
		return err
	}
	if has {
		return s.lookForCares(ctx, g)
	}
	return s.reject(ctx, g.order, g.want[at], available, c)
}

func (s *Service) hasCare(ctx context.Context, sku shop.SKU) (bool, error) {
	_, err := s.desk.Store.Get(ctx, CareKey(sku))
	if errors.Is(err, platform.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// lookForCares finds out which SKUs of the order have a care, once one of them was found to: not
// one by one, each by a commit that is refused.
func (s *Service) lookForCares(ctx context.Context, g *gathering) error {
	if g.cared != nil {
		return nil
	}
	cared := make(map[shop.SKU]bool)
	for _, i := range g.want {
		has, err := s.hasCare(ctx, i.SKU)
		if err != nil {
			return err
		}
		cared[i.SKU] = has
	}
	g.cared = cared
	return nil
}

func (g *gathering) see(sku shop.SKU, available []int64) {
	if g.seen == nil {
		g.seen = make(map[shop.SKU][]int64)
	}
	g.seen[sku] = available
}

// pause lets the commits that took the units become readable, from the second shortage on: at most
// 25 ms, and another time for each order, so that they do not return together.
func (s *Service) pause(ctx context.Context, order shop.ID, shortages int) error {
	if shortages < 2 {
		return nil
	}
	wait := time.Duration(shortages*(1+ownAllotment(order, 20))) * 100 * time.Microsecond
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.desk.Clock.After(min(wait, 25*time.Millisecond)):
		return nil
	}
}

// reject decides that the order cannot be had, unless it was decided otherwise in the meantime.
func (s *Service) reject(
	ctx context.Context, order shop.ID, want event.StockItem, available int64, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		h, err := room.Get[Hold](ctx, tx, HoldKey(order))
		if err != nil || h != nil && h.State != Gathering() {
			return err
		}
		return tx.Announce(ctx, &event.StockRejected{
			Order: order, SKU: want.SKU, Wanted: want.Quantity, Available: available,
		}, h.next())
	})
}
