package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Stage is how far a payout has come.
type Stage string

// The stages. What was paid can still come back; what failed is over.
const (
	StageIntended   Stage = "intended"   // booked; the provider is about to be asked
	StageUnresolved Stage = "unresolved" // nobody knows; the provider is asked again
	StagePaid       Stage = "paid"
	StageFailed     Stage = "failed"   // refused: the dealer has the money again
	StageReturned   Stage = "returned" // paid, and came back: likewise
)

// Payout is one payment of a dealer's balance. Its amount is taken from the balance when it is
// intended, so no other can take it again.
type Payout struct {
	ID          shop.ID    `json:"id"`
	Dealer      shop.ID    `json:"dealer"`
	Number      int64      `json:"number"` // of the dealer and currency, from 1
	Amount      shop.Money `json:"amount"`
	Destination shop.ID    `json:"destination"`
	Payee       int64      `json:"payee"`
	Provider    string     `json:"provider"`
	Key         string     `json:"key"`
	Due         string     `json:"due,omitempty"`
	By          shop.ID    `json:"by,omitempty"`
	At          time.Time  `json:"at"`
	Stage       Stage      `json:"stage"`
	Reference   string     `json:"reference,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	Doubt       string     `json:"doubt,omitempty"` // why a person should look
	Seq         int64      `json:"seq"`
}

// run is the newest payout of a dealer and currency. The next one waits until it has an outcome.
type run struct {
	Last  int64   `json:"last"` // its number
	ID    shop.ID `json:"id"`
	Stage Stage   `json:"stage"`
	Due   string  `json:"due,omitempty"` // the last day of the schedule that made one
}

// follow keeps the newest. What an older one tells later changes nothing.
func (r *run) follow(p *Payout) {
	r.Due = max(r.Due, p.Due)
	if p.Number >= r.Last {
		r.Last, r.ID, r.Stage = p.Number, p.ID, p.Stage
	}
}

// follow brings the payout to where a fact says it is.
func (p *Payout) follow(f event.Fact) {
	switch f := f.(type) {
	case *event.PayoutIntended:
		*p = Payout{
			ID: f.Payout, Dealer: f.Dealer, Number: f.Number, Amount: f.Amount,
			Destination: f.Destination, Payee: f.Payee, Provider: f.Provider, Key: f.Key,
			Due: f.Due, By: f.By, At: f.At, Stage: StageIntended,
		}
	case *event.PayoutUnresolved:
		if p.Stage == StageIntended {
			p.Stage = StageUnresolved
		}
		if p.Doubt = f.Reason; f.Reason == confirmed {
			p.Doubt = ""
		}
	case *event.PayoutPaid:
		p.Stage, p.Reference, p.Doubt = StagePaid, f.Reference, ""
	case *event.PayoutFailed:
		p.Stage, p.Reason, p.Doubt = StageFailed, f.Reason, ""
		if f.Returned {
			p.Stage = StageReturned
		}
	}
}

// open reports whether the provider's answer is still to come.
func (s Stage) open() bool { return s == StageIntended || s == StageUnresolved }

// waits reports whether somebody waits for news: the provider's, or a person's look.
func (p *Payout) waits() bool { return p.Stage.open() || p.Doubt != "" }

// payoutOf names the payout that a fact is about.
func payoutOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.PayoutIntended:
		return f.Payout
	case *event.PayoutUnresolved:
		return f.Payout
	case *event.PayoutPaid:
		return f.Payout
	case *event.PayoutFailed:
		return f.Payout
	}
	return ""
}

// payoutID names the n-th payout of a dealer and currency, so that deciding it twice is one.
func payoutID(dealer shop.ID, c shop.Currency, n int64) shop.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%d", dealer, c, n))
	return shop.ID("pyt_" + hex.EncodeToString(sum[:13]))
}

// payoutCall is the provider's idempotency key of a payout.
func payoutCall(id shop.ID, m shop.Money, destination shop.ID) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%d|%s|%s", id, m.Amount, m.Currency, destination))
	return hex.EncodeToString(sum[:16])
}

// settle lists the facts that follow from what a provider says of a payout. Nothing follows from
// what is known already. An answer that contradicts what we asked, or what the provider said
// before, moves no money in our books: it is a doubt, at which a person has to look.
func (p *Payout) settle(out Outcome) []event.Fact {
	switch {
	case p.Stage == StageFailed || p.Stage == StageReturned:
		return nil
	case out.Verdict == Unknown, out.Verdict == Missing:
		return p.doubts("no_answer")
	case out.Verdict == OnItsWay:
		return p.doubts("pending")
	case out.Verdict == Refused && p.Stage == StagePaid:
		return p.doubts("refused_after_success")
	case out.Verdict == Refused:
		return []event.Fact{p.failure(out, false)}
	}
	if doubt := p.contradiction(out); doubt != "" {
		return p.doubts(doubt)
	}
	var facts []event.Fact
	switch {
	case p.Stage.open():
		facts = append(facts, &event.PayoutPaid{
			Payout: p.ID, Dealer: p.Dealer, Amount: p.Amount, Key: p.Key,
			Reference: word(out.Reference),
		})
	case p.Doubt != "":
		facts = p.doubts(confirmed)
	}
	if out.Verdict == Returned {
		facts = append(facts, p.failure(out, true))
	}
	return facts
}

// contradiction names what does not fit.
func (p *Payout) contradiction(out Outcome) string {
	switch {
	case out.Payout != p.ID:
		return "wrong_payout"
	case out.Amount.Currency != p.Amount.Currency:
		return "wrong_currency"
	case out.Amount.Amount != p.Amount.Amount:
		return "wrong_amount"
	}
	return ""
}

// confirmed is the word that ends a doubt about what was paid.
const confirmed = "confirmed"

// doubts says once why nobody knows. Of what was paid only a contradiction is a doubt.
func (p *Payout) doubts(why string) []event.Fact {
	if p.Doubt == why || p.Stage == StagePaid && (why == "no_answer" || why == "pending") {
		return nil
	}
	return []event.Fact{&event.PayoutUnresolved{
		Payout: p.ID, Dealer: p.Dealer, Key: p.Key, Reason: why,
	}}
}

func (p *Payout) failure(out Outcome, returned bool) event.Fact {
	reason := word(out.Reason)
	if reason == "" {
		reason = "refused"
	}
	return &event.PayoutFailed{
		Payout: p.ID, Dealer: p.Dealer, Payee: p.Payee, Amount: p.Amount, Key: p.Key,
		Reason: reason, Returned: returned,
	}
}

// word keeps a provider's word when it is one. Whatever else a provider writes may hold what must
// never be stored.
func word(s string) string {
	if _, err := shop.ParseID(s); err != nil || strings.HasPrefix(s, tokenPrefix) {
		return ""
	}
	return s
}

// booking is what a payout's fact moves in the books; nil if it moves nothing. What is intended
// leaves the dealer's account, what was sent leaves our balance at the provider, and what failed is
// the dealer's again, out of wherever it had come to.
func booking(f event.Fact) *event.LedgerPosted {
	var (
		posted        *event.LedgerPosted
		m             shop.Money
		debit, credit string
	)
	switch f := f.(type) {
	case *event.PayoutIntended:
		posted = &event.LedgerPosted{Kind: kindPayout, Payout: f.Payout, Dealer: f.Dealer}
		m, debit, credit = f.Amount, Payable(f.Dealer), InTransit
	case *event.PayoutPaid:
		posted = &event.LedgerPosted{Kind: kindPaid, Payout: f.Payout, Dealer: f.Dealer}
		m, debit, credit = f.Amount, InTransit, Receivable
	case *event.PayoutFailed:
		posted = &event.LedgerPosted{Kind: kindReversal, Payout: f.Payout, Dealer: f.Dealer}
		m, debit, credit = f.Amount, InTransit, Payable(f.Dealer)
		if f.Returned {
			debit = Receivable
		}
	default:
		return nil
	}
	posted.Transaction = payoutTransaction(posted.Kind, posted.Payout)
	posted.Currency = m.Currency
	posted.Entries = []event.Entry{
		{Account: debit, Amount: m.Amount}, {Account: credit, Amount: -m.Amount},
	}
	return posted
}

// payoutTransaction names a transaction after what it books, so that booking it twice is one.
func payoutTransaction(kind string, payout shop.ID) shop.ID {
	return shop.ID("txn_" + kind + "_" + strings.TrimPrefix(string(payout), "pyt_"))
}
