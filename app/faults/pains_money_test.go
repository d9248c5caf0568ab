package faults_test

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// painsOfMoney are those about charges, refunds and what dealers are paid.
func painsOfMoney() []pain {
	charges := app.Policy{Order: order.Policy{
		TTL: 10 * time.Minute, ActionTTL: 20 * time.Minute, ReturnWindow: 14 * 24 * time.Hour,
		Charges: order.Charges{ShippingPerParcel: 395, TaxBPS: 2000},
	}}
	return []pain{
		{
			name: "webhook and answer race for the capture", live: hooksRace,
			source: "medusajs/medusa#13301",
		},
		{
			name: "webhook and answer each make a payment", live: hooksTwice,
			source: "spree/spree PR #13938; saleor/saleor#14648, #11133",
		},
		{
			name: "paid, and the browser is closed", live: browserCloses,
			source: "medusajs/medusa#12790, #13837",
		},
		{
			name: "giving up one card refunds another", live: anotherCard,
			source: "medusajs/medusa PR #15527",
		},
		{
			name: "the last cents cannot be refunded", live: lastCents, policy: charges,
			source: "medusajs/medusa#14818, #14817, #13091, PR #15303, #15315",
		},
		{
			name: "a refusal by webhook is ignored", live: refusalsCount,
			source: "medusajs/medusa#16398",
		},
		{
			name: "paid, and the order cannot be made", live: fundsGoBack,
			source: "saleor/saleor#14733, #10925, saleor/saleor-docs#990",
		},
		{
			name: "the price changes while the customer pays", live: priceIsFrozen,
			source: "saleor/saleor#14733",
		},
		{
			name: "a late webhook opens a refunded order again", live: lateWebhook,
			source: "mollie/WooCommerce#1252",
		},
		{
			name: "a time-out charges again", live: timeoutsChargeOnce,
			source: "aws-powertools/powertools-lambda-python#8049; " +
				"aws-samples/aws-serverless-workshop-serverless-coffee#13",
		},
		{
			name: "goods come back, and each dealer has the own money", live: dealersShare,
			source: "vendurehq/vendure#3576, #3199; medusajs/examples#68",
		},
		{
			name: "a payout that came back counts as paid", live: payoutComesBack,
			source: "spree/spree PR #14622",
		},
		{
			name: "a dealer is paid for what was refunded", live: refundsAreNotPaid,
			source: "spree/spree PR #14622",
		},
		{
			name: "delivery is charged twice", live: deliveryOnce, policy: charges,
			source: "spree/spree PR #14622",
		},
	}
}

func hooksRace(l *liar) {
	o := l.ordered("tok_webhook_early", item{"lamp", 2})
	l.same("it", o.Status, "placed")
	l.steps(dealer, shipment(o.ID, 1), "pack", "dispatch")
	l.same("captures", l.count(o.ID, &event.PaymentCaptured{}), 1)
	l.charged(map[string]int64{"authorise": lamps, "capture": lamps})
}

// hooksTwice has the provider tell each thing three times, and somebody play its webhooks back.
func hooksTwice(l *liar) {
	o := l.buy(`{"token":"tok_webhook_twice"}`)
	l.steps(dealer, shipment(o.ID, 1), "pack")
	var heard []sandbox.Webhook
	a := l.ordered("tok_requires_action", item{"lamp", 2})
	if err := l.m.bank.Confirm(l.keyOf(a.ID)); err != nil {
		l.t.Fatal(err)
	}
	l.m.bank.Deliver(context.Background(), func(_ context.Context, w sandbox.Webhook) error {
		heard = append(heard, w)
		return l.m.hook(w)
	})
	for _, w := range heard {
		for range 3 {
			if err := l.m.hook(w); err != nil {
				l.t.Errorf("a webhook that is sent again: %v", err)
			}
		}
	}
	l.rest(time.Minute)
	l.same("webhooks to play back", len(heard) > 0, true)
	l.same("confirmed", l.view(a.ID).Status, "placed")
	for _, id := range []shop.ID{o.ID, a.ID} {
		l.same("authorisations", l.count(id, &event.PaymentAuthorized{}), 1)
	}
	l.same("captures", l.count(o.ID, &event.PaymentCaptured{}), 1)
	l.charged(map[string]int64{"authorise": 2 * lamps, "capture": lamps})
}

