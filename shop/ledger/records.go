package ledger

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room keeps these records:
//
//	transaction/<id>             transaction    the Transaction; the mark that it was booked
//	parcel/<shipment>            parcel         the Parcel
//	account/<currency>/<account> <slice>        a counter, "balance"
//	lines/<dealer>/<currency>    <moment>.<id>  a Line of the dealer's statement
//	totals/<dealer>              <currency>#<day>#<slice>, counters: what a day's lines add up to
//	terms/<dealer>               terms          the dealer's Terms
//	payee/<dealer>               payee          the Payee
//	payee/<dealer>               blocked#<n>    the n-th payee refused a payout: no more to it
//	payout/<id>                  payout         the Payout
//	payouts/<dealer>             <currency>     the newest payout, and how far it is
//	paid/<dealer>                <moment>.<id>  names a payout, for lists
//	open                         <payout>       names a payout that somebody waits for
//
// and, outside the domain state:
//
//	~unplaced/<order>            mark           the order ended before it was placed
//	~closed/<shipment>           mark           it would have matured, had anything been left
//	~bank/<dealer>               <destination>  a sealed token
//	~call/<payout>               mark           the provider was called, or was about to be
//	~once/<principal>            …              answers to requests
//
// An account is the sum of its slices, and a day that of its own. An order always counts in the
// same slice, so the accounts that every order moves are not one record that every commit moves.

const (
	sliceCount = 8
	balance    = "balance"
)

// mark is the empty record of a thing that is so.
type mark struct{}

// name is a record that leads to another one.
type name struct {
	ID shop.ID `json:"id"`
}

func transactionKey(id shop.ID) platform.Key {
	return platform.Key{Part: "transaction/" + string(id), Sort: "transaction"}
}

func parcelKey(shipment shop.ID) platform.Key {
	return platform.Key{Part: "parcel/" + string(shipment), Sort: "parcel"}
}

func accountPart(c shop.Currency, account string) string {
	return "account/" + string(c) + "/" + account
}

func linesPart(dealer shop.ID, c shop.Currency) string {
	return "lines/" + string(dealer) + "/" + string(c)
}

func totalsPart(dealer shop.ID) string { return "totals/" + string(dealer) }

func termsKey(dealer shop.ID) platform.Key {
	return platform.Key{Part: "terms/" + string(dealer), Sort: "terms"}
}

func payeeKey(dealer shop.ID) platform.Key {
	return platform.Key{Part: "payee/" + string(dealer), Sort: "payee"}
}

func blockedKey(dealer shop.ID, payee int64) platform.Key {
	return platform.Key{Part: "payee/" + string(dealer), Sort: fmt.Sprintf("blocked#%d", payee)}
}

func payoutKey(id shop.ID) platform.Key {
	return platform.Key{Part: "payout/" + string(id), Sort: "payout"}
}

func runKey(dealer shop.ID, c shop.Currency) platform.Key {
	return platform.Key{Part: "payouts/" + string(dealer), Sort: string(c)}
}

func paidPart(dealer shop.ID) string { return "paid/" + string(dealer) }

const openPart = "open"

func openKey(payout shop.ID) platform.Key {
	return platform.Key{Part: openPart, Sort: string(payout)}
}

func unplacedKey(order shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "unplaced/" + string(order), Sort: "mark"}
}

func closedKey(shipment shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "closed/" + string(shipment), Sort: "mark"}
}

func bankKey(dealer, destination shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "bank/" + string(dealer), Sort: string(destination)}
}

func callKey(payout shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "call/" + string(payout), Sort: "mark"}
}

// momentKey sorts by time.
func momentKey(at time.Time) string { return fmt.Sprintf("%020d", at.UnixNano()) }

// day names a day in UTC; names sort as days do.
func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// sliceOf is the slice of an order, or of a payout.
func sliceOf(id shop.ID) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash never fails to write
	return fmt.Sprintf("%02d", h.Sum32()%sliceCount)
}

// Apply implements room.Room.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	switch f := f.(type) {
	case *event.LedgerPosted:
		return applyPosted(ctx, tx, f, m)
	case *event.DealerTermsSet:
		return applyTerms(ctx, tx, f, m)
	case *event.DealerPayeeSet:
		room.Put(tx, payeeKey(f.Dealer), &Payee{
			Dealer: f.Dealer, Destination: f.Destination, Label: f.Label, Schedule: f.Schedule,
			By: f.By, At: f.At, Seq: m.Sequence,
		})
		return nil
	case *event.PayoutIntended, *event.PayoutUnresolved, *event.PayoutPaid, *event.PayoutFailed:
		return applyPayout(ctx, tx, f, m)
	}
	return nil
}

