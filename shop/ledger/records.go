package ledger

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room keeps these records:
//
//	transaction/<id>             transaction  the Transaction; also the mark that it was booked
//	parcel/<shipment>            parcel       the Parcel
//	account/<currency>/<account> <slice>      a counter, "balance"
//	~unplaced/<order>            mark         the order ended before it was placed
//
// An account is the sum of its slices. An order always counts in the same slice, so the accounts
// that every order moves are not one record that every commit moves.

const (
	sliceCount = 8
	balance    = "balance"
)

// mark is the empty record of a thing that is so.
type mark struct{}

func transactionKey(id shop.ID) platform.Key {
	return platform.Key{Part: "transaction/" + string(id), Sort: "transaction"}
}

func parcelKey(shipment shop.ID) platform.Key {
	return platform.Key{Part: "parcel/" + string(shipment), Sort: "parcel"}
}

func accountPart(c shop.Currency, account string) string {
	return "account/" + string(c) + "/" + account
}

func unplacedKey(order shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "unplaced/" + string(order), Sort: "mark"}
}

func sliceOf(order shop.ID) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(order)) // a hash never fails to write
	return fmt.Sprintf("%02d", h.Sum32()%sliceCount)
}

// Apply implements room.Room: it writes one transaction into the books.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	p, ok := f.(*event.LedgerPosted)
	if !ok {
		return nil
	}
	room.Put(tx, transactionKey(p.Transaction), &Transaction{
		ID: p.Transaction, Kind: p.Kind, Order: p.Order, Currency: p.Currency,
		Entries: p.Entries, Splits: p.Splits, Cause: p.Cause, Seq: m.Sequence,
	})
	slice := sliceOf(p.Order)
	for _, e := range p.Entries {
		if e.Amount != 0 {
			tx.Add(platform.Key{Part: accountPart(p.Currency, e.Account), Sort: slice},
				platform.Move{Counter: balance, Delta: e.Amount, Floor: platform.NoFloor})
		}
	}
	if p.Kind == kindAuthorisation || p.Kind == kindVoid {
		return nil
	}
	for _, split := range p.Splits {
		if err := applySplit(ctx, tx, p, split); err != nil {
			return err
		}
	}
	return nil
}

func applySplit(
	ctx context.Context, tx *room.Tx, p *event.LedgerPosted, split event.ParcelSplit,
) error {
	key := parcelKey(split.Shipment)
	parcel, err := room.Get[Parcel](ctx, tx, key)
	if err != nil {
		return err
	}
	if parcel == nil {
		parcel = &Parcel{Shipment: split.Shipment, Order: p.Order, Currency: p.Currency}
	}
	parcel.follow(p.Kind, split)
	room.Put(tx, key, parcel)
	return nil
}
