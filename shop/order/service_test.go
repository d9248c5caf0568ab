package order_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: the whole way of an order that goes well, with exactly its facts. Method: the test plays
// the other rooms; deliveries are shuffled, doubled and hit by faults.
func TestFromCheckoutToCompleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const id shop.ID = "ord_1"
	v := s.checkout(t, basket(id))
	if v.Status != "pending_payment" || v.Total != gbp(total) || len(v.Items) != 2 ||
		v.Parcels != 2 {
		t.Fatalf("checked out as %+v", v)
	}
	s.Announce(t, authorized(id))
	s.Settle(t)
	s.expectStatus(t, id, "placed", "authorized", "unfulfilled")
	placed := roomtest.FactsOf[*event.OrderPlaced](t, s.World)[0]
	if p := placed.Parcels; len(p) != 2 || p[0].Amount != 1560 || p[1].Amount != 1860 ||
		p[0].Commission != 100 || p[1].Commission != 125 {
		t.Errorf("parcels %+v", p)
	}
	s.Announce(t, captured(id, 1), dispatched(id, 1))
	s.Settle(t)
	s.expectStatus(t, id, "placed", "partially_captured", "partially_fulfilled")
	s.Announce(t, captured(id, 2), dispatched(id, 2), delivered(id, 1), delivered(id, 2))
	s.Settle(t)
	s.expectStatus(t, id, "placed", "captured", "delivered")
	s.Advance(t, 14*day-time.Minute)
	s.expectStatus(t, id, "placed", "captured", "delivered")
	s.Advance(t, time.Minute+time.Second)
	s.expectStatus(t, id, "completed", "captured", "delivered")
	if n := len(s.Timers(t)); n != 0 {
		t.Errorf("%d timers are left", n)
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: each way in which an order ends early, with exactly its facts, its timer gone, and
// nothing reopened by what comes too late. Method: one order a way, late facts after each.
func TestEarlyEnds(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		do     func(t *testing.T, s *stage, id shop.ID)
		status string
		reason string
	}{
		"no stock": {func(t *testing.T, s *stage, id shop.ID) {
			s.Announce(t, &event.StockRejected{Order: id, SKU: "MUG", Wanted: 2, Available: 1})
		}, "cancelled", "out_of_stock"},
		"no money": {func(t *testing.T, s *stage, id shop.ID) {
			s.Announce(t, failed(id, true))
		}, "cancelled", "payment_failed"},
		"the customer": {func(t *testing.T, s *stage, id shop.ID) {
			s.mustCancel(t, id)
		}, "cancelled", "customer"},
		"the deadline": {func(t *testing.T, s *stage, id shop.ID) {
			s.Advance(t, 10*time.Minute)
		}, "expired", ""},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			const id shop.ID = "ord_1"
			s.checkout(t, basket(id))
			way.do(t, s, id)
			s.Settle(t)
			if v := s.get(t, id); v.Status != way.status || v.Reason != way.reason {
				t.Fatalf("ended %s (%s)", v.Status, v.Reason)
			}
			s.Announce(t, authorized(id))
			s.Announce(t, &event.StockRejected{Order: id, SKU: "MUG", Wanted: 2, Available: 1})
			s.Settle(t)
			v := s.get(t, id)
			if v.Status != way.status || v.Reason != way.reason || v.Version != 2 {
				t.Errorf("a late fact moved it: %+v", v)
			}
			if n := len(s.Timers(t)); n != 0 {
				t.Errorf("%d timers are left", n)
			}
			s.Announce(t, &event.PaymentVoided{
				Payment: of(id, "pay"), Order: id, Amount: gbp(total), Late: true,
			})
			s.Settle(t)
			s.expectStatus(t, id, way.status, "voided", "unfulfilled")
			s.FoldEqualsState(t, s.orders)
		})
	}
}

func (s *stage) mustCancel(t *testing.T, id shop.ID) {
	t.Helper()
	if err := s.Persist(func() error {
		_, err := s.orders.Cancel(s.As(t, "cus_1", room.Customer()), id, "")
		if shop.CodeOf(err) == shop.Illegal && s.get(t, id).Status == "cancelled" {
			return nil // the first call had happened
		}
		return err
	}); err != nil {
		t.Fatalf("cancel: %v", err)
	}
}

