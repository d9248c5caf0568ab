package notification

import (
	"context"
	"fmt"
	"slices"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Reactions implements room.Room. What sends is there only for the channels that have a carrier:
// without one, a message costs what it costs to put it into the mailbox. So it is with webhooks.
func (s *Service) Reactions() []room.Reaction {
	const class = platform.Standard
	all := []room.Reaction{
		room.On("notification.tell-on-order-placed", class, s.tellOnOrderPlaced),
		room.On("notification.tell-on-order-cancelled", class, s.tellOnOrderCancelled),
		room.On("notification.tell-on-order-expired", class, s.tellOnOrderExpired),
		room.On("notification.tell-on-fulfilment-dispatched", class,
			s.tellOnFulfilmentDispatched),
		room.OnAny("notification.tell-on-aftermath", class, []event.Fact{
			&event.ShipmentDelivered{}, &event.PaymentRefunded{}, &event.ShipmentReduced{},
		}, s.tellOnAftermath),
		room.OnAny("notification.tell-market-on-fact", class, []event.Fact{
			&event.ShipmentCancelled{}, &event.StockRejected{}, &event.PaymentCaseOpened{},
			&event.OrderHeld{}, &event.EndpointDisabled{}, &event.ShipmentReduced{},
		}, s.tellMarketOnFact),
	}
	if s.opt.Mail != nil {
		all = append(all, room.On("notification.mail-on-sent", class, s.mailOnSent).Calling())
	}
	if s.opt.SMS != nil {
		all = append(all, room.On("notification.text-on-sent", class, s.textOnSent).Calling())
	}
	if s.opt.Mail != nil || s.opt.SMS != nil {
		all = append(all,
			room.On("notification.send-on-due", class, s.sendOnDue).Calling())
	}
	if s.opt.Poster != nil {
		all = append(all,
			room.OnAny("notification.hook-on-fact", class, hookFacts(), s.hookOnFact),
			room.On("notification.post-on-hook-queued", class, s.postOnHookQueued).Calling(),
			room.On("notification.post-on-hooks-due", class, s.postOnHooksDue).Calling())
	}
	return all
}

func (s *Service) mailOnSent(ctx context.Context, f *event.MessageSent, c room.Cause) error {
	return s.offer(ctx, c, f.Message, Mail)
}

func (s *Service) textOnSent(ctx context.Context, f *event.MessageSent, c room.Cause) error {
	return s.offer(ctx, c, f.Message, SMS)
}

func (s *Service) sendOnDue(ctx context.Context, f *event.MessageSendDue, c room.Cause) error {
	return s.goOn(ctx, c, f)
}

// tellOnOrderPlaced tells the customer and, in the same commits, every dealer who has a parcel to
// pack: a commit for each parcel would be the better part of what a message costs.
func (s *Service) tellOnOrderPlaced(
	ctx context.Context, f *event.OrderPlaced, c room.Cause,
) error {
	for some := range slices.Chunk(allPlacedNews(f), newsAtOnce) {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			return s.tellAll(ctx, tx, some)
		})
		if err != nil {
			return fmt.Errorf("tell of %s: %w", f.Order, err)
		}
	}
	return nil
}

func (s *Service) tellOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	return s.tell(ctx, c, cancelledNews(f))
}

func (s *Service) tellOnOrderExpired(
	ctx context.Context, f *event.OrderExpired, c room.Cause,
) error {
	return s.tell(ctx, c, expiredNews(f))
}

// tellOnFulfilmentDispatched needs the message that the order was placed: it says whom to tell.
func (s *Service) tellOnFulfilmentDispatched(
	ctx context.Context, f *event.ShipmentDispatched, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		told, err := toldOf(ctx, tx, f.Order)
		if err != nil {
			return err
		}
		return s.tellOnce(ctx, tx, dispatchedNews(f, told))
	})
}

// tellOnAftermath tells a customer of what follows on a parcel's way.
func (s *Service) tellOnAftermath(ctx context.Context, f event.Fact, c room.Cause) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		var order shop.ID
		var say func(told *Message) news
		switch f := f.(type) {
		case *event.ShipmentDelivered:
			order = f.Order
			say = func(told *Message) news { return deliveredNews(f, told) }
		case *event.PaymentRefunded:
			order = f.Order
			say = func(told *Message) news { return refundedNews(f, told) }
		case *event.ShipmentReduced:
			order = f.Order
			say = func(told *Message) news { return reducedNews(f, told) }
		default:
			return nil
		}
		told, err := toldOf(ctx, tx, order)
		if err != nil {
			return err
		}
		return s.tellOnce(ctx, tx, say(told))
	})
}

// tellMarketOnFact tells dealers and the office of what concerns them.
func (s *Service) tellMarketOnFact(ctx context.Context, f event.Fact, c room.Cause) error {
	switch f := f.(type) {
	case *event.ShipmentCancelled:
		dealer, err := s.dealerOf(ctx, f.Shipment)
		if err != nil || dealer == "" {
			return err
		}
		return s.tell(ctx, c, withdrawnNews(f, dealer))
	case *event.ShipmentReduced:
		if f.Empty {
			return nil // whoever packs it hears that it is cancelled
		}
		return s.tell(ctx, c, lessNews(f))
	case *event.StockRejected:
		return s.tellOfShortage(ctx, c, f)
	case *event.PaymentCaseOpened:
		return s.tell(ctx, c, caseNews(f))
	case *event.OrderHeld:
		return s.tell(ctx, c, heldNews(f))
	case *event.EndpointDisabled:
		if f.Reason == askedFor {
			return nil // who asked for it knows
		}
		if f.Owner != Office {
			if err := s.tell(ctx, c, disabledNews(f, f.Owner)); err != nil {
				return err
			}
		}
		return s.tell(ctx, c, disabledNews(f, Office))
	}
	return nil
}

// dealerOf asks whose a parcel is; "" where nobody can be asked.
func (s *Service) dealerOf(ctx context.Context, shipment shop.ID) (shop.ID, error) {
	if s.opt.Parcels == nil {
		return "", nil
	}
	dealer, err := s.opt.Parcels.Dealer(ctx, shipment)
	if err != nil {
		return "", fmt.Errorf("ask whose the parcel %s is: %w", shipment, err)
	}
	return dealer, nil
}
