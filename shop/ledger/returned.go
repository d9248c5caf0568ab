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
		return post(ctx, tx, undo(made, transactionID("return", f.Order, name)), c)
	})
}

// undo is a transaction the other way round.
func undo(made *Transaction, id shop.ID) *event.LedgerPosted {
	back := &event.LedgerPosted{
		Transaction: id, Kind: kindReturn, Order: made.Order, Currency: made.Currency,
		Splits: made.Splits,
	}
	for _, e := range made.Entries {
		back.Entries = append(back.Entries, event.Entry{Account: e.Account, Amount: -e.Amount})
	}
	return back
}
