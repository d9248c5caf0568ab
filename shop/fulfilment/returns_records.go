package fulfilment

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Of returns the room keeps:
//
//	return/<id>             return     the Return
//	shipment/<id>           claims     the Claims of all returns of a parcel
//	order-returns/<order>   <return>   empty: the returns of an order
//	dealer-returns/<dealer> <return>   empty: the returns that a dealer decides about

func returnKey(id shop.ID) platform.Key {
	return platform.Key{Part: "return/" + string(id), Sort: "return"}
}

func claimsKey(shipment shop.ID) platform.Key {
	return platform.Key{Part: "shipment/" + string(shipment), Sort: "claims"}
}

func orderReturnsPart(order shop.ID) string { return "order-returns/" + string(order) }

func dealerReturnsPart(dealer shop.ID) string { return "dealer-returns/" + string(dealer) }

func returnTimer(id shop.ID) string { return "return/" + string(id) }

// claimsOf returns what the returns of a parcel claim.
func claimsOf(ctx context.Context, tx *room.Tx, shipment shop.ID) (*Claims, error) {
	c, err := room.Get[Claims](ctx, tx, claimsKey(shipment))
	if err != nil || c != nil {
		return c, err
	}
	c = &Claims{}
	return c, nil
}

// aboutReturn names the return and the parcel of a fact about one; "" for every other fact.
func aboutReturn(f event.Fact) (id, shipment shop.ID) {
	switch f := f.(type) {
	case *event.ReturnRequested:
		return f.Return, f.Shipment
	case *event.ReturnApproved:
		return f.Return, f.Shipment
	case *event.ReturnDeclined:
		return f.Return, f.Shipment
	case *event.ReturnCancelled:
		return f.Return, f.Shipment
	case *event.ReturnReceived:
		return f.Return, f.Shipment
	case *event.ReturnInspected:
		return f.Return, f.Shipment
	case *event.ReturnRefunded:
		return f.Return, f.Shipment
	case *event.ReturnUnpaid:
		return f.Return, f.Shipment
	case *event.ReturnLapsed:
		return f.Return, f.Shipment
	case *event.ReturnClosed:
		return f.Return, f.Shipment
	}
	return "", ""
}

// applyReturn changes a return, and what the returns of its parcel claim, by one fact.
func applyReturn(
	ctx context.Context, tx *room.Tx, f event.Fact, id, shipment shop.ID, m room.Meta,
) error {
	c, err := claimsOf(ctx, tx, shipment)
	if err != nil {
		return err
	}
	r, err := room.Get[Return](ctx, tx, returnKey(id))
	if err != nil {
		return err
	}
	asked, isNew := f.(*event.ReturnRequested)
	switch {
	case isNew:
		r = begin(asked)
		room.Put(tx, platform.Key{
			Part: orderReturnsPart(asked.Order), Sort: string(id),
		}, &listed{})
		room.Put(tx, platform.Key{
			Part: dealerReturnsPart(asked.Dealer), Sort: string(id),
		}, &listed{})
	case r == nil:
		return shop.Errorf(shop.Internal, "%s of %s, which was never requested", f.Type(), id)
	}
	c.follow(r, f)
	r.follow(f)
	c.Seq = m.Sequence
	room.Put(tx, returnKey(id), r)
	room.Put(tx, claimsKey(shipment), c)
	return nil
}

func begin(f *event.ReturnRequested) *Return {
	r := &Return{
		ID: f.Return, Order: f.Order, Shipment: f.Shipment, Customer: f.Customer,
		Dealer: f.Dealer, Payment: f.Payment, Currency: f.Currency, Stage: Asked(), At: f.At,
		AnswerBy: f.AnswerBy,
	}
	for _, l := range f.Lines {
		r.Lines = append(r.Lines, ReturnedLine{
			SKU: l.SKU, Quantity: l.Quantity, Reason: l.Reason, Units: l.Units, Due: l.Due,
		})
	}
	return r
}
