package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/room"
)

// cutting is one order of two lamps and a rug, at the doors where units of it are cancelled.
type cutting struct {
	*market
}

func openCutting(t *testing.T, card string) *cutting {
	t.Helper()
	m := &market{stage: open(t)}
	m.list("dlr_1", "LAMP", 10)
	m.list("dlr_2", "RUG", 10)
	m.tokens[1], m.tokens[2] = m.token("dlr_1", room.Dealer()), m.token("dlr_2", room.Dealer())
	m.admin, m.buyer = m.token("adm_1", room.Admin()), m.token("cus_1", room.Customer())
	body := fmt.Sprintf(`{"items":[{"sku":"LAMP","quantity":2},{"sku":"RUG","quantity":1}],`+
		`"payment":{"token":%q},"shipTo":%s}`, card, address)
	a := m.ask("POST", "/v1/orders", m.buyer, body, "Idempotency-Key", "k1", "Prefer", "wait=10")
	var o struct{ ID, Status string }
	a.decode(t, &o)
	if a.status != 201 || o.Status != "placed" {
		t.Fatalf("checkout: %d %s", a.status, a.body)
	}
	m.order = o.ID
	m.until("both parcels are requested", func() bool {
		return m.state(1) == "requested" && m.state(2) == "requested"
	})
	return &cutting{m}
}

// cut cancels units of a thing and requires the status of the answer.
func (c *cutting) cut(token, key, sku string, units, status int) answer {
	c.t.Helper()
	a := c.ask("POST", "/v1/orders/"+c.order+"/cancellations", token, fmt.Sprintf(
		`{"lines":[{"sku":%q,"quantity":%d}]}`, sku, units), "Idempotency-Key", key)
	if a.status != status {
		c.t.Fatalf("cancel %d %s: %d %s, want %d", units, sku, a.status, a.body, status)
	}
	return a
}

// shows waits until the order says what became of it.
func (c *cutting) shows(want string) {
	c.t.Helper()
	var have string
	defer func() { c.t.Logf("the order is %s", have) }()
	c.until("the order is "+want, func() bool {
		var v struct {
			Status, PaymentStatus, FulfilmentStatus string

			Captured, Refunded, Cancelled, Total struct{ Amount int64 }
		}
		c.ask("GET", "/v1/orders/"+c.order, c.buyer, "").decode(c.t, &v)
		have = fmt.Sprint(v.Status, " ", v.PaymentStatus, " ", v.FulfilmentStatus, " ",
			v.Total.Amount, " ", v.Captured.Amount, " ", v.Cancelled.Amount, " ",
			v.Refunded.Amount)
		return have == want
	})
}

func (c *cutting) available(sku string, want int64) {
	c.t.Helper()
	c.until(fmt.Sprintf("%d of %s are available", want, sku), func() bool {
		var v struct{ Available int64 }
		c.ask("GET", "/v1/stock/"+sku, c.buyer, "").decode(c.t, &v)
		return v.Available == want
	})
}

// Goal: over HTTP, a customer cancels a unit before it is packed and pays less; the operator
// cancels a paid one and it is paid back; units are on the shelf again once; the totals stay; the
// preview tells all of it beforehand. Method: two lamps and a rug at 5.10; every request twice.
func TestUnitsCancelledFromDoorToDoor(t *testing.T) {
	t.Parallel()
	c := openCutting(t, "tok_visa")
	p := c.ask("POST", "/v1/orders/"+c.order+"/cancellations/preview", c.buyer,
		`{"lines":[{"sku":"LAMP","quantity":1}]}`)
	var v struct{ Amount struct{ Amount int64 } }
	if p.decode(t, &v); p.status != 200 || v.Amount.Amount != 510 {
		t.Fatalf("preview: %d %s", p.status, p.body)
	}
	c.available("LAMP", 8)
	first := c.cut(c.buyer, "c1", "LAMP", 1, 200)
	if again := c.cut(c.buyer, "c1", "LAMP", 1, 200); string(again.body) != string(first.body) {
		t.Errorf("the same key: %s, then %s", first.body, again.body)
	}
	c.shows("placed authorized unfulfilled 1530 0 510 0")
	c.available("LAMP", 9)

	c.move(1, "pack", 200, "")
	c.cut(c.buyer, "c2", "LAMP", 1, 409)
	c.until("it is paid", func() bool { return c.state(1) == "cleared" })
	c.move(2, "pack", 200, "")
	c.until("it is paid", func() bool { return c.state(2) == "cleared" })
	c.shows("placed captured unfulfilled 1530 1020 510 0")
	c.cut(c.admin, "c3", "RUG", 1, 200)
	c.shows("placed partially_refunded unfulfilled 1530 1020 1020 510")
	c.available("RUG", 10)
	for _, verb := range []string{"dispatch", "deliver"} {
		c.move(1, verb, 200, "")
	}
	c.shows("placed partially_refunded delivered 1530 1020 1020 510")
	c.cut(c.admin, "c4", "LAMP", 1, 409)

	var told struct{ Items []struct{ Topic string } }
	c.until("the customer was told of both", func() bool {
		c.ask("GET", "/v1/messages", c.buyer, "").decode(t, &told)
		return strings.Count(fmt.Sprint(told.Items), "order_reduced") == 2
	})
	var paid struct {
		Status     string
		Operations []struct{ Kind, Status string }
	}
	c.until("the rest of the authorisation is free", func() bool {
		c.ask("GET", "/v1/payments/pay_"+c.order[len("ord_"):], c.buyer, "").decode(t, &paid)
		return strings.Contains(fmt.Sprint(paid.Operations), "{void done}")
	})
}

// Goal: cancelling the last unit cancels the order, and a refund that the provider refuses is a
// case for a person, not lost. Method: everything, before it is packed; then a paid parcel with
// a card whose refunds are refused.
func TestTheLastUnitAndARefusedRefund(t *testing.T) {
	t.Parallel()
	c := openCutting(t, "tok_visa")
	c.cut(c.buyer, "c1", "LAMP", 2, 200)
	c.cut(c.buyer, "c2", "RUG", 1, 200)
	c.shows("cancelled voided unfulfilled 1530 0 1530 0")
	c.available("LAMP", 10)
	c.available("RUG", 10)

	c = openCutting(t, "tok_refund_fails")
	c.move(2, "pack", 200, "")
	c.until("it is paid", func() bool { return c.state(2) == "cleared" })
	c.cut(c.admin, "c1", "RUG", 1, 200)
	c.until("somebody is asked to look", func() bool {
		a := c.ask("GET", "/v1/ops/cases", c.admin, "")
		return strings.Contains(string(a.body), "refund_refused")
	})
	c.shows("placed partially_captured unfulfilled 1530 510 510 0")
}
