package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

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

// LedgerPostedV1 is the first form of LedgerPosted, which knew no payouts and no moment.
type LedgerPostedV1 struct {
	Transaction shop.ID       `json:"transaction"`
	Kind        string        `json:"kind" doc:"authorisation, capture, refund, void, maturity"`
	Order       shop.ID       `json:"order"`
	Currency    shop.Currency `json:"currency"`
	Entries     []Entry       `json:"entries"`
	Splits      []ParcelSplit `json:"splits,omitempty" doc:"what it moves of each parcel"`
	Cause       string        `json:"cause" doc:"id of the event that is booked"`
}

// LedgerPosted says that a transaction was written into the books: of an order, or of a payout.
type LedgerPosted struct {
	Transaction shop.ID       `json:"transaction"`
	Kind        string        `json:"kind" doc:"authorisation, capture, refund, refund_return, dispute, dispute_return, void, maturity, payout, payout_paid, payout_reversal"`
	Order       shop.ID       `json:"order,omitempty" doc:"none of a payout"`
	Payout      shop.ID       `json:"payout,omitempty" doc:"none of an order"`
	Dealer      shop.ID       `json:"dealer,omitempty" doc:"who is paid; an order's dealers are in its splits"`
	Currency    shop.Currency `json:"currency"`
	Entries     []Entry       `json:"entries"`
	Splits      []ParcelSplit `json:"splits,omitempty" doc:"what it moves of each parcel"`
	Cause       string        `json:"cause" doc:"id of the event that is booked"`
	At          time.Time     `json:"at,omitzero" doc:"when it was booked; none in transactions of the first form, which stand in no statement"`
}

// DealerTermsSet says what the market takes of a dealer's goods from a moment on. Orders that were
// made before keep theirs.
type DealerTermsSet struct {
	Dealer        shop.ID   `json:"dealer"`
	CommissionBPS int64     `json:"commissionBps" doc:"the market's share, in 1/10,000"`
	From          time.Time `json:"from" doc:"it lies ahead when it is announced"`
	By            shop.ID   `json:"by"`
}

// DealerPayeeSet says where a dealer's payouts go and how often. The account itself is in no event:
// Destination names it.
type DealerPayeeSet struct {
	Dealer      shop.ID   `json:"dealer"`
	Destination shop.ID   `json:"destination" doc:"names the account, never holds it"`
	Label       string    `json:"label,omitempty" doc:"what may be shown of it"`
	Schedule    string    `json:"schedule" enum:"manual,daily,weekly,monthly"`
	By          shop.ID   `json:"by"`
	At          time.Time `json:"at"`
}

// PayoutIntended says that a dealer's money is about to be paid out. It is committed, and booked,
// before the provider is asked; Key makes the call idempotent there.
type PayoutIntended struct {
	Payout      shop.ID    `json:"payout"`
	Dealer      shop.ID    `json:"dealer"`
	Number      int64      `json:"number" doc:"of this dealer and currency, from 1"`
	Amount      shop.Money `json:"amount"`
	Destination shop.ID    `json:"destination"`
	Payee       int64      `json:"payee" doc:"which of the dealer's payee_set it follows"`
	Provider    string     `json:"provider"`
	Key         string     `json:"key" doc:"the provider's idempotency key"`
	Due         string     `json:"due,omitempty" doc:"the day of the schedule; none if somebody asked for it"`
	By          shop.ID    `json:"by,omitempty" doc:"who asked for it"`
	At          time.Time  `json:"at"`
}

// PayoutUnresolved says that nobody knows yet what became of a payout: the provider is asked again
// until it tells, and no other payout of this dealer and currency begins before. Of a payout that
// was paid it says that the provider contradicts itself, or no longer does.
type PayoutUnresolved struct {
	Payout shop.ID `json:"payout"`
	Dealer shop.ID `json:"dealer"`
	Key    string  `json:"key"`
	Reason string  `json:"reason" doc:"no_answer, pending, what does not fit, or confirmed"`
}

// PayoutPaid says that the provider sent a dealer's money.
type PayoutPaid struct {
	Payout    shop.ID    `json:"payout"`
	Dealer    shop.ID    `json:"dealer"`
	Amount    shop.Money `json:"amount"`
	Key       string     `json:"key"`
	Reference string     `json:"reference" doc:"the provider's name for the payout"`
}

// PayoutFailed says that a payout was refused, or that its money came back later. The dealer has it
// again, and nothing more is sent to that account until the dealer names one anew.
type PayoutFailed struct {
	Payout   shop.ID    `json:"payout"`
	Dealer   shop.ID    `json:"dealer"`
	Payee    int64      `json:"payee" doc:"which of the dealer's payee_set is not paid to any more"`
	Amount   shop.Money `json:"amount"`
	Key      string     `json:"key"`
	Reason   string     `json:"reason"`
	Returned bool       `json:"returned,omitempty" doc:"it had been paid"`
}

// PayoutDue is a timer's fact: a dealer's payout is due by schedule.
type PayoutDue struct {
	Dealer shop.ID `json:"dealer"`
	Due    string  `json:"due" doc:"the day, as in 2026-11-30"`
}

// PayoutCheckDue is a timer's fact: ask the provider what became of a payout.
type PayoutCheckDue struct {
	Payout  shop.ID `json:"payout"`
	Key     string  `json:"key"`
	Round   int     `json:"round" doc:"how often it was asked before"`
	Missing int     `json:"missing,omitempty" doc:"how often in a row it knew of nothing"`
}

// Type implements Fact.
func (*LedgerPostedV1) Type() string { return "souk.ledger.posted.v1" }

// Type implements Fact.
func (*LedgerPosted) Type() string { return "souk.ledger.posted.v2" }

