package fulfilment

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// chunk is how many shipments one commit asks for: each is a record, a line in its dealer's list
// and at most two facts, which keeps a commit within platform.MaxItems.
const chunk = 22

// captureWait is how long money that was taken by hand may wait for its parcel to be packed.
const captureWait = 7 * 24 * time.Hour

// Reactions implements room.Room. An order that expired was never placed, so it has no shipments
// and its end is not listened to.
func (s *Service) Reactions() []room.Reaction {
	clear := room.On("fulfilment.clear-on-payment-captured", platform.Standard,
		s.clearOnPaymentCaptured)
	clear.Retry = platform.DefaultRetry()
	clear.Retry.NotYet = captureWait
	return append(append(s.returnReactions(), s.labelReactions()...),
		room.On("fulfilment.request-on-order-placed", platform.Standard, s.requestOnOrderPlaced),
		room.On("fulfilment.cancel-on-order-cancelled", platform.Standard,
			s.cancelOnOrderCancelled),
		room.On("fulfilment.stop-on-order-held", platform.Standard, s.stopOnOrderHeld),
		room.On("fulfilment.resume-on-order-approved", platform.Standard,
			s.resumeOnOrderApproved),
		clear,
	)
}

// requestOnOrderPlaced asks every dealer of the order for a parcel, in as many commits as it takes.
// A shipment's record is its own mark, so it does not matter where an earlier run broke off.
func (s *Service) requestOnOrderPlaced(
	ctx context.Context, f *event.OrderPlaced, c room.Cause,
) error {
	for first := 1; first <= len(f.Parcels); first += chunk {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			return request(ctx, tx, f, first)
		})
		if err != nil {
			return fmt.Errorf("request the shipments of %s: %w", f.Order, err)
		}
	}
	return nil
}

// request asks for one chunk of parcels. When the order is known to be cancelled they are cancelled
// in the same commit, so that they never stand open; the commit holds only as long as that is true.
func request(ctx context.Context, tx *room.Tx, f *event.OrderPlaced, first int) error {
	cancelled, err := room.Get[listed](ctx, tx, cancelledKey(f.Order))
	if err != nil {
		return err
	}
	tx.Pin(cancelledKey(f.Order))
	missing, err := firstMissing(ctx, tx, f.Order, first, min(first+chunk-1, len(f.Parcels)))
	if err != nil {
		return err
	}
	for n := missing; n < first+chunk && n <= len(f.Parcels); n++ {
		id, p := ID(f.Order, n), f.Parcels[n-1]
		facts := []event.Fact{&event.ShipmentRequested{
			Shipment: id, Order: f.Order, Customer: f.Customer, Dealer: p.Dealer,
			Payment: f.Payment, Lines: p.Lines, ShipTo: f.ShipTo, Parcels: len(f.Parcels),
			Amount: shop.Money{Amount: p.Amount, Currency: f.Currency},
		}}
		if cancelled != nil {
			facts = append(facts, &event.ShipmentCancelled{Shipment: id, Order: f.Order})
		}
		if err := announce(ctx, tx, 0, facts); err != nil {
			return err
		}
	}
	return nil
}

// firstMissing returns the number of the first parcel from first to last that was not requested, or
// last+1. Parcels are requested in the order of their numbers and whole chunks at a time, so the
// two ends nearly always tell; that nothing was requested since is what the commit requires.
func firstMissing(
	ctx context.Context, tx *room.Tx, order shop.ID, first, last int,
) (int, error) {
	for _, n := range []int{first, last} {
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(ID(order, n)))
		switch {
		case err != nil:
			return 0, err
		case sh == nil && n == first:
			return first, nil
		case sh != nil && n == last:
			return last + 1, nil
		}
	}
	for n := first + 1; n < last; n++ {
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(ID(order, n)))
		if err != nil || sh == nil {
			return n, err
		}
	}
	return last, nil
}

