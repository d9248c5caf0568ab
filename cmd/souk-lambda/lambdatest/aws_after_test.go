//go:build awsemulated

package lambdatest_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/room"
)

// labelled buys a label for an order's parcel from the carrier, and prints what goes with it. Each
// paper is read twice: the second time it comes from the bucket in any case.
func (c *cloud) labelled(order string) {
	c.t.Helper()
	c.until("/v1/orders/"+order, `"status":"placed"`)
	parcel := parcelOf(order)
	c.until(parcel, `"state":"requested"`)
	c.want(202, room.Dealer(), "dlr_1", "POST", parcel+"/label", "", "label"+order)
	c.until(parcel, `"state":"bought"`)
	for range 2 {
		c.printed(parcel + "/label.pdf")
		c.printed(parcel + "/packing-slip.pdf")
	}
}

// printed requires that a path answers with a paper.
func (c *cloud) printed(path string) {
	c.t.Helper()
	r := c.ask(room.Dealer(), "dlr_1", "GET", path, "", "")
	paper, err := base64.StdEncoding.DecodeString(r.Body)
	if r.StatusCode != 200 || err != nil || !strings.HasPrefix(string(paper), "%PDF-") ||
		r.Headers["Content-Type"] != "application/pdf" {
		c.t.Fatalf("%s: %d %v %v %.200s", path, r.StatusCode, r.Headers, err, r.Body)
	}
}

// sentBack has one unit of an order's parcel come back: asked for, approved, with a label for the
// way, received, inspected, paid back, and on the shelf again.
func (c *cloud) sentBack(order, sku string) {
	c.t.Helper()
	var r struct{ ID string }
	body := c.want(201, room.Customer(), "cus_1", "POST", "/v1/orders/"+order+"/returns",
		`{"shipment":"`+parcelOf(order)[len("/v1/shipments/"):]+`","lines":[{"sku":"`+sku+
			`","quantity":1,"reason":"damaged"}]}`, "return"+order)
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		c.t.Fatal(err)
	}
	path := "/v1/returns/" + r.ID
	step := func(verb, body string) {
		c.t.Helper()
		c.want(200, room.Dealer(), "dlr_1", "POST", path+"/"+verb, body, verb+order)
		c.carry()
	}
	step("approve", "")
	c.want(202, room.Customer(), "cus_1", "POST", path+"/label", "", "way back"+order)
	c.until(path, `"state":"bought"`)
	c.printed(path + "/label.pdf")
	step("receive", `{"items":[{"sku":"`+sku+`","quantity":1}]}`)
	step("inspect", `{"units":[{"sku":"`+sku+`","quantity":1,"verdict":"restock"}]}`)
	c.until(path, `"status":"closed"`)
	c.until(path, `"refunded":{"amount":510,"currency":"GBP"}`)
	c.until("/v1/orders/"+order, `"paymentStatus":"partially_refunded"`)
	c.until("/v1/orders/"+order, `"returnStatus":"partially_returned"`)
}

// matured delivers an order whose return window is a minute: the order room's functions have
// another environment meanwhile, as after a deployment.
func (c *cloud) matured(order string) {
	c.t.Helper()
	usual := make(map[*deployed][]string)
	for _, f := range c.functions {
		if strings.HasPrefix(f.name, "souk-t-order-") {
			usual[f] = f.Env
			f.Close()
			f.Env = append(slices.Clone(f.Env), "SOUK_RETURNS=1m")
		}
	}
	c.deliver(order)
	for f, env := range usual {
		f.Close()
		f.Env = env
	}
}

// paidOut pays the dealer what has matured: the order's two units less the market's share.
func (c *cloud) paidOut(order string) {
	c.t.Helper()
	c.until("/v1/orders/"+order, `"status":"completed"`)
	c.until("/v1/ops/ledger/trial-balance", `"account":"dealers:payable","amount":-918`)
	c.want(200, room.Dealer(), "dlr_1", "PUT", "/v1/dealers/dlr_1/payee",
		`{"token":"ba_paid_then_timeout","schedule":"manual"}`, "payee")
	body := c.want(202, room.Dealer(), "dlr_1", "POST", "/v1/payouts", `{"currency":"GBP"}`,
		"payout")
	var p struct {
		ID     string
		Amount struct{ Amount int64 }
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Amount.Amount != 918 {
		c.t.Fatalf("a payout: %s, %v", body, err)
	}
	c.until("/v1/payouts/"+p.ID, `"status":"paid"`) // its first answer was lost
	c.until("/v1/ops/ledger/trial-balance", `"balanced":true`)
}

// wantStored requires that papers were put into the bucket by who makes them, and that the sweeper
// of the rooms' table and the payer were at work.
func wantStored(t *testing.T, calls []call) {
	t.Helper()
	wantCalls(t, calls, "s3:PutObject", "souk-t-fulfilment-buy-on-label-wanted", "souk-t-api")
	wantCalls(t, calls, "s3:GetObject", "souk-t-api")
	wantCalls(t, calls, "kms:Decrypt", "souk-t-ledger-call-on-payout-intended")
}

// parcelOf is the path of an order's only parcel.
func parcelOf(order string) string {
	return "/v1/shipments/shp_" + strings.TrimPrefix(order, "ord_") + "_1"
}
