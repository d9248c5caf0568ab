package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/shop"
)

// painsOfOrders are those about orders, stock and what follows from them.
func painsOfOrders() []pain {
	return []pain{
		{name: "two checkouts of the last unit", source: "medusajs/medusa#16825", live: lastUnit},
		{name: "two lines share the stock", source: "medusajs/medusa#16502", live: sharedStock},
		{
			name: "fifty buyers of ten units", live: fiftyBuyers,
			source: "vendurehq/vendure#3508, #1738, #3065; nopSolutions/nopCommerce#8085",
		},
		{
			name: "stock stays reserved after the order has ended", live: stockComesBack,
			source: "medusajs/medusa#13625",
		},
		{
			name: "a shopper is blocked by the own reservation", live: ownReservation,
			source: "woocommerce/woocommerce#67354",
		},
		{
			name: "what follows is lost when the process ends", live: nothingIsLost,
			source: "medusajs/medusa#14357; vendurehq/vendure#2735",
			disk:   vfs.NewCrashableMem(),
		},
		{
			name: "an order is stuck while the provider is silent", live: neverStuck,
			source: "medusajs/medusa#11175, #9077",
		},
		{
			name: "a long order exhausts the server", live: longOrder,
			source: "vendurehq/vendure#3349, #226",
		},
		{
			name: "a race is answered with 500", live: racesAreConflicts,
			source: "Sylius/Sylius#12573, #2776, #15172",
		},
		{
			name: "the same checkout makes two orders", live: oneCheckout,
			source: "aws-samples/aws-serverless-ecommerce-platform#180; " +
				"woocommerce/woocommerce#62659",
		},
		{
			name: "the final call ten times at once", live: tenFinalCalls,
			source: "saleor/saleor#19220; measured on Vendure 3.7.3: ten settled payments",
		},
	}
}

func lastUnit(l *liar) {
	l.offer(dealer, "wish", 510, 1)
	answers := l.atOnce(2, func(i int) request {
		return checksOut(shop.ID(fmt.Sprint("cus_", i)), "k", item{"wish", 1})
	})
	l.rest(15 * time.Minute)
	l.same("the orders", l.ends(answers), map[string]int{"placed": 1, "cancelled": 1})
	l.same("left", l.available("wish"), 0)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 510})
}

func sharedStock(l *liar) {
	short := l.ordered("tok_visa", item{"lamp", 6}, item{"lamp", 6}) // of ten
	l.same("both lines together are too many", short.Status+" "+short.Reason,
		"cancelled out_of_stock")
	l.same("what may be ordered", l.available("lamp"), 10)
	enough := l.ordered("tok_visa", item{"lamp", 5}, item{"lamp", 5})
	l.same("both lines together are all there is", enough.Status, "placed")
	l.same("left", l.available("lamp"), 0)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 5100})
}

func fiftyBuyers(l *liar) {
	answers := l.atOnce(50, func(i int) request {
		return checksOut(shop.ID(fmt.Sprint("cus_", i)), "k", item{"lamp", 1})
	})
	l.rest(15 * time.Minute)
	l.same("the orders", l.ends(answers), map[string]int{"placed": 10, "cancelled": 40})
	l.same("left", l.available("lamp"), 0)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 5100})
}

func stockComesBack(l *liar) {
	o := l.ordered("tok_visa", item{"lamp", 4})
	l.same("while it is placed", l.available("lamp"), 6)
	if err := l.cancel(o.ID); err != nil {
		l.t.Fatal(err)
	}
	l.rest(0)
	l.same("after it was cancelled", l.available("lamp"), 10)
	o = l.ordered("tok_requires_action", item{"lamp", 4}) // and nobody confirms
	l.same("while the bank waits", l.available("lamp"), 6)
	l.rest(time.Hour)
	if status := l.view(o.ID).Status; status != "expired" && status != "cancelled" {
		l.t.Errorf("the order is %s", status)
	}
	l.same("after it has lapsed", l.available("lamp"), 10)
	o = l.ordered("tok_declined", item{"lamp", 4})
	l.same("whose card is declined", o.Status, "cancelled")
	l.same("after that", l.available("lamp"), 10)
}

func ownReservation(l *liar) {
	l.offer(dealer, "single", 510, 1)
	body := strings.Replace(checkout("tok_declined", []item{{"single", 1}}),
		`"tok_declined"`, `"tok_declined","cards":2`, 1)
	a, err := l.do("k", request{who: buyer, verb: "POST /v1/orders", body: body})
	if err != nil {
		l.t.Fatal(err)
	}
	var o orderView
	a.decode(l.t, &o)
	l.rest(time.Minute)
	l.same("others cannot have it", l.available("single"), 0)
	if a := l.try(o.ID, "again", `{"token":"tok_visa"}`); a.status != 202 {
		l.t.Errorf("another card: %d %s", a.status, a.body)
	}
	l.rest(time.Minute)
	l.same("with another card", l.see(o.ID).Status, "placed")
}

// nothingIsLost has the power go as soon as the customer has an answer.
func nothingIsLost(l *liar) {
	a := l.m.ask(checksOut(buyer, "k", item{"lamp", 2}))
	if !a.ok() {
		l.t.Fatalf("%d %s", a.status, a.body)
	}
	l.restart()
	l.rest(0)
	l.same("the orders", l.ends([]answer{a}), map[string]int{"placed": 1})
	l.same("the messages", l.m.messages(), []string{"message order_placed"})
	again := l.m.ask(checksOut(buyer, "k", item{"lamp", 2}))
	l.same("the same request again", string(again.body), string(a.body))
	l.charged(map[string]int64{"authorise": lamps})
}

