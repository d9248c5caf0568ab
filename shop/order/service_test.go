package order_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: the whole way of an order that goes well, with exactly its facts. Method: the test plays the
// other rooms; deliveries are shuffled, doubled and hit by faults.
func TestFromCheckoutToCompleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const id shop.ID = "ord_1"
	v := s.checkout(t, basket(id))
	if v.Status != "pending_payment" || v.Total != gbp(total) || len(v.Items) != 2 || v.Parcels != 2 {
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

// Goal: each way in which an order ends early, with exactly its facts, its timer gone, and nothing
// reopened by what comes too late. Method: one order a way, late facts after each.
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
			if v := s.get(t, id); v.Status != way.status || v.Reason != way.reason || v.Version != 2 {
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

// Goal: a capture that failed stops the order once: neither its redelivery nor another failure that
// was heard of meanwhile stops it again after somebody approved. A window that closed while the
// order was stopped is opened again.
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

// Goal: when the bank asks, the deadline moves, once and within bounds; the old timer ends nothing.
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

// Goal: whatever the order and the repetition in which an order's facts arrive, the same order comes
// out. Method: every permutation of each set (at most 7 facts), every fact twice, delivered with
// "too early" coming again; the whole view is compared, but for the deadline and the version where
// a fact may rightly come too late to matter.
func TestEveryPermutation(t *testing.T) {
	t.Parallel()
	action := func(id shop.ID) event.Fact {
		return &event.PaymentRequiresAction{
			Payment: of(id, "pay"), Order: id, Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		}
	}
	voided := func(id shop.ID) event.Fact {
		return &event.PaymentVoided{Payment: of(id, "pay"), Order: id, Amount: gbp(total)}
	}
	sets := map[string]struct {
		facts  func(id shop.ID) []event.Fact
		want   [3]string
		cancel bool // by the customer, before anything arrives
		loose  bool
	}{
		"delivered": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), captured(id, 2), dispatched(id, 1), dispatched(id, 2),
				delivered(id, 1), delivered(id, 2),
			}
		}, want: [3]string{"placed", "captured", "delivered"}},
		"refunded": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), captured(id, 2), refunded(id, "ref_1", 1, 60),
				refunded(id, "ref_2", 1, 60), refunded(id, "ref_3", 2, 1860),
			}
		}, want: [3]string{"placed", "partially_refunded", "unfulfilled"}},
		"capture failed": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captureFailed(id, 1), captured(id, 1), captureFailed(id, 2),
				dispatched(id, 1),
			}
		}, want: [3]string{"on_hold", "partially_captured", "partially_fulfilled"}},
		"too late": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{authorized(id), voided(id), action(id), failed(id, true)}
		}, want: [3]string{"cancelled", "voided", "unfulfilled"}, cancel: true},
		"cancelled after a capture": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{captured(id, 1), voided(id), refunded(id, "ref_1", 1, 1560)}
		}, want: [3]string{"cancelled", "refunded", "unfulfilled"}, cancel: true},
		"asked, then paid": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{action(id), authorized(id), failed(id, false), captured(id, 1)}
		}, want: [3]string{"placed", "partially_captured", "unfulfilled"}, loose: true},
		"asked, then failed": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{action(id), failed(id, false), failed(id, true)}
		}, want: [3]string{"cancelled", "failed", "unfulfilled"}, loose: true},
	}
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, roomtest.Calm())
			reactions := s.orders.Reactions()
			var (
				first atomic.Pointer[string]
				n     int
				all   sync.WaitGroup
				slots = make(chan struct{}, 16) // orders at a time: their commits share the way
			)
			permute(set.facts("ord_0"), func(perm []event.Fact) {
				n++
				id := shop.ID(fmt.Sprintf("ord_%d", n))
				facts := doubled(perm, set.facts("ord_0"), set.facts(id))
				slots <- struct{}{}
				all.Go(func() {
					defer func() { <-slots }()
					s.checkout(t, basket(id))
					if set.cancel {
						s.mustCancel(t, id)
					}
					deliver(t, reactions, facts)
					v := s.get(t, id)
					have := [3]string{v.Status, v.PaymentStatus, v.FulfilmentStatus}
					if have != set.want {
						t.Errorf("%s ends %v, want %v", id, have, set.want)
					}
					v.ID = ""
					if set.loose {
						v.Deadline, v.Version = time.Time{}, 0
					}
					raw, err := room.Encode(v)
					if err != nil {
						t.Error(err)
					}
					text := string(raw)
					if !first.CompareAndSwap(nil, &text) && *first.Load() != text {
						t.Errorf("%s ends\n%s, another ended\n%s", id, text, *first.Load())
					}
				})
			})
			all.Wait()
			t.Logf("%d permutations", n)
			s.FoldEqualsState(t, s.orders)
		})
	}
}

