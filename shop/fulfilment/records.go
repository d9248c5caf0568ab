package fulfilment

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room keeps these records, and those of returns:
//
//	shipment/<id>        shipment    the Shipment; also the mark that it was requested
//	dealer/<id>          <shipment>  empty: the dealer's shipments, in the order of their names
//	stop/<order>         stop        the Stop, of an order that was held at least once
//	~cancelled/<order>   mark        empty: nothing of this order may leave any more

// listed is the empty record of a list, or of a thing that is so.
type listed struct{}

func shipmentKey(id shop.ID) platform.Key {
	return platform.Key{Part: "shipment/" + string(id), Sort: "shipment"}
}

func cancelledKey(order shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "cancelled/" + string(order), Sort: "mark"}
}

func stopKey(order shop.ID) platform.Key {
	return platform.Key{Part: "stop/" + string(order), Sort: "stop"}
}

func dealerPart(dealer shop.ID) string { return "dealer/" + string(dealer) }

// Apply implements room.Room: it changes the room's records by one of its own facts.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	if id, shipment := aboutReturn(f); id != "" {
		return applyReturn(ctx, tx, f, id, shipment, m)
	}
	if of := aboutLabel(f); of != "" {
		return applyLabel(ctx, tx, f, of, m)
	}
	switch f := f.(type) {
	case *event.ShipmentRequested:
		room.Put(tx, shipmentKey(f.Shipment), &Shipment{
			ID: f.Shipment, Order: f.Order, Customer: f.Customer, Dealer: f.Dealer,
			Payment: f.Payment, Lines: f.Lines, Amount: f.Amount, ShipTo: f.ShipTo,
			Parcels: f.Parcels, State: Requested(), Seq: m.Sequence,
		})
		index := platform.Key{Part: dealerPart(f.Dealer), Sort: string(f.Shipment)}
		room.Put(tx, index, &listed{})
		return nil
	case *event.ShipmentSplit:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentReduced:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentPacked:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentCleared:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentDispatched:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentDelivered:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentLost:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentTurnedUp:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ShipmentCancelled:
		return follow(ctx, tx, f, f.Shipment, m)
	case *event.ParcelsStopped:
		room.Put(tx, stopKey(f.Order),
			&Stop{Order: f.Order, Round: f.Round, On: true, Seq: m.Sequence})
		return nil
	case *event.ParcelsResumed:
		room.Put(tx, stopKey(f.Order), &Stop{Order: f.Order, Round: f.Round, Seq: m.Sequence})
		return nil
	}
	return nil
}

// stopOf returns whether the parcels of an order are stopped.
func stopOf(ctx context.Context, tx *room.Tx, order shop.ID) (Stop, error) {
	stop, err := room.Get[Stop](ctx, tx, stopKey(order))
	if err != nil || stop == nil {
		return Stop{}, err
	}
	return *stop, nil
}

func follow(
	ctx context.Context, tx *room.Tx, f event.Fact, id shop.ID, m room.Meta,
) error {
	sh, err := room.Get[Shipment](ctx, tx, shipmentKey(id))
	if err != nil {
		return err
	}
	if sh == nil {
		return shop.Errorf(shop.Internal, "%s of %s, which was never requested", f.Type(), id)
	}
	sh.follow(f, m.Sequence)
	room.Put(tx, shipmentKey(id), sh)
	return nil
}