// Goal: who may cancel what, when. Cancelled twice and cancelled after a parcel left are Illegal,
// another customer's order does not exist, and reasons are a closed list.
func TestCancelRules(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	me, other := s.As(t, "cus_1", room.Customer()), s.As(t, "cus_2", room.Customer())
	admin := s.As(t, "adm_1", room.Admin())
	for _, id := range []shop.ID{"ord_1", "ord_2", "ord_3"} {
		s.place(t, id)
	}
	s.Announce(t, dispatched("ord_2", 1))
	s.Settle(t)
	expect := func(what string, err error, want shop.Code) {
		t.Helper()
		if shop.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	_, err := s.orders.Cancel(other, "ord_1", "")
	expect("another's order", err, shop.NotFound)
	_, err = s.orders.Cancel(s.As(t, "cus_1", room.Dealer()), "ord_1", "")
	expect("a dealer of the same id", err, shop.NotFound)
	_, err = s.orders.Get(other, "ord_1")
	expect("another's order, read", err, shop.NotFound)
	_, err = s.orders.Cancel(me, "ord_1", "fraud")
	expect("a reason for administrators", err, shop.Invalid)
	_, err = s.orders.Cancel(me, "ord_1", "payment_failed")
	expect("a reason of payment's", err, shop.Invalid)
	_, err = s.orders.Cancel(me, "ord_2", "")
	expect("a parcel has left", err, shop.Illegal)
	_, err = s.orders.Hold(me, "ord_1", "")
	expect("hold", err, shop.Forbidden)
	if v, err := s.orders.Cancel(me, "ord_1", "mistake"); err != nil || v.Status != "cancelled" {
		t.Fatalf("cancel: %+v, %v", v, err)
	}
	_, err = s.orders.Cancel(me, "ord_1", "")
	expect("cancelled twice", err, shop.Illegal)
	if _, err := s.orders.Hold(admin, "ord_3", "fraud"); err != nil {
		t.Fatalf("hold: %v", err)
	}
	_, err = s.orders.Hold(admin, "ord_3", "")
	expect("held twice", err, shop.Illegal)
	if v, err := s.orders.Cancel(admin, "ord_3", "fraud"); err != nil || v.Reason != "fraud" {
		t.Fatalf("reject: %+v, %v", v, err)
	}
	facts := roomtest.FactsOf[*event.OrderCancelled](t, s.World)
	if len(facts) != 2 || facts[0].By != "cus_1" || facts[0].From != "placed" ||
		facts[1].By != "adm_1" || facts[1].From != "on_hold" {
		t.Errorf("cancelled: %+v", facts)
	}
	s.FoldEqualsState(t, s.orders)
}

// Goal: a capture that failed stops the order once: neither its redelivery nor another failure
// that was heard of meanwhile stops it again after somebody approved. A window that closed while
// the order was stopped is opened again.
func TestHoldOnCaptureFailed(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	admin := s.As(t, "adm_1", room.Admin())
	const id shop.ID = "ord_1"
	s.place(t, id)
	reactions := s.orders.Reactions()
	deliver(t, reactions, []event.Fact{captureFailed(id, 1), captureFailed(id, 2)})
	s.expectStatus(t, id, "on_hold", "authorized", "unfulfilled")
	if v, err := s.orders.Approve(admin, id); err != nil || v.Status != "placed" || v.Reason != "" {
		t.Fatalf("approve: %+v, %v", v, err)
	}
	deliver(t, reactions, []event.Fact{captureFailed(id, 1), captureFailed(id, 2)})
	s.expectStatus(t, id, "placed", "authorized", "unfulfilled")

	deliver(t, reactions, []event.Fact{
		captured(id, 1), captured(id, 2), dispatched(id, 1), dispatched(id, 2), delivered(id, 1),
		delivered(id, 2),
	})
	if _, err := s.orders.Hold(admin, id, ""); err != nil {
		t.Fatalf("hold: %v", err)
	}
	s.Advance(t, 15*day)
	s.expectStatus(t, id, "on_hold", "captured", "delivered")
	if _, err := s.orders.Approve(admin, id); err != nil {
		t.Fatalf("approve: %v", err)
	}
	s.Advance(t, 14*day)
	s.expectStatus(t, id, "completed", "captured", "delivered")
	s.FoldEqualsState(t, s.orders)
}

// Goal: when the bank asks, the deadline moves, once and within bounds; the old timer ends
// nothing.
func TestRequiredActionMovesTheDeadline(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	const id shop.ID = "ord_1"
	v := s.checkout(t, basket(id))
	ask := func(d time.Duration) {
		s.Announce(t, &event.PaymentRequiresAction{
			Payment: of(id, "pay"), Order: id, Attempt: 1, Until: v.Deadline.Add(d),
		})
		s.Settle(t)
	}
	ask(48 * time.Hour)
	ask(49 * time.Hour)
	s.expectStatus(t, id, "pending_payment", "requires_action", "unfulfilled")
	if d := s.get(t, id).Deadline.Sub(v.Deadline); d != 20*time.Minute {
		t.Errorf("the deadline moved by %s", d)
	}
	s.Ring(t, &event.OrderDeadline{Order: id, Due: v.Deadline})
	s.Settle(t)
	s.expectStatus(t, id, "pending_payment", "requires_action", "unfulfilled")
	s.Advance(t, 30*time.Minute)
	s.expectStatus(t, id, "expired", "requires_action", "unfulfilled")
	s.FoldEqualsState(t, s.orders)
}

// Goal: of a deadline and an authorisation at the same moment exactly one wins. Method: both
// reactions at once, for 200 orders.
func TestExpireOrPlace(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	reactions := s.orders.Reactions()
	var wins [2]int
	for n := range 200 {
		id := shop.ID(fmt.Sprintf("ord_%d", n))
		v := s.checkout(t, basket(id))
		facts := []event.Fact{authorized(id), &event.OrderDeadline{Order: id, Due: v.Deadline}}
		var both sync.WaitGroup
		for i := range facts {
			both.Go(func() {
				if err := react(t.Context(), reactions, facts[(i+n)%2]); err != nil {
					t.Errorf("%s: %v", facts[(i+n)%2].Type(), err)
				}
			})
		}
		both.Wait()
		switch v := s.get(t, id); {
		case v.Status == "placed" && v.Version == 2:
			wins[0]++
		case v.Status == "expired" && v.Version == 2:
			wins[1]++
		default:
			t.Errorf("order %s is %s, version %d", id, v.Status, v.Version)
		}
	}
	t.Logf("placed %d, expired %d", wins[0], wins[1])
	if placed := roomtest.FactsOf[*event.OrderPlaced](t, s.World); len(placed) != wins[0] {
		t.Errorf("%d facts say placed, %d orders are", len(placed), wins[0])
	}
	s.FoldEqualsState(t, s.orders)
}

// Goal: the longest real order (1,110 lines) is one commit at checkout and one at placement, its
// lines come back in order, and the record that transitions touch stays small.
func TestLongOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := basket("ord_1")
	b.Items = nil
	for n := range 1110 {
		sku := shop.SKU(fmt.Sprintf("SKU-%04d", n%1000)) // some twice
		s.shelf.set(sku, shop.ID(fmt.Sprintf("dlr_%d", n%1000%7)), int64(n%1000+1))
		b.Items = append(b.Items, order.Item{SKU: sku, Quantity: int64(n%3 + 1)})
	}
	v := s.checkout(t, b)
	created := roomtest.FactsOf[*event.OrderCreated](t, s.World)[0]
	amount := shop.Money{Amount: created.Total, Currency: "GBP"}
	f := authorized("ord_1")
	f.Amount = amount
	s.Announce(t, f)
	s.Settle(t)
	v = s.get(t, v.ID)
	if v.Status != "placed" || len(v.Items) != 1110 || v.Parcels != 7 || v.Total != amount {
		t.Fatalf("%s with %d lines, %d parcels, %s", v.Status, len(v.Items), v.Parcels, v.Total)
	}
	for i, l := range v.Items {
		if l.SKU != b.Items[i].SKU || l.Quantity != b.Items[i].Quantity {
			t.Fatalf("line %d is %+v, ordered was %+v", i, l, b.Items[i])
		}
	}
	parcels := roomtest.FactsOf[*event.OrderPlaced](t, s.World)[0].Parcels
	lines := 0
	for _, p := range parcels {
		lines += len(p.Lines)
	}
	if lines != 1000 {
		t.Errorf("parcels name %d SKUs", lines)
	}
	s.FoldEqualsState(t, s.orders)
}
