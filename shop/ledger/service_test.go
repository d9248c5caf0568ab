package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func open(t roomtest.T, opts ...roomtest.Option) (*roomtest.World, *ledger.Service) {
	t.Helper()
	w := roomtest.New(t, opts...)
	return w, ledger.New(w.Desk("ledger"), ledger.Options{})
}

func gbp(amount int64) shop.Money { return shop.Money{Amount: amount, Currency: "GBP"} }

// placed is an order of so many parcels, of the dealers dlr_1, dlr_2 …: each 1,200 with 200 tax and
// 150 commission, so that the dealer earns 850.
func placed(order shop.ID, parcels int) *event.OrderPlaced {
	f := &event.OrderPlaced{
		Order: order, Customer: "cus_1", Payment: "pay_" + order[4:], Currency: "GBP",
		Total: int64(parcels) * 1200,
	}
	for n := 1; n <= parcels; n++ {
		f.Parcels = append(f.Parcels, event.Parcel{
			Dealer: shop.ID(fmt.Sprintf("dlr_%d", n)), Items: 1000, Tax: 200, Amount: 1200,
			Commission: 150, Lines: []event.ParcelLine{{SKU: "A", Quantity: 1}},
		})
	}
	return f
}

func shipment(order shop.ID, n int) shop.ID {
	return shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], n))
}

func captured(order shop.ID, n int) *event.PaymentCaptured {
	return &event.PaymentCaptured{
		Payment: "pay_" + order[4:], Order: order, Shipment: shipment(order, n),
		Amount: gbp(1200), Key: "k", Reference: "r",
	}
}

func refunded(order shop.ID, n int, refund shop.ID, amount int64) *event.PaymentRefunded {
	return &event.PaymentRefunded{
		Payment: "pay_" + order[4:], Order: order, Refund: refund, Shipment: shipment(order, n),
		Amount: gbp(amount), Key: "k" + string(refund), Reference: "r",
	}
}

func voided(order shop.ID, amount int64) *event.PaymentVoided {
	return &event.PaymentVoided{Payment: "pay_" + order[4:], Order: order, Amount: gbp(amount)}
}

// Goal: an order that is delivered makes its dealers' shares payable, to the unit, and each fact is
// booked once under default faults.
// Method: announce what other rooms would, one after the other and all at once, and read accounts.
func TestFromAuthorisationToMaturity(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed("ord_a", 2), captured("ord_a", 1), captured("ord_a", 2),
		&event.OrderCompleted{Order: "ord_a", Customer: "cus_1"})
	w.Settle(t)
	w.ExpectTypes(t,
		"souk.ledger.posted.v2 transaction/txn_authorisation_a",
		"souk.ledger.posted.v2 transaction/txn_capture_a_1",
		"souk.ledger.posted.v2 transaction/txn_capture_a_2",
		"souk.ledger.posted.v2 transaction/txn_maturity_a_1",
		"souk.ledger.posted.v2 transaction/txn_maturity_a_2")
	expectBalances(t, s, map[string]int64{
		ledger.Receivable: 2400, ledger.Commission: -300, ledger.TaxPayable: -400,
		ledger.Pending("dlr_1"): 0, ledger.Payable("dlr_1"): -850, ledger.Payable("dlr_2"): -850,
		ledger.Authorised: 0, ledger.AuthorisedContra: 0,
	})
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	expectBalanced(t, s)
}

