package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: schedules pay at the beginning of the next day, Monday or month in UTC, also across years
// and wherever the clock stands. Method: a table of moments.
func TestNextPayout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schedule, now, want string }{
		{Daily, "2026-11-29T00:00:00Z", "2026-11-30"},
		{Daily, "2026-12-31T23:59:59.999Z", "2027-01-01"},
		{Daily, "2026-11-29T23:30:00-02:00", "2026-12-01"}, // it is the 30th in UTC
		{Weekly, "2026-11-29T12:00:00Z", "2026-11-30"},     // a Sunday
		{Weekly, "2026-11-30T00:00:00Z", "2026-12-07"},     // a Monday
		{Weekly, "2026-12-01T00:00:00Z", "2026-12-07"},     // a Tuesday
		{Monthly, "2026-01-31T10:00:00Z", "2026-02-01"},
		{Monthly, "2026-12-01T00:00:00Z", "2027-01-01"},
		{Manual, "2026-11-29T00:00:00Z", ""},
		{"yearly", "2026-11-29T00:00:00Z", ""},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := nextPayout(c.schedule, now)
		if c.want == "" && !got.IsZero() || c.want != "" && day(got) != c.want || got.Hour() != 0 {
			t.Errorf("%s after %s: %s, want %s", c.schedule, c.now, got, c.want)
		}
	}
}

// Goal: whatever a provider says, and however often, a payout takes only ways that there are, what
// it moves in the books adds up to what really happened, and an answer that does not fit moves
// nothing. Method: every series of three answers, from all that a provider can say.
func TestEveryAnswerToAPayout(t *testing.T) {
	t.Parallel()
	intent := &event.PayoutIntended{
		Payout: "pyt_1", Dealer: "dlr_1", Number: 1, Destination: "dst_1", Payee: 1,
		Amount: shop.Money{Amount: 850, Currency: "GBP"}, Provider: "p", Key: "k",
	}
	answer := func(v Verdict, change func(o *Outcome)) Outcome {
		o := Outcome{Verdict: v, Payout: "pyt_1", Amount: intent.Amount, Reference: "r"}
		if change != nil {
			change(&o)
		}
		return o
	}
	answers := map[string]Outcome{
		"unknown": {}, "missing": {Verdict: Missing}, "on its way": {Verdict: OnItsWay},
		"sent": answer(Sent, nil), "refused": answer(Refused, nil),
		"returned":     answer(Returned, nil),
		"too much":     answer(Sent, func(o *Outcome) { o.Amount.Amount++ }),
		"other money":  answer(Sent, func(o *Outcome) { o.Amount.Currency = "EUR" }),
		"other payout": answer(Sent, func(o *Outcome) { o.Payout = "pyt_2" }),
		"other return": answer(Returned, func(o *Outcome) { o.Amount.Amount-- }),
	}
	fits := func(name string) bool {
		return !strings.HasPrefix(name, "other") && name != "too much"
	}
	for a := range answers {
		for b := range answers {
			for c := range answers {
				series := []string{a, b, c}
				p, books := &Payout{}, make(map[string]int64)
				hear(t, p, books, intent)
				for _, name := range series {
					before := p.Stage
					for _, f := range p.settle(answers[name]) {
						hear(t, p, books, f)
					}
					if !fits(name) && p.Stage != before && p.Stage != StageUnresolved {
						t.Errorf("%v: %s moved the payout to %s", series, name, p.Stage)
					}
				}
				want := map[Stage]string{
					StageIntended: "850 -850 0", StageUnresolved: "850 -850 0",
					StagePaid: "850 0 -850", StageFailed: "0 0 0", StageReturned: "0 0 0",
				}[p.Stage]
				got := fmt.Sprint(books[Payable("dlr_1")], books[InTransit], books[Receivable])
				if got != want {
					t.Errorf("%v leads to %s, and the books hold %s", series, p.Stage, got)
				}
			}
		}
	}
}

// hear applies a fact, and books it.
func hear(t *testing.T, p *Payout, books map[string]int64, f event.Fact) {
	t.Helper()
	p.follow(f)
	posted := booking(f)
	if posted == nil {
		return
	}
	var sum int64
	for _, e := range posted.Entries {
		books[e.Account] += e.Amount
		sum += e.Amount
	}
	if sum != 0 || len(posted.Transaction) > shop.MaxID {
		t.Errorf("%T is booked as %+v", f, posted)
	}
}
