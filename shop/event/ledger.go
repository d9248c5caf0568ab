package event

import "github.com/souk-commerce/souk/shop"

// Entry is one side of a transaction in the books: debits are positive, credits negative.
type Entry struct {
	Account string `json:"account" doc:"as in dealer:dlr_1:payable"`
	Amount  int64  `json:"amount" doc:"minor units"`
}

// ParcelSplit is what each party will get of a parcel's money, frozen at placement.
type ParcelSplit struct {
	Shipment   shop.ID `json:"shipment"`
	Dealer     shop.ID `json:"dealer"`
	Amount     int64   `json:"amount"`
	Tax        int64   `json:"tax"`
	Commission int64   `json:"commission"`
}

// LedgerPosted says that a transaction was written into the books.
type LedgerPosted struct {
	Transaction shop.ID       `json:"transaction"`
	Kind        string        `json:"kind" doc:"authorisation, capture, refund, void, maturity"`
	Order       shop.ID       `json:"order"`
	Currency    shop.Currency `json:"currency"`
	Entries     []Entry       `json:"entries"`
	Splits      []ParcelSplit `json:"splits,omitempty" doc:"what it moves of each parcel"`
	Cause       string        `json:"cause" doc:"id of the event that is booked"`
}

// Type implements Fact.
func (*LedgerPosted) Type() string { return "souk.ledger.posted.v1" }

// Subject implements Fact.
func (f *LedgerPosted) Subject() string { return "transaction/" + string(f.Transaction) }

func ledgerKinds() []Kind {
	return []Kind{
		kind[LedgerPosted]("a transaction was written into the books",
			rule("has_entries", "size(data.entries) > 0",
				func(f *LedgerPosted) bool { return len(f.Entries) > 0 }),
			rule("balances", "data.entries.map(e, e.amount).sum() == 0",
				func(f *LedgerPosted) bool {
					return addUp(f.Entries, func(e Entry) int64 { return e.Amount }, 0)
				}),
			rule("names_its_cause", "size(data.cause) > 0",
				func(f *LedgerPosted) bool { return f.Cause != "" })),
	}
}
