package ledger_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// term is some days around the moment at which the still clock begins.
func term(t testing.TB, from, to string) ledger.Term {
	t.Helper()
	term, err := ledger.NewTerm(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// allLines reads a statement's lines page by page.
func allLines(
	t roomtest.T, ctx context.Context, s *ledger.Service, dealer shop.ID, in ledger.Term, limit int,
) []ledger.Line {
	t.Helper()
	var all []ledger.Line
	for cursor := ""; ; {
		lines, next, err := s.Lines(ctx, dealer, "GBP", in, cursor, limit)
		if err != nil || len(lines) > limit {
			t.Fatalf("a page of %d lines: %v", len(lines), err)
		}
		all = append(all, lines...)
		if cursor = next; cursor == "" {
			return all
		}
	}
}

// Goal: a dealer's statement shows a payout, what led to it and what went back, with its sources;
// it opens where the day before closed, and closes at what the dealer has.
// Method: one order on the first day; its payout on the second, and a refund after it.
func TestStatement(t *testing.T) {
	t.Parallel()
	d := openTill(t, roomtest.Calm())
	first := d.w.Clock.Now().Format(time.DateOnly)
	second := d.w.Clock.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	third := d.w.Clock.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	d.payee("ba_ok", ledger.Daily)
	order := d.earn()
	d.w.Advance(t, 24*time.Hour)
	d.w.Announce(t, refunded(order, 1, "rfn_1", 333))
	d.w.Settle(t)
	one, err := d.s.Statement(d.as("dlr_1"), "dlr_1", "GBP", term(t, first, second))
	if err != nil || one.Opening != (ledger.Dues{}) || !one.Final ||
		one.Closing != (ledger.Dues{Available: 850}) ||
		one.Totals != (ledger.Totals{Sales: 1200, Tax: 200, Commission: 150, Lines: 2}) {
		t.Errorf("the first day: %+v, %v", one, err)
	}
	two, err := d.s.Statement(d.as("dlr_1"), "dlr_1", "GBP", term(t, second, third))
	if err != nil || two.Opening != one.Closing || two.Final ||
		two.Closing != (ledger.Dues{Available: -236}) ||
		two.Totals != (ledger.Totals{
			Refunds: 333, Tax: -55, Commission: -42, Payouts: 850, Lines: 2,
		}) {
		t.Errorf("the second day: %+v, %v", two, err)
	}
	var told []string
	for _, l := range allLines(t, d.as("adm_1"), d.s, "dlr_1", term(t, first, third), 1) {
		told = append(told, fmt.Sprint(l.Kind, " ", l.Order, " ", l.Gross, " ", l.Pending, " ",
			l.Available))
		if l.Cause == "" || l.At.IsZero() || l.Order == "" && l.Payout == "" {
			t.Errorf("a line without a source: %+v", l)
		}
	}
	want := "capture ord_e1 1200 850 0|maturity ord_e1 0 -850 850|payout  0 0 -850|" +
		"refund ord_e1 -333 0 -236"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("the lines are\n%s\nwant\n%s", got, want)
	}
	d.whole()
}

// Goal: for any life of a dealer's orders and any term, what a statement opens with, what its lines
// say and what it closes with agree, to the unit; so do its totals, and pages of any size.
// Method: random orders, refunds cent by cent, payouts and days; then random terms.
func TestStatementsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := roomtest.New(rt, roomtest.Calm())
		desk := w.Desk("ledger")
		desk.Clock = &ticks{Clock: desk.Clock}
		s := ledger.New(desk, ledger.Options{Name: "none", Provider: nobody{}})
		ctx := w.As(rt, "dlr_1", room.Dealer())
		if _, err := s.SetPayee(ctx, "dlr_1", "ba_x", ledger.Manual); err != nil {
			rt.Fatalf("%v", err)
		}
		begin := w.Clock.Now()
		for i := range rapid.IntRange(1, 6).Draw(rt, "orders") {
			live(rt, w, s, ctx, shop.ID(fmt.Sprintf("ord_%d", i)))
		}
		from := rapid.IntRange(-1, 12).Draw(rt, "from")
		days := rapid.IntRange(1, 14).Draw(rt, "days")
		in := ledger.Term{From: midnight(begin, from), To: midnight(begin, from+days)}
		st, err := s.Statement(ctx, "dlr_1", "GBP", in)
		if err != nil {
			rt.Fatalf("%v", err)
		}
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		got, sums := st.Opening, ledger.Totals{}
		for _, l := range allLines(rt, ctx, s, "dlr_1", in, limit) {
			got.Pending, got.Available = got.Pending+l.Pending, got.Available+l.Available
			sums.Lines++
			if l.At.Before(in.From) || !l.At.Before(in.To) {
				rt.Fatalf("a line of another term: %+v", l)
			}
		}
		if got != st.Closing || sums.Lines != st.Totals.Lines {
			rt.Fatalf("lines lead from %+v to %+v, not to %+v", st.Opening, got, st.Closing)
		}
		n := st.Totals
		changed := st.Closing.Pending + st.Closing.Available - st.Opening.Pending -
			st.Opening.Available
		if changed != n.Sales-n.Refunds-n.Tax-n.Commission-n.Payouts {
			rt.Fatalf("totals say otherwise: %+v", st)
		}
		all := ledger.Term{From: midnight(begin, -1), To: midnight(begin, 60)}
		whole, err := s.Statement(ctx, "dlr_1", "GBP", all)
		if err != nil || whole.Opening != (ledger.Dues{}) {
			rt.Fatalf("before everything there is %+v, %v", whole, err)
		}
		expectBalanced(rt, s)
	})
}

