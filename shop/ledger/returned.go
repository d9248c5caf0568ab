package ledger

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// kindReturn books a refund that failed after it was booked.
const kindReturn = "refund_return"

// returnOnPaymentRefundReturned books the refund the other way round: the same shares, so that both
// together are nothing.
func (s *Service) returnOnPaymentRefundReturned(
	ctx context.Context, f *event.PaymentRefundReturned, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		name := refundName(f.Order, f.Refund)
		made, err := room.Get[Transaction](ctx, tx,
			transactionKey(transactionID(kindRefund, f.Order, name)))
		if err != nil {
			return err
		}
		if made == nil {
			return notYet("the refund", f.Refund)
		}
		p, err := room.Get[Parcel](ctx, tx, parcelKey(f.Shipment))
		if err != nil {
			return err
		}
		if p == nil {
			return notYet("the capture of", f.Shipment)
		}
		id := transactionID("return", f.Order, name)
		return giveBack(ctx, tx, p, reversal(p, kindReturn, id, made.Splits[0], true), c)
	})
}

// reverse is how the shares that were reversed change when amount more is, or less if it is below
// zero: the difference between two allocations, of everything that is reversed then, and of that
// before. So the shares always sum to the amount, do not depend on the order of what is reversed,
// and are gone exactly when all is; the price is that rounding may give a party one unit back.
func reverse(p *Parcel, amount int64) (event.ParcelSplit, error) {
	after, err := part(p.Captured, p.Reversed.Amount+amount)
	if err != nil {
		return after, err
	}
	return minus(after, p.Reversed), nil
}

// reversal books shares of a parcel that its parties lose, or with back get again. The dealer's is
// pending until the parcel matures, and payable from then on, also where it was pending when it
// was lost.
func reversal(
	p *Parcel, kind string, id shop.ID, s event.ParcelSplit, back bool,
) *event.LedgerPosted {
	owed, sign := Pending(s.Dealer), int64(1)
	if p.Matured {
		owed = Payable(s.Dealer)
	}
	if back {
		sign = -1
	}
	return &event.LedgerPosted{
		Transaction: id, Kind: kind, Order: p.Order, Currency: p.Currency,
		Splits: []event.ParcelSplit{s},
		Entries: entries(
			event.Entry{Account: Receivable, Amount: -sign * s.Amount},
			event.Entry{Account: owed, Amount: sign * earned(s)},
			event.Entry{Account: Commission, Amount: sign * s.Commission},
			event.Entry{Account: TaxPayable, Amount: sign * s.Tax},
		),
	}
}

// giveBack posts what a parcel's parties get again. If the order was completed while nothing was
// left to mature, it matures now.
func giveBack(
	ctx context.Context, tx *room.Tx, p *Parcel, f *event.LedgerPosted, c room.Cause,
) error {
	if err := post(ctx, tx, f, c); err != nil || p.Matured {
		return err
	}
	closed := closedKey(p.Shipment)
	over, err := room.Get[mark](ctx, tx, closed)
	if err != nil {
		return err
	}
	if over == nil {
		tx.Pin(closed)
		return nil
	}
	now, err := room.Get[Parcel](ctx, tx, parcelKey(p.Shipment))
	if err != nil {
		return err
	}
	return post(ctx, tx, mature(now), c)
}
