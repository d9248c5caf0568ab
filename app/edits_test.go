package app_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// adding is one placed order of a lamp, at the doors where something is added to it.
type adding struct {
	*stage
	order, buyer string
}

// openAdding sells a lamp to a card. From then on the provider does what plan says.
func openAdding(t *testing.T, card string, plan *atomic.Pointer[sandbox.Plan]) *adding {
	t.Helper()
	a := &adding{stage: openWith(t, func(c *app.Config) {
		provider, err := sandbox.Open(sandbox.Options{
			Clock: machine{}, Plan: func(operation, _ string, call int) sandbox.Plan {
				if p := plan.Load(); p != nil && operation == sandbox.Authorise && call == 1 {
					return *p
				}
				return 0
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Payment = payment.Options{
			Name: "sandbox", Provider: provider, Describe: sandbox.Describe,
		}
	})}
	a.list("dlr_1", "LAMP", 10)
	a.buyer = a.token("cus_1", room.Customer())
	var o struct{ ID, Status string }
	got := a.ask("POST", "/v1/orders", a.buyer, checkout("LAMP", 1, card),
		"Idempotency-Key", "k1", "Prefer", "wait=20")
	if got.decode(t, &o); got.status != 201 || o.Status != "placed" {
		t.Fatalf("checkout: %d %s", got.status, got.body)
	}
	a.order = o.ID
	return a
}

// shown is the order as its customer sees it.
type shown struct {
	Status  string
	Version int64
	Total   struct{ Amount int64 }
	Edits   []struct{ Order, Status, Reason string }
}

func (a *adding) shown() (v shown) {
	a.ask("GET", "/v1/orders/"+a.order, a.buyer, "").decode(a.t, &v)
	return v
}

// add asks for lamps and returns what became of that, in a word and its reason.
func (a *adding) add(key string, lamps int) string {
	a.t.Helper()
	before := a.shown()
	body := fmt.Sprintf(`{"version":%d,"add":[{"sku":"LAMP","quantity":%d}]}`,
		before.Version, lamps)
	var first answer
	for range 2 { // the same key, the same bytes
		got := a.ask("POST", "/v1/orders/"+a.order+"/edits", a.buyer, body,
			"Idempotency-Key", key)
		if got.status != 202 || first.status != 0 && string(first.body) != string(got.body) {
			a.t.Fatalf("add: %d %s, first %s", got.status, got.body, first.body)
		}
		first = got
	}
	n, said := len(before.Edits), ""
	a.until("it is decided", func() bool {
		v := a.shown()
		if v.Status != "placed" || v.Total != before.Total {
			a.t.Fatalf("the order is %+v, it was %+v", v, before)
		}
		said = strings.TrimSpace(v.Edits[n].Status + " " + v.Edits[n].Reason)
		return v.Edits[n].Status != "pending"
	})
	return said
}

func (a *adding) available(want int64) {
	a.t.Helper()
	a.until(fmt.Sprintf("%d are available", want), func() bool {
		var v struct{ Available int64 }
		a.ask("GET", "/v1/stock/LAMP", a.buyer, "").decode(a.t, &v)
		return v.Available == want
	})
}

// Goal: over HTTP, something is added to an order only when stock and money are both there, also
// when the bank does not answer at first; else nothing is held or charged, and the order stands as
// it was. Method: the sandbox declines, answers nothing, and agrees; more than there is on the
// shelf; the preview beforehand.
func TestAddingFromDoorToDoor(t *testing.T) {
	t.Parallel()
	var plan atomic.Pointer[sandbox.Plan]
	a := openAdding(t, "tok_visa", &plan)
	look := a.ask("POST", "/v1/orders/"+a.order+"/edits/preview", a.buyer, fmt.Sprintf(
		`{"version":%d,"add":[{"sku":"LAMP","quantity":2}]}`, a.shown().Version))
	var p struct{ Charged, Together struct{ Amount int64 } }
	look.decode(t, &p)
	if look.status != 200 || p.Charged.Amount != 1020 || p.Together.Amount != 1530 {
		t.Fatalf("preview: %d %s", look.status, look.body)
	}
	will := func(b sandbox.Behaviour) { p := sandbox.Plan(0).With(b); plan.Store(&p) }
	will(sandbox.Declined)
	if said := a.add("k2", 2); said != "refused payment_failed" {
		t.Errorf("declined: %s", said)
	}
	a.available(9)
	will(sandbox.TimeoutAfter)
	if said := a.add("k3", 2); said != "done" {
		t.Errorf("without an answer: %s", said)
	}
	plan.Store(nil)
	if said := a.add("k4", 100); said != "refused out_of_stock" {
		t.Errorf("more than there is: %s", said)
	}
	if said := a.add("k5", 1); said != "done" {
		t.Errorf("one more: %s", said)
	}
	a.available(6)
	stale := a.ask("POST", "/v1/orders/"+a.order+"/edits", a.buyer,
		`{"version":1,"add":[{"sku":"LAMP","quantity":1}]}`, "Idempotency-Key", "k6")
	if stale.status != 409 {
		t.Errorf("an old version: %d %s", stale.status, stale.body)
	}
}