// browserCloses has the money move where nobody looks: the provider's answer is lost, or the
// customer confirms at the bank and never comes back. Where the bank's webhook gets lost as well it
// is asked when the time to confirm is over: the order is placed then, or the money goes back.
func browserCloses(l *liar) {
	for _, token := range []string{"tok_charge_then_timeout", "tok_webhook_missing"} {
		a := l.m.ask(request{
			who: buyer, verb: "POST /v1/orders", key: token,
			body: checkout(token, []item{{"lamp", 2}}),
		})
		if err := l.m.pass(2*time.Minute, 10*time.Second); err != nil {
			l.t.Fatal(err)
		}
		l.same(token, l.ends([]answer{a}), map[string]int{"placed": 1})
	}
	want := int64(2 * lamps)
	for _, lost := range []bool{false, true} {
		o := l.ordered("tok_requires_action", item{"lamp", 2})
		if err := l.m.bank.Confirm(l.keyOf(o.ID)); err != nil {
			l.t.Fatal(err)
		}
		if lost {
			l.m.bank.Deliver(context.Background(),
				func(context.Context, sandbox.Webhook) error { return nil })
			l.rest(time.Hour)
		}
		l.rest(time.Minute)
		status := l.view(o.ID).Status
		if status == "placed" {
			want += lamps
		}
		if !lost || status != "expired" {
			l.same("confirmed, and never back", status, "placed")
		}
	}
	books := l.moved()
	l.same("held", books["authorise"]-books["void"], want)
}

// anotherCard has the bank honour a card that it had refused, when another one has paid.
func anotherCard(l *liar) {
	o := l.buy(`{"token":"tok_declined_then_succeeds","cards":2}`)
	if a := l.try(o.ID, "k", `{"token":"tok_visa"}`); a.status != 202 {
		l.t.Fatalf("another card: %d %s", a.status, a.body)
	}
	l.rest(5 * time.Minute)
	l.same("it", l.view(o.ID).Status, "placed")
	for _, f := range l.facts(o.ID) {
		if v, ok := f.(*event.PaymentAttemptVoided); ok {
			l.same("the attempt that is given up", v.Attempt, 1)
		}
	}
	l.same("attempts that are given up", l.count(o.ID, &event.PaymentAttemptVoided{}), 1)
	l.steps(dealer, shipment(o.ID, 1), "pack", "dispatch")
	l.charged(map[string]int64{"authorise": 2 * lamps, "void": lamps, "capture": lamps})
}

// lastCents gives three things back one by one, whose price with everything does not divide by
// three.
func lastCents(l *liar) {
	l.offer(dealer, "odd", 333, 10)
	o := l.ordered("tok_visa", item{"odd", 3})
	l.same("the total", o.Total.Amount, 1673) // 999, 395 for the parcel, 279 of tax
	parcel := shipment(o.ID, 1)
	l.steps(dealer, parcel, "pack", "dispatch", "deliver")
	var sum int64
	for range 3 {
		back := l.givenBack(dealer, o.ID, parcel, "odd", 1)
		if back < 557 || back > 558 {
			l.t.Errorf("a third of %d is not %d", o.Total.Amount, back)
		}
		sum += back
	}
	l.same("given back", sum, o.Total.Amount)
	l.same("it", l.view(o.ID).PaymentStatus, "refunded")
	a := l.m.ask(request{
		who: admin, verb: "POST /v1/payments/" + paymentOf(o.ID) + "/refunds", key: "one more",
		body: fmt.Sprintf(`{"shipment":%q,"amount":{"amount":1,"currency":"GBP"}}`, parcel),
	})
	l.same("a cent more", a.status, 409)
	l.charged(map[string]int64{"authorise": 1673, "capture": 1673, "refund": 1673})
}

// refusalsCount has the bank refuse, the customer go away, and the provider tell what nobody knows.
func refusalsCount(l *liar) {
	o := l.ordered("tok_requires_action", item{"lamp", 2})
	if err := l.m.bank.Deny(l.keyOf(o.ID)); err != nil {
		l.t.Fatal(err)
	}
	l.rest(0) // only the webhook can have told
	l.same("refused", l.view(o.ID).Status, "cancelled")
	o = l.ordered("tok_requires_action", item{"lamp", 2})
	l.rest(time.Hour)
	if status := l.view(o.ID).Status; status != "expired" && status != "cancelled" {
		l.t.Errorf("left alone, the order is %s", status)
	}
	o = l.ordered("tok_webhook_unknown", item{"lamp", 2})
	l.rest(time.Minute)
	l.same("told what nobody knows", l.view(o.ID).Status, "placed")
	counts, err := l.m.app.Payment.Notices(context.Background())
	if err != nil || counts["unknown"] == 0 {
		l.t.Errorf("unknown webhooks are not counted: %v, %v", counts, err)
	}
	l.charged(map[string]int64{"authorise": lamps})
}