// doubled maps an order of the pattern to the facts of one order, each once in that order and once
// more in the reverse.
func doubled(perm, pattern, facts []event.Fact) []event.Fact {
	var twice []event.Fact
	at := func(f event.Fact) event.Fact {
		for i, p := range pattern {
			if fmt.Sprint(p) == fmt.Sprint(f) && p.Type() == f.Type() {
				return facts[i]
			}
		}
		panic("the permutation holds a fact that is not in the pattern")
	}
	for _, f := range perm {
		twice = append(twice, at(f))
	}
	for i := len(perm) - 1; i >= 0; i-- {
		twice = append(twice, twice[i])
	}
	return twice
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

// Goal: checkout is the same order for the same id, refuses another under it, and refuses what the
// catalogue or the client's expectation contradicts, with no effect.
func TestCheckoutRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	v := s.checkout(t, basket("ord_1"))
	s.shelf.set("MUG", "dlr_a", 501)
	again := s.checkout(t, basket("ord_1"))
	if again.Version != v.Version || again.Total != v.Total {
		t.Errorf("the same checkout again: %+v", again)
	}
	refuse := func(name string, want shop.Code, change func(*order.Basket)) {
		t.Helper()
		b := basket("")
		change(&b)
		if _, err := s.orders.Checkout(t.Context(), b); shop.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	refuse("another order of the id", shop.Conflict, func(b *order.Basket) {
		b.Order, b.Items = "ord_1", []order.Item{{SKU: "MUG", Quantity: 3}}
	})
	refuse("another's id", shop.Conflict, func(b *order.Basket) {
		b.Order, b.Customer = "ord_1", "cus_2"
	})
	refuse("an unknown SKU", shop.UnknownSKU, func(b *order.Basket) { b.Items[0].SKU = "NONE" })
	refuse("the old price", shop.TotalChanged, func(b *order.Basket) {
		m := gbp(total)
		b.Expected = &m
	})
	refuse("an id of another kind", shop.Invalid, func(b *order.Basket) { b.Order = "pay_1" })
	refuse("no method", shop.Invalid, func(b *order.Basket) { b.Method = "" })
	refuse("no address", shop.Invalid, func(b *order.Basket) { b.ShipTo = shop.Address{} })
	refuse("no such cart", shop.NotFound, func(b *order.Basket) { b.Items, b.Cart = nil, "crt_9" })
	refuse("no origin", shop.Invalid, func(b *order.Basket) { b.Origin = "thin air" })
	if n := len(roomtest.FactsOf[*event.OrderCreated](t, s.World)); n != 1 {
		t.Errorf("%d orders were made", n)
	}
	if err := s.Platform.Keys().Erase(t.Context(), "cus_1"); err != nil {
		t.Fatal(err)
	}
	refuse("an erased person", shop.Conflict, func(*order.Basket) {})
	got, err := s.orders.Get(s.As(t, "cus_1", room.Customer()), "ord_1")
	if err != nil || got.ShipTo != nil || got.Email != "" || got.Total != v.Total {
		t.Errorf("the order of an erased person: %+v, %v", got, err)
	}
}

// Goal: one cart, one order, also under two keys at once; the cart's content is what was saved last.
func TestCartBecomesOneOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	me := s.As(t, "cus_1", room.Customer())
	for _, quantity := range []int64{1, 4} {
		c := order.Cart{ID: "crt_1", Items: []order.Item{{SKU: "CUP", Quantity: quantity}}}
		if err := s.orders.SaveCart(me, c); err != nil {
			t.Fatal(err)
		}
	}
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			b := basket("")
			b.Items, b.Cart = nil, "crt_1"
			v, err := s.orders.Checkout(me, b)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && v.Items[0].Quantity == 4 && v.CartID == "crt_1":
				made++
			case shop.CodeOf(err) == shop.Conflict:
				refused++
			default:
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 7 {
		t.Errorf("%d made, %d refused", made, refused)
	}
	c := order.Cart{ID: "crt_1", Items: []order.Item{{SKU: "CUP", Quantity: 1}}}
	if err := s.orders.SaveCart(me, c); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("saved a cart that is an order: %v", err)
	}
	s.FoldEqualsState(t, s.orders)
}

// Goal: a customer's history is newest first, by pages that neither skip nor repeat.
func TestListMine(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	for n := range 25 {
		b := basket(shop.ID(fmt.Sprintf("ord_%02d", n)))
		b.At = s.Clock.Now().Add(time.Duration(n%5) * time.Hour)
		s.checkout(t, b)
	}
	me := s.As(t, "cus_1", room.Customer())
	var all []order.View
	for after := ""; ; {
		page, err := s.orders.ListMine(me, "", after, 10)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Orders...)
		if after = page.Next; after == "" {
			break
		}
	}
	seen := make(map[shop.ID]bool)
	for i, v := range all {
		if seen[v.ID] || i > 0 && v.CreatedAt.After(all[i-1].CreatedAt) || v.Items != nil {
			t.Errorf("entry %d: %+v", i, v)
		}
		seen[v.ID] = true
	}
	if len(all) != 25 {
		t.Errorf("%d orders", len(all))
	}
	other := s.As(t, "cus_2", room.Customer())
	if _, err := s.orders.ListMine(other, "cus_1", "", 10); shop.CodeOf(err) != shop.NotFound {
		t.Errorf("another's orders: %v", err)
	}
	history, err := s.orders.History(me, "ord_00", 0, 10)
	if err != nil || len(history) != 1 || history[0].Sequence != 1 {
		t.Errorf("history: %+v, %v", history, err)
	}
	if _, err := s.orders.History(other, "ord_00", 0, 10); shop.CodeOf(err) != shop.NotFound {
		t.Errorf("another's history: %v", err)
	}
	due, err := s.orders.Due(t.Context(), "ord_00")
	if err != nil || due.Amount != gbp(total) || !due.Pending || due.Method != "pm_1" {
		t.Errorf("due: %+v, %v", due, err)
	}
}
