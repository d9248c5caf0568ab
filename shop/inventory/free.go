package inventory

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// freeOnParcelReduced makes units available again that were cancelled before they left, once, as
// many in a commit as fit. When the whole order was cancelled as well, all that is kept for it goes
// back because of that, these units among it.
func (s *Service) freeOnParcelReduced(
	ctx context.Context, f *event.ShipmentReduced, c room.Cause,
) error {
	want := demand(f.Lines, func(l event.ParcelLine) event.StockItem {
		return event.StockItem{SKU: l.SKU, Quantity: l.Quantity}
	})
	careful := false
	for done := 0; done < len(want); {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) (err error) {
			done, err = s.freeNext(ctx, tx, f, want, careful)
			return err
		})
		switch {
		case uncared(err) && !careful:
			careful, done = true, 0
		case err != nil:
			return err
		}
	}
	return nil
}

// freeNext announces the next part of a reduction, and returns how many of the SKUs are done. If it
// is careful that part is one SKU, and what it means to its care is announced with it.
func (s *Service) freeNext(
	ctx context.Context, tx *room.Tx, f *event.ShipmentReduced, want []event.StockItem,
	careful bool,
) (done int, err error) {
	h, err := room.Get[Hold](ctx, tx, HoldKey(f.Order))
	if err != nil {
		return 0, err
	}
	so, err := room.Get[shipment](ctx, tx, freedKey(f.Order, f.Refund))
	if err != nil {
		return 0, err
	}
	if so == nil {
		so = &shipment{}
	}
	switch {
	case so.SKUs >= len(want):
		return so.SKUs, nil
	case h == nil, h.State == Gathering(), h.State == Held():
		return so.SKUs, platform.ErrNotYet // it was placed: that is on its way
	case h.State == Releasing(), h.State == Released():
		return len(want), nil
	case h.State != Committed():
		return so.SKUs, shop.Errorf(shop.Internal,
			"parcel %s was reduced, but the hold of order %s is %s", f.Shipment, f.Order, h.State).
			WithHint("compare the order's parcels with what was cancelled of them")
	}
	if careful {
		want = want[:so.SKUs+1]
	}
	takes, done, err := s.fill(ctx, tx, h, want, so.SKUs)
	if err != nil {
		return so.SKUs, err
	}
	var cared []caredItem
	if careful {
		if cared, err = caresOf(ctx, tx, takes); err != nil {
			return so.SKUs, err
		}
	}
	err = tx.Announce(ctx, &event.StockFreed{
		Order: f.Order, Shipment: f.Shipment, Refund: f.Refund, Chunk: so.Chunks, Items: takes,
		Last: units(takes) == h.Units,
	}, h.Seq+1)
	if err != nil {
		return so.SKUs, err
	}
	return done, settleReleased(ctx, tx, cared)
}

func applyFreed(ctx context.Context, tx *room.Tx, f *event.StockFreed, m room.Meta) error {
	key := freedKey(f.Order, f.Refund)
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
	release(tx, f.Items)
	return applyToHold(ctx, tx, f.Order, m, func(h *Hold) error {
		if err := shrink(ctx, tx, h, f.Items); err != nil {
			return err
		}
		return h.freed(f)
	})
}

// freed counts what was cancelled off a committed hold. Items, or the chunk records, are reduced
// beside it. A hold of which nothing is left is consumed, whether the last units left or not.
func (h *Hold) freed(f *event.StockFreed) error {
	h.Units -= units(f.Items)
	if f.Last != (h.Units == 0) {
		return h.broken("freeing with last %t leaves %d units", f.Last, h.Units)
	}
	if f.Last {
		return h.become(Consumed())
	}
	return h.become(Committed())
}

// freedKey is where it is kept how far a reduction is: as for a shipment.
func freedKey(order, reduction shop.ID) platform.Key {
	return platform.Key{Part: "hold/" + string(order), Sort: "freed/" + string(reduction)}
}
