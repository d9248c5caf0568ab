package order_test

import (
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop/event"
)

// Goal: the order shows which units are not sent and what they cost, its totals stay, and nothing
// is counted twice. Method: a unit of each kind of change, redelivered, under default faults; the
// view by hand; the return window opens when the parcel that was still to come is cancelled.
func TestOrderShowsWhatWasCancelled(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	s.Skip(t)
	for range 2 {
		s.Announce(t, reduced("ord_1", 1, 780, false, "MUG", 1))
		s.Settle(t)
		s.Announce(t, freed("ord_1", 1, 780))
		s.Settle(t)
	}
	s.ExpectTypes(t, "souk.order.reduced.v1 order/ord_1", "souk.order.progressed.v1 order/ord_1")
	v := s.get(t, "ord_1")
	have := fmt.Sprint(v.Total.Amount, v.Cancelled.Amount, v.Items[0].Cancelled,
		v.Items[1].Cancelled, v.Status, v.PaymentStatus)
	if want := fmt.Sprint(total, 780, 1, 0, "placed", "authorized"); have != want {
		t.Errorf("the order is %s, want %s", have, want)
	}
	first := captured("ord_1", 1)
	first.Amount = gbp(780)
	s.Announce(t, first)
	s.Announce(t, dispatched("ord_1", 1))
	s.Announce(t, delivered("ord_1", 1))
	s.Settle(t)
	s.expectStatus(t, "ord_1", "placed", "partially_captured", "partially_fulfilled")
	s.Announce(t, reduced("ord_1", 2, 1860, true, "POT", 1), freed("ord_1", 2, 1860))
	s.Settle(t)
	s.expectStatus(t, "ord_1", "placed", "captured", "delivered")
	s.Manual.Advance(15 * day)
	s.Settle(t)
	s.expectStatus(t, "ord_1", "completed", "captured", "delivered")
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: an order of which the last unit is cancelled is cancelled, by whoever did that and for
// their reason. Method: both parcels, one by one.
func TestTheLastUnitCancelsTheOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	s.Announce(t, reduced("ord_1", 2, 1860, true, "POT", 1))
	s.Settle(t)
	s.expectStatus(t, "ord_1", "placed", "authorized", "unfulfilled")
	s.Skip(t)
	s.Announce(t, reduced("ord_1", 1, 1560, true, "MUG", 2))
	s.Settle(t)
	s.expectStatus(t, "ord_1", "cancelled", "authorized", "unfulfilled")
	for _, e := range s.EventsOf(t, "order/ord_1") {
		f, ok := e.Fact.(*event.OrderCancelled)
		if ok && (f.Reason != "changed_mind" || f.By != "cus_1" || f.From != "placed") {
			t.Errorf("cancelled as %+v", f)
		}
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}
