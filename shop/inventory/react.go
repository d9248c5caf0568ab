package inventory

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Reactions implements room.Room.
func (s *Service) Reactions() []room.Reaction {
	const class = platform.Critical
	return []room.Reaction{
		room.On("inventory.hold-on-order-created", class, s.holdOnOrderCreated),
		room.On("inventory.commit-on-order-placed", class, s.commitOnOrderPlaced),
		room.On("inventory.release-on-order-cancelled", class, s.releaseOnOrderCancelled),
		room.On("inventory.release-on-order-expired", class, s.releaseOnOrderExpired),
		room.On("inventory.consume-on-dispatched", class, s.consumeOnDispatched),
		room.On("inventory.restock-on-return-inspected", class, s.restockOnReturnInspected),
		room.On("inventory.free-on-parcel-reduced", class, s.freeOnParcelReduced),
	}
}

// holdOnOrderCreated keeps every unit of the order, or none. Each step is one commit that begins
// with the hold's record, so a redelivery goes on where the last step ended.
func (s *Service) holdOnOrderCreated(
	ctx context.Context, f *event.OrderCreated, c room.Cause,
) error {
	if err := s.split.load(ctx); err != nil {
		return err
	}
	g := gathering{order: f.Order, want: demand(f.Lines, func(l event.OrderLine) event.StockItem {
		return event.StockItem{SKU: l.SKU, Quantity: l.Quantity}
	})}
	for short := 0; short < maxShortages; {
		more, err := s.gatherStep(ctx, &g, c)
		bound, isBound := errors.AsType[*platform.BoundError](err)
		few, isShort := errors.AsType[*shortError](err)
		switch {
		case isShort:
			short++
			if err := s.reject(ctx, f.Order, few.want, few.available, c); err != nil {
				return err
			}
		case isBound:
			short++
			if err := s.onShortage(ctx, &g, bound, c); err != nil {
				return err
			}
			if err := s.pause(ctx, f.Order, short); err != nil {
				return err
			}
		case err != nil || !more:
			return err
		}
	}
	return shop.Errorf(shop.Busy, "the stock of order %s moved all the time; nothing was decided",
		f.Order)
}

// commitOnOrderPlaced makes the held units belong to the placed order.
func (s *Service) commitOnOrderPlaced(
	ctx context.Context, f *event.OrderPlaced, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		h, err := room.Get[Hold](ctx, tx, HoldKey(f.Order))
		if err != nil {
			return err
		}
		fact, err := decideCommit(h, f.Order)
		if err != nil || fact == nil {
			return err
		}
		return tx.Announce(ctx, fact, h.Seq+1)
	})
}

// releaseOnOrderCancelled gives back what is still kept for an order that was cancelled.
func (s *Service) releaseOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	return s.release(ctx, f.Order, c)
}

// releaseOnOrderExpired gives back what is still kept for an order that expired.
func (s *Service) releaseOnOrderExpired(
	ctx context.Context, f *event.OrderExpired, c room.Cause,
) error {
	return s.release(ctx, f.Order, c)
}

// release gives back chunk after chunk. Nobody gathers any more once the first was given back, so
// there are never more steps than chunks.
func (s *Service) release(ctx context.Context, order shop.ID, c room.Cause) error {
	for more, careful := true, false; more; {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			h, err := room.Get[Hold](ctx, tx, HoldKey(order))
			if err != nil {
				return err
			}
			more, err = s.releaseNext(ctx, tx, h, order, careful)
			return err
		})
		switch {
		case uncared(err) && !careful:
			careful, more = true, true
		case err != nil:
			return err
		}
	}
	return nil
}

// releaseNext announces the next release of a hold, if there is one, and says whether more follow.
// If it is careful it looks which SKUs have a care, and announces what it means to them.
func (s *Service) releaseNext(
	ctx context.Context, tx *room.Tx, h *Hold, order shop.ID, careful bool,
) (bool, error) {
	var kept chunk
	if h != nil && !h.State.Ended() && len(h.Chunks) > 0 {
		c, err := room.Get[chunk](ctx, tx, chunkKey(order, h.Chunks[0].N))
		if err != nil {
			return false, err
		}
		if c == nil {
			return false, h.broken("the record of chunk %d is missing", h.Chunks[0].N)
		}
		kept = *c
	}
	f := decideRelease(h, order, kept.Items)
	if f == nil {
		return false, nil
	}
	var cared []caredItem
	if careful {
		var err error
		if cared, err = s.cared(ctx, tx, h, f); err != nil {
			return false, err
		}
	}
	if err := tx.Announce(ctx, f, h.next()); err != nil {
		return false, err
	}
	return !f.Last, settleReleased(ctx, tx, cared)
}