// Type implements Fact.
func (*DealerTermsSet) Type() string { return "souk.ledger.terms_set.v1" }

// Type implements Fact.
func (*DealerPayeeSet) Type() string { return "souk.ledger.payee_set.v1" }

// Type implements Fact.
func (*PayoutIntended) Type() string { return "souk.ledger.payout_intended.v1" }

// Type implements Fact.
func (*PayoutUnresolved) Type() string { return "souk.ledger.payout_unresolved.v1" }

// Type implements Fact.
func (*PayoutPaid) Type() string { return "souk.ledger.payout_paid.v1" }

// Type implements Fact.
func (*PayoutFailed) Type() string { return "souk.ledger.payout_failed.v1" }

// Type implements Fact.
func (*PayoutDue) Type() string { return "souk.ledger.payout_due.v1" }

// Type implements Fact.
func (*PayoutCheckDue) Type() string { return "souk.ledger.payout_check_due.v1" }

// Subject implements Fact.
func (f *LedgerPostedV1) Subject() string { return "transaction/" + string(f.Transaction) }

// Subject implements Fact.
func (f *LedgerPosted) Subject() string { return "transaction/" + string(f.Transaction) }

// Subject implements Fact.
func (f *DealerTermsSet) Subject() string { return "terms/" + string(f.Dealer) }

// Subject implements Fact.
func (f *DealerPayeeSet) Subject() string { return "payee/" + string(f.Dealer) }

// Subject implements Fact.
func (f *PayoutIntended) Subject() string { return payoutSubject(f.Payout) }

// Subject implements Fact.
func (f *PayoutUnresolved) Subject() string { return payoutSubject(f.Payout) }

// Subject implements Fact.
func (f *PayoutPaid) Subject() string { return payoutSubject(f.Payout) }

// Subject implements Fact.
func (f *PayoutFailed) Subject() string { return payoutSubject(f.Payout) }

// Subject implements Fact.
func (f *PayoutDue) Subject() string { return "timer/payout-due/" + string(f.Dealer) }

// Subject implements Fact.
func (f *PayoutCheckDue) Subject() string { return "timer/payout-check/" + string(f.Payout) }

func payoutSubject(id shop.ID) string { return "payout/" + string(id) }

func ledgerKinds() []Kind {
	return append([]Kind{
		ledgerPostedV1(),
		kind[LedgerPosted]("a transaction was written into the books",
			rule("has_entries", "size(data.entries) > 0",
				func(f *LedgerPosted) bool { return len(f.Entries) > 0 }),
			rule("balances", balanced,
				func(f *LedgerPosted) bool { return addUp(f.Entries, entryAmount, 0) }),
			rule("names_its_cause", "size(data.cause) > 0",
				func(f *LedgerPosted) bool { return f.Cause != "" })),
		kind[DealerTermsSet]("what the market takes of a dealer's goods from a moment on",
			rule("commission_is_a_share", "data.commissionBps >= 0 && data.commissionBps <= 10000",
				func(f *DealerTermsSet) bool {
					return f.CommissionBPS >= 0 && f.CommissionBPS <= wholeBPS
				})),
		kind[DealerPayeeSet]("where a dealer's payouts go, and how often",
			rule("known_schedule", "data.schedule in ['manual', 'daily', 'weekly', 'monthly']",
				func(f *DealerPayeeSet) bool {
					switch f.Schedule {
					case "manual", "daily", "weekly", "monthly":
						return true
					}
					return false
				})),
	}, payoutKinds()...)
}

const balanced = "data.entries.map(e, e.amount).sum() == 0"

func entryAmount(e Entry) int64 { return e.Amount }

// ledgerPostedV1 is read for ever: a first form is a second one that says no moment.
func ledgerPostedV1() Kind {
	k := kind[LedgerPostedV1]("a transaction was written into the books (first form)",
		rule("has_entries", "size(data.entries) > 0",
			func(f *LedgerPostedV1) bool { return len(f.Entries) > 0 }),
		rule("balances", balanced,
			func(f *LedgerPostedV1) bool { return addUp(f.Entries, entryAmount, 0) }),
		rule("names_its_cause", "size(data.cause) > 0",
			func(f *LedgerPostedV1) bool { return f.Cause != "" }))
	k.Upcast = func(f Fact) Fact {
		v1 := f.(*LedgerPostedV1)
		return &LedgerPosted{
			Transaction: v1.Transaction, Kind: v1.Kind, Order: v1.Order, Currency: v1.Currency,
			Entries: v1.Entries, Splits: v1.Splits, Cause: v1.Cause,
		}
	}
	return k
}

func payoutKinds() []Kind {
	const amountPositive = "data.amount.amount > 0"
	return []Kind{
		kind[PayoutIntended]("a dealer's money is about to be paid out",
			rule("amount_positive", amountPositive,
				func(f *PayoutIntended) bool { return f.Amount.Amount > 0 }),
			rule("has_key", "size(data.key) > 0",
				func(f *PayoutIntended) bool { return f.Key != "" }),
			rule("numbered", "data.number > 0",
				func(f *PayoutIntended) bool { return f.Number > 0 })),
		kind[PayoutUnresolved]("nobody knows yet what became of a payout; the provider is asked"),
		kind[PayoutPaid]("the provider sent a dealer's money",
			rule("amount_positive", amountPositive,
				func(f *PayoutPaid) bool { return f.Amount.Amount > 0 })),
		kind[PayoutFailed]("a payout was refused, or its money came back",
			rule("amount_positive", amountPositive,
				func(f *PayoutFailed) bool { return f.Amount.Amount > 0 })),
		kind[PayoutDue]("a dealer's payout is due by schedule (announced by its timer)"),
		kind[PayoutCheckDue](
			"it is time to ask what became of a payout (announced by its timer)"),
	}
}
