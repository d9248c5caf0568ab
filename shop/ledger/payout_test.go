package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// till is a ledger whose dealers can be paid.
type till struct {
	t      testing.TB
	w      *roomtest.World
	s      *ledger.Service
	bank   *sandbox.Sandbox
	orders int
}

// ticks never shows the same moment twice, as a machine's clock does not.
type ticks struct {
	platform.Clock
	mu sync.Mutex
	n  time.Duration
}

// Now implements platform.Clock.
func (c *ticks) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.Clock.Now().Add(c.n)
}

func openTill(t testing.TB, opts ...roomtest.Option) *till {
	t.Helper()
	w := roomtest.New(t, opts...)
	bank, err := sandbox.Open(sandbox.Options{Clock: w.Clock})
	if err != nil {
		t.Fatal(err)
	}
	desk := w.Desk("ledger")
	desk.Clock = &ticks{Clock: desk.Clock}
	s := ledger.New(desk, ledger.Options{
		Name: sandbox.Name, Provider: bank, Describe: sandbox.Describe,
	})
	w.Start(t, s)
	return &till{t: t, w: w, s: s, bank: bank}
}

func (d *till) as(who shop.ID) context.Context {
	role := room.Dealer()
	if who == "adm_1" {
		role = room.Admin()
	}
	return d.w.As(d.t, who, role)
}

// payee names an account for dlr_1.
func (d *till) payee(token, schedule string) {
	d.t.Helper()
	if _, err := d.s.SetPayee(d.as("dlr_1"), "dlr_1", token, schedule); err != nil {
		d.t.Fatal(err)
	}
}

// earn completes an order with which dlr_1 earns 850, and returns it.
func (d *till) earn() shop.ID {
	d.t.Helper()
	d.orders++
	id := shop.ID(fmt.Sprintf("ord_e%d", d.orders))
	d.w.Announce(d.t, placed(id, 1), captured(id, 1),
		&event.OrderCompleted{Order: id, Customer: "cus_1"})
	d.w.Settle(d.t)
	return id
}

// ask asks for a payout. The code is "" for success.
func (d *till) ask(who shop.ID, key string) (*ledger.PostPayoutOut, shop.Code) {
	in := &ledger.PostPayoutIn{Key: key}
	in.Body.Dealer, in.Body.Currency = "dlr_1", "GBP"
	out, err := d.s.PostPayout(d.as(who), in)
	if err != nil {
		return nil, shop.CodeOf(err)
	}
	return out, ""
}

// later lets the provider be asked some times, if a call's outcome was lost.
func (d *till) later() {
	d.t.Helper()
	for range 6 {
		d.w.Advance(d.t, 20*time.Second)
	}
}

// newest is dlr_1's newest payout.
func (d *till) newest() ledger.PayoutView {
	d.t.Helper()
	out, err := d.s.GetPayouts(d.as("dlr_1"), &ledger.GetPayoutsIn{Limit: 1})
	if err != nil || len(out.Body.Items) != 1 {
		d.t.Fatalf("the newest payout: %+v, %v", out, err)
	}
	return out.Body.Items[0]
}

