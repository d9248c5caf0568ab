package faults_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// script is something that people do. It is run again from the beginning after a crash, and must
// then end where it would have ended without one.
type script struct {
	name    string
	prepare func(c *client) error // before the faults begin; may be nil
	old     bool                  // prepare is what an older Souk did, and left in its own format
	run     func(c *client) error
	effects []string // what the provider's books must hold afterwards
	// same takes out of an outcome what may be either way; nil is nothing.
	same func(outcome string) string
}

func scripts() []script {
	return []script{
		{"place", nil, false, place, []string{"authorise 1020"}, nil},
		{"cancel", listed, false, cancel, []string{"authorise 1020", "void 1020"}, nil},
		{"refuse", listed, false, refuse, nil, nil},
		{"capture", listed, false, capture, []string{"authorise 1020", "capture 1020"}, nil},
		{"refund", listed, false, refund, []string{
			"authorise 1020", "capture 1020", "refund 300", "refund 720",
		}, nil},
		{"return", listed, false, sendBack, []string{
			"authorise 1020", "capture 1020", "refund 510", "refund 510",
		}, nil},
		{"return that never comes", listed, false, neverSent, []string{
			"authorise 1020", "capture 1020",
		}, nil},
		{"parts", listed, false, inParts, []string{
			"authorise 1020", "capture 510", "capture 510",
		}, nil},
		{"label", listed, false, stick, []string{"authorise 1020"}, nil},
		{"expire", listed, false, expire, nil, ended},
		{"queue", listed, false, queue(true), []string{"authorise 510"}, nil},
		{"queue and then at once", listed, false, queue(false), []string{"authorise 510"}, nil},
		{"backup", listed, false, backup, []string{"authorise 1020"}, nil},
		{"longest", shelves, false, longest, []string{
			"authorise 566100", "authorise 566100", "void 566100",
		}, nil},
		{"payout", earned, false, payOut("ba_ok"), paidOut("payout 918"), nil},
		{"payout without an answer", earned, false, payOut("ba_paid_then_timeout"),
			paidOut("payout 918"), nil},
		{"payout that is refused", earned, false, payOut("ba_refused"), paidOut(), nil},
		{"payout that comes back", earned, false, payOut("ba_returned"),
			paidOut("payout 918", "return 918"), nil},
		{"payout by schedule", earned, false, payByDay, paidOut("payout 918"), nil},
		{"refund of what was paid out", earned, false, refundPaid,
			[]string{"authorise 1020", "capture 1020", "payout 918", "refund 300"}, nil},
		{"upgrade", sold, true, upgrade, []string{"authorise 1020", "capture 1020"}, nil},
	}
}

func listed(c *client) error { return c.list("lamp", 10) }

// place lists a thing and sells it, from an empty disk on.
func place(c *client) error {
	if err := c.list("lamp", 10); err != nil {
		return err
	}
	_, err := c.order("order", "tok_visa", item{"lamp", 2})
	return err
}

func cancel(c *client) error {
	id, err := c.order("order", "tok_visa", item{"lamp", 2})
	if err != nil {
		return err
	}
	return c.post("cancel", buyer, "/v1/orders/"+string(id)+"/cancel", "")
}

// refuse asks for more than there is, and pays another order with a card that is declined.
func refuse(c *client) error {
	_, err := c.order("too much", "tok_visa", item{"lamp", 11})
	if err != nil {
		return err
	}
	_, err = c.order("declined", "tok_declined", item{"lamp", 1})
	return err
}

// capture takes an order to its completion.
func capture(c *client) error {
	id, err := c.order("order", "tok_visa", item{"lamp", 2})
	if err != nil {
		return err
	}
	return c.complete(id)
}

// complete takes a placed order of one dealer to its completion.
func (c *client) complete(id shop.ID) error {
	for _, verb := range []string{"pack", "dispatch", "deliver"} {
		err := c.post(verb, dealer, "/v1/shipments/"+shipment(id, 1)+"/"+verb, "")
		if err != nil {
			return err
		}
	}
	return c.m.pass(15*24*time.Hour, 5*24*time.Hour)
}

// earned sells a thing and waits until the dealer may have the money.
func earned(c *client) error {
	if err := listed(c); err != nil {
		return err
	}
	return capture(c)
}

// paidOut is what the provider's books hold of what earned did, and of payouts.
func paidOut(effects ...string) []string {
	return append([]string{"authorise 1020", "capture 1020"}, effects...)
}

// payee names the dealer's account.
func (c *client) payee(token, schedule string) error {
	_, err := c.do("payee", request{
		who: dealer, verb: "PUT /v1/dealers/" + dealer + "/payee",
		body: fmt.Sprintf(`{"token":%q,"schedule":%q}`, token, schedule),
	})
	return err
}

// payOut has the dealer ask for a payout, and waits for as long as it may come back.
func payOut(token string) func(c *client) error {
	return func(c *client) error {
		if err := c.payee(token, "manual"); err != nil {
			return err
		}
		if err := c.post("payout", dealer, "/v1/payouts", `{"currency":"GBP"}`); err != nil {
			return err
		}
		if err := c.m.pass(2*time.Minute, 10*time.Second); err != nil {
			return err
		}
		return c.m.pass(11*24*time.Hour, 30*time.Hour)
	}
}

