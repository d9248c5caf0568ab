package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// accountPage is what an account of the books holds, and its last postings.
type accountPage struct {
	Account  string       `json:"account"`
	AsOf     *time.Time   `json:"asOf,omitempty"`
	Balances []shop.Money `json:"balances"` // debits above zero, credits below
	Postings []posting    `json:"postings"` // the last ones, oldest first
	Earlier  int          `json:"earlier"`  // postings before those
}

// posting is one side of a transaction, and the account's balance after it.
type posting struct {
	Time        time.Time  `json:"time"`
	Transaction shop.ID    `json:"transaction"`
	Kind        string     `json:"kind"`
	Order       shop.ID    `json:"order,omitempty"`
	Payout      shop.ID    `json:"payout,omitempty"`
	Amount      shop.Money `json:"amount"`
	Balance     shop.Money `json:"balance"`
	Cause       string     `json:"cause"` // the event that was booked
}

// account adds up the transactions that touch one account.
func (r *reading) account(ctx context.Context, name string, limit int) (*accountPage, error) {
	needle, err := json.Marshal(name) // as it stands in the events
	if err != nil {
		return nil, err
	}
	p := &accountPage{Account: name, AsOf: r.asOf(), Postings: []posting{}}
	err = r.log(ctx, func(e platform.Event) error {
		if event.Room(e.Type) != "ledger" || !bytes.Contains(e.Data, needle) {
			return nil
		}
		f, err := room.FactOf(r.cat, e)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
		posted, ok := f.(*event.LedgerPosted)
		if !ok {
			return nil
		}
		p.note(e, posted, limit)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(p.Postings) == 0 {
		return nil, shop.Errorf(shop.NotFound, "nothing was booked on %q%s", name, r.until()).
			WithHint("the accounts are %s, %s, %s, %s, %s, %s, %s and %s",
				ledger.Authorised, ledger.AuthorisedContra, ledger.Receivable, ledger.Commission,
				ledger.TaxPayable, ledger.InTransit, ledger.Pending("DEALER"),
				ledger.Payable("DEALER"))
	}
	return p, nil
}

// note keeps the last postings and the balance of each currency.
func (p *accountPage) note(e platform.Event, f *event.LedgerPosted, limit int) {
	for _, side := range f.Entries {
		if side.Account != p.Account {
			continue
		}
		after := p.add(shop.Money{Amount: side.Amount, Currency: f.Currency})
		if len(p.Postings) == limit {
			p.Postings = append(p.Postings[:0], p.Postings[1:]...)
			p.Earlier++
		}
		p.Postings = append(p.Postings, posting{
			Time: e.Time, Transaction: f.Transaction, Kind: f.Kind, Order: f.Order,
			Payout: f.Payout,
			Amount: shop.Money{Amount: side.Amount, Currency: f.Currency}, Balance: after,
			Cause: f.Cause,
		})
	}
}

// add books an amount and returns the balance of its currency.
func (p *accountPage) add(m shop.Money) shop.Money {
	i := slices.IndexFunc(p.Balances, func(b shop.Money) bool { return b.Currency == m.Currency })
	if i < 0 {
		p.Balances = append(p.Balances, m)
		return m
	}
	p.Balances[i].Amount += m.Amount
	return p.Balances[i]
}

func (p *accountPage) write(t *text) {
	t.title("account "+p.Account, p.AsOf)
	t.line("")
	rows := make([][]string, len(p.Balances))
	for i, b := range p.Balances {
		rows[i] = []string{"balance", moneyText(b), sideText(b.Amount)}
	}
	t.table([]string{"", ">", ""}, rows)
	t.heading("postings" + earlierText(p.Earlier))
	rows = make([][]string, len(p.Postings))
	for i, m := range p.Postings {
		rows[i] = []string{
			timeText(m.Time), m.Kind, string(m.Order + m.Payout), moneyText(m.Amount),
			moneyText(m.Balance), m.Cause,
		}
	}
	t.table([]string{"when", "kind", "order or payout", ">amount", ">balance", "because of"}, rows)
}

func sideText(n int64) string {
	switch {
	case n < 0:
		return "credit"
	case n > 0:
		return "debit"
	}
	return ""
}

// customerPage is the orders of one customer.
type customerPage struct {
	Customer shop.ID    `json:"customer"`
	AsOf     *time.Time `json:"asOf,omitempty"`
	Orders   []orderRow `json:"orders"` // newest first
	More     bool       `json:"more"`   // there are older ones
}

// orderRow is an order in a list.
type orderRow struct {
	Order      shop.ID    `json:"order"`
	CreatedAt  time.Time  `json:"createdAt"`
	Status     string     `json:"status"`
	Payment    string     `json:"paymentStatus"`
	Fulfilment string     `json:"fulfilmentStatus"`
	Total      shop.Money `json:"total"`
}

// customer lists a customer's orders. The order room's own list says which there are; each is
// folded as of the moment.
func (r *reading) customer(ctx context.Context, id shop.ID, limit int) (*customerPage, error) {
	p := &customerPage{Customer: id, AsOf: r.asOf(), Orders: []orderRow{}}
	ctx = room.WithCaller(ctx, room.Caller{ID: id, Role: room.Admin()})
	for cursor := ""; !p.More; {
		list, err := r.app.Order.ListMine(ctx, id, cursor, order.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, v := range list.Orders {
			row, ok, err := r.row(ctx, v.ID)
			if err != nil {
				return nil, err
			}
			if ok && len(p.Orders) == limit {
				p.More = true
				break
			}
			if ok {
				p.Orders = append(p.Orders, row)
			}
		}
		if cursor = list.Next; cursor == "" {
			break
		}
	}
	if len(p.Orders) == 0 {
		return nil, shop.Errorf(shop.NotFound, "customer %q ordered nothing%s", id, r.until())
	}
	return p, nil
}

// row folds an order for a list; false if it did not exist at the moment.
func (r *reading) row(ctx context.Context, id shop.ID) (orderRow, bool, error) {
	o, _, err := r.head(ctx, id)
	if shop.CodeOf(err) == shop.NotFound && err != nil {
		return orderRow{}, false, nil
	}
	if err != nil {
		return orderRow{}, false, err
	}
	return orderRow{
		Order: o.ID, CreatedAt: o.At, Status: o.Status.String(),
		Payment: o.PaymentStatus().String(), Fulfilment: o.FulfilmentStatus().String(),
		Total: shop.Money{Amount: o.Total, Currency: o.Currency},
	}, true, nil
}

func (p *customerPage) write(t *text) {
	t.title("customer "+string(p.Customer), p.AsOf)
	t.line("")
	rows := make([][]string, len(p.Orders))
	for i, o := range p.Orders {
		rows[i] = []string{
			timeText(o.CreatedAt), string(o.Order), o.Status, o.Payment, o.Fulfilment,
			moneyText(o.Total),
		}
	}
	t.table([]string{"ordered", "order", "status", "payment", "fulfilment", ">total"}, rows)
	if p.More {
		t.line("")
		t.line("  there are older ones: --limit")
	}
}