// fundsGoBack has the money come when the order has ended.
func fundsGoBack(l *liar) {
	a := l.m.ask(request{
		who: buyer, verb: "POST /v1/orders", key: "k",
		body: checkout("tok_late_success", []item{{"lamp", 2}}),
	})
	var o order.View
	a.decode(l.t, &o)
	if err := l.cancel(o.ID); err != nil {
		l.t.Fatal(err)
	}
	l.rest(10 * time.Minute)
	l.same("the orders", l.ends([]answer{a}), map[string]int{"cancelled": 1})
	books := l.moved()
	l.same("held", books["authorise"]-books["void"], 0)
	l.same("cases", len(l.cases()), 0)
}

func priceIsFrozen(l *liar) {
	o := l.ordered("tok_requires_action", item{"lamp", 2})
	tag := l.m.ask(request{who: dealer, verb: "GET /v1/products/lamp"}).head.Get("ETag")
	if _, err := l.do("reprice", request{
		who: dealer, verb: "PATCH /v1/products/lamp", header: [2]string{"If-Match", tag},
		body: `{"price":{"amount":990,"currency":"GBP"}}`,
	}); err != nil {
		l.t.Fatal(err)
	}
	if err := l.m.bank.Confirm(l.keyOf(o.ID)); err != nil {
		l.t.Fatal(err)
	}
	l.rest(time.Minute)
	v := l.view(o.ID)
	l.same("it", v.Status, "placed")
	l.same("its total", v.Total.Amount, lamps)
	l.charged(map[string]int64{"authorise": lamps})
}

func lateWebhook(l *liar) {
	o := l.buy(`{"token":"tok_webhook_late"}`) // three days late
	l.steps(dealer, shipment(o.ID, 1), "pack")
	if err := l.cancel(o.ID); err != nil {
		l.t.Fatal(err)
	}
	l.rest(10 * time.Minute)
	before, left := l.view(o.ID), l.available("lamp")
	l.same("it", before.Status+" "+before.PaymentStatus, "cancelled refunded")
	heard := l.heard
	l.rest(80 * time.Hour)
	l.same("webhooks came", l.heard > heard, true)
	after := l.view(o.ID)
	l.same("it", after.Status+" "+after.PaymentStatus, "cancelled refunded")
	l.same("its version", after.Version, before.Version)
	l.same("the shelf", l.available("lamp"), left)
	l.charged(map[string]int64{"authorise": lamps, "capture": lamps, "refund": lamps})
}

// timeoutsChargeOnce has calls end without an answer at a provider that forgets their keys.
func timeoutsChargeOnce(l *liar) {
	for i, token := range []string{
		"tok_timeout", "tok_charge_then_timeout", "tok_reset_after_charge", "tok_forgets_key",
	} {
		o := l.ordered(token, item{"lamp", 2})
		l.rest(8 * time.Minute)
		l.same(token, l.view(o.ID).Status, "placed")
		l.same(token, l.moved()["authorise"], int64(i+1)*lamps)
	}
}

// dealersShare sells things of two dealers in one order, and has one of them come back.
func dealersShare(l *liar) {
	const other = "dlr_2"
	l.offer(other, "tea", 1000, 10)
	o := l.ordered("tok_visa", item{"lamp", 2}, item{"tea", 1})
	l.same("parcels", o.Parcels, 2)
	for n, who := range []shop.ID{dealer, other} {
		l.steps(who, shipment(o.ID, n+1), "pack", "dispatch", "deliver")
	}
	for who, want := range map[shop.ID]int64{dealer: 918, other: 900} { // a tenth is the market's
		_, pending := l.dues(who)
		l.same(string(who)+" waits for", pending, want)
	}
	l.same("it went back", l.givenBack(dealer, o.ID, shipment(o.ID, 1), "lamp", 1), int64(510))
	_, mine := l.dues(dealer)
	_, others := l.dues(other)
	l.same("half of it is left, and the other dealer's is untouched", []int64{mine, others},
		[]int64{459, 900})
	l.same("the shelf", l.available("lamp"), 9)
	l.rest(16 * 24 * time.Hour)
	mine, _ = l.dues(dealer)
	l.same("may be paid", mine, 459)
	l.charged(map[string]int64{"authorise": 2020, "capture": 2020, "refund": 510})
}