// cancelOnOrderCancelled first marks the order, so that whatever is requested from then on is
// cancelled at once, and then cancels what was requested before and has not left.
func (s *Service) cancelOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	if f.From == "pending_payment" || f.From == "draft" {
		return nil // it was never placed, so there is nothing to ship
	}
	if err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		known, err := room.Get[listed](ctx, tx, cancelledKey(f.Order))
		if err == nil && known == nil {
			room.Put(tx, cancelledKey(f.Order), &listed{})
		}
		return err
	}); err != nil {
		return fmt.Errorf("mark %s as cancelled: %w", f.Order, err)
	}
	parcels := 1
	for first := 1; first <= parcels; first += chunk {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) (err error) {
			parcels, err = cancelSome(ctx, tx, f.Order, first)
			return err
		})
		if err != nil {
			return fmt.Errorf("cancel the shipments of %s: %w", f.Order, err)
		}
	}
	return nil
}

// cancelSome cancels what was requested of one chunk of parcels. It returns how many parcels the
// order has, or 0 if none was requested.
func cancelSome(ctx context.Context, tx *room.Tx, order shop.ID, first int) (int, error) {
	parcels := 0
	for n := first; n < first+chunk; n++ {
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(ID(order, n)))
		if err != nil {
			return 0, err
		}
		if sh == nil {
			break // its chunk is not requested yet, nor are those after it
		}
		parcels = sh.Parcels
		if err := cancelParts(ctx, tx, sh); err != nil {
			return 0, err
		}
	}
	return parcels, nil
}

// cancelParts cancels a parcel, and the parcels that were split from it, one from the other. An
// order has at most MaxParcels of them, so they fit into a commit.
func cancelParts(ctx context.Context, tx *room.Tx, sh *Shipment) error {
	for sh != nil {
		facts, err := sh.Cancel()
		if err != nil {
			return err
		}
		if err := announce(ctx, tx, sh.Seq, facts); err != nil {
			return err
		}
		if sh.Rest == "" {
			return nil
		}
		if sh, err = room.Get[Shipment](ctx, tx, shipmentKey(sh.Rest)); err != nil {
			return err
		}
	}
	return nil
}

// stopOnOrderHeld stops all parcels of the order, those that are yet to be requested included: the
// steps of a parcel look at the order's one Stop.
func (s *Service) stopOnOrderHeld(
	ctx context.Context, f *event.OrderHeld, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		stop, err := stopOf(ctx, tx, f.Order)
		if err != nil {
			return err
		}
		return announce(ctx, tx, stop.Seq, stop.Hold(f))
	})
}

func (s *Service) resumeOnOrderApproved(
	ctx context.Context, f *event.OrderApproved, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		stop, err := stopOf(ctx, tx, f.Order)
		if err != nil {
			return err
		}
		return announce(ctx, tx, stop.Seq, stop.Approve(f))
	})
}

// clearOnPaymentCaptured lets the parcel leave whose money was taken. Money that was taken before
// its parcel is packed waits for that.
func (s *Service) clearOnPaymentCaptured(
	ctx context.Context, f *event.PaymentCaptured, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(f.Shipment))
		if err != nil {
			return err
		}
		if sh == nil {
			return fmt.Errorf("%s is not known: %w", f.Shipment, platform.ErrNotYet)
		}
		facts, err := sh.Clear()
		if err != nil {
			return err
		}
		return announce(ctx, tx, sh.Seq, facts)
	})
}

// announce commits facts of one shipment behind its last. A fact about another one is that one's
// first: it comes into being because of the first of these.
func announce(ctx context.Context, tx *room.Tx, last int64, facts []event.Fact) error {
	first := last + 1
	for _, f := range facts {
		var err error
		if f.Subject() == facts[0].Subject() {
			last++
			err = tx.Announce(ctx, f, last)
		} else {
			err = tx.AnnounceBecause(ctx, f, 1, room.EventID(facts[0].Subject(), first))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
