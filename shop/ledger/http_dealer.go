package ledger

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// DealerIn names a dealer.
type DealerIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetBalanceOut answers GET /v1/dealers/{id}/balance.
type GetBalanceOut struct {
	Body struct {
		Dealer   shop.ID   `json:"dealer"`
		Accounts []Account `json:"accounts" maxItems:"200" doc:"one a currency"`
	}
}

// GetBalance answers GET /v1/dealers/{id}/balance, for the dealer and administrators.
func (s *Service) GetBalance(ctx context.Context, in *DealerIn) (*GetBalanceOut, error) {
	all, err := s.Accounts(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	out := &GetBalanceOut{}
	out.Body.Dealer, out.Body.Accounts = shop.ID(in.ID), all
	if all == nil {
		out.Body.Accounts = []Account{}
	}
	return out, nil
}

// GetStatementIn asks for a page of a dealer's statement.
type GetStatementIn struct {
	ID       string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Currency string `query:"currency" pattern:"^[A-Z]{3}$" required:"true"`
	From     string `query:"from" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" required:"true" doc:"the first day, in UTC"`
	To       string `query:"to" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" required:"true" doc:"the first day that is not in it"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor   string `query:"cursor" pattern:"^([0-9]{20}\\.[A-Za-z0-9_-]{1,64})?$" doc:"next of the page before"`
}

// GetStatementOut answers GET /v1/dealers/{id}/statement.
type GetStatementOut struct {
	Body StatementPage
}

// StatementPage is a statement with a page of its lines. Balances and totals are of the whole term,
// on every page.
type StatementPage struct {
	Statement
	Lines []Line `json:"lines" maxItems:"1000"`
	Next  string `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
}

// GetStatement answers GET /v1/dealers/{id}/statement, for the dealer and administrators.
func (s *Service) GetStatement(
	ctx context.Context, in *GetStatementIn,
) (*GetStatementOut, error) {
	t, err := NewTerm(in.From, in.To)
	if err != nil {
		return nil, err
	}
	dealer, currency := shop.ID(in.ID), shop.Currency(in.Currency)
	st, err := s.Statement(ctx, dealer, currency, t)
	if err != nil {
		return nil, err
	}
	lines, next, err := s.Lines(ctx, dealer, currency, t, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &GetStatementOut{Body: StatementPage{Statement: *st, Lines: lines, Next: next}}, nil
}

// GetStatementCSVOut answers GET /v1/dealers/{id}/statement.csv.
type GetStatementCSVOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Next        string `header:"Next-Cursor" doc:"the cursor of the next page, if there may be one"`
	Body        []byte
}

// GetStatementCSV answers GET /v1/dealers/{id}/statement.csv: a page of the lines, with the names
// of the columns before the first page only, so that pages are simply put together.
func (s *Service) GetStatementCSV(
	ctx context.Context, in *GetStatementIn,
) (*GetStatementCSVOut, error) {
	t, err := NewTerm(in.From, in.To)
	if err != nil {
		return nil, err
	}
	lines, next, err := s.Lines(
		ctx, shop.ID(in.ID), shop.Currency(in.Currency), t, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if in.Cursor == "" {
		_ = w.Write(Columns()) // a buffer never fails
	}
	for i := range lines {
		_ = w.Write(lines[i].Row(shop.Currency(in.Currency)))
	}
	w.Flush()
	name := "statement-" + in.ID + "-" + in.Currency + "-" + in.From + ".csv"
	return &GetStatementCSVOut{
		ContentType: "text/csv; charset=utf-8; header=present", Next: next, Body: b.Bytes(),
		Disposition: `attachment; filename="` + name + `"`,
	}, nil
}

// Columns names the columns of a statement as a table. Amounts are minor units, above zero in the
// dealer's favour.
func Columns() []string {
	return []string{
		"at", "kind", "order", "shipment", "payout", "currency", "gross", "tax", "commission",
		"pending", "available", "transaction", "cause",
	}
}

// Row is the line in a table of Columns.
func (l *Line) Row(c shop.Currency) []string {
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		l.At.UTC().Format(time.RFC3339Nano), l.Kind, string(l.Order), string(l.Shipment),
		string(l.Payout), string(c), n(l.Gross), n(l.Tax), n(l.Commission), n(l.Pending),
		n(l.Available), string(l.Transaction), l.Cause,
	}
}

// TermsOut answers /v1/dealers/{id}/terms.
type TermsOut struct {
	Body TermsView
}

// TermsView is what the market takes of a dealer's goods, and took. Before the first period, and
// where there is none, it is what each product says.
type TermsView struct {
	Dealer  shop.ID  `json:"dealer"`
	Periods []Period `json:"periods" maxItems:"500" doc:"oldest first; each until the next one's beginning"`
}

func viewTerms(t *Terms) *TermsOut {
	v := TermsView{Dealer: t.Dealer, Periods: t.Periods}
	if v.Periods == nil {
		v.Periods = []Period{}
	}
	return &TermsOut{Body: v}
}

// GetTerms answers GET /v1/dealers/{id}/terms, for the dealer and administrators.
func (s *Service) GetTerms(ctx context.Context, in *DealerIn) (*TermsOut, error) {
	t, err := s.Terms(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return viewTerms(t), nil
}

// PutTermsIn sets a dealer's terms.
type PutTermsIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body struct {
		CommissionBPS int64      `json:"commissionBps" minimum:"0" maximum:"10000"`
		From          *time.Time `json:"from,omitempty" doc:"a minute from now at the earliest, and if it is left out"`
	}
}

// PutTerms answers PUT /v1/dealers/{id}/terms, for administrators and machines.
func (s *Service) PutTerms(ctx context.Context, in *PutTermsIn) (*TermsOut, error) {
	var from time.Time
	if in.Body.From != nil {
		from = *in.Body.From
	}
	t, err := s.SetTerms(ctx, shop.ID(in.ID), in.Body.CommissionBPS, from)
	if err != nil {
		return nil, err
	}
	return viewTerms(t), nil
}

// PayeeOut answers /v1/dealers/{id}/payee.
type PayeeOut struct {
	Body PayeeView
}

// PayeeView is where a dealer's payouts go, without what names the account at the provider.
type PayeeView struct {
	Dealer      shop.ID    `json:"dealer"`
	Destination shop.ID    `json:"destination"`
	Label       string     `json:"label,omitempty" doc:"what may be shown of the account"`
	Schedule    string     `json:"schedule" enum:"manual,daily,weekly,monthly"`
	Blocked     bool       `json:"blocked,omitempty" doc:"it refused a payout: name it again, or another"`
	NextPayout  *time.Time `json:"nextPayout,omitempty" doc:"by schedule; shown when the payee is asked for"`
}

func viewPayee(p *Payee, blocked bool) *PayeeOut {
	return &PayeeOut{Body: PayeeView{
		Dealer: p.Dealer, Destination: p.Destination, Label: p.Label, Schedule: p.Schedule,
		Blocked: blocked,
	}}
}

// GetPayee answers GET /v1/dealers/{id}/payee, for the dealer and administrators.
func (s *Service) GetPayee(ctx context.Context, in *DealerIn) (*PayeeOut, error) {
	p, blocked, err := s.Payee(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	out := viewPayee(p, blocked)
	if at := nextPayout(p.Schedule, s.desk.Clock.Now()); !at.IsZero() {
		out.Body.NextPayout = &at
	}
	return out, nil
}

// PutPayeeIn names the account to which a dealer's money goes.
type PutPayeeIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body struct {
		Token    string `json:"token" maxLength:"64" doc:"that the provider gave for the account: ba_…, never the account's number"`
		Schedule string `json:"schedule" enum:"manual,daily,weekly,monthly"`
	}
}

// PutPayee answers PUT /v1/dealers/{id}/payee, for the dealer and administrators.
func (s *Service) PutPayee(ctx context.Context, in *PutPayeeIn) (*PayeeOut, error) {
	p, err := s.SetPayee(ctx, shop.ID(in.ID), in.Body.Token, in.Body.Schedule)
	if err != nil {
		return nil, err
	}
	return viewPayee(p, false), nil
}