// payByDay lets the schedule pay.
func payByDay(c *client) error {
	if err := c.payee("ba_ok", "daily"); err != nil {
		return err
	}
	if err := c.m.pass(30*time.Hour, 10*time.Hour); err != nil {
		return err
	}
	return c.m.pass(2*time.Minute, 10*time.Second)
}

// refundPaid gives a customer back what was paid out to the dealer.
func refundPaid(c *client) error {
	if err := payOut("ba_ok")(c); err != nil {
		return err
	}
	var page struct{ Items []struct{ ID shop.ID } }
	c.m.ask(request{who: buyer, verb: "GET /v1/orders"}).decode(c.t, &page)
	if len(page.Items) != 1 {
		return errors.New("the order is not there")
	}
	id := page.Items[0].ID
	body := fmt.Sprintf(`{"shipment":%q,"amount":{"amount":300,"currency":"GBP"}}`, shipment(id, 1))
	return c.post("refund", admin, "/v1/payments/"+paymentOf(id)+"/refunds", body)
}

// refund gives captured money back by hand, and the rest because the order is cancelled.
func refund(c *client) error {
	id, err := c.order("order", "tok_visa", item{"lamp", 2})
	if err != nil {
		return err
	}
	if err := c.post("pack", dealer, "/v1/shipments/"+shipment(id, 1)+"/pack", ""); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"shipment":%q,"amount":{"amount":300,"currency":"GBP"}}`, shipment(id, 1))
	err = c.post("refund", admin, "/v1/payments/"+paymentOf(id)+"/refunds", body)
	if err != nil {
		return err
	}
	return c.post("cancel", buyer, "/v1/orders/"+string(id)+"/cancel", "")
}

// ended makes one of two ways in which an order may end when its deadline and the customer's time
// to confirm run out in the same moment. Exactly one of them wins.
func ended(outcome string) string {
	return strings.NewReplacer(
		"{Status:cancelled PaymentStatus:failed ", "{Status:expired PaymentStatus:requires_action ",
		"message order_cancelled", "message order_expired",
	).Replace(outcome)
}

// expire leaves an order to its deadline: the customer never confirms.
func expire(c *client) error {
	_, err := c.order("order", "tok_requires_action", item{"lamp", 1})
	if err != nil {
		return err
	}
	return c.m.pass(40*time.Minute, 8*time.Minute)
}

// queue orders through the intake door. After a crash the request is sent again with its key, and
// again to be done later or not.
func queue(later bool) func(c *client) error {
	return func(c *client) error {
		r := request{
			who: buyer, verb: "POST /v1/orders", body: checkout("tok_visa", []item{{"lamp", 1}}),
		}
		if later || c.ack != nil {
			r.header = [2]string{"Prefer", "respond-async"}
		}
		a, err := c.do("order", r)
		if err != nil {
			return err
		}
		var o struct{ ID, Status string }
		a.decode(c.t, &o)
		if o.Status != "queued" { // nothing was known of the key
			return c.m.settle()
		}
		return c.taken(o.ID)
	}
}

// taken waits until a purchase has left the queue as an order.
func (c *client) taken(id string) error {
	c.t.Helper()
	for range tries {
		var p struct{ Status string }
		a := c.m.ask(request{who: buyer, verb: "GET /v1/purchases/" + id})
		if a.ok() {
			a.decode(c.t, &p)
		}
		if p.Status == "ordered" {
			return c.m.settle()
		}
		if err := c.m.pass(time.Second, time.Second); err != nil {
			return err
		}
	}
	return errors.New("the purchase is never taken from the queue")
}

// backupDir is where the script backs the market up to.
const backupDir = "/backup"

// backup copies the market after an order.
func backup(c *client) error {
	if _, err := c.order("order", "tok_visa", item{"lamp", 2}); err != nil {
		return err
	}
	if c.ack == nil { // after the crash: whether the first one is whole is looked at elsewhere
		return c.m.p.Backup(context.Background(), c.m.dir+".again")
	}
	if err := c.m.p.Backup(context.Background(), backupDir); err != nil {
		return err
	}
	c.ack("backup", answer{status: 201})
	return nil
}

// lines is how many lines the longest real order has.
const lines = 1110

func sku(i int) string { return fmt.Sprintf("sku-%04d", i) }

// shelves lists a thing for every line of the longest order, with units for two orders; of the last
// one there is a single unit more.
func shelves(c *client) error {
	for i := range lines {
		units := 2
		if i == lines-1 {
			units = 3
		}
		if err := c.list(sku(i), units); err != nil {
			return err
		}
	}
	return nil
}

// longest orders 1,110 lines three times: placed and cancelled, refused because of one line only,
// and placed.
func longest(c *client) error {
	all := make([]item, lines)
	for i := range all {
		all[i] = item{sku(i), 1}
	}
	id, err := c.order("first", "tok_visa", all...)
	if err != nil {
		return err
	}
	if err := c.post("cancel", buyer, "/v1/orders/"+string(id)+"/cancel", ""); err != nil {
		return err
	}
	short := slices.Clone(all)
	short[lines-2].Quantity = 3
	if _, err := c.order("second", "tok_visa", short...); err != nil {
		return err
	}
	_, err = c.order("third", "tok_visa", all...)
	return err
}