// Goal: a cancelled order leaves nothing in the books, whichever part of it was captured.
// Method: capture one of two parcels, refund it in two pieces, void the rest.
func TestCancelledAfterCapture(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed("ord_a", 2), captured("ord_a", 1),
		refunded("ord_a", 1, "rfn_1", 333), refunded("ord_a", 1, "rfn_2", 867),
		voided("ord_a", 1200), &event.OrderCancelled{Order: "ord_a", From: "placed"})
	w.Settle(t)
	expectBalances(t, s, map[string]int64{
		ledger.Receivable: 0, ledger.Commission: 0, ledger.TaxPayable: 0,
		ledger.Pending("dlr_1"): 0, ledger.Authorised: 0, ledger.AuthorisedContra: 0,
	})
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a void does not hide a capture that is still to be booked. Method: half of a parcel is
// cancelled, so the rest is voided; the order is completed before the capture of the other half is
// heard of.
func TestCompletedBeforeALateCapture(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed("ord_a", 2), captured("ord_a", 1), voided("ord_a", 600))
	w.Settle(t)
	w.Announce(t, &event.OrderCompleted{Order: "ord_a", Customer: "cus_1"})
	late := captured("ord_a", 2)
	late.Amount = gbp(600)
	w.Announce(t, late)
	w.Settle(t)
	expectBalances(t, s, map[string]int64{
		ledger.Pending("dlr_1"): 0, ledger.Payable("dlr_1"): -850,
		ledger.Pending("dlr_2"): 0, ledger.Payable("dlr_2"): -425,
		ledger.Authorised: 0, ledger.Receivable: 1800,
	})
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: an authorisation that was given back for an order which was never placed is not booked, and
// does not wait for ever.
// Method: void, and learn only then that the order was cancelled or has expired.
func TestVoidOfAnOrderThatWasNeverPlaced(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, voided("ord_a", 1200), voided("ord_b", 1200))
	w.Announce(t, &event.OrderCancelled{Order: "ord_a", From: "pending_payment"},
		&event.OrderExpired{Order: "ord_b"})
	w.Settle(t)
	w.ExpectTypes(t)
	if waiting := w.Waiting(t); len(waiting) > 0 {
		t.Errorf("parked: %v", waiting)
	}
	w.ExpectNoDeadLetters(t)
}

// Goal: what the books cannot hold is not booked: more captured than a parcel costs, more refunded
// than was captured, a parcel that does not exist, another currency.
// Method: hand such facts to the handlers.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	expectNil(t, deliver(t, s, placed("ord_a", 1), "e1"))
	expectNil(t, deliver(t, s, captured("ord_a", 1), "e2"))
	more, other, none := captured("ord_b", 1), captured("ord_b", 1), captured("ord_b", 51)
	more.Amount.Amount++
	other.Amount.Currency = "EUR"
	expectNil(t, deliver(t, s, placed("ord_b", 1), "e3"))
	w.Skip(t)
	for i, f := range []event.Fact{
		more, other, none, refunded("ord_a", 1, "rfn_1", 1201), voided("ord_a", 1201),
	} {
		if err := deliver(t, s, f, fmt.Sprintf("f%d", i)); shop.CodeOf(err) != shop.Illegal {
			t.Errorf("%T: %v", f, err)
		}
	}
	w.ExpectTypes(t)
	expectBalanced(t, s)
}

// Goal: a refund after the maturity lowers what is payable.
// Method: complete, then refund all.
func TestRefundAfterMaturity(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed("ord_a", 1), captured("ord_a", 1),
		&event.OrderCompleted{Order: "ord_a", Customer: "cus_1"})
	w.Settle(t)
	w.Announce(t, refunded("ord_a", 1, "rfn_1", 1200))
	w.Settle(t)
	expectBalances(t, s, map[string]int64{
		ledger.Pending("dlr_1"): 0, ledger.Payable("dlr_1"): 0, ledger.Receivable: 0,
	})
	w.FoldEqualsState(t, s)
}

