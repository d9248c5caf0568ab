package ledger

import (
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The accounts of the house. Debits are positive, credits negative, so what we owe is below zero.
const (
	Authorised       = "memo:authorised"        // kept for us at the provider, not ours yet
	AuthorisedContra = "memo:authorised:contra" // its other side
	Receivable       = "provider:receivable"    // taken by the provider, owed to us
	Commission       = "market:commission"      // the market's own
	TaxPayable       = "tax:payable"            // owed to the tax office
	InTransit        = "payouts:in_transit"     // on its way to dealers, and nobody knows yet
)

// Pending is the account of what a dealer has earned and may not have yet.
func Pending(dealer shop.ID) string { return "dealer:" + string(dealer) + ":pending" }

// Payable is the account of what a dealer may be paid. It is below zero, as a debt of ours, or
// above zero when more was refunded than the dealer had left.
func Payable(dealer shop.ID) string { return "dealer:" + string(dealer) + ":payable" }

// The kinds of transaction.
const (
	kindAuthorisation = "authorisation"
	kindCapture       = "capture"
	kindRefund        = "refund"
	kindVoid          = "void"
	kindMaturity      = "maturity"
	kindPayout        = "payout"
	kindPaid          = "payout_paid"
	kindReversal      = "payout_reversal"
)

// Transaction is one balanced entry in the books. It never changes.
type Transaction struct {
	ID       shop.ID             `json:"id"`
	Kind     string              `json:"kind"`
	Order    shop.ID             `json:"order"` // "" of a payout
	Payout   shop.ID             `json:"payout,omitempty"`
	Dealer   shop.ID             `json:"dealer,omitempty"` // who is paid
	Currency shop.Currency       `json:"currency"`
	Entries  []event.Entry       `json:"entries"`
	Splits   []event.ParcelSplit `json:"splits,omitempty"`
	Cause    string              `json:"cause"` // id of the event that was booked
	At       time.Time           `json:"at,omitzero"`
	Seq      int64               `json:"seq"`
}

// Parcel is how far the money of one parcel has moved.
type Parcel struct {
	Shipment shop.ID           `json:"shipment"`
	Order    shop.ID           `json:"order"`
	Currency shop.Currency     `json:"currency"`
	Captured event.ParcelSplit `json:"captured"`
	Reversed event.ParcelSplit `json:"reversed"`           // of Captured, by refunds and disputes so far
	Disputed int64             `json:"disputed,omitempty"` // of Reversed, by disputes
	Matured  bool              `json:"matured,omitempty"`
}

// transactionID names a transaction after what it books, so that booking it twice is one.
func transactionID(kind string, order shop.ID, rest string) shop.ID {
	id := "txn_" + kind + "_" + nameOf(order)
	if rest != "" {
		id += "_" + rest
	}
	return shop.ID(id)
}

// authorise books what the provider keeps for a placed order, and freezes what each party will get.
func authorise(f *event.OrderPlaced, shipment func(n int) shop.ID) *event.LedgerPosted {
	splits := make([]event.ParcelSplit, len(f.Parcels))
	for i, p := range f.Parcels {
		splits[i] = event.ParcelSplit{
			Shipment: shipment(i + 1), Dealer: p.Dealer,
			Amount: p.Amount, Tax: p.Tax, Commission: p.Commission,
		}
	}
	return &event.LedgerPosted{
		Transaction: transactionID(kindAuthorisation, f.Order, ""), Kind: kindAuthorisation,
		Order: f.Order, Currency: f.Currency, Splits: splits,
		Entries: []event.Entry{
			{Account: Authorised, Amount: f.Total}, {Account: AuthorisedContra, Amount: -f.Total},
		},
	}
}

// capture books money that was taken for one parcel of an authorised order: the provider owes it to
// us, and we owe the dealer, the market and the tax office their shares. Of a parcel that was split
// they are a part of what is left of the agreed shares, so the last part takes exactly the rest and
// none is below zero. It refuses a parcel that the order does not have, and more than is left.
func capture(
	auth *Transaction, before event.ParcelSplit, f *event.PaymentCaptured,
) (*event.LedgerPosted, error) {
	agreed, _, err := agreedFor(auth, f.Shipment)
	if err != nil {
		return nil, err
	}
	what := "capture of " + string(f.Shipment)
	left := minus(agreed, before)
	if err := within(f.Amount, auth.Currency, left.Amount, what); err != nil {
		return nil, err
	}
	got, err := part(left, f.Amount.Amount)
	if err != nil {
		return nil, err
	}
	got.Shipment = f.Shipment
	return &event.LedgerPosted{
		Transaction: transactionID(kindCapture, auth.Order, parcelNumber(f.Shipment)),
		Kind:        kindCapture, Order: auth.Order, Currency: auth.Currency,
		Splits: []event.ParcelSplit{got},
		Entries: entries(
			event.Entry{Account: Receivable, Amount: got.Amount},
			event.Entry{Account: Pending(got.Dealer), Amount: -earned(got)},
			event.Entry{Account: Commission, Amount: -got.Commission},
			event.Entry{Account: TaxPayable, Amount: -got.Tax},
			event.Entry{Account: Authorised, Amount: -got.Amount},
			event.Entry{Account: AuthorisedContra, Amount: got.Amount},
		),
	}, nil
}

// refund books money that went back. It refuses more than is left of the capture.
func refund(p *Parcel, f *event.PaymentRefunded) (*event.LedgerPosted, error) {
	left := p.Captured.Amount - p.Reversed.Amount
	if err := within(f.Amount, p.Currency, left, "refund of "+string(f.Shipment)); err != nil {
		return nil, err
	}
	back, err := reverse(p, f.Amount.Amount)
	if err != nil {
		return nil, err
	}
	id := transactionID(kindRefund, p.Order, refundName(p.Order, f.Refund))
	return reversal(p, kindRefund, id, back, false), nil
}

// void books that the rest of an authorisation was given back.
func void(auth *Transaction, f *event.PaymentVoided) (*event.LedgerPosted, error) {
	total := auth.Entries[0].Amount
	if err := within(f.Amount, auth.Currency, total, "void of "+string(auth.Order)); err != nil {
		return nil, err
	}
	return &event.LedgerPosted{
		Transaction: transactionID(kindVoid, auth.Order, ""), Kind: kindVoid,
		Order: auth.Order, Currency: auth.Currency,
		Entries: []event.Entry{
			{Account: Authorised, Amount: -f.Amount.Amount},
			{Account: AuthorisedContra, Amount: f.Amount.Amount},
		},
	}, nil
}

// mature books that what a dealer earned with a parcel may be paid out. It is nil when nothing is
// left to mature.
func mature(p *Parcel) *event.LedgerPosted {
	left := minus(p.Captured, p.Reversed)
	if p.Matured || earned(left) == 0 {
		return nil
	}
	return &event.LedgerPosted{
		Transaction: transactionID(kindMaturity, p.Order, parcelNumber(p.Shipment)),
		Kind:        kindMaturity, Order: p.Order, Currency: p.Currency,
		Splits: []event.ParcelSplit{left},
		Entries: []event.Entry{
			{Account: Pending(left.Dealer), Amount: earned(left)},
			{Account: Payable(left.Dealer), Amount: -earned(left)},
		},
	}
}

// follow brings the parcel to where a transaction says it is. The order of a parcel's transactions
// does not matter.
func (p *Parcel) follow(kind string, s event.ParcelSplit) {
	switch kind {
	case kindCapture:
		p.Captured = s
	case kindRefund:
		p.Reversed = plus(p.Reversed, s)
	case kindReturn:
		p.Reversed = minus(p.Reversed, s)
	case kindDispute:
		p.Reversed, p.Disputed = plus(p.Reversed, s), p.Disputed+s.Amount
	case kindDisputeReturn:
		p.Reversed, p.Disputed = minus(p.Reversed, s), p.Disputed-s.Amount
	case kindMaturity:
		p.Matured = true
	}
}

// part is the share of each party in amount minor units of whole, by the largest remainder.
func part(whole event.ParcelSplit, amount int64) (event.ParcelSplit, error) {
	shares, err := shop.Money{Amount: amount}.Allocate(
		[]int64{earned(whole), whole.Commission, whole.Tax})
	if err != nil {
		return event.ParcelSplit{}, err
	}
	return event.ParcelSplit{
		Shipment: whole.Shipment, Dealer: whole.Dealer,
		Amount: amount, Commission: shares[1].Amount, Tax: shares[2].Amount,
	}, nil
}

// earned is the dealer's share.
func earned(s event.ParcelSplit) int64 { return s.Amount - s.Tax - s.Commission }

func minus(a, b event.ParcelSplit) event.ParcelSplit {
	a.Amount, a.Tax, a.Commission = a.Amount-b.Amount, a.Tax-b.Tax, a.Commission-b.Commission
	return a
}

func plus(a, b event.ParcelSplit) event.ParcelSplit {
	b.Amount, b.Tax, b.Commission = a.Amount+b.Amount, a.Tax+b.Tax, a.Commission+b.Commission
	return b
}

// within refuses money of another currency, nothing, and more than most.
func within(m shop.Money, c shop.Currency, most int64, what string) error {
	switch {
	case m.Currency != c:
		return shop.Errorf(shop.Illegal, "%s is in %s, the order in %s", what, m.Currency, c)
	case m.Amount <= 0 || m.Amount > most:
		return shop.Errorf(shop.Illegal, "%s moves %d, there is %d to move; nothing was booked",
			what, m.Amount, most).WithHint("compare the payment's facts with the provider's ledger")
	}
	return nil
}

// entries leaves out the sides that move nothing.
func entries(all ...event.Entry) []event.Entry {
	kept := all[:0]
	for _, e := range all {
		if e.Amount != 0 {
			kept = append(kept, e)
		}
	}
	return kept
}

// nameOf is an order's id without its prefix: "x1" for "ord_x1".
func nameOf(order shop.ID) string { return strings.TrimPrefix(string(order), "ord_") }

// parcelNumber is the last part of a shipment's id: "2" for "shp_x1_2".
func parcelNumber(shipment shop.ID) string {
	return string(shipment)[strings.LastIndex(string(shipment), "_")+1:]
}

// refundName is what tells the refunds of one order apart: the refund's id without its prefix and
// without the order's name, which would make the transaction's id too long.
func refundName(order, refund shop.ID) string {
	name := strings.TrimPrefix(string(refund), "rfn_")
	return strings.Replace(name, nameOf(order)+"_", "", 1)
}
