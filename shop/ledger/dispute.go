package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The kinds of transaction that disputes make.
const (
	kindDispute       = "dispute"
	kindDisputeReturn = "dispute_return"
)

// The market's own accounts of disputes.
const (
	Fees     = "market:fees"     // what the provider takes for them
	Disputed = "market:disputed" // what a bank took beyond all that was captured
)

// disputeChunk is how many parcels' parts one commit books: of each, if it comes back after the
// order's end, two transactions and facts, the parcel, two accounts, two lines and a day.
const disputeChunk = 8

// moveOnPaymentDisputeMoved books money that a dispute took, or gave back: of each parcel as a
// refund would be, with a transaction of its own; the fee, and what is no parcel's, are the
// market's. A movement of many parcels takes several commits.
func (s *Service) moveOnPaymentDisputeMoved(
	ctx context.Context, f *event.PaymentDisputeMoved, c room.Cause,
) error {
	for first := 0; first == 0 || first < len(f.Shares); first += disputeChunk {
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			if first == 0 {
				if err := post(ctx, tx, marketsPart(f), c); err != nil {
					return err
				}
			}
			for _, share := range f.Shares[first:min(first+disputeChunk, len(f.Shares))] {
				if err := contest(ctx, tx, f, share, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("book a movement of dispute %s: %w", f.Dispute, err)
		}
	}
	return nil
}

// contest books one parcel's part of a movement. It waits for the capture, and what is given back
// for what was taken. A refund that was made later may be booked already: for that moment more is
// reversed than was captured.
func contest(
	ctx context.Context, tx *room.Tx, f *event.PaymentDisputeMoved, share event.DisputeShare,
	c room.Cause,
) error {
	id := movementID(f, parcelNumber(share.Shipment))
	known, err := room.Get[Transaction](ctx, tx, transactionKey(id))
	if err != nil || known != nil {
		return err
	}
	p, err := room.Get[Parcel](ctx, tx, parcelKey(share.Shipment))
	if err != nil {
		return err
	}
	if p == nil {
		return notYet("the capture of", share.Shipment)
	}
	kind, most, change := kindDispute, p.Captured.Amount, share.Amount
	if f.Back {
		kind, most, change = kindDisputeReturn, p.Disputed, -share.Amount
	}
	money := shop.Money{Amount: share.Amount, Currency: f.Amount.Currency}
	if f.Back && share.Amount > most {
		return notYet("what the dispute took of", share.Shipment)
	}
	if err := within(money, p.Currency, most, kind+" of "+string(share.Shipment)); err != nil {
		return err
	}
	back, err := reverse(p, change)
	if err != nil {
		return err
	}
	if f.Back {
		return giveBack(ctx, tx, p, reversal(p, kind, id, minus(event.ParcelSplit{
			Shipment: back.Shipment, Dealer: back.Dealer,
		}, back), true), c)
	}
	return post(ctx, tx, reversal(p, kind, id, back, false), c)
}

// marketsPart books the fee, and what was taken beyond all captures. It is nil if there is neither.
func marketsPart(f *event.PaymentDisputeMoved) *event.LedgerPosted {
	if f.Fee == 0 && f.Beyond == 0 {
		return nil
	}
	kind, sign := kindDispute, int64(1)
	if f.Back {
		kind, sign = kindDisputeReturn, -1
	}
	return &event.LedgerPosted{
		Transaction: movementID(f, "market"), Kind: kind, Order: f.Order,
		Currency: f.Amount.Currency,
		Entries: entries(
			event.Entry{Account: Receivable, Amount: -sign * (f.Fee + f.Beyond)},
			event.Entry{Account: Fees, Amount: sign * f.Fee},
			event.Entry{Account: Disputed, Amount: sign * f.Beyond},
		),
	}
}

// movementID names the transaction of a part of a movement. The provider's name for the movement
// may be too long for an id, so a digest stands for it.
func movementID(f *event.PaymentDisputeMoved, rest string) shop.ID {
	sum := sha256.Sum256([]byte(string(f.Dispute) + "/" + f.Movement))
	return transactionID("dispute", f.Order, fmt.Sprintf("%x_%s", sum[:6], rest))
}
