package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Apply implements room.Room. It is the only code that writes the room's records.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	switch f := f.(type) {
	case *event.StockMoved:
		applyMoved(tx, f)
		return nil
	case *event.StockAllotted:
		room.Put(tx, MovementKey(f.Movement), &Movement{SKU: f.SKU, Reason: reasonAllot})
		room.Put(tx, policyKey(f.SKU), &policy{Allotments: f.Allotments})
		move(tx, f.SKU, f.Spread)
		return nil
	case *event.StockRuled:
		return applyToCare(ctx, tx, f.SKU, f, m)
	case *event.StockLow:
		return applyToCare(ctx, tx, f.SKU, f, m)
	case *event.StockRecovered:
		return applyToCare(ctx, tx, f.SKU, f, m)
	case *event.StockCounted:
		return applyToCare(ctx, tx, f.SKU, f, m)
	case *event.StockShort:
		return applyShort(ctx, tx, f, Shortage{f.SKU, f.Dealer, f.Take, f.Units}, m)
	case *event.StockCovered:
		return applyShort(ctx, tx, f, Shortage{f.SKU, f.Dealer, f.Take, f.Left}, m)
	case *event.StockGathered:
		room.Put(tx, chunkKey(f.Order, f.Chunk), &chunk{Items: f.Items})
		reserve(tx, f.Items)
		return applyToHold(ctx, tx, f.Order, m, func(h *Hold) error { return h.gathered(f) })
	case *event.StockHeld:
		reserve(tx, f.Items)
		return applyToHold(ctx, tx, f.Order, m, func(h *Hold) error { return h.held(f) })
	case *event.StockRejected:
		return applyToHold(ctx, tx, f.Order, m, (*Hold).rejected)
	case *event.StockCommitted:
		return applyToHold(ctx, tx, f.Order, m, (*Hold).committed)
	case *event.StockReleased:
		return applyReleased(ctx, tx, f, m)
	case *event.StockConsumed:
		return applyConsumed(ctx, tx, f, m)
	case *event.StockFreed:
		return applyFreed(ctx, tx, f, m)
	}
	return nil
}

func applyMoved(tx *room.Tx, f *event.StockMoved) {
	room.Put(tx, MovementKey(f.Movement), &Movement{f.SKU, f.Quantity, f.Reason})
	spread := f.Spread
	if len(spread) == 0 {
		spread = []int64{f.Quantity}
	}
	if f.Reason == reasonCount {
		for i := range spread {
			room.Put(tx, StockKey(f.SKU, i), &counted{f.Movement})
		}
	}
	move(tx, f.SKU, spread)
}

func applyToHold(
	ctx context.Context, tx *room.Tx, order shop.ID, m room.Meta, change func(*Hold) error,
) error {
	h, err := room.Get[Hold](ctx, tx, HoldKey(order))
	if err != nil {
		return err
	}
	if h == nil {
		h = Begin(order)
	}
	if m.Sequence != h.Seq+1 {
		return h.broken("fact %d follows fact %d", m.Sequence, h.Seq)
	}
	if err := change(h); err != nil {
		return err
	}
	h.Seq = m.Sequence
	room.Put(tx, HoldKey(order), h)
	return nil
}

func applyReleased(ctx context.Context, tx *room.Tx, f *event.StockReleased, m room.Meta) error {
	release(tx, f.Items)
	return applyToHold(ctx, tx, f.Order, m, func(h *Hold) error {
		if err := shrink(ctx, tx, h, f.Items); err != nil {
			return err
		}
		return h.released(f)
	})
}

func applyConsumed(ctx context.Context, tx *room.Tx, f *event.StockConsumed, m room.Meta) error {
	key := shipmentKey(f.Order, f.Shipment)
	done, err := room.Get[shipment](ctx, tx, key)
	if err != nil {
		return err
	}
	if done == nil {
		done = &shipment{}
	}
	done.SKUs += distinct(f.Items)
	done.Chunks++
	room.Put(tx, key, done)
	consume(tx, f.Items)
	return applyToHold(ctx, tx, f.Order, m, func(h *Hold) error {
		if err := shrink(ctx, tx, h, f.Items); err != nil {
			return err
		}
		return h.consumed(f)
	})
}

// shrink takes items off what a hold keeps. Chunks that it empties are removed.
func shrink(ctx context.Context, tx *room.Tx, h *Hold, items []event.StockItem) error {
	var err error
	if h.Taken == 0 {
		h.Items, err = without(h.Items, items)
		return err
	}
	for len(items) > 0 {
		at, ok := h.chunkOf(items[0].SKU)
		if !ok {
			return h.broken("it does not keep %s", items[0].SKU)
		}
		n := len(items)
		if at+1 < len(h.Chunks) {
			n = countBefore(items, h.Chunks[at+1].First)
		}
		if err := shrinkChunk(ctx, tx, h, at, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

func shrinkChunk(
	ctx context.Context, tx *room.Tx, h *Hold, at int, items []event.StockItem,
) error {
	key := chunkKey(h.Order, h.Chunks[at].N)
	c, err := room.Get[chunk](ctx, tx, key)
	if err != nil {
		return err
	}
	if c == nil {
		return h.broken("the record of chunk %d is missing", h.Chunks[at].N)
	}
	left, err := without(c.Items, items)
	switch {
	case err != nil:
		return err
	case len(left) == 0:
		tx.Delete(key)
		h.Chunks = slices.Delete(slices.Clone(h.Chunks), at, at+1)
	default:
		room.Put(tx, key, &chunk{Items: left})
	}
	return nil
}

// countBefore counts the items, sorted, whose SKU is less than bound.
func countBefore(items []event.StockItem, bound shop.SKU) int {
	i, _ := slices.BinarySearchFunc(items, bound, func(i event.StockItem, bound shop.SKU) int {
		return strings.Compare(string(i.SKU), string(bound))
	})
	return i
}
