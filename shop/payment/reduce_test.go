package payment_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// reduce says that so much of the n-th parcel of order 1 was cancelled, and what it costs now.
func (st *stage) reduce(n int, refund shop.ID, amount, left int64) {
	st.hear(&event.ShipmentReduced{
		Shipment: shop.ID(fmt.Sprintf("shp_1_%d", n)), Order: "ord_1", Payment: "pay_1",
		Refund: refund, Amount: gbp(amount), Left: gbp(left),
	})
}

// moved lists what the provider did, in its own words.
func (st *stage) moved() string {
	var all []string
	for _, e := range st.ledger() {
		all = append(all, fmt.Sprint(e.Kind, " ", e.Amount))
	}
	return strings.Join(all, ", ")
}

// Goal: what is cancelled before it was taken is not taken, and is the customer's again as soon as
// nothing else is to come; what was taken goes back. Whatever the order in which this room hears of
// packing and cancelling, and however often, the provider moves the same money.
// Method: 100 in two parcels of 60 and 40; 25 of the first is cancelled, then it is packed for 35;
// 10 of the second is cancelled when its 40 were taken. All orders of the facts that can come in
// any, each doubled.
func TestCancelledUnitsAreNotPaid(t *testing.T) {
	t.Parallel()
	n := 0
	permuteFacts([]int{0, 1, 2}, func(turns []int) {
		n++
		st := newStage(t)
		st.checkout("ord_1", "tok_visa", 100)
		st.rest(time.Minute)
		st.pack("ord_1", "shp_1_2", 40)
		st.rest(time.Minute)
		for range 2 {
			for _, turn := range turns {
				switch turn {
				case 0:
					st.reduce(1, "rfn_can_a_1", 25, 35)
				case 1:
					st.pack("ord_1", "shp_1_1", 35)
				case 2:
					st.reduce(2, "rfn_can_b_2", 10, 30)
				}
				st.rest(time.Minute)
			}
		}
		st.rest(time.Hour)
		p := st.payment("ord_1")
		have := fmt.Sprint(p.Captured, p.Refunded, p.Voided, len(p.Reductions)) + " " + p.Status()
		if want := "75 10 25 1 partially_refunded"; have != want {
			t.Errorf("%v: %s, want %s", turns, have, want)
		}
		books := strings.Split(st.moved(), ", ")
		slices.Sort(books)
		if have, want := strings.Join(books, ", "),
			"authorise 100, capture 35, capture 40, refund 10, void 25"; have != want {
			t.Errorf("%v: the provider says %s, want %s", turns, have, want)
		}
		st.fold()
	})
	if n != 6 {
		t.Errorf("%d orders of three facts", n)
	}
}

// Goal: money that was taken by hand before its parcel is packed goes back for what is cancelled of
// it, also when its capture has no answer yet. Method: a capture whose answer is lost; the
// reduction comes meanwhile.
func TestCancelledWhileTheMoneyIsOnItsWay(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	lost := 1
	st.plan = func(operation, _ string, _ int) sandbox.Plan {
		if lost--; operation == sandbox.Capture && lost >= 0 {
			return sandbox.Plan(0).With(sandbox.TimeoutAfter)
		}
		return 0
	}
	st.checkout("ord_1", "tok_visa", 100)
	st.rest(time.Minute)
	lost = 1
	st.pack("ord_1", "shp_1_1", 100)
	for len(st.queue) > 0 && st.queue[0].Type != (&event.PaymentUnresolved{}).Type() {
		st.deliver(0, never)
	}
	st.reduce(1, "rfn_can_a_1", 30, 70)
	st.rest(time.Hour)
	p := st.payment("ord_1")
	if p.Captured != 100 || p.Refunded != 30 || len(p.Reductions) != 0 || p.Voided != 0 {
		t.Errorf("%+v", p)
	}
	st.fold()
}

// Goal: a refused capture is tried again for what the parcel costs by then, a hand may not take
// more, and nothing is given up twice when the order ends. Method: a provider that refuses a
// capture by hand; a reduction; the approval; then the whole order is cancelled.
func TestRefusedCaptureOfAReducedParcel(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	refuse := true
	st.plan = func(operation, _ string, _ int) sandbox.Plan {
		if refuse && operation == sandbox.Capture {
			return sandbox.Plan(0).With(sandbox.CaptureRefused)
		}
		return 0
	}
	st.checkout("ord_1", "tok_visa", 100)
	st.rest(time.Minute)
	st.pack("ord_1", "shp_1_1", 60)
	st.rest(time.Minute)
	key := st.payment("ord_1").Operations[1].Key
	st.reduce(1, "rfn_can_a_1", 20, 40)
	st.rest(time.Minute)
	refuse = false
	by := &payment.PostCaptureIn{ID: "pay_1", Key: "c1"}
	by.Body.Shipment = "shp_1_1" // the amount of before
	_, err := st.live.service.PostCapture(admin(), by)
	expectCode(t, "more than it costs", err, shop.Conflict)
	st.hear(&event.OrderApproved{Order: "ord_1", Round: 1, Captures: []string{key}})
	st.rest(time.Minute)
	if p := st.payment("ord_1"); p.Captured != 40 {
		t.Errorf("%d was taken, want 40", p.Captured)
	}
	st.cancel("ord_1")
	st.reduce(2, "rfn_can_b_2", 10, 30) // too late: everything goes back
	st.rest(time.Hour)
	p := st.payment("ord_1")
	if p.Refunded != 40 || p.Voided != 60 || len(p.Reductions) != 1 {
		t.Errorf("%+v", p)
	}
	st.fold()
}

// permuteFacts calls fn with every order of list.
func permuteFacts(list []int, fn func([]int)) {
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		if len(rest) == 0 {
			fn(list)
			return
		}
		permuteFacts(rest, func(tail []int) { fn(append([]int{list[i]}, tail...)) })
	}
}

// Goal: wherever the process dies around cancelled units, before or after a commit or a call, the
// provider moves the same money once. Method: the story of two parcels; it dies at each delivery in
// turn, in each of the four ways; then everything is delivered that is left.
func TestCrashesAroundCancelledUnits(t *testing.T) {
	t.Parallel()
	const want = "75 10 25 1: " +
		"authorise 100, capture 35, capture 40, refund 10, void 25"
	for _, how := range []crash{beforeCommit, afterCommit, beforeCall, afterCall} {
		for at := range 14 {
			st := newStage(t)
			st.checkout("ord_1", "tok_visa", 100)
			st.rest(time.Minute)
			st.pack("ord_1", "shp_1_2", 40)
			st.rest(time.Minute)
			st.reduce(1, "rfn_can_a_1", 25, 35)
			st.reduce(2, "rfn_can_b_2", 10, 30)
			st.pack("ord_1", "shp_1_1", 35)
			for n := 0; n <= at && len(st.queue) > 0; n++ {
				if n == at {
					st.deliver(0, how)
				} else {
					st.deliver(0, never)
				}
			}
			st.rest(3 * time.Hour)
			p := st.payment("ord_1")
			have := fmt.Sprint(p.Captured, p.Refunded, p.Voided, len(p.Reductions))
			books := strings.Split(st.moved(), ", ")
			slices.Sort(books)
			have += ": " + strings.Join(books, ", ")
			if have != want {
				t.Errorf("dead at delivery %d in way %d: %s", at, how, have)
			}
			st.fold()
		}
	}
}