// sellAll sells two lamps and waits until the dealer may have the money.
func (l *liar) sellAll() order.View {
	l.t.Helper()
	o := l.ordered("tok_visa", item{"lamp", 2})
	l.steps(dealer, shipment(o.ID, 1), "pack", "dispatch", "deliver")
	l.rest(15 * 24 * time.Hour)
	return o
}

// payDay has the dealer ask for everything, and returns the answer.
func (l *liar) payDay(key string) answer {
	l.t.Helper()
	a := l.m.ask(request{
		who: dealer, verb: "POST /v1/payouts", key: key, body: `{"currency":"GBP"}`,
	})
	l.rest(5 * time.Minute)
	return a
}

func payoutComesBack(l *liar) {
	l.sellAll()
	if err := l.payee("ba_returned", "manual"); err != nil {
		l.t.Fatal(err)
	}
	if a := l.payDay("k"); !a.ok() {
		l.t.Fatalf("payout: %d %s", a.status, a.body)
	}
	have, _ := l.dues(dealer)
	l.same("once it is paid", have, 0)
	l.rest(11 * 24 * time.Hour)
	have, _ = l.dues(dealer)
	l.same("once it came back", have, 918)
	l.same("the payouts", l.m.payouts()[1:], []string{"payout returned"})
}

func refundsAreNotPaid(l *liar) {
	if err := l.payee("ba_ok", "manual"); err != nil {
		l.t.Fatal(err)
	}
	o := l.ordered("tok_visa", item{"lamp", 2})
	l.steps(dealer, shipment(o.ID, 1), "pack", "dispatch", "deliver")
	l.givenBack(dealer, o.ID, shipment(o.ID, 1), "lamp", 2)
	l.rest(15 * 24 * time.Hour)
	if a := l.payDay("first"); a.ok() {
		l.t.Errorf("a dealer is paid for what was refunded: %s", a.body)
	}
	l.sellAll()
	if a := l.payDay("second"); !a.ok() {
		l.t.Errorf("payout: %d %s", a.status, a.body)
	}
	o = l.sellAll()
	refund := fmt.Sprintf(`{"shipment":%q,"amount":{"amount":1020,"currency":"GBP"}}`,
		shipment(o.ID, 1))
	err := l.post("refund", admin, "/v1/payments/"+paymentOf(o.ID)+"/refunds", refund)
	if err != nil {
		l.t.Fatal(err)
	}
	l.rest(time.Minute)
	if a := l.payDay("third"); a.ok() {
		l.t.Errorf("a dealer is paid for what was refunded: %s", a.body)
	}
	var paid int64
	for _, e := range paidBy(l.t, l.m.payer) {
		paid += e.Amount
	}
	l.same("paid in all", paid, 918)
}

// deliveryOnce sends what two dealers sell, one parcel of it in two parts.
func deliveryOnce(l *liar) {
	const other = "dlr_2"
	l.offer(other, "tea", 1000, 10)
	o := l.ordered("tok_visa", item{"lamp", 2}, item{"tea", 1})
	l.same("shipping of two parcels", o.Shipping.Amount, 2*395)
	first := shipment(o.ID, 1)
	if err := l.post("part", dealer, "/v1/shipments/"+first+"/pack",
		`{"lines":[{"sku":"lamp","quantity":1}]}`); err != nil {
		l.t.Fatal(err)
	}
	l.rest(0)
	l.steps(dealer, first, "dispatch", "deliver")
	l.steps(dealer, shipment(o.ID, 3), "pack", "dispatch", "deliver")
	l.steps(other, shipment(o.ID, 2), "pack", "dispatch", "deliver")
	v := l.view(o.ID)
	l.same("captured", v.Captured, o.Total)
	l.same("it", v.FulfilmentStatus, "delivered")
	l.charged(map[string]int64{"authorise": o.Total.Amount, "capture": o.Total.Amount})
}
