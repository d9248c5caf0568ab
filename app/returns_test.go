package app_test

import (
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop/room"
)

// sentBack delivers a parcel of two of a thing and asks for one of them to come back. It returns
// the name of the return.
func (s *stage) sentBack(order, shipment string) string {
	s.t.Helper()
	dealer, buyer := s.token("dlr_1", room.Dealer()), s.token("cus_1", room.Customer())
	for _, verb := range []string{"pack", "dispatch", "deliver"} {
		s.until("the parcel can "+verb, func() bool {
			return s.ask("POST", "/v1/shipments/"+shipment+"/"+verb, dealer, "",
				"Idempotency-Key", verb).status == 200
		})
	}
	a := s.ask("POST", "/v1/orders/"+order+"/returns", buyer, fmt.Sprintf(
		`{"shipment":%q,"lines":[{"sku":"a","quantity":1,"reason":"damaged"}]}`, shipment),
		"Idempotency-Key", "return-"+shipment)
	if a.status != 201 {
		s.t.Fatalf("ask for a return: %d %s", a.status, a.body)
	}
	var r struct{ ID string }
	a.decode(s.t, &r)
	s.until("the order says so", func() bool {
		var o struct{ ReturnStatus, FulfilmentStatus string }
		s.ask("GET", "/v1/orders/"+order, buyer, "").decode(s.t, &o)
		return o.ReturnStatus == "requested" && o.FulfilmentStatus == "delivered"
	})
	return r.ID
}

// Goal: goods come back over HTTP: asked for, approved, received, inspected, paid back, on the
// shelf once, and the order shows all of it. Method: two units of a thing, one of which comes back;
// every door on the way; each answer against the published document.
func TestReturnFromWishToRefund(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	a := s.ask("POST", "/v1/orders", s.token("cus_1", room.Customer()),
		checkout("a", 2, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=20")
	var o struct{ ID, ReturnStatus, PaymentStatus string }
	a.decode(t, &o)
	id := s.sentBack(o.ID, "shp_"+o.ID[len("ord_"):]+"_1")
	dealer, buyer := s.token("dlr_1", room.Dealer()), s.token("cus_1", room.Customer())
	steps := []struct{ verb, body string }{
		{"approve", ""}, {"receive", `{"items":[{"sku":"a","quantity":1}]}`},
		{"inspect", `{"units":[{"sku":"a","quantity":1,"verdict":"restock"}]}`},
	}
	for _, step := range steps {
		for range 2 { // the same key, the same bytes
			b := s.ask("POST", "/v1/returns/"+id+"/"+step.verb, dealer, step.body,
				"Idempotency-Key", step.verb)
			if b.status != 200 || a.status == 200 && string(a.body) != string(b.body) {
				t.Fatalf("%s: %d %s", step.verb, b.status, b.body)
			}
			a = b
		}
		a.status = 0
	}
	var r struct {
		Status   string
		Refunded struct{ Amount int64 }
	}
	s.until("the return is closed", func() bool {
		s.ask("GET", "/v1/returns/"+id, buyer, "").decode(t, &r)
		return r.Status == "closed"
	})
	if r.Refunded.Amount != 510 {
		t.Errorf("%d went back", r.Refunded.Amount)
	}
	s.until("the order says what came back", func() bool {
		var v struct {
			ReturnStatus, PaymentStatus string
			Items                       []struct{ Returned int64 }
		}
		s.ask("GET", "/v1/orders/"+o.ID, buyer, "").decode(t, &v)
		return v.ReturnStatus == "partially_returned" && v.PaymentStatus == "partially_refunded" &&
			v.Items[0].Returned == 1
	})
	s.until("the unit is on the shelf", func() bool {
		var v struct{ Available int64 }
		s.ask("GET", "/v1/stock/a", buyer, "").decode(t, &v)
		return v.Available == 9
	})
	var list struct{ Items []struct{ ID string } }
	s.ask("GET", "/v1/orders/"+o.ID+"/returns", buyer, "").decode(t, &list)
	if len(list.Items) != 1 || list.Items[0].ID != id {
		t.Errorf("the order lists %+v", list)
	}
	s.ask("GET", "/v1/returns", dealer, "").decode(t, &list)
	if len(list.Items) != 1 || list.Items[0].ID != id {
		t.Errorf("the dealer's list is %+v", list)
	}
}
