package inventory

import (
	"context"
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
			f := nextGather(h, g.order, g.want, s.most, s.share(g))
			_, held := f.(*event.StockHeld)
			more = !held
			return tx.Announce(ctx, f, h.next())
		case h.State == Releasing():
			more, err = s.releaseNext(ctx, tx, h, g.order)
			return err
		}
		return nil // decided already
	})
	return more, err
}

// onShortage decides what a bound means. A SKU that is not split is simply short, and the bound
// says what was available. One that is split is short only if all its allotments together were, at
// one moment; otherwise the next step takes from several.
func (s *Service) onShortage(
	ctx context.Context, g *gathering, bound *platform.BoundError, c room.Cause,
) error {
	sku := shop.SKU(strings.TrimPrefix(bound.Key.Part, stockPart("")))
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
	return s.reject(ctx, g.order, g.want[at], available, c)
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