// restart cuts the power: what was not synced is gone, and a new process opens what is left.
func (l *liar) restart() {
	l.t.Helper()
	left := l.w.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	if err := l.m.close(); err != nil {
		l.t.Fatal(err)
	}
	l.w.fs = left
	m, err := openMarket(l.t, l.w)
	if err != nil {
		l.t.Fatal(err)
	}
	l.m = m
}

func neverStuck(l *liar) {
	o := l.ordered("tok_silent", item{"lamp", 2})
	l.same("nobody knows yet", o.Status, "pending_payment")
	l.rest(4 * time.Minute)
	l.same("cases for a person", len(l.cases()), 1)
	l.rest(4 * time.Minute)
	l.same("once it speaks", l.view(o.ID).Status, "placed")
	l.same("cases for a person", len(l.cases()), 0)
	o = l.ordered("tok_silent", item{"lamp", 2})
	l.rest(40 * time.Second)
	if err := l.cancel(o.ID); err != nil {
		l.t.Fatal(err)
	}
	l.rest(15 * time.Minute)
	l.same("who does not wait", l.view(o.ID).Status, "cancelled")
	l.charged(map[string]int64{"authorise": 2 * lamps, "void": lamps})
}

func longOrder(l *liar) {
	all := make([]item, 60)
	for i := range all {
		l.offer(dealer, sku(i), 100+i, 5)
		all[i] = item{sku(i), 1 + i%3}
	}
	o := l.ordered("tok_visa", all...)
	l.same("it", o.Status, "placed")
	l.same("its lines", len(o.Items), 60)
	l.steps(dealer, shipment(o.ID, 1), "pack", "dispatch", "deliver")
	l.same("captured", l.view(o.ID).Captured, o.Total)
}

// racesAreConflicts has everybody do everything to one order at once.
func racesAreConflicts(l *liar) {
	o := l.ordered("tok_visa", item{"lamp", 2})
	parcel, id := "/v1/shipments/"+shipment(o.ID, 1), "/v1/orders/"+string(o.ID)
	try := []request{
		{who: dealer, verb: "POST " + parcel + "/pack"},
		{who: buyer, verb: "POST " + id + "/cancel"},
		{who: admin, verb: "POST " + id + "/hold", body: `{"reason":"fraud"}`},
		{who: admin, verb: "POST " + id + "/approve"},
		{who: dealer, verb: "POST " + parcel + "/dispatch"},
	}
	answers := l.atOnce(40, func(i int) request {
		r := try[i%len(try)]
		r.key = fmt.Sprint("k", i)
		return r
	})
	for i, a := range answers {
		if !a.ok() && a.status != 409 {
			l.t.Errorf("%s: %d %s", try[i%len(try)].verb, a.status, a.body)
		}
	}
	l.rest(time.Hour)
	if status := l.view(o.ID).Status; !slices.Contains(
		[]string{"placed", "on_hold", "cancelled"}, status) {
		l.t.Errorf("the order is %s", status)
	}
}

func oneCheckout(l *liar) {
	first := l.m.ask(checksOut(buyer, "k", item{"lamp", 1}))
	l.rest(25 * time.Hour) // longer than others remember a key
	again := l.m.ask(checksOut(buyer, "k", item{"lamp", 1}))
	l.same("the answer", string(again.body), string(first.body))
	other := l.m.ask(checksOut(buyer, "k", item{"lamp", 2}))
	l.same("another basket under the same key", other.status, 422)
	missing := l.m.ask(checksOut(buyer, "", item{"lamp", 1}))
	l.same("no key at all", missing.status, 400)
	l.same("the orders", l.ends([]answer{first, again}), map[string]int{"placed": 1})
	l.same("in all", len(l.m.orders()), 1)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 510})
}

// tenFinalCalls presses the button ten times, first with the browser's one key, then with another
// each time for the same cart.
func tenFinalCalls(l *liar) {
	l.atOnce(10, func(int) request { return checksOut(buyer, "one", item{"lamp", 1}) })
	l.rest(time.Minute)
	l.same("orders of one key", len(l.m.orders()), 1)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 510})
	if _, err := l.do("cart", request{
		who: buyer, verb: "PUT /v1/carts/cart_1", body: `{"items":[{"sku":"lamp","quantity":1}]}`,
	}); err != nil {
		l.t.Fatal(err)
	}
	ok := 0
	for _, a := range l.atOnce(10, func(i int) request {
		body := strings.Replace(checkout("tok_visa", nil), `"items":null`, `"cartId":"cart_1"`, 1)
		return request{who: buyer, verb: "POST /v1/orders", key: fmt.Sprint("k", i), body: body}
	}) {
		if a.ok() {
			ok++
		} else if a.status != 409 {
			l.t.Errorf("%d %s", a.status, a.body)
		}
	}
	l.rest(time.Minute)
	l.same("calls that made an order of the cart", ok, 1)
	l.same("orders in all", len(l.m.orders()), 2)
	l.same("the provider's books", l.moved(), map[string]int64{"authorise": 1020})
}
