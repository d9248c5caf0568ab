package verify_test

import (
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
)

func corruptPayouts() []corruption {
	return slices.Concat(corruptPayoutFacts(), corruptPayoutBooks(), corruptPayer(),
		corruptStatements(), corruptTerms())
}

func corruptPayoutFacts() []corruption {
	return []corruption{
		{"I27", "a payout is intended twice", func(tp *tape) {
			at, f := find[*event.PayoutIntended](tp, nil)
			tp.add(f, at)
		}},
		{"I27", "a payout is for more than was taken", func(tp *tape) {
			edit(tp, func(f *event.PayoutIntended) bool { f.Amount.Amount++; return true })
		}},
		{"I27", "a number is left out", func(tp *tape) {
			edit(tp, func(f *event.PayoutIntended) bool { f.Number++; return f.Number == 2 })
		}},
		{"I27", "something else is paid than was intended", func(tp *tape) {
			edit(tp, func(f *event.PayoutPaid) bool { f.Amount.Amount--; return true })
		}},
		{"I27", "an outcome is another dealer's", func(tp *tape) {
			edit(tp, func(f *event.PayoutPaid) bool { f.Dealer = "dlr_9"; return true })
		}},
		{"I27", "a payout is paid that was refused", func(tp *tape) {
			at, f := find(tp, func(f *event.PayoutFailed, _ platform.Event) bool {
				return !f.Returned
			})
			tp.add(&event.PayoutPaid{
				Payout: f.Payout, Dealer: f.Dealer, Amount: f.Amount, Key: f.Key,
			}, at)
		}},
		{"I27", "a payout comes back twice", func(tp *tape) {
			at, f := find(tp, func(f *event.PayoutFailed, _ platform.Event) bool {
				return f.Returned
			})
			tp.add(f, at)
		}},
		{"I27", "the intent of a payout is lost", func(tp *tape) {
			drop[*event.PayoutIntended](tp, nil)
		}},
		{"I27", "nobody says what came of a payout", func(tp *tape) {
			_, f := find(tp, func(f *event.PayoutPaid, _ platform.Event) bool {
				return !has(tp, func(u *event.PayoutUnresolved) bool {
					return u.Payout == f.Payout
				})
			})
			drop(tp, func(p *event.PayoutPaid) bool { return p.Payout == f.Payout })
		}},
	}
}

func corruptPayoutBooks() []corruption {
	booked := func(kind string, change func(f *event.LedgerPosted)) func(tp *tape) {
		return func(tp *tape) {
			edit(tp, func(f *event.LedgerPosted) bool {
				if f.Kind == kind {
					change(f)
				}
				return f.Kind == kind
			})
		}
	}
	return []corruption{
		{"I27", "a payout is booked for more", booked("payout", func(f *event.LedgerPosted) {
			f.Entries[0].Amount++
			f.Entries[1].Amount--
		})},
		{"I27", "a payout is booked on another dealer", booked("payout",
			func(f *event.LedgerPosted) { f.Entries[0].Account = "dealer:dlr_9:payable" })},
		{"I27", "what was refused is not the dealer's again", booked("payout_reversal",
			func(f *event.LedgerPosted) { f.Entries[1].Account = "market:commission" })},
		{"I27", "a payout's transaction books something else", booked("payout_paid",
			func(f *event.LedgerPosted) { f.Cause = "payout/pyt_none/2" })},
		{"I27", "a payout is not booked", func(tp *tape) {
			drop(tp, func(f *event.LedgerPosted) bool { return f.Kind == "payout_paid" })
		}},
		{"I27", "a dealer is paid what never matured", func(tp *tape) {
			for range 3 {
				drop(tp, func(f *event.LedgerPosted) bool { return f.Kind == "maturity" })
			}
		}},
		{"I22", "a payout does not balance", booked("payout", func(f *event.LedgerPosted) {
			f.Entries[0].Amount++
		})},
		{"I22", "what is on its way to dealers is off by one", func(tp *tape) {
			tp.counter("ledger/account/GBP/payouts:in_transit", "balance", 1)
		}},
	}
}

func corruptPayer() []corruption {
	sent := func(tp *tape) int {
		return slices.IndexFunc(tp.paid, func(e payer.Entry) bool {
			return e.Kind == payer.KindPayout && has(tp, func(f *event.PayoutPaid) bool {
				return f.Payout == e.Payout
			})
		})
	}
	external := func(change func(e *payer.Entry)) func(tp *tape) {
		return func(tp *tape) { change(&tp.paid[sent(tp)]) }
	}
	return []corruption{
		{"I27", "the payer has lost a payout", func(tp *tape) {
			at := sent(tp)
			tp.paid = slices.Delete(tp.paid, at, at+1)
		}},
		{"I27", "the payer paid twice", func(tp *tape) {
			tp.paid = append(tp.paid, tp.paid[sent(tp)])
		}},
		{"I27", "the payer paid more", external(func(e *payer.Entry) { e.Amount++ })},
		{"I27", "the payer paid other money", external(func(e *payer.Entry) {
			e.Currency = "USD"
		})},
		{"I27", "the payer paid somebody else", external(func(e *payer.Entry) {
			e.Dealer = "dlr_9"
		})},
		{"I27", "the payer paid what nobody asked for", external(func(e *payer.Entry) {
			e.Key = "unheard"
		})},
		{"I27", "the payer paid what we say it refused", func(tp *tape) {
			_, f := find(tp, func(f *event.PayoutFailed, _ platform.Event) bool {
				return !f.Returned
			})
			tp.paid = append(tp.paid, payer.Entry{
				Key: f.Key, Payout: f.Payout, Dealer: f.Dealer, Kind: payer.KindPayout,
				Amount: f.Amount.Amount, Currency: f.Amount.Currency,
			})
		}},
		{"I27", "the payer knows of no return", func(tp *tape) {
			tp.paid = slices.DeleteFunc(tp.paid, func(e payer.Entry) bool {
				return e.Kind == payer.KindReturn
			})
		}},
	}
}

func corruptStatements() []corruption {
	return []corruption{
		{"I27", "a line of a statement is lost", func(tp *tape) {
			at := slices.IndexFunc(tp.records, func(r platform.Record) bool {
				return strings.HasPrefix(r.Key.Part, "ledger/lines/")
			})
			tp.records = slices.Delete(tp.records, at, at+1)
		}},
		{"I27", "a day of a statement is off by one", func(tp *tape) {
			tp.counter("ledger/totals/", "available", 1)
		}},
		{"I27", "a statement counts a line too many", func(tp *tape) {
			tp.counter("ledger/totals/", "lines", 1)
		}},
	}
}

func corruptTerms() []corruption {
	return []corruption{
		{"I20", "the market takes more than a dealer's terms say", func(tp *tape) {
			edit(tp, func(f *event.DealerTermsSet) bool { f.CommissionBPS -= 30; return true })
		}},
		{"I34", "a record holds the token of an account", func(tp *tape) {
			tp.edits("ledger/payee/", func(r *platform.Record) bool {
				r.Value = []byte(strings.Replace(string(r.Value), `"label":"`, `"label":"ba_12 `, 1))
				return true
			})
		}},
	}
}
