package notification

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Reactions implements room.Room. What sends is there only for the channels that have a carrier:
// without one, a message costs what it costs to put it into the mailbox.
func (s *Service) Reactions() []room.Reaction {
	const class = platform.Standard
	all := []room.Reaction{
		room.On("notification.tell-on-order-placed", class, s.tellOnOrderPlaced),
		room.On("notification.tell-on-order-cancelled", class, s.tellOnOrderCancelled),
		room.On("notification.tell-on-order-expired", class, s.tellOnOrderExpired),
		room.On("notification.tell-on-fulfilment-dispatched", class,
			s.tellOnFulfilmentDispatched),
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

func (s *Service) tellOnOrderPlaced(
	ctx context.Context, f *event.OrderPlaced, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		return tell(ctx, tx, placedMessage(f))
	})
}

func (s *Service) tellOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		return tell(ctx, tx, cancelledMessage(f))
	})
}

func (s *Service) tellOnOrderExpired(
	ctx context.Context, f *event.OrderExpired, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		return tell(ctx, tx, expiredMessage(f))
	})
}

// tellOnFulfilmentDispatched needs the message that the order was placed: it says whom to tell.
func (s *Service) tellOnFulfilmentDispatched(
	ctx context.Context, f *event.ShipmentDispatched, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		placed, err := room.Get[Message](ctx, tx, messageKey(messageID(TopicPlaced, f.Order)))
		if err != nil {
			return err
		}
		if placed == nil {
			return fmt.Errorf("nobody was told of %s: %w", f.Order, platform.ErrNotYet)
		}
		return tell(ctx, tx, dispatchedMessage(f, placed))
	})
}

// tell sends a message unless it was sent before.
func tell(ctx context.Context, tx *room.Tx, f *event.MessageSent) error {
	known, err := room.Get[Message](ctx, tx, messageKey(f.Message))
	if err != nil || known != nil {
		return err
	}
	f.At = tx.Now()
	return tx.Announce(ctx, f, 1)
}