// Goal: an order of very many parcels matures whole.
// Method: forty parcels, of which one costs nothing.
func TestManyParcelsMature(t *testing.T) {
	t.Parallel()
	const parcels = 40
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	f := placed("ord_a", parcels)
	free := &f.Parcels[6]
	free.Items, free.Tax, free.Amount, free.Commission = 0, 0, 0, 0
	f.Total -= 1200
	w.Announce(t, f)
	for n := 1; n <= parcels; n++ {
		if n != 7 {
			w.Announce(t, captured("ord_a", n))
		}
	}
	w.Announce(t, &event.OrderCompleted{Order: "ord_a", Customer: "cus_1"})
	w.Settle(t)
	expectBalances(t, s, map[string]int64{
		ledger.Receivable: 39 * 1200, ledger.Payable("dlr_1"): -850, ledger.Payable("dlr_7"): 0,
		ledger.Payable("dlr_40"): -850, ledger.Pending("dlr_40"): 0,
	})
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: however the facts of an order arrive, doubled and in any order, the books end the same, and
// are balanced at every moment.
// Method: random arrival orders of two orders' facts, each fact twice, handed to the handlers and
// handed again while they are too early; the accounts are compared with those of a tidy arrival.
func TestEveryOrderOfArrival(t *testing.T) {
	t.Parallel()
	facts := []event.Fact{
		placed("ord_a", 2), captured("ord_a", 1), captured("ord_a", 2),
		refunded("ord_a", 1, "rfn_1", 500),
		&event.OrderCompleted{Order: "ord_a", Customer: "cus_1"},
		placed("ord_b", 2), captured("ord_b", 1), refunded("ord_b", 1, "rfn_2", 1200),
		voided("ord_b", 1200), &event.OrderCancelled{Order: "ord_b", From: "placed"},
	}
	tidy := arrive(t, facts, nil)
	twice := make([]int, 0, 2*len(facts))
	for i := range facts {
		twice = append(twice, i, i)
	}
	rapid.Check(t, func(rt *rapid.T) {
		got := arrive(rt, facts, rapid.Permutation(twice).Draw(rt, "arrival"))
		if got != tidy {
			rt.Fatalf("the books are\n%s\nwant\n%s", got, tidy)
		}
	})
}

// arrive hands the facts over in that order (nil: as they are) and returns the trial balance.
func arrive(t roomtest.T, facts []event.Fact, turns []int) string {
	t.Helper()
	_, s := open(t, roomtest.Calm())
	if turns == nil {
		for i := range facts {
			turns = append(turns, i)
		}
	}
	for rounds := 0; len(turns) > 0; rounds++ {
		if rounds > 2*len(facts) {
			t.Fatalf("never accepted: %v", turns)
		}
		var parked []int
		for _, i := range turns {
			err := deliver(t, s, facts[i], fmt.Sprintf("e%d", i))
			switch {
			case errors.Is(err, platform.ErrNotYet):
				parked = append(parked, i)
			case err != nil:
				t.Fatalf("%T: %v", facts[i], err)
			}
			expectBalanced(t, s)
		}
		turns = parked
	}
	trial, err := s.TrialBalance(t.Context())
	if err != nil {
		t.Fatalf("trial balance: %v", err)
	}
	text, err := json.Marshal(trial)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}

// Goal: only administrators read the books.
// Method: ask as others.
func TestTrialBalanceIsForAdministrators(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	expectNil(t, deliver(t, s, placed("ord_a", 1), "e1"))
	_, err := s.GetTrialBalance(w.As(t, "dlr_1", room.Dealer()), nil)
	if shop.CodeOf(err) != shop.Forbidden {
		t.Errorf("a dealer was answered with %v", err)
	}
	out, err := s.GetTrialBalance(w.As(t, "adm_1", room.Admin()), nil)
	if err != nil || !out.Body.Balanced || len(out.Body.Currencies) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func deliver(t roomtest.T, r room.Room, f event.Fact, id string) error {
	t.Helper()
	for _, reaction := range r.Reactions() {
		if reaction.Fact.Type() == f.Type() {
			ctx := context.WithoutCancel(t.Context())
			if err := reaction.Handle(ctx, f, room.Cause{Causation: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

func expectNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func expectBalances(t *testing.T, s *ledger.Service, want map[string]int64) {
	t.Helper()
	for account, amount := range want {
		got, err := s.Balance(t.Context(), account, "GBP")
		if err != nil || got.Amount != amount {
			t.Errorf("%s holds %v (%v), want %d", account, got, err, amount)
		}
	}
}

func expectBalanced(t roomtest.T, s *ledger.Service) {
	t.Helper()
	trial, err := s.TrialBalance(t.Context())
	if err != nil {
		t.Fatalf("trial balance: %v", err)
	}
	for _, c := range trial {
		if c.Difference != 0 {
			t.Errorf("the books are off by %d %s: %+v", c.Difference, c.Currency, c.Accounts)
		}
	}
}
