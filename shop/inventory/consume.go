package inventory

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// consumeNext announces the next part of a shipment, as much as fits into one commit. It returns
// how many of the SKUs are done, and whether the rest is loose: no longer kept, because the hold
// was given back.
func (s *Service) consumeNext(
	ctx context.Context, tx *room.Tx, f *event.ShipmentDispatched, want []event.StockItem,
) (done int, loose bool, err error) {
	h, err := room.Get[Hold](ctx, tx, HoldKey(f.Order))
	if err != nil {
		return 0, false, err
	}
	so, err := room.Get[shipment](ctx, tx, shipmentKey(f.Order, f.Shipment))
	if err != nil {
		return 0, false, err
	}
	if so == nil {
		so = &shipment{}
	}
	if so.SKUs >= len(want) {
		return so.SKUs, false, nil
	}
	switch {
	case h == nil, h.State == Gathering(), h.State == Held(), h.State == Releasing():
		return so.SKUs, false, platform.ErrNotYet
	case h.State == Released():
		return so.SKUs, true, nil
	case h.State != Committed():
		return so.SKUs, false, shop.Errorf(shop.Internal,
			"shipment %s left, but the hold of order %s is %s", f.Shipment, f.Order, h.State).
			WithHint("compare the order's parcels with its shipments")
	}
	takes, done, err := s.fill(ctx, tx, h, want, so.SKUs)
	if err != nil {
		return so.SKUs, false, err
	}
	return done, false, tx.Announce(ctx, &event.StockConsumed{
		Order: f.Order, Shipment: f.Shipment, Chunk: so.Chunks, Items: takes,
		Last: units(takes) == h.Units,
	}, h.Seq+1)
}

// fill draws SKUs from the hold, beginning with the given one, until a commit is full. It returns
// the place of the first that it left out.
func (s *Service) fill(
	ctx context.Context, tx *room.Tx, h *Hold, want []event.StockItem, from int,
) ([]event.StockItem, int, error) {
	var takes []event.StockItem
	records, last := 0, -1 // stock and chunk records that the commit will write; the last chunk
	for i := from; i < len(want); i++ {
		kept := h.Items
		if at, ok := h.chunkOf(want[i].SKU); ok {
			c, err := room.Get[chunk](ctx, tx, chunkKey(h.Order, h.Chunks[at].N))
			if err != nil {
				return nil, i, err
			}
			if c == nil {
				return nil, i, h.broken("the record of chunk %d is missing", h.Chunks[at].N)
			}
			kept = c.Items
			if at != last {
				records, last = records+1, at
			}
		}
		parts, err := draw(kept, want[i])
		if err != nil {
			return nil, i, err
		}
		records += len(parts)
		if len(takes) > 0 && records > s.most {
			return takes, i, nil
		}
		takes = append(takes, parts...)
	}
	return takes, len(want), nil
}
