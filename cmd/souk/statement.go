package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
)

// statementCommand prints a dealer's statement from a data directory.
type statementCommand struct {
	Dealer   string `arg:"" help:"The dealer, as in dlr_lamps."`
	Currency string `default:"GBP" help:"Which currency."`
	From     string `help:"The first day, as in 2026-11-01, in UTC; 30 days before --to when it is left out."`
	To       string `help:"The first day that is not in it; tomorrow when it is left out."`
	CSV      bool   `name:"csv" help:"A table with every line, for a spreadsheet."`
	Data     string `default:"./data" help:"Data directory; no server may have it open." type:"path"`
}

// Validate refuses what nobody can be called.
func (c *statementCommand) Validate() error {
	_, err := shop.ParseID(c.Dealer)
	return err
}

// term is what the days on the command line stand for.
func (c *statementCommand) term() (ledger.Term, error) {
	const month = 30
	to, from := c.To, c.From
	if to == "" {
		to = time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	}
	if from == "" {
		end, err := time.Parse(time.DateOnly, to)
		if err != nil {
			return ledger.Term{}, fmt.Errorf("%q is no day as in 2026-11-30", to)
		}
		from = end.AddDate(0, 0, -month).Format(time.DateOnly)
	}
	return ledger.NewTerm(from, to)
}

// Run implements the command.
func (c *statementCommand) Run(e *env) error {
	term, err := c.term()
	if err != nil {
		return err
	}
	r, err := openReading(e, c.Data, time.Time{})
	if err != nil {
		return err
	}
	return errors.Join(c.print(e, r, term), r.close())
}

func (c *statementCommand) print(e *env, r *reading, term ledger.Term) error {
	ctx := room.WithCaller(e.ctx, room.Caller{ID: "operator", Role: room.Admin()})
	dealer, currency := shop.ID(c.Dealer), shop.Currency(c.Currency)
	st, err := r.app.Ledger.Statement(ctx, dealer, currency, term)
	if err != nil {
		return err
	}
	if c.CSV {
		return c.table(ctx, e, r.app.Ledger, term)
	}
	page := ledger.StatementPage{Statement: *st, Lines: []ledger.Line{}}
	err = c.each(ctx, r.app.Ledger, term, func(l ledger.Line) error {
		page.Lines = append(page.Lines, l)
		return nil
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.print(page)
	}
	t := &text{w: e.out}
	writeStatement(t, &page)
	return t.err
}

// each reads every line, page by page.
func (c *statementCommand) each(
	ctx context.Context, s *ledger.Service, term ledger.Term, fn func(l ledger.Line) error,
) error {
	for cursor := ""; ; {
		lines, next, err := s.Lines(
			ctx, shop.ID(c.Dealer), shop.Currency(c.Currency), term, cursor, ledger.MaxLines)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := fn(l); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

func (c *statementCommand) table(
	ctx context.Context, e *env, s *ledger.Service, term ledger.Term,
) error {
	w := csv.NewWriter(e.out)
	err := w.Write(ledger.Columns())
	if err == nil {
		err = c.each(ctx, s, term, func(l ledger.Line) error {
			return w.Write(l.Row(shop.Currency(c.Currency)))
		})
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

func writeStatement(t *text, p *ledger.StatementPage) {
	money := func(n int64) string {
		return moneyText(shop.Money{Amount: n, Currency: p.Currency})
	}
	t.title("dealer "+string(p.Dealer)+" from "+p.From+" until "+p.To, nil)
	t.line("")
	n := p.Totals
	t.table([]string{"", ">pending", ">available"}, [][]string{
		{"opening", money(p.Opening.Pending), money(p.Opening.Available)},
		{"closing", money(p.Closing.Pending), money(p.Closing.Available)},
	})
	t.line("")
	t.table([]string{"", ">"}, [][]string{
		{"sales", money(n.Sales)}, {"refunds", money(-n.Refunds)},
		{"disputes", money(-n.Disputes)}, {"tax", money(-n.Tax)},
		{"commission", money(-n.Commission)}, {"payouts", money(-n.Payouts)},
		{"lines", strconv.FormatInt(n.Lines, 10)},
	})
	t.heading("lines")
	rows := make([][]string, len(p.Lines))
	for i, l := range p.Lines {
		rows[i] = []string{
			timeText(l.At), l.Kind, string(l.Order + l.Payout), money(l.Gross), money(l.Pending),
			money(l.Available), l.Cause,
		}
	}
	t.table([]string{
		"when", "kind", "order or payout", ">gross", ">pending", ">available", "because of",
	}, rows)
}