// effects lists what the provider did, as "payout 850".
func (d *till) effects() []string {
	d.t.Helper()
	var all []string
	err := d.bank.Ledger(func(e sandbox.Entry) error {
		all = append(all, fmt.Sprintf("%s %d", e.Kind, e.Amount))
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// whole requires what holds of every room at rest.
func (d *till) whole() {
	d.t.Helper()
	d.w.ExpectNoDeadLetters(d.t)
	d.w.FoldEqualsState(d.t, d.s)
	expectBalanced(d.t, d.s)
}

func (d *till) expectAccounts(payable, transit, receivable int64) {
	d.t.Helper()
	for account, want := range map[string]int64{
		ledger.Payable("dlr_1"): payable, ledger.InTransit: transit,
		ledger.Receivable: receivable,
	} {
		got, err := d.s.Balance(d.t.Context(), account, "GBP")
		if err != nil || got.Amount != want {
			d.t.Errorf("%s holds %v (%v), want %d", account, got, err, want)
		}
	}
}

// Goal: by schedule a dealer is paid what has matured, once, whatever is delivered twice, lost or
// late. Method: default faults; three orders mature over two days, one never does.
func TestScheduledPayouts(t *testing.T) {
	t.Parallel()
	d := openTill(t)
	d.payee("ba_ok", ledger.Daily)
	d.earn()
	d.earn()
	d.w.Announce(t, placed("ord_p", 1), captured("ord_p", 1)) // its return window is open
	d.w.Advance(t, 24*time.Hour)
	if got := d.effects(); !slices.Equal(got, []string{"payout 1700"}) {
		t.Errorf("after the first day: %v", got)
	}
	d.earn()
	d.w.Advance(t, 24*time.Hour)
	d.w.Advance(t, 24*time.Hour) // nothing has matured since
	if got := d.effects(); !slices.Equal(got, []string{"payout 1700", "payout 850"}) {
		t.Errorf("after the third day: %v", got)
	}
	d.expectAccounts(0, 0, 4*1200-2550)
	expectBalances(t, d.s, map[string]int64{ledger.Pending("dlr_1"): -850})
	if p := d.newest(); p.Status != "paid" || p.Number != 2 || p.Due == "" {
		t.Errorf("the newest payout: %+v", p)
	}
	d.whole()
}

// Goal: whatever the provider does, a payout has its effect at most once, and the books end with
// what really happened. Method: one payout to each magic account, and time until nothing is open.
func TestEveryFateOfAPayout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token, status string
		effects       []string
		payable       int64 // afterwards
		receivable    int64
	}{
		{"ba_ok", "paid", []string{"payout 850"}, 0, 350},
		{"ba_refused", "failed", nil, -850, 1200},
		{"ba_timeout", "paid", []string{"payout 850"}, 0, 350},
		{"ba_paid_then_timeout", "paid", []string{"payout 850"}, 0, 350},
		{"ba_lying_status", "paid", []string{"payout 850"}, 0, 350},
		{"ba_silent", "paid", []string{"payout 850"}, 0, 350},
		{"ba_slow", "paid", []string{"payout 850"}, 0, 350},
		{"ba_returned", "returned", []string{"payout 850", "return 850"}, -850, 1200},
		{"ba_wrong_amount", "paid", []string{"payout 850"}, 0, 350},
		{"ba_wrong_payout", "paid", []string{"payout 850"}, 0, 350},
	} {
		t.Run(c.token, func(t *testing.T) {
			t.Parallel()
			d := openTill(t)
			d.earn()
			d.payee(c.token, ledger.Manual)
			if _, code := d.ask("dlr_1", "k1"); code != "" {
				t.Fatalf("asking for a payout: %s", code)
			}
			for range 12 {
				d.w.Advance(t, 20*time.Minute)
			}
			for range 4 {
				d.w.Advance(t, 24*time.Hour)
			}
			if p := d.newest(); p.Status != c.status || p.Doubt != "" {
				t.Errorf("the payout: %+v", p)
			}
			if got := d.effects(); !slices.Equal(got, c.effects) {
				t.Errorf("the provider did %v", got)
			}
			d.expectAccounts(c.payable, 0, c.receivable)
			open, err := d.s.GetOpenPayouts(d.as("adm_1"), &ledger.GetOpenPayoutsIn{Limit: 10})
			if err != nil || len(open.Body.Items) != 0 {
				t.Errorf("still open: %+v, %v", open, err)
			}
			d.whole()
		})
	}
}

// Goal: a refund of what was paid out makes the balance negative; later sales make it good, and
// nothing is paid out before, or below the minimum. Method: pay, refund, sell again.
func TestNegativeBalanceIsRecovered(t *testing.T) {
	t.Parallel()
	d := openTill(t)
	d.payee("ba_ok", ledger.Manual)
	first := d.earn()
	if _, code := d.ask("dlr_1", "k1"); code != "" {
		t.Fatalf("the first payout: %s", code)
	}
	d.later()
	d.w.Announce(t, refunded(first, 1, "rfn_1", 1200))
	d.w.Settle(t)
	d.expectAccounts(850, 0, -850)
	if _, code := d.ask("dlr_1", "k2"); code != ledger.NothingDue {
		t.Errorf("a payout of less than nothing: %q", code)
	}
	d.earn() // exactly nothing is left
	if _, code := d.ask("dlr_1", "k3"); code != ledger.NothingDue {
		t.Errorf("a payout of nothing: %q", code)
	}
	second := d.earn()
	d.w.Announce(t, refunded(second, 1, "rfn_2", 1060)) // 99 of 850 are left
	d.w.Settle(t)
	if left, err := d.s.Balance(t.Context(), ledger.Payable("dlr_1"), "GBP"); err != nil ||
		left.Amount != -99 {
		t.Fatalf("payable: %v, %v", left, err)
	}
	if _, code := d.ask("dlr_1", "k4"); code != ledger.NothingDue {
		t.Errorf("a payout below the minimum: %q", code)
	}
	d.earn()
	if _, code := d.ask("dlr_1", "k5"); code != "" {
		t.Errorf("a payout of what was recovered: %q", code)
	}
	d.later()
	if got := d.effects(); !slices.Equal(got, []string{"payout 850", "payout 949"}) {
		t.Errorf("the provider did %v", got)
	}
	d.whole()
}

// Goal: a payout is refused, with a code that says why, where it must be; and an account that
// refused one is not paid to until the dealer names it again.
// Method: ask without an account, with nothing, while one is in doubt, and after a refusal.
func TestPayoutsThatAreRefused(t *testing.T) {
	t.Parallel()
	d := openTill(t, roomtest.Calm())
	expect := func(who shop.ID, key string, want shop.Code) {
		t.Helper()
		if _, code := d.ask(who, key); code != want {
			t.Errorf("%s asks with %s: %q, want %q", who, key, code, want)
		}
		d.w.Settle(t)
	}
	d.earn()
	expect("dlr_1", "k1", ledger.NoPayee)
	expect("dlr_2", "k1", shop.NotFound)
	d.payee("ba_refused", ledger.Manual)
	expect("adm_1", "k2", "")
	expect("dlr_1", "k3", ledger.NoPayee)
	if _, blocked, err := d.s.Payee(d.as("dlr_1"), "dlr_1"); err != nil || !blocked {
		t.Errorf("the account that refused is not blocked: %v", err)
	}
	d.payee("ba_refused", ledger.Manual) // the dealer insists
	expect("dlr_1", "k4", "")
	d.payee("ba_silent", ledger.Manual)
	expect("dlr_1", "k5", "")
	expect("dlr_1", "k6", ledger.PayoutOpen)
	d.payee("ba_ok", ledger.Manual) // does not turn away what is on its way
	d.w.Advance(t, 10*time.Minute)
	expect("dlr_1", "k7", ledger.NothingDue)
	if got := d.effects(); !slices.Equal(got, []string{"payout 850"}) {
		t.Errorf("the provider did %v", got)
	}
	d.whole()
}

// Goal: asking again with the same key is answered byte for byte with the same, and asking for
// another thing with it is refused. Method: the same request three times, with another in between.
func TestPayoutsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	d := openTill(t, roomtest.Calm())
	d.payee("ba_ok", ledger.Manual)
	d.earn()
	first, code := d.ask("dlr_1", "k1")
	if code != "" || first.Status != 202 {
		t.Fatalf("%+v %s", first, code)
	}
	d.w.Settle(t)
	d.earn()
	again, code := d.ask("dlr_1", "k1")
	if code != "" || string(again.Body) != string(first.Body) {
		t.Errorf("asked again: %s, %q", again.Body, code)
	}
	in := &ledger.PostPayoutIn{Key: "k1"}
	in.Body.Currency = "EUR"
	if _, err := d.s.PostPayout(d.as("dlr_1"), in); shop.CodeOf(err) != shop.KeyReused {
		t.Errorf("another request with the key: %v", err)
	}
	d.w.Settle(t)
	if got := d.effects(); !slices.Equal(got, []string{"payout 850"}) {
		t.Errorf("the provider did %v", got)
	}
}

