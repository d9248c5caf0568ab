package app_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

const address = `{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}`

// checkout is the body of POST /v1/orders for some units of one thing.
func checkout(sku string, quantity int, token string) string {
	return fmt.Sprintf(`{"items":[{"sku":%q,"quantity":%d}],"payment":{"token":%q},"shipTo":%s}`,
		sku, quantity, token, address)
}

// list offers units of a thing for 5.10 each.
func (s *stage) list(dealer shop.ID, sku string, units int) {
	s.t.Helper()
	token := s.token(dealer, room.Dealer())
	a := s.ask("POST", "/v1/products", token,
		fmt.Sprintf(`{"sku":%q,"title":"A thing","price":{"amount":510,"currency":"GBP"}}`, sku),
		"Idempotency-Key", "list-"+sku)
	if a.status != 201 {
		s.t.Fatalf("list %s: %d %s", sku, a.status, a.body)
	}
	a = s.ask("PUT", "/v1/stock/"+sku, token, fmt.Sprintf(`{"onHand":%d}`, units),
		"Idempotency-Key", "count-"+sku)
	if a.status != 200 {
		s.t.Fatalf("stock %s: %d %s", sku, a.status, a.body)
	}
}

// until asks again until ok is satisfied, or fails after ten seconds.
func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			s.t.Fatalf("waited ten seconds for: %s", what)
		}
	}
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// Goal: the sentence of the whole system, over HTTP: an order from checkout to delivered. Method:
// one buyer, one dealer, every door on the way, and the states that they show.
func TestOrderFromCheckoutToDelivered(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "85123A", 10)
	buyer, dealer := s.token("cus_1", room.Customer()), s.token("dlr_1", room.Dealer())
	a := s.ask("POST", "/v1/orders", buyer, checkout("85123A", 2, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=10")
	var o struct {
		ID, Status, PaymentStatus, FulfilmentStatus string
		Total                                       shop.Money
	}
	a.decode(t, &o)
	if a.status != 201 || o.Status != "placed" || o.Total.Amount != 1020 {
		t.Fatalf("checkout: %d %s", a.status, a.body)
	}
	if got := a.head.Get("Location"); got != "/v1/orders/"+o.ID {
		t.Errorf("location %q", got)
	}
	shipment := "shp_" + o.ID[len("ord_"):] + "_1"
	state := func(want string) func() bool {
		return func() bool {
			var v struct{ State string }
			a := s.ask("GET", "/v1/shipments/"+shipment, dealer, "")
			if a.status == 200 {
				a.decode(t, &v)
			}
			return v.State == want
		}
	}
	for _, step := range []struct{ before, verb string }{
		{"requested", "pack"}, {"cleared", "dispatch"}, {"dispatched", "deliver"},
	} {
		s.until("the shipment is "+step.before, state(step.before))
		a := s.ask("POST", "/v1/shipments/"+shipment+"/"+step.verb, dealer, "",
			"Idempotency-Key", step.verb)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", step.verb, a.status, a.body)
		}
	}
	s.until("the order is delivered and paid", func() bool {
		s.ask("GET", "/v1/orders/"+o.ID, buyer, "").decode(t, &o)
		return o.FulfilmentStatus == "delivered" && o.PaymentStatus == "captured"
	})
}