// settleReleased announces what it means to cares that units are not promised any more.
func settleReleased(ctx context.Context, tx *room.Tx, cared []caredItem) error {
	for _, k := range cared {
		if err := k.settle(ctx, tx, 0, -k.quantity, byRelease); err != nil {
			return err
		}
	}
	return nil
}

// caresOf finds those of some items whose SKU has a care.
func caresOf(
	ctx context.Context, tx *room.Tx, items []event.StockItem,
) ([]caredItem, error) {
	var list []caredItem
	for _, i := range items {
		care, err := room.Get[Care](ctx, tx, CareKey(i.SKU))
		if err != nil {
			return nil, err
		}
		if care == nil {
			continue
		}
		k, _, err := keeping(ctx, tx, i.SKU)
		if err != nil {
			return nil, err
		}
		list = append(list, caredItem{k, i.Quantity})
	}
	return list, nil
}

// cared finds the SKUs with a care in a release, and leaves out of it what does not fit into one
// commit with them.
func (s *Service) cared(
	ctx context.Context, tx *room.Tx, h *Hold, f *event.StockReleased,
) ([]caredItem, error) {
	load := 0
	for n, i := range f.Items {
		care, err := room.Get[Care](ctx, tx, CareKey(i.SKU))
		if err != nil {
			return nil, err
		}
		if load++; care != nil {
			load += caredItems - 1
		}
		if n > 0 && load > s.most {
			f.Items = f.Items[:n]
			f.Last = units(f.Items) == h.Units
			break
		}
	}
	return caresOf(ctx, tx, f.Items)
}

// consumeOnDispatched takes what left in a parcel off the hold and off the shelf. A parcel that
// left although its order had been cancelled is taken out of the available units: it is gone either
// way.
func (s *Service) consumeOnDispatched(
	ctx context.Context, f *event.ShipmentDispatched, c room.Cause,
) error {
	want := demand(f.Lines, func(l event.ParcelLine) event.StockItem {
		return event.StockItem{SKU: l.SKU, Quantity: l.Quantity}
	})
	for done := 0; done < len(want); {
		var loose bool
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) (err error) {
			done, loose, err = s.consumeNext(ctx, tx, f, want)
			return err
		})
		if bound, ok := errors.AsType[*platform.BoundError](err); ok {
			return tooMany(f, bound)
		}
		if err != nil {
			return err
		}
		if loose {
			return s.takeLoose(ctx, f, want, done, c)
		}
	}
	return nil
}

// tooMany says that a parcel has more units in it than are on hand. It is a stock-take that did not
// find them, so a person has to look.
func tooMany(f *event.ShipmentDispatched, bound *platform.BoundError) error {
	return &shop.Error{
		Code: shop.Conflict, Err: bound,
		Message: "shipment " + string(f.Shipment) + " left with more units than were counted; " +
			"nothing was taken off the shelf",
		Hint: "count what is left on the shelf plus what is in the parcel, then redrive",
	}
}

// restockOnReturnInspected puts units that came back on the shelf, once: the movement of each SKU
// is named after the inspection. What is scrapped or kept apart is nobody's to sell.
func (s *Service) restockOnReturnInspected(
	ctx context.Context, f *event.ReturnInspected, c room.Cause,
) error {
	var units []event.StockItem
	for _, u := range f.Units {
		if u.Verdict == "restock" {
			units = append(units, event.StockItem{SKU: u.SKU, Quantity: u.Quantity})
		}
	}
	for i, item := range demand(units, func(i event.StockItem) event.StockItem { return i }) {
		err := s.move(ctx, c, event.StockMoved{
			Movement: shop.ID(fmt.Sprintf("%s_%d_%d", f.Return, f.Inspection, i)),
			SKU:      item.SKU, Quantity: item.Quantity, Reason: reasonReturn,
			Order: f.Order, Return: f.Return,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// takeLoose moves the units of a parcel, from the given SKU on, out of the available ones. Each
// movement's id is derived, so it happens once.
func (s *Service) takeLoose(
	ctx context.Context, f *event.ShipmentDispatched, want []event.StockItem, from int,
	c room.Cause,
) error {
	for i := from; i < len(want); i++ {
		err := s.move(ctx, c, event.StockMoved{
			Movement: shop.ID(string(f.Shipment) + "_" + strconv.Itoa(i)),
			SKU:      want[i].SKU, Quantity: -want[i].Quantity, Reason: reasonDispatch,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// next is the place of a hold's next fact in its sequence.
func (h *Hold) next() int64 {
	if h == nil {
		return 1
	}
	return h.Seq + 1
}
