package ledger

import (
	"context"
	"strconv"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// maxParcels bounds the parcels of an order, those that were split from others included.
const maxParcels = 50

// agreedFor is what was frozen for a parcel, or for that from which it was split: the parts of the
// n-th of N parcels have the numbers n+N, n+2N and so on. It also lists the names of all that share
// it, whether they exist or not.
func agreedFor(
	auth *Transaction, shipment shop.ID,
) (agreed event.ParcelSplit, names []shop.ID, err error) {
	n, err := strconv.Atoi(parcelNumber(shipment))
	count := len(auth.Splits)
	if err != nil || n < 1 || n > max(count, maxParcels) || shipmentID(auth.Order, n) != shipment {
		return agreed, nil, shop.Errorf(shop.Illegal,
			"order %s has no parcel %q; nothing was booked", auth.Order, shipment)
	}
	first := (n-1)%count + 1
	for i := first; i <= max(count, maxParcels); i += count {
		names = append(names, shipmentID(auth.Order, i))
	}
	return auth.Splits[first-1], names, nil
}

// takenBefore adds up what was captured of the parcels that share with this one what was agreed. It
// is asked only where less is captured than was agreed, so a parcel that nobody split costs no
// read; and the commit holds only as long as it is true.
func takenBefore(
	ctx context.Context, tx *room.Tx, auth *Transaction, f *event.PaymentCaptured,
) (sum event.ParcelSplit, err error) {
	agreed, names, err := agreedFor(auth, f.Shipment)
	if err != nil || f.Amount.Amount == agreed.Amount {
		return sum, err
	}
	for _, name := range names {
		if name == f.Shipment {
			continue
		}
		p, err := room.Get[Parcel](ctx, tx, parcelKey(name))
		if err != nil {
			return sum, err
		}
		tx.Pin(parcelKey(name))
		if p != nil {
			sum = plus(sum, p.Captured)
		}
	}
	return sum, nil
}

// accounted reports whether what was captured of an order and what was given back of it are all
// that was authorised: only then does a void say that no capture is still to come.
func accounted(ctx context.Context, tx *room.Tx, auth, voided *Transaction) (bool, error) {
	sum := -voided.Entries[0].Amount
	for _, split := range auth.Splits {
		parcels, _, err := captured(ctx, tx, auth, split)
		if err != nil {
			return false, err
		}
		for _, p := range parcels {
			sum += p.Captured.Amount
		}
	}
	return sum >= auth.Entries[0].Amount, nil
}

// captured lists the parcels whose money was taken of what was agreed for one dealer, and whether
// that is all of it.
func captured(
	ctx context.Context, tx *room.Tx, auth *Transaction, split event.ParcelSplit,
) (parcels []*Parcel, whole bool, err error) {
	_, names, err := agreedFor(auth, split.Shipment)
	if err != nil {
		return nil, false, err
	}
	var sum int64
	for _, name := range names {
		p, err := room.Get[Parcel](ctx, tx, parcelKey(name))
		if err != nil {
			return nil, false, err
		}
		if p != nil {
			parcels = append(parcels, p)
			sum += p.Captured.Amount
		}
		if sum >= split.Amount {
			return parcels, true, nil
		}
	}
	return parcels, false, nil
}