// Goal: however many ask at once, and whatever matures and goes back meanwhile, no money is paid
// out twice. Method: rounds in which orders mature, refunds come, and six ask under default faults;
// what was paid and what is left must be what was earned.
func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	d := openTill(t)
	d.payee("ba_ok", ledger.Daily)
	const rounds = 4
	var back int64
	for round := range rounds {
		for i := range 6 {
			id := shop.ID(fmt.Sprintf("ord_r%dn%d", round, i))
			d.w.Announce(t, placed(id, 1), captured(id, 1),
				&event.OrderCompleted{Order: id, Customer: "cus_1"})
			if i%3 == 0 {
				d.w.Announce(t, refunded(id, 1, shop.ID(fmt.Sprintf("rfn_%d_%d", round, i)), 240))
				back += 170
			}
		}
		var all sync.WaitGroup
		for n := range 6 {
			all.Go(func() { d.ask("adm_1", fmt.Sprintf("k%d-%d", round, n)) })
		}
		all.Wait()
		d.w.Advance(t, 24*time.Hour)
	}
	var sent int64
	if err := d.bank.Ledger(func(e sandbox.Entry) error {
		sent += e.Amount
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	left, err := d.s.Balance(t.Context(), ledger.Payable("dlr_1"), "GBP")
	if err != nil || sent-left.Amount != rounds*6*850-back {
		t.Errorf("paid %d, left %v (%v), earned %d", sent, left, err, rounds*6*850-back)
	}
	numbers := make(map[int64]bool)
	for _, f := range roomtest.FactsOf[*event.PayoutIntended](t, d.w) {
		if numbers[f.Number] {
			t.Errorf("two payouts have the number %d", f.Number)
		}
		numbers[f.Number] = true
	}
	d.whole()
}
