package ledger_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// moved is money that a dispute takes of the first parcels, so much of each, or gives back.
func moved(
	order shop.ID, name string, back bool, fee, beyond int64, shares ...int64,
) *event.PaymentDisputeMoved {
	f := &event.PaymentDisputeMoved{
		Payment: "pay_" + order[4:], Order: order, Dispute: "dsp_1", Back: back, Fee: fee,
		Beyond: beyond, Movement: name, Shares: []event.DisputeShare{},
	}
	sum := beyond
	for i, n := range shares {
		f.Shares = append(f.Shares, event.DisputeShare{Shipment: shipment(order, i+1), Amount: n})
		sum += n
	}
	f.Amount = gbp(sum)
	return f
}

// Goal: a dispute takes of each party what a refund would, the fee is the market's, and what is won
// back is as if nothing had been, also where it comes after the order is complete. Method: money
// taken and given back before and after the maturity, in every order of arrival that the faults
// make; the accounts.
func TestDisputesMoveTheBooks(t *testing.T) {
	t.Parallel()
	paid := []event.Fact{placed("ord_a", 1), captured("ord_a", 1)}
	complete := &event.OrderCompleted{Order: "ord_a", Customer: "cus_1"}
	for name, c := range map[string]struct {
		then                               []event.Fact
		pending, payable, receivable, fees int64
	}{
		"taken": {[]event.Fact{moved("ord_a", "m1", false, 15, 0, 1200)}, 0, 0, -15, 15},
		"taken and given back, with the fee": {[]event.Fact{
			moved("ord_a", "m1", false, 15, 0, 1200), moved("ord_a", "m2", true, 15, 0, 1200),
		}, -850, 0, 1200, 0},
		"a third, after the maturity": {[]event.Fact{
			complete, moved("ord_a", "m1", false, 0, 0, 400),
		}, 0, -567, 800, 0},
		"all of it, complete, and back": {[]event.Fact{
			moved("ord_a", "m1", false, 15, 0, 1200), complete,
			moved("ord_a", "m2", true, 0, 0, 1200),
		}, 0, -850, 1185, 15},
		"half, complete, and back": {[]event.Fact{
			moved("ord_a", "m1", false, 15, 0, 600), complete,
			moved("ord_a", "m2", true, 0, 0, 600),
		}, 0, -850, 1185, 15},
		"more than there is": {[]event.Fact{
			moved("ord_a", "m1", false, 15, 100, 1200),
		}, 0, 0, -115, 15},
		"won, and refunded": {[]event.Fact{
			moved("ord_a", "m1", false, 0, 0, 1200), moved("ord_a", "m2", true, 0, 0, 1200),
			refunded("ord_a", 1, "rfn_1", 1200),
		}, 0, 0, 0, 0},
	} {
		w, s := open(t)
		w.Start(t, s)
		w.Announce(t, paid...)
		w.Settle(t)
		for _, f := range c.then {
			w.Announce(t, f)
			if f == event.Fact(complete) {
				w.Settle(t)
			}
		}
		w.Settle(t)
		balances(t, s, name, map[string]int64{
			ledger.Pending("dlr_1"): c.pending, ledger.Payable("dlr_1"): c.payable,
			ledger.Receivable: c.receivable, ledger.Fees: c.fees,
		})
		w.ExpectNoDeadLetters(t)
		w.FoldEqualsState(t, s)
		expectBalanced(t, s)
	}
}

// Goal: disputes of orders of many dealers are booked, whatever fits into a commit. Method: twelve
// dealers' parcels are taken whole, the order is completed, and the dispute is won.
func TestDisputesOfManyParcels(t *testing.T) {
	t.Parallel()
	const parcels = 12
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed("ord_a", parcels))
	var all []int64
	for n := range parcels {
		w.Announce(t, captured("ord_a", n+1))
		all = append(all, 1200)
	}
	w.Settle(t)
	w.Announce(t, moved("ord_a", "m1", false, 15, 0, all...))
	w.Settle(t)
	w.Announce(t, &event.OrderCompleted{Order: "ord_a", Customer: "cus_1"})
	w.Settle(t)
	w.Announce(t, moved("ord_a", "m2", true, 15, 0, all...))
	w.Settle(t)
	want := map[string]int64{ledger.Receivable: parcels * 1200, ledger.Fees: 0}
	for n := range parcels {
		dealer := shop.ID(fmt.Sprintf("dlr_%d", n+1))
		want[ledger.Pending(dealer)], want[ledger.Payable(dealer)] = 0, -850
	}
	balances(t, s, "won", want)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: whatever a dispute takes and gives back, in whatever pieces and beside refunds, nobody has
// a unit more or less in the end. Method: random pieces whose sum is what was captured, some by
// refund, some by dispute; all disputes are won; then the books are as after the refunds alone.
func TestDisputesComeBackWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := open(t, roomtest.Calm())
		w.Start(t, s)
		w.Announce(t, placed("ord_a", 1), captured("ord_a", 1))
		w.Settle(t)
		var refunds int64
		var back []event.Fact
		for n, left := 0, int64(1200); left > 0 && n < 8; n++ {
			piece := rapid.Int64Range(1, left).Draw(t, "piece")
			left -= piece
			if rapid.Bool().Draw(t, "refund") {
				refunds += piece
				w.Announce(t, refunded("ord_a", 1, shop.ID(fmt.Sprintf("rfn_%d", n)), piece))
			} else {
				w.Announce(t, moved("ord_a", fmt.Sprintf("m%d", n), false, 0, 0, piece))
				back = append(back, moved("ord_a", fmt.Sprintf("b%d", n), true, 0, 0, piece))
			}
			w.Settle(t)
		}
		for _, f := range back {
			w.Announce(t, f)
			w.Settle(t)
		}
		other, alone := open(t, roomtest.Calm())
		other.Start(t, alone)
		other.Announce(t, placed("ord_a", 1), captured("ord_a", 1))
		other.Settle(t)
		if refunds > 0 {
			other.Announce(t, refunded("ord_a", 1, "rfn_all", refunds))
			other.Settle(t)
		}
		want := make(map[string]int64)
		for _, a := range []string{ledger.Pending("dlr_1"), ledger.Commission, ledger.TaxPayable,
			ledger.Receivable} {
			want[a] = balanceOf(t, alone, a)
		}
		balances(t, s, "won", want)
	})
}

func balances(t roomtest.T, s *ledger.Service, name string, want map[string]int64) {
	t.Helper()
	for account, n := range want {
		if got := balanceOf(t, s, account); got != n {
			t.Errorf("%s: %s is %d, want %d", name, account, got, n)
		}
	}
}

func balanceOf(t roomtest.T, s *ledger.Service, account string) int64 {
	t.Helper()
	n, err := s.Balance(t.Context(), account, "GBP")
	if err != nil {
		t.Fatalf("read %s: %v", account, err)
	}
	return n.Amount
}
