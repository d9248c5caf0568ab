package demo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/demo"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// returns is how long parcels may be returned.
const returns = 4 * time.Second

// open starts an empty shop in memory, with the short patience that suits a demo.
func open(t *testing.T) demo.Config {
	t.Helper()
	cat, clock := event.NewCatalogue(), embedded.SystemClock{}
	p, err := embedded.Open(embedded.Options{Check: app.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := sandbox.Open(sandbox.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	orders := order.DefaultPolicy()
	orders.TTL, orders.ActionTTL = 3*time.Second, time.Millisecond
	orders.ReturnWindow = returns
	bank, err := payer.Open(payer.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(app.Config{
		Platform: p, Catalogue: cat, Clock: clock, Log: slog.New(slog.DiscardHandler),
		IDs:    shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Policy: app.Policy{Order: orders, Patience: -1},
		Payment: payment.Options{
			Name: sandbox.Name, Provider: provider, Describe: sandbox.Describe,
			Policy: payment.Policy{FirstCheck: 50 * time.Millisecond, Missing: 2},
		},
		Payouts: ledger.Options{Name: payer.Name, Provider: bank, Describe: payer.Describe},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		a.Drain()
		server.Close()
		ctx := context.Background()
		if err := errors.Join(a.Close(ctx), p.Close(), provider.Close(), bank.Close()); err != nil {
			t.Error(err)
		}
	})
	return demo.Config{
		Script: demo.Script{Seed: 7, Shoppers: 30, Rush: 24, Length: 300 * time.Millisecond},
		URL:    server.URL, Platform: p, Rooms: a.Rooms(), Catalogue: cat, Ledger: provider.Ledger,
		Payouts: bank.Ledger, Returns: returns,
		Issue: func(ctx context.Context, who room.Caller, life time.Duration) (string, error) {
			return a.Identity.Issue(ctx, who, life)
		},
	}
}

// Goal: a day ends with every order decided, every story told and books that balance. Method: a
// small day on a whole shop in memory, and what the summary counts.
func TestDayEndsInBalance(t *testing.T) {
	t.Parallel()
	cfg := open(t)
	var shown atomic.Int64
	cfg.Show = func(v demo.View) { shown.Add(1) }
	s, err := demo.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := s.Write(&page, false); err != nil {
		t.Fatal(err)
	}
	if !s.Balanced || !strings.HasSuffix(page.String(), "\nbooks balance\n") {
		t.Fatalf("the books do not balance:\n%s", page.String())
	}
	for l := range strings.Lines(page.String()) {
		if n := len(strings.TrimSpace(l)) + 2; n > 80 {
			t.Errorf("%d characters do not fit a terminal: %q", n, l)
		}
	}
	o := s.Orders
	if o.Created != 54 || o.Placed+o.Completed+o.OnHold+o.Cancelled+o.Expired != o.Created {
		t.Errorf("54 shoppers made these orders: %+v", o)
	}
	if o.Expired == 1 { // all but the one who walked away were in time
		told := o.OnHold == 1 && s.Regrets.Refunds == 1 && o.Reasons["payment_failed"] >= 1
		if !told || s.Flash.Sold != 10 {
			t.Errorf("a story is missing: %+v, %+v, %+v", o, s.Regrets, s.Flash)
		}
		wantTale(t, &s.Tale)
	}
	if c := s.DoubleClicks; c.Shoppers < 1 || c.Clicks != 3*c.Shoppers || c.Orders != c.Shoppers {
		t.Errorf("double clicks: %+v", c)
	}
	if l := s.LostAnswers; l.Calls < 1 || l.Resolved != l.Calls || l.Cases != 0 {
		t.Errorf("lost answers: %+v", l)
	}
	if s.Parcels.Delivered < 1 || s.Money.Log.Captured == 0 || s.Money.Log.Refunded == 0 {
		t.Errorf("nothing arrived, or no money moved: %+v %+v", s.Parcels, s.Money)
	}
	if s.Payouts.Paid < 1 || s.Payouts.Amount <= 0 || len(s.Books) != 1 ||
		s.Books[0].Difference != 0 {
		t.Errorf("nobody was paid, or the books are off: %+v %+v", s.Payouts, s.Books)
	}
	if shown.Load() == 0 {
		t.Error("nobody was shown anything")
	}
}

// wantTale requires the order that is followed to have come to its end, and every amount to be what
// the prices make it: nothing of it is left to chance.
func wantTale(t *testing.T, have *demo.Tale) {
	t.Helper()
	var captured, shares int64
	for _, p := range have.Parcels {
		captured += p.Amount
	}
	for _, s := range have.Shares {
		shares += s.Amount
	}
	if !have.Whole() || have.Total != 12000 || captured != have.Total || have.Refunded != 4200 ||
		have.Left != 11 || shares != (12000-4200)*9/10 {
		t.Errorf("the order that is followed: %+v", have)
	}
}

// Goal: what does not balance is said, and the day is then not a success. Method: a provider whose
// ledger has a capture that nobody asked for.
func TestForgedCaptureIsFound(t *testing.T) {
	t.Parallel()
	cfg := open(t)
	honest := cfg.Ledger
	cfg.Ledger = func(fn func(sandbox.Entry) error) error {
		var last sandbox.Entry
		err := honest(func(e sandbox.Entry) error {
			if e.Kind == sandbox.Capture {
				last = e
			}
			return fn(e)
		})
		last.Key, last.Seq = "forged", last.Seq+1_000_000
		return errors.Join(err, fn(last))
	}
	s, err := demo.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := s.Write(&page, false); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if s.Balanced || s.Checks.Clean() || len(s.Faults) == 0 ||
		!strings.HasSuffix(text, "\nbooks do not balance\n") ||
		!strings.Contains(text, "the provider's ledger says") {
		t.Errorf("a forged capture went unnoticed:\n%s", text)
	}
}

// Goal: a day that is stopped ends at once, with an error and with nobody left in the market.
// Method: stop it at the first look.
func TestStoppedDayEnds(t *testing.T) {
	t.Parallel()
	cfg := open(t)
	cfg.Script.Length = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Show = func(demo.View) { cancel() }
	if _, err := demo.Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// Goal: a script that cannot be played is refused before anything happens. Method: both sides of
// each bound.
func TestScriptIsBounded(t *testing.T) {
	t.Parallel()
	good := demo.Script{Shoppers: demo.MinShoppers}
	for _, c := range []struct {
		name   string
		change func(s *demo.Script)
		ok     bool
	}{
		{"the smallest", func(*demo.Script) {}, true},
		{"the most shoppers", func(s *demo.Script) { s.Shoppers = demo.MaxShoppers }, true},
		{"the largest rush", func(s *demo.Script) { s.Rush = demo.MaxShoppers }, true},
		{"too few", func(s *demo.Script) { s.Shoppers-- }, false},
		{"too many", func(s *demo.Script) { s.Shoppers = demo.MaxShoppers + 1 }, false},
		{"a negative rush", func(s *demo.Script) { s.Rush = -1 }, false},
		{"a rush too many", func(s *demo.Script) { s.Rush = demo.MaxShoppers + 1 }, false},
		{"a day before it begins", func(s *demo.Script) { s.Length = -1 }, false},
		{"a day without end", func(s *demo.Script) { s.Length = 2 * time.Hour }, false},
	} {
		s := good
		c.change(&s)
		if err := s.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
