package faults_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// sendBack sends both units of an order back, in two receipts and inspections: one is put on the
// shelf again, one is scrap. The order is completed when its window has closed.
func sendBack(c *client) error {
	id, err := c.arrived()
	if err != nil {
		return err
	}
	path, err := c.wish(id, 2)
	if err != nil {
		return err
	}
	if err := c.post("agree", dealer, path+"/approve", ""); err != nil {
		return err
	}
	for i, verdict := range []string{"restock", "scrap"} {
		err := c.post(fmt.Sprint("receive ", i), dealer, path+"/receive",
			`{"items":[{"sku":"lamp","quantity":1}]}`)
		if err != nil {
			return err
		}
		err = c.post(fmt.Sprint("inspect ", i), dealer, path+"/inspect",
			fmt.Sprintf(`{"units":[{"sku":"lamp","quantity":1,"verdict":%q}]}`, verdict))
		if err != nil {
			return err
		}
	}
	return c.m.pass(15*24*time.Hour, 5*24*time.Hour)
}

// neverSent asks for a return that nobody answers and whose goods never arrive: silence approves
// it, and then it lapses, and the order is completed.
func neverSent(c *client) error {
	id, err := c.arrived()
	if err != nil {
		return err
	}
	if _, err := c.wish(id, 1); err != nil {
		return err
	}
	return c.m.pass(40*24*time.Hour, 4*24*time.Hour)
}

// arrived is an order of two lamps that was delivered.
func (c *client) arrived() (shop.ID, error) {
	c.t.Helper()
	id, err := c.order("order", "tok_visa", item{"lamp", 2})
	if err != nil {
		return "", err
	}
	for _, verb := range []string{"pack", "dispatch", "deliver"} {
		err := c.post(verb, dealer, "/v1/shipments/"+shipment(id, 1)+"/"+verb, "")
		if err != nil {
			return "", err
		}
	}
	return id, nil
}

// wish asks to send lamps of an order back and returns the path of the return.
func (c *client) wish(order shop.ID, units int) (string, error) {
	c.t.Helper()
	a, err := c.do("wish", request{
		who: buyer, verb: "POST /v1/orders/" + string(order) + "/returns",
		body: fmt.Sprintf(
			`{"shipment":%q,"lines":[{"sku":"lamp","quantity":%d,"reason":"unwanted"}]}`,
			shipment(order, 1), units),
	})
	if err != nil {
		return "", err
	}
	var v struct{ ID string }
	a.decode(c.t, &v)
	return "/v1/returns/" + v.ID, c.m.settle()
}

// stick buys a label for a parcel from a carrier that gives no answer at first. There is one label,
// and it can be read.
func stick(c *client) error {
	a, err := c.do("order", request{who: buyer, verb: "POST /v1/orders", body: strings.Replace(
		checkout("tok_visa", []item{{"lamp", 2}}), "Leeds", "Mute", 1)})
	if err != nil {
		return err
	}
	var o struct{ ID shop.ID }
	if a.decode(c.t, &o); c.m.settle() != nil {
		return errDied
	}
	path := "/v1/shipments/" + shipment(o.ID, 1)
	if err := c.post("label", dealer, path+"/label", ""); err != nil {
		return err
	}
	if err := c.m.pass(10*time.Second, time.Second); err != nil {
		return err
	}
	var v struct{ Label struct{ State string } }
	a = c.m.ask(request{who: dealer, verb: "GET " + path})
	if !a.ok() {
		return errDied
	}
	if a.decode(c.t, &v); v.Label.State != "bought" {
		c.t.Errorf("the label is %s", v.Label.State)
	}
	if pdf := c.m.ask(request{who: dealer, verb: "GET " + path + "/label.pdf"}); !pdf.ok() {
		c.t.Errorf("the label cannot be read: %d %s", pdf.status, pdf.body)
	}
	return nil
}

// inParts sends a parcel of two units in two parts, until the order is completed.
func inParts(c *client) error {
	id, err := c.order("order", "tok_visa", item{"lamp", 2})
	if err != nil {
		return err
	}
	for n, body := range []string{`{"lines":[{"sku":"lamp","quantity":1}]}`, ""} {
		path := "/v1/shipments/" + shipment(id, n+1)
		if err := c.post(fmt.Sprint("pack ", n), dealer, path+"/pack", body); err != nil {
			return err
		}
		for _, verb := range []string{"dispatch", "deliver"} {
			if err := c.post(fmt.Sprint(verb, n), dealer, path+"/"+verb, ""); err != nil {
				return err
			}
		}
	}
	return c.m.pass(15*24*time.Hour, 5*24*time.Hour)
}
