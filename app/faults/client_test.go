package faults_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop"
)

// client is somebody who keeps trying. Each of its requests has a name, which is its idempotency
// key, so that a script that was interrupted is simply run again from the beginning.
type client struct {
	t   testing.TB
	m   *market
	ack func(name string, a answer) // told of every success; may be nil
	had map[string]told             // what was answered before the crash
}

// told is an answer that somebody holds in their hands.
type told struct {
	Name   string
	Status int
	Body   []byte
}

// remember reads what was acknowledged before a crash.
func remember(t testing.TB, acked []string) map[string]told {
	t.Helper()
	had := make(map[string]told)
	for _, line := range acked {
		var one told
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		had[one.Name] = one
	}
	return had
}

// encode is the line that remember reads.
func (a answer) encode(name string) string {
	raw, err := json.Marshal(told{name, a.status, a.body})
	if err != nil {
		panic("an answer has no JSON: " + err.Error())
	}
	return string(raw)
}

// tries bounds how often a request is sent again.
const tries = 50

// do sends a request until it is answered for good. An answer that was given before must be given
// again, byte for byte.
func (c *client) do(name string, r request) (answer, error) {
	c.t.Helper()
	r.key = name
	for range tries {
		a := c.m.ask(r)
		switch {
		case a.ok():
			c.compare(name, a)
			if c.ack != nil {
				c.ack(name, a)
			}
			return a, nil
		case a.status == 0, a.status >= 500, a.status == 429, a.code() == "key_in_flight":
			if err := c.m.settle(); err != nil {
				return a, err
			}
		default:
			c.t.Errorf("%s: %s: %d %s", name, r.verb, a.status, a.body)
			return a, errDied
		}
	}
	c.t.Errorf("%s: %s is never answered", name, r.verb)
	return answer{}, errDied
}

func (c *client) compare(name string, a answer) {
	c.t.Helper()
	if was, ok := c.had[name]; ok && (was.Status != a.status || !bytes.Equal(was.Body, a.body)) {
		c.t.Errorf("%s was answered\n  %d %s\nand after the crash\n  %d %s",
			name, was.Status, was.Body, a.status, a.body)
	}
}

const address = `{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}`

// list offers some units of a thing for 5.10 each.
func (c *client) list(sku string, units int) error {
	c.t.Helper()
	_, err := c.do("list-"+sku, request{
		who: dealer, verb: "POST /v1/products",
		body: fmt.Sprintf(
			`{"sku":%q,"title":"A thing","price":{"amount":510,"currency":"GBP"}}`, sku),
	})
	if err != nil {
		return err
	}
	_, err = c.do("count-"+sku, request{
		who: dealer, verb: "PUT /v1/stock/" + sku, body: fmt.Sprintf(`{"onHand":%d}`, units),
	})
	return err
}

// order checks out and waits for whatever follows.
func (c *client) order(name, token string, items ...item) (shop.ID, error) {
	c.t.Helper()
	a, err := c.do(name, request{who: buyer, verb: "POST /v1/orders", body: checkout(token, items)})
	if err != nil {
		return "", err
	}
	var o struct{ ID shop.ID }
	a.decode(c.t, &o)
	return o.ID, c.m.settle()
}

// item is a line of a basket.
type item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

func checkout(token string, items []item) string {
	raw, err := json.Marshal(items)
	if err != nil {
		panic("items have no JSON: " + err.Error())
	}
	return fmt.Sprintf(`{"items":%s,"payment":{"token":%q},"shipTo":%s}`, raw, token, address)
}

// post sends a command that needs no body, and waits for whatever follows.
func (c *client) post(name string, who shop.ID, path, body string) error {
	c.t.Helper()
	if _, err := c.do(name, request{who: who, verb: "POST " + path, body: body}); err != nil {
		return err
	}
	return c.m.settle()
}

// shipment names a parcel of an order.
func shipment(order shop.ID, n int) string {
	return fmt.Sprintf("shp_%s_%d", order[len("ord_"):], n)
}

func paymentOf(order shop.ID) string { return "pay_" + string(order[len("ord_"):]) }
