package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// matureChunk is how many dealers' parcels one commit matures: each is a transaction, a parcel, two
// accounts, a line and a day of a statement, and a fact. Where they were split, what is over
// matureItems waits for the next commit.
const (
	matureChunk = 12
	matureItems = 80
)

// Reactions implements room.Room. Refunds of one payment are taken in their order, so that the same
// refunds always make the same transactions; so are the movements of its disputes.
func (s *Service) Reactions() []room.Reaction {
	const class = platform.Standard
	refunds := room.On("ledger.refund-on-payment-refunded", class, s.refundOnPaymentRefunded)
	refunds.Ordered = true
	disputes := room.On("ledger.move-on-payment-dispute-moved", class, s.moveOnPaymentDisputeMoved)
	disputes.Ordered = true
	return []room.Reaction{
		room.On("ledger.authorise-on-order-placed", class, s.authoriseOnOrderPlaced),
		room.On("ledger.capture-on-payment-captured", class, s.captureOnPaymentCaptured),
		refunds, disputes,
		room.On("ledger.return-on-payment-refund-returned", class, s.returnOnPaymentRefundReturned),
		room.On("ledger.void-on-payment-voided", class, s.voidOnPaymentVoided),
		room.On("ledger.mature-on-order-completed", class, s.matureOnOrderCompleted),
		room.On("ledger.note-on-order-cancelled", class, s.noteOnOrderCancelled),
		room.On("ledger.note-on-order-expired", class, s.noteOnOrderExpired),
		patient(room.On("ledger.pay-out-on-due", class, s.payOutOnDue)),
		patient(room.On("ledger.call-on-payout-intended", class,
			s.callOnPayoutIntended).Calling()),
		patient(room.On("ledger.check-on-payout-check-due", class,
			s.checkOnPayoutCheckDue).Calling()),
	}
}

// patient keeps payouts out of the dead letters for some two hours of failures: a full disk must
// not leave an intent that nobody follows, or a schedule that ends.
func patient(r room.Reaction) room.Reaction {
	r.Retry = platform.Retry{
		Attempts: 500, Base: 50 * time.Millisecond, Most: 30 * time.Second, NotYet: 2 * time.Hour,
	}
	return r
}

func (s *Service) authoriseOnOrderPlaced(
	ctx context.Context, f *event.OrderPlaced, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		return post(ctx, tx, authorise(f, func(n int) shop.ID { return shipmentID(f.Order, n) }), c)
	})
}

// captureOnPaymentCaptured needs the shares that were frozen with the authorisation.
func (s *Service) captureOnPaymentCaptured(
	ctx context.Context, f *event.PaymentCaptured, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		auth, err := authorisation(ctx, tx, f.Order)
		if err != nil {
			return err
		}
		if auth == nil {
			return notYet("the authorisation of", f.Order)
		}
		before, err := takenBefore(ctx, tx, auth, f)
		if err != nil {
			return err
		}
		booked, err := capture(auth, before, f)
		if err != nil {
			return err
		}
		return post(ctx, tx, booked, c)
	})
}

// refundOnPaymentRefunded needs the capture. A refund that is booked already is recognised before
// anything is weighed, since it is part of what was refunded so far.
func (s *Service) refundOnPaymentRefunded(
	ctx context.Context, f *event.PaymentRefunded, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		id := transactionID(kindRefund, f.Order, refundName(f.Order, f.Refund))
		known, err := room.Get[Transaction](ctx, tx, transactionKey(id))
		if err != nil || known != nil {
			return err
		}
		p, err := room.Get[Parcel](ctx, tx, parcelKey(f.Shipment))
		if err != nil {
			return err
		}
		if p == nil {
			return notYet("the capture of", f.Shipment)
		}
		left := p.Captured.Amount - p.Reversed.Amount
		if f.Amount.Amount > left && f.Amount.Amount <= left+p.Disputed {
			return notYet("what a dispute gave back before the refund of", f.Shipment)
		}
		booked, err := refund(p, f)
		if err != nil {
			return err
		}
		return post(ctx, tx, booked, c)
	})
}

// voidOnPaymentVoided gives the memo back. An order that ended before it was placed has none; until
// it is known which of the two it is, the void waits.
func (s *Service) voidOnPaymentVoided(
	ctx context.Context, f *event.PaymentVoided, c room.Cause,
) error {
	if f.Amount.Amount == 0 {
		return nil
	}
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		auth, err := authorisation(ctx, tx, f.Order)
		if err != nil {
			return err
		}
		if auth == nil {
			unplaced, err := room.Get[mark](ctx, tx, unplacedKey(f.Order))
			if err != nil || unplaced != nil {
				return err
			}
			return notYet("the authorisation of", f.Order)
		}
		booked, err := void(auth, f)
		if err != nil {
			return err
		}
		return post(ctx, tx, booked, c)
	})
}