func midnight(at time.Time, days int) time.Time {
	y, m, d := at.UTC().Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC)
}

// nobody is a provider that is never heard of.
type nobody struct{}

// Pay implements ledger.Provider.
func (nobody) Pay(context.Context, ledger.Request) (ledger.Outcome, error) {
	return ledger.Outcome{}, platform.ErrThrottled
}

// Status implements ledger.Provider.
func (nobody) Status(context.Context, string) (ledger.Outcome, error) {
	return ledger.Outcome{}, platform.ErrThrottled
}

// live brings an order of one parcel some way, with time between the steps.
func live(
	t *rapid.T, w *roomtest.World, s *ledger.Service, ctx context.Context, id shop.ID,
) {
	f := placed(id, 1)
	facts := []event.Fact{f, captured(id, 1)}
	left := int64(1200)
	for n := range rapid.IntRange(0, 3).Draw(t, "refunds") {
		cents := rapid.Int64Range(1, min(left, 400)).Draw(t, "cents")
		left -= cents
		facts = append(facts, refunded(id, 1, shop.ID(fmt.Sprintf("rfn_%d", n)), cents))
	}
	done := &event.OrderCompleted{Order: id, Customer: "cus_1"}
	at := rapid.IntRange(2, len(facts)).Draw(t, "completed")
	facts = append(facts[:at:at], append([]event.Fact{done}, facts[at:]...)...)
	for i, f := range facts {
		if err := deliver(t, s, f, fmt.Sprintf("%s/%d", id, i)); err != nil {
			t.Fatalf("%T: %v", f, err)
		}
		w.Manual.Advance(time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
	}
	in := &ledger.PostPayoutIn{Key: string(id)}
	in.Body.Currency = "GBP"
	if rapid.Bool().Draw(t, "payout") {
		_, _ = s.PostPayout(ctx, in) // there may be nothing to pay, or one on its way
	}
}

// Goal: a cent that rounding made can be refunded, and the shares go back exactly: refunding a
// parcel cent by cent takes back what the market and the tax office got, to the last unit.
// Method: a parcel of an odd price, refunded by single units in 101 refunds.
func TestRefundsOfSingleCents(t *testing.T) {
	t.Parallel()
	_, s := open(t, roomtest.Calm())
	f := placed("ord_a", 1)
	p := &f.Parcels[0]
	p.Items, p.Tax, p.Amount, p.Commission, f.Total = 84, 17, 101, 8, 101
	c := captured("ord_a", 1)
	c.Amount = gbp(101)
	expectNil(t, deliver(t, s, f, "e1"))
	expectNil(t, deliver(t, s, c, "e2"))
	for n := range 101 {
		one := refunded("ord_a", 1, shop.ID(fmt.Sprintf("rfn_%d", n)), 1)
		expectNil(t, deliver(t, s, one, fmt.Sprintf("r%d", n)))
		expectBalanced(t, s)
	}
	expectBalances(t, s, map[string]int64{
		ledger.Receivable: 0, ledger.Commission: 0, ledger.TaxPayable: 0,
		ledger.Pending("dlr_1"): 0,
	})
	more := refunded("ord_a", 1, "rfn_more", 1)
	if err := deliver(t, s, more, "r"); shop.CodeOf(err) != shop.Illegal {
		t.Errorf("one cent more: %v", err)
	}
}

// Goal: what was booked before statements were kept stands in the opening balance, in no line.
// Method: a transaction of the first form, as it is folded from an old log.
func TestStatementsOpenWithWhatIsOlder(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	old := w.Catalogue.Upcast(&event.LedgerPostedV1{
		Transaction: "txn_capture_old_1", Kind: "capture", Order: "ord_old", Currency: "GBP",
		Cause: "payment/pay_old/3",
		Entries: []event.Entry{
			{Account: ledger.Receivable, Amount: 100},
			{Account: ledger.Pending("dlr_1"), Amount: -100},
		},
		Splits: []event.ParcelSplit{{Shipment: "shp_old_1", Dealer: "dlr_1", Amount: 100}},
	})
	desk := w.Desk("ledger")
	desk.Apply = s.Apply
	expectNil(t, desk.Do(t.Context(), room.Cause{}, func(
		ctx context.Context, tx *room.Tx,
	) error {
		return tx.Announce(ctx, old, 1)
	}))
	expectNil(t, deliver(t, s, placed("ord_a", 1), "e1"))
	expectNil(t, deliver(t, s, captured("ord_a", 1), "e2"))
	day := w.Clock.Now().Format(time.DateOnly)
	next := w.Clock.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	ctx := w.As(t, "dlr_1", room.Dealer())
	st, err := s.Statement(ctx, "dlr_1", "GBP", term(t, day, next))
	if err != nil || st.Opening.Pending != 100 || st.Closing.Pending != 950 ||
		st.Totals.Lines != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	w.FoldEqualsState(t, s)
}

// Goal: the table has every line once, under its columns, however it is cut into pages; and to
// others there is no dealer. Method: three orders, pages of two lines, and another dealer.
func TestStatementAsATable(t *testing.T) {
	t.Parallel()
	d := openTill(t, roomtest.Calm())
	for range 3 {
		d.earn()
	}
	in := &ledger.GetStatementIn{
		ID: "dlr_1", Currency: "GBP", Limit: 2, From: d.w.Clock.Now().Format(time.DateOnly),
		To: d.w.Clock.Now().AddDate(0, 0, 1).Format(time.DateOnly),
	}
	var whole strings.Builder
	for {
		out, err := d.s.GetStatementCSV(d.as("dlr_1"), in)
		if err != nil {
			t.Fatal(err)
		}
		whole.Write(out.Body)
		if in.Cursor = out.Next; in.Cursor == "" {
			break
		}
	}
	rows, err := csv.NewReader(strings.NewReader(whole.String())).ReadAll()
	if err != nil || len(rows) != 1+6 || rows[0][0] != "at" || rows[6][1] != "maturity" {
		t.Errorf("%d rows, %v:\n%s", len(rows), err, &whole)
	}
	d.payee("ba_ok", ledger.Manual)
	if _, code := d.ask("dlr_1", "k1"); code != "" {
		t.Fatalf("a payout: %s", code)
	}
	for name, err := range map[string]error{
		"a payout": only(d.s.GetPayout(d.as("dlr_2"),
			&ledger.PayoutIn{ID: string(d.newest().ID)})),
		"a table": only(d.s.GetStatementCSV(d.as("dlr_2"), in)),
		"a page":  only(d.s.GetStatement(d.as("dlr_2"), in)),
		"a balance": only(d.s.GetBalance(d.as("dlr_2"),
			&ledger.DealerIn{ID: "dlr_1"})),
		"a payee": only(d.s.GetPayee(d.as("dlr_2"), &ledger.DealerIn{ID: "dlr_1"})),
		"terms":   only(d.s.GetTerms(d.as("dlr_2"), &ledger.DealerIn{ID: "dlr_1"})),
		"payouts": only(d.s.GetPayouts(d.as("dlr_2"),
			&ledger.GetPayoutsIn{Dealer: "dlr_1", Limit: 1})),
	} {
		if shop.CodeOf(err) != shop.NotFound {
			t.Errorf("another dealer asks for %s: %v", name, err)
		}
	}
}

func only[T any](_ T, err error) error { return err }
