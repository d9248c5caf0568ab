package verify_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
)

// Goal: whatever people do to orders and to money, in whatever order, nothing is broken after any
// step. Method: seeded sequences of checkouts with every mood of the provider, packing, sending,
// cancelling, holds, refunds, days that pass and payouts to accounts of every fate; all is verified
// after each step. What matters must have happened somewhere.
func TestAnySequenceKeepsTheBooks(t *testing.T) {
	t.Parallel()
	sequences, steps := 300, 18
	switch {
	case os.Getenv("SOUK_SOAK") != "":
		sequences = 10_000
	case testing.Short():
		sequences = 12
	}
	var seen sync.Map // of types of facts, in all sequences
	t.Cleanup(func() {
		for _, f := range []event.Fact{
			&event.OrderCompleted{}, &event.OrderCancelled{}, &event.OrderHeld{},
			&event.PaymentRefunded{}, &event.PaymentVoided{}, &event.PayoutPaid{},
			&event.PayoutFailed{},
		} {
			if _, ok := seen.Load(f.Type()); !ok {
				t.Errorf("in none of %d sequences there is a %s", sequences, f.Type())
			}
		}
	})
	contracts, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range sequences {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := &lives{
				town: newQuietTown(t, 8, 2), chance: rand.New(rand.NewPCG(uint64(seed), 7)),
			}
			var told []string
			for range steps {
				told = append(told, l.step())
				r, err := verify.Run(t.Context(), verify.Input{
					History: l.w.Raw.History(), Delivery: l.w.Raw.Delivery(),
					Rooms: l.app.Rooms(), Catalogue: l.w.Catalogue, Contracts: contracts,
					Quiescent: true, Provider: entries(l.provider.Ledger),
					Payouts: paidOut(l.payer.Ledger),
				})
				if err != nil {
					t.Fatal(err)
				}
				if !r.Clean() || r.Open() > 0 {
					t.Fatalf("after %v:\n%s", told, r)
				}
			}
			for _, e := range l.w.Events(t) {
				seen.Store(e.Type, true)
			}
		})
	}
}

// lives is a town in which anything may come next.
type lives struct {
	*town
	chance *rand.Rand
	asked  int
}

// step lets one thing happen, and everything that follows; it says what. Each may be refused, as in
// life.
func (l *lives) step() string {
	steps := []struct {
		name string
		do   func()
	}{
		{"orders", l.someOrders}, {"orders", l.someOrders}, {"packing", l.wrap},
		{"sending", l.send}, {"sending", l.send},
		{"a cancellation", func() {
			_, _ = l.app.Order.Cancel(l.admin(), l.one(), "changed_mind")
		}},
		{"a hold", func() { _, _ = l.app.Order.Hold(l.admin(), l.one(), "fraud") }},
		{"an approval", func() { _, _ = l.app.Order.Approve(l.admin(), l.one()) }},
		{"a refund", l.aRefund}, {"a refund", l.aRefund},
		{"an hour", func() { l.advance(time.Hour) }},
		{"a day", func() { l.advance(24 * time.Hour) }},
		{"a fortnight", func() { l.advance(15 * 24 * time.Hour) }},
		{"a fortnight", func() { l.advance(15 * 24 * time.Hour) }},
		{"payouts", l.somePayouts}, {"payouts", l.somePayouts},
	}
	s := steps[l.chance.IntN(len(steps))]
	s.do()
	l.settle()
	return s.name
}

// send packs, sends and delivers most of what there is.
func (l *lives) send() {
	l.wrap()
	for _, id := range l.orders {
		for n := 1; n <= dealers; n++ {
			parcel := fulfilment.ID(id, n)
			if l.chance.IntN(8) > 0 { // it may not be there, or not be ready
				_, _ = l.app.Fulfilment.Dispatch(l.admin(), staff(), parcel, "RM 1")
				_, _ = l.app.Fulfilment.Deliver(l.admin(), staff(), parcel)
			}
		}
	}
}

// one is a random order, or one that there is not.
func (l *lives) one() shop.ID {
	if len(l.orders) == 0 {
		return "ord_none"
	}
	return l.orders[l.chance.IntN(len(l.orders))]
}

func (l *lives) someOrders() {
	for range 1 + l.chance.IntN(4) {
		n := len(l.orders)
		items := make([]order.Item, 1+l.chance.IntN(3))
		for i := range items {
			items[i] = order.Item{
				SKU: skuOf(l.chance.IntN(l.skus)), Quantity: 1 + l.chance.Int64N(3),
			}
		}
		l.orders = append(l.orders, l.buy(n, l.token(l.chance.IntN(200)), items...))
	}
}

// aRefund gives a few cents, or much, of some parcel back.
func (l *lives) aRefund() {
	id := l.one()
	l.asked++
	in := &payment.PostRefundIn{ID: string(payment.Of(id)), Key: fmt.Sprintf("back-%d", l.asked)}
	in.Body.Shipment = shop.ID(fmt.Sprintf("shp_%s_%d", id[len("ord_"):], 1+l.chance.IntN(2)))
	in.Body.Reason = "damaged"
	in.Body.Amount = shop.Money{Amount: 1 + l.chance.Int64N(900), Currency: "GBP"}
	_, _ = l.app.Payment.PostRefund(l.admin(), in)
}

func (l *lives) somePayouts() {
	for i := range dealers {
		l.asked++
		in := &ledger.PostPayoutIn{Key: fmt.Sprintf("pay-%d", l.asked)}
		in.Body.Dealer, in.Body.Currency = dealerOf(i), "GBP"
		_, _ = l.app.Ledger.PostPayout(l.admin(), in)
	}
}