// applyPosted writes one transaction into the books.
func applyPosted(ctx context.Context, tx *room.Tx, p *event.LedgerPosted, m room.Meta) error {
	room.Put(tx, transactionKey(p.Transaction), &Transaction{
		ID: p.Transaction, Kind: p.Kind, Order: p.Order, Payout: p.Payout, Dealer: p.Dealer,
		Currency: p.Currency, Entries: p.Entries, Splits: p.Splits, Cause: p.Cause, At: p.At,
		Seq: m.Sequence,
	})
	slice := sliceOf(p.Order)
	if p.Payout != "" {
		slice = sliceOf(p.Payout)
	}
	for _, e := range p.Entries {
		if e.Amount != 0 {
			tx.Add(platform.Key{Part: accountPart(p.Currency, e.Account), Sort: slice},
				platform.Move{Counter: balance, Delta: e.Amount, Floor: platform.NoFloor})
		}
	}
	applyLines(tx, p, slice)
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

// applyLines enters a transaction into the statements of its dealers. One of the first form says no
// moment, so it stands in none; a statement's opening balance has it.
func applyLines(tx *room.Tx, p *event.LedgerPosted, slice string) {
	if p.At.IsZero() {
		return
	}
	for _, one := range linesOf(p) {
		room.Put(tx, platform.Key{
			Part: linesPart(one.dealer, p.Currency),
			Sort: momentKey(p.At) + "." + string(p.Transaction),
		}, &one.Line)
		tx.Add(platform.Key{
			Part: totalsPart(one.dealer), Sort: string(p.Currency) + "#" + day(p.At) + "#" + slice,
		}, one.moves()...)
	}
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

func applyTerms(
	ctx context.Context, tx *room.Tx, f *event.DealerTermsSet, m room.Meta,
) error {
	t, err := room.Get[Terms](ctx, tx, termsKey(f.Dealer))
	if err != nil {
		return err
	}
	if t == nil {
		t = &Terms{Dealer: f.Dealer}
	}
	t.follow(f)
	t.Seq = m.Sequence
	room.Put(tx, termsKey(f.Dealer), t)
	return nil
}

// applyPayout brings a payout to where a fact says it is, and what leads to it.
func applyPayout(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	id := payoutOf(f)
	p, err := room.Get[Payout](ctx, tx, payoutKey(id))
	if err != nil {
		return err
	}
	if p == nil {
		p = &Payout{}
	}
	p.follow(f)
	p.Seq = m.Sequence
	room.Put(tx, payoutKey(id), p)
	if first, ok := f.(*event.PayoutIntended); ok {
		room.Put(tx, platform.Key{
			Part: paidPart(p.Dealer), Sort: momentKey(first.At) + "." + string(id),
		}, &name{id})
	}
	if err := applyOpen(ctx, tx, p); err != nil {
		return err
	}
	if failed, ok := f.(*event.PayoutFailed); ok {
		return applyBlock(ctx, tx, failed)
	}
	return nil
}

// applyOpen keeps the list of payouts that somebody waits for, and the dealer's run of them.
func applyOpen(ctx context.Context, tx *room.Tx, p *Payout) error {
	listed, err := room.Get[name](ctx, tx, openKey(p.ID))
	switch {
	case err != nil:
		return err
	case p.waits() && listed == nil:
		room.Put(tx, openKey(p.ID), &name{p.ID})
	case !p.waits() && listed != nil:
		tx.Delete(openKey(p.ID))
	}
	key := runKey(p.Dealer, p.Amount.Currency)
	r, err := room.Get[run](ctx, tx, key)
	if err != nil {
		return err
	}
	if r == nil {
		r = &run{}
	}
	r.follow(p)
	room.Put(tx, key, r)
	return nil
}

// applyBlock stops payouts to an account that refused one. Two payouts may tell the same.
func applyBlock(ctx context.Context, tx *room.Tx, f *event.PayoutFailed) error {
	key := blockedKey(f.Dealer, f.Payee)
	known, err := room.Get[mark](ctx, tx, key)
	if err == nil && known == nil {
		room.Put(tx, key, &mark{})
	}
	return err
}