// matureOnOrderCompleted makes the dealers' shares payable, parcel by parcel, once every capture is
// booked. Parcels that cost nothing, or whose authorisation was given back, have none.
func (s *Service) matureOnOrderCompleted(
	ctx context.Context, f *event.OrderCompleted, c room.Cause,
) error {
	parcels := 1
	for first := 0; first < parcels; {
		more := false
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			auth, err := authorisation(ctx, tx, f.Order)
			if err != nil {
				return err
			}
			if auth == nil {
				return notYet("the authorisation of", f.Order)
			}
			parcels = len(auth.Splits)
			more, err = matureSome(ctx, tx, auth, first, c)
			return err
		})
		if err != nil {
			return fmt.Errorf("mature %s: %w", f.Order, err)
		}
		if !more {
			first += matureChunk
		}
	}
	return nil
}

// matureSome matures one chunk, and reports whether there is more of it than fits into a commit.
func matureSome(
	ctx context.Context, tx *room.Tx, auth *Transaction, first int, c room.Cause,
) (more bool, err error) {
	voided, err := room.Get[Transaction](ctx, tx,
		transactionKey(transactionID(kindVoid, auth.Order, "")))
	if err != nil {
		return false, err
	}
	last := min(first+matureChunk, len(auth.Splits))
	for _, split := range auth.Splits[first:last] {
		parcels, whole, err := captured(ctx, tx, auth, split)
		switch {
		case err != nil:
			return false, err
		case !whole && voided == nil:
			return false, notYet("the capture of", split.Shipment)
		case !whole:
			if all, err := accounted(ctx, tx, auth, voided); err != nil {
				return false, err
			} else if !all {
				return false, notYet("a capture of", auth.Order)
			}
		}
		for _, p := range parcels {
			if tx.Items() > matureItems {
				return true, nil
			}
			booked := mature(p)
			if booked == nil {
				if err := closeEmpty(ctx, tx, p); err != nil {
					return false, err
				}
				continue
			}
			if err := post(ctx, tx, booked, c); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

func (s *Service) noteOnOrderCancelled(
	ctx context.Context, f *event.OrderCancelled, c room.Cause,
) error {
	if f.From != "pending_payment" && f.From != "draft" {
		return nil // it was placed, so its authorisation is or will be booked
	}
	return s.noteUnplaced(ctx, f.Order, c)
}

func (s *Service) noteOnOrderExpired(
	ctx context.Context, f *event.OrderExpired, c room.Cause,
) error {
	return s.noteUnplaced(ctx, f.Order, c)
}

// noteUnplaced remembers that an order will never have an authorisation in the books.
func (s *Service) noteUnplaced(ctx context.Context, order shop.ID, c room.Cause) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		known, err := room.Get[mark](ctx, tx, unplacedKey(order))
		if err == nil && known == nil {
			room.Put(tx, unplacedKey(order), &mark{})
		}
		return err
	})
}

// closeEmpty remembers that a parcel of which all was reversed would have matured, in case some of
// it comes back.
func closeEmpty(ctx context.Context, tx *room.Tx, p *Parcel) error {
	if p.Matured || p.Reversed.Amount == 0 {
		return nil
	}
	tx.Pin(parcelKey(p.Shipment))
	known, err := room.Get[mark](ctx, tx, closedKey(p.Shipment))
	if err == nil && known == nil {
		room.Put(tx, closedKey(p.Shipment), &mark{})
	}
	return err
}

// post books a transaction unless it is booked already, or there is none.
func post(ctx context.Context, tx *room.Tx, f *event.LedgerPosted, c room.Cause) error {
	if f == nil {
		return nil
	}
	known, err := room.Get[Transaction](ctx, tx, transactionKey(f.Transaction))
	if err != nil || known != nil {
		return err
	}
	f.Cause, f.At = c.Causation, tx.Now()
	return tx.Announce(ctx, f, 1)
}

func authorisation(ctx context.Context, tx *room.Tx, order shop.ID) (*Transaction, error) {
	return room.Get[Transaction](ctx, tx,
		transactionKey(transactionID(kindAuthorisation, order, "")))
}

func notYet(what string, id shop.ID) error {
	return fmt.Errorf("%s %s is not booked: %w", what, id, platform.ErrNotYet)
}

// shipmentID names the n-th parcel of an order as the fulfilment room does.
func shipmentID(order shop.ID, n int) shop.ID {
	return shop.ID(fmt.Sprintf("shp_%s_%d", nameOf(order), n))
}
