package ledger

import (
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Line is one transaction as it stands in a dealer's statement. Amounts are minor units of the
// statement's currency, above zero in the dealer's favour.
type Line struct {
	At          time.Time `json:"at"`
	Transaction shop.ID   `json:"transaction"`
	Kind        string    `json:"kind" enum:"capture,refund,refund_return,dispute,dispute_return,maturity,payout,payout_reversal"`
	Order       shop.ID   `json:"order,omitempty" doc:"none of a payout"`
	Shipment    shop.ID   `json:"shipment,omitempty"`
	Payout      shop.ID   `json:"payout,omitempty"`
	Gross       int64     `json:"gross,omitempty" doc:"taken from the customer, or given back"`
	Tax         int64     `json:"tax,omitempty" doc:"of gross, passed on to the tax office"`
	Commission  int64     `json:"commission,omitempty" doc:"of gross, kept by the market"`
	Pending     int64     `json:"pending,omitempty" doc:"change of what waits for return windows"`
	Available   int64     `json:"available,omitempty" doc:"change of what may be paid out"`
	Cause       string    `json:"cause" doc:"id of the event that was booked"`
}

// dealerLine is a line and whose it is.
type dealerLine struct {
	dealer shop.ID
	Line
}

// linesOf lists what a transaction is to each of its dealers: an authorisation, a void, and the
// provider's word that a payout left are nothing to them.
func linesOf(p *event.LedgerPosted) []dealerLine {
	line := func(dealer shop.ID) dealerLine {
		l := dealerLine{dealer, Line{
			At: p.At, Transaction: p.Transaction, Kind: p.Kind, Order: p.Order, Payout: p.Payout,
			Cause: p.Cause,
		}}
		for _, e := range p.Entries {
			switch e.Account {
			case Pending(dealer):
				l.Pending -= e.Amount
			case Payable(dealer):
				l.Available -= e.Amount
			}
		}
		return l
	}
	switch p.Kind {
	case kindPayout, kindReversal:
		return []dealerLine{line(p.Dealer)}
	case kindCapture, kindRefund, kindReturn, kindDispute, kindDisputeReturn, kindMaturity:
		all := make([]dealerLine, 0, len(p.Splits))
		for _, s := range p.Splits { // one, of one dealer
			l := line(s.Dealer)
			l.Shipment = s.Shipment
			switch p.Kind {
			case kindCapture, kindReturn, kindDisputeReturn:
				l.Gross, l.Tax, l.Commission = s.Amount, s.Tax, s.Commission
			case kindRefund, kindDispute:
				l.Gross, l.Tax, l.Commission = -s.Amount, -s.Tax, -s.Commission
			}
			all = append(all, l)
		}
		return all
	}
	return nil
}

// The counters of a day. In sales, refunds, disputes and payouts what is counted is above zero; tax
// and commission are less what refunds and disputes took back.
const (
	countPending    = "pending"
	countAvailable  = "available"
	countSales      = "sales"
	countRefunds    = "refunds"
	countDisputes   = "disputes"
	countTax        = "tax"
	countCommission = "commission"
	countPayouts    = "payouts"
	countLines      = "lines"
)

// moves is what a line adds to its day.
func (l *Line) moves() []platform.Move {
	var all []platform.Move
	add := func(counter string, n int64) {
		if n != 0 {
			all = append(all,
				platform.Move{Counter: counter, Delta: n, Floor: platform.NoFloor})
		}
	}
	add(countPending, l.Pending)
	add(countAvailable, l.Available)
	switch l.Kind {
	case kindCapture:
		add(countSales, l.Gross)
	case kindRefund, kindReturn: // what comes back was no refund
		add(countRefunds, -l.Gross)
	case kindDispute, kindDisputeReturn:
		add(countDisputes, -l.Gross)
	case kindPayout, kindReversal:
		add(countPayouts, -l.Available)
	}
	add(countTax, l.Tax)
	add(countCommission, l.Commission)
	add(countLines, 1)
	return all
}

// Totals is what the lines of a period add up to, in minor units. What the dealer's balance changed
// by is sales less refunds, disputes, tax, commission and payouts.
type Totals struct {
	Sales      int64 `json:"sales" doc:"taken from customers"`
	Refunds    int64 `json:"refunds" doc:"given back to them"`
	Disputes   int64 `json:"disputes" doc:"taken back by banks, less what they reinstated"`
	Tax        int64 `json:"tax" doc:"of sales less refunds and disputes"`
	Commission int64 `json:"commission" doc:"of sales less refunds and disputes"`
	Payouts    int64 `json:"payouts" doc:"less those that came back"`
	Lines      int64 `json:"lines"`
}

// add adds the counters of a day.
func (t *Totals) add(day map[string]int64) {
	t.Sales += day[countSales]
	t.Refunds += day[countRefunds]
	t.Disputes += day[countDisputes]
	t.Tax += day[countTax]
	t.Commission += day[countCommission]
	t.Payouts += day[countPayouts]
	t.Lines += day[countLines]
}
