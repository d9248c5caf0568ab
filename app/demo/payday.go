package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
)

// Payouts counts the dealers, and what they were paid in the evening.
type Payouts struct {
	Dealers int   `json:"dealers"`
	Paid    int   `json:"paid"`   // of them
	Amount  int64 `json:"amount"` // minor units
}

// payday waits until the return windows of the day have closed, and has every dealer ask for what
// there is. In a market whose windows stay open for days there is nothing yet, and nobody waits.
func (d *demo) payday(ctx context.Context) error {
	if d.cfg.Returns == 0 {
		return nil
	}
	d.watch.begin("the dealers are paid")
	const closing = 200 * time.Millisecond // of the windows
	if err := pause(ctx, d.cfg.Returns+closing); err != nil {
		return err
	}
	if err := d.quiet(ctx); err != nil {
		return err
	}
	for _, s := range d.stalls {
		if err := d.payOut(ctx, s); err != nil {
			return fmt.Errorf("pay %s: %w", s.dealer, err)
		}
	}
	return d.quiet(ctx)
}

func (d *demo) payOut(ctx context.Context, s stall) error {
	token, err := d.token(ctx, s.dealer, room.Dealer())
	if err != nil {
		return err
	}
	account, err := d.api.do(ctx, request{
		method: "PUT", path: "/v1/dealers/" + string(s.dealer) + "/payee", token: token,
		body: map[string]string{"token": "ba_ok", "schedule": ledger.Weekly},
	})
	if err != nil {
		return err
	}
	var body struct{}
	if err := account.into(&body); err != nil {
		return fmt.Errorf("name an account: %w", err)
	}
	payout, err := d.api.do(ctx, request{
		method: "POST", path: "/v1/payouts", token: token, key: "payday",
		body: map[string]any{"currency": Currency},
	})
	if err != nil || payout.code == ledger.NothingDue {
		return err
	}
	return payout.into(&body)
}

// askBooks fills in what the shop says of payouts and of its books.
func (d *demo) askBooks(ctx context.Context, s *Summary) error {
	s.Payouts.Dealers = len(d.stalls)
	for _, one := range d.stalls {
		a, err := d.api.do(ctx, request{
			method: "GET", path: "/v1/payouts?dealer=" + string(one.dealer), token: d.admin,
		})
		if err != nil {
			return err
		}
		var page struct{ Items []ledger.PayoutView }
		if err := a.into(&page); err != nil {
			return fmt.Errorf("ask for payouts: %w", err)
		}
		for _, p := range page.Items {
			if p.Status == string(ledger.StagePaid) {
				s.Payouts.Paid++
				s.Payouts.Amount += p.Amount.Amount
			}
		}
	}
	a, err := d.api.do(ctx, request{
		method: "GET", path: "/v1/ops/ledger/trial-balance", token: d.admin,
	})
	if err != nil {
		return err
	}
	var trial struct{ Currencies []ledger.TrialBalance }
	if err := a.into(&trial); err != nil {
		return fmt.Errorf("ask for the trial balance: %w", err)
	}
	s.Books = trial.Currencies
	return nil
}

// trial is the trial balance: every account with what it holds, and both sides added up.
func (p *page) trial(books []ledger.TrialBalance) {
	const debits, credits = column + 30, column + 45
	for _, b := range books {
		p.end(p.line().to(margin).put(faint, "trial balance, "+string(b.Currency)).
			right(debits, faint, "debit").right(credits, faint, "credit"))
		for _, a := range b.Accounts {
			l := p.line().to(margin).put(normal, a.Account)
			switch {
			case a.Amount > 0:
				l.right(debits, normal, pounds(a.Amount))
			case a.Amount < 0:
				l.right(credits, normal, pounds(-a.Amount))
			default:
				continue
			}
			p.end(l)
		}
		p.end(p.line().to(margin).put(faint, "together").
			right(debits, strong, pounds(b.Debits)).right(credits, strong, pounds(b.Credits)))
		p.end(p.line())
	}
}
