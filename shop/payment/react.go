package payment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Reactions implements room.Room.
func (s *Service) Reactions() []room.Reaction {
	const critical = platform.Critical
	all := []room.Reaction{
		room.On("payment.authorise-on-stock-held", critical, s.authoriseOnStockHeld),
		room.On("payment.call-on-intended", critical, s.callOnIntended).Calling(),
		room.On("payment.capture-on-packed", critical, s.captureOnPacked),
		room.On("payment.capture-on-order-approved", critical, s.captureOnOrderApproved),
		room.On("payment.refund-on-return-inspected", critical, s.refundOnReturnInspected),
		room.On("payment.reduce-on-parcel-reduced", critical, s.reduceOnParcelReduced),
		room.On("payment.void-on-order-cancelled", critical, s.voidOnOrderCancelled),
		room.On("payment.void-on-order-expired", critical, s.voidOnOrderExpired),
		room.On("payment.check-on-due", critical, s.checkOnDue).Calling(),
		room.On("payment.submit-on-evidence-intended", critical,
			s.submitOnEvidenceIntended).Calling(),
		room.On("payment.watch-on-dispute-due", critical, s.watchOnDisputeDue).Calling(),
	}
	for i := range all {
		all[i].Retry = patience()
	}
	return all
}

// patience keeps money out of the dead letters for some two hours of failures: a full disk or an
// absent neighbour must not leave an intent that nobody follows.
func patience() platform.Retry {
	return platform.Retry{
		Attempts: 500, Base: 50 * time.Millisecond, Most: 30 * time.Second, NotYet: 2 * time.Hour,
	}
}

func (s *Service) authoriseOnStockHeld(
	ctx context.Context, f *event.StockHeld, c room.Cause,
) error {
	return s.do(ctx, c, Of(f.Order), func(ctx context.Context, u *unit) error {
		if u.p != nil {
			return nil // intended already, or the order ended before its stock was held
		}
		due, err := s.dues.Due(ctx, f.Order)
		switch {
		case err != nil && shop.CodeOf(err) == shop.NotFound:
			return platform.ErrNotYet
		case err != nil:
			return err
		case !due.Open:
			return nil // order.cancelled or order.expired closes the payment
		}
		return u.announce(ctx, begin(f.Order, due, s.providerOf(due.Method))...)
	})
}

func (s *Service) captureOnPacked(
	ctx context.Context, f *event.ShipmentPacked, c room.Cause,
) error {
	if f.Amount.Amount == 0 {
		return nil // a parcel of gifts: fulfilment clears it itself
	}
	return s.do(ctx, c, f.Payment, func(ctx context.Context, u *unit) error {
		switch {
		case u.p == nil, !u.p.Granted && !u.p.Closed:
			return platform.ErrNotYet
		case u.p.captureOf(f.Shipment) != nil:
			return nil
		}
		intent, err := u.p.planCapture(f.Shipment, f.Amount)
		if err != nil {
			return u.announce(ctx, u.p.refusal(f.Shipment, f.Amount, shop.CodeOf(err)))
		}
		return u.announce(ctx, intent)
	})
}

// captureOnOrderApproved tries the captures again that were refused and held the order. Their
// parcels stay packed, so nobody packs them again.
func (s *Service) captureOnOrderApproved(
	ctx context.Context, f *event.OrderApproved, c room.Cause,
) error {
	for keys := range slices.Chunk(f.Captures, maxIntents) {
		err := s.do(ctx, c, Of(f.Order), func(ctx context.Context, u *unit) error {
			return u.captureAgain(ctx, keys)
		})
		if err != nil {
			return fmt.Errorf("capture again for %s: %w", f.Order, err)
		}
	}
	return nil
}

func (u *unit) captureAgain(ctx context.Context, keys []string) error {
	if u.p == nil {
		return platform.ErrNotYet
	}
	for _, key := range keys {
		again, err := u.p.captureAgain(key)
		if err != nil {
			return err
		}
		if again == nil {
			continue
		}
		if err := u.announce(ctx, again); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) voidOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	return s.close(ctx, c, f.Order)
}

func (s *Service) voidOnOrderExpired(
	ctx context.Context, f *event.OrderExpired, c room.Cause,
) error {
	return s.close(ctx, c, f.Order)
}

// maxIntents keeps one commit well below the store's limit of items.
const maxIntents = 40

// close gives all money of an order back. Without a record it makes one that says so, and an
// authorisation which comes later finds the payment closed.
func (s *Service) close(ctx context.Context, c room.Cause, order shop.ID) error {
	id := Of(order)
	for range 1 + maxOperations/maxIntents {
		more := false
		err := s.do(ctx, c, id, func(ctx context.Context, u *unit) error {
			more = false
			if u.p == nil {
				return u.announce(ctx, &event.PaymentFailed{
					Payment: id, Order: order, Reason: orderEnded, Final: true,
				})
			}
			facts := u.p.planClose()
			more = len(facts) >= maxIntents
			return u.announce(ctx, facts...)
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (s *Service) callOnIntended(
	ctx context.Context, f *event.PaymentIntended, c room.Cause,
) error {
	if f.Amount.Amount == 0 {
		return nil // settled in the same commit
	}
	fresh, err := s.calls.enter(ctx, f.Key)
	if err != nil {
		return err
	}
	defer s.calls.leave(f.Key)
	due := event.PaymentCheckDue{Payment: f.Payment, Key: f.Key}
	if fresh && !s.opt.Apart && f.Operation == Authorise { // all that the call needs is in the fact
		return s.send(ctx, c, due, errand{f.Provider, f.Customer, f.Method}, Request{
			Operation: Authorise, Key: f.Key, Payment: f.Payment, Order: f.Order, Amount: f.Amount,
			Captures: max(f.Captures, 1),
		})
	}
	return s.pursue(ctx, c, due, fresh)
}

func (s *Service) checkOnDue(
	ctx context.Context, f *event.PaymentCheckDue, c room.Cause,
) error {
	fresh, err := s.calls.enter(ctx, f.Key)
	if err != nil {
		return err
	}
	defer s.calls.leave(f.Key)
	return s.pursue(ctx, c, *f, fresh)
}
