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

// Goal: checkout is the same order for the same id, refuses another under it, and refuses what
// the catalogue or the client's expectation contradicts, with no effect.
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

// Goal: one cart, one order, also under two keys at once; the cart's content is what was saved
// last.
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
	for n := range 50 { // as many as may be open: the one that became an order is not
		c := order.Cart{ID: shop.ID(fmt.Sprint("open_", n)), Items: basket("").Items}
		if err := s.orders.SaveCart(me, c); err != nil {
			t.Fatalf("cart %d: %v", n, err)
		}
	}
	c := order.Cart{ID: "crt_51", Items: basket("").Items}
	if err := s.orders.SaveCart(me, c); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("one cart too many: %v", err)
	}
	c = order.Cart{ID: "crt_1", Items: []order.Item{{SKU: "CUP", Quantity: 1}}}
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
