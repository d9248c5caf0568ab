package payment

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

func gbp(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }

// told makes a payment from facts.
func told(facts ...event.Fact) *Payment {
	p := &Payment{}
	for i, f := range facts {
		p.Apply(f, int64(i+1))
	}
	return p
}

// authorised is a payment of 1,000 with its first attempt granted.
func authorised(more ...event.Fact) *Payment {
	first := begin("ord_1", Due{Customer: "cus_1", Method: "pm_1", Amount: gbp(1000)}, "sandbox")
	return told(append(append(first, &event.PaymentAuthorized{
		Payment: "pay_1", Order: "ord_1", Attempt: 1, Amount: gbp(1000), Reference: "ref",
	}), more...)...)
}

// captured lists the facts of a shipment's capture.
func captured(p *Payment, shipment shop.ID, amount int64) []event.Fact {
	intent, err := p.planCapture(shipment, gbp(amount))
	if err != nil {
		panic("a test plans an impossible capture: " + err.Error())
	}
	return []event.Fact{intent, &event.PaymentCaptured{
		Payment: p.ID, Order: p.Order, Shipment: shipment, Amount: gbp(amount), Key: intent.Key,
	}}
}

func apply(p *Payment, facts ...event.Fact) {
	for _, f := range facts {
		p.Apply(f, p.Seq+1)
	}
}

// Goal: a key follows from the business fact and nothing else. Method: the keys themselves, written
// down; a change of any of them would charge twice whoever has intents on disk.
func TestKeysNeverChange(t *testing.T) {
	t.Parallel()
	p := authorised()
	capture, err := p.planCapture("shp_1_1", gbp(400))
	if err != nil {
		t.Fatal(err)
	}
	apply(p, captured(p, "shp_1_1", 400)...)
	refund, err := p.planRefund("rfn_1", "shp_1_1", gbp(100), "")
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"authorise": {p.Operations[0].Key, "4f088c2dca4c18414593fe4ebefeff89"},
		"capture":   {capture.Key, "054d0df18d04a45c763f8787b501ff35"},
		"refund":    {refund.Key, "b27a3c4e6e1cab5e6d60b36cfd366d26"},
		"void": {
			p.planVoid()[0].(*event.PaymentIntended).Key, "9ad35d8f88b11fbf594cfaf8ac16a0a9",
		},
	} {
		if pair[0] != pair[1] {
			t.Errorf("the key to %s is %s, was %s", what, pair[0], pair[1])
		}
	}
}

// Goal: captures stay within the authorisation, refunds within the capture of their shipment, those
// that still wait included, and nothing is captured after the end (I23).
func TestBounds(t *testing.T) {
	t.Parallel()
	p := authorised()
	refuse := func(what string, err error, code shop.Code) {
		t.Helper()
		if shop.CodeOf(err) != code || err == nil {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	plan := func(shipment shop.ID, m shop.Money) error {
		_, err := p.planCapture(shipment, m)
		return err
	}
	back := func(id, shipment shop.ID, n int64) error {
		_, err := p.planRefund(id, shipment, gbp(n), "")
		return err
	}
	refuse("more than authorised", plan("shp_1_1", gbp(1001)), shop.Conflict)
	refuse("nothing", plan("shp_1_1", gbp(0)), shop.Invalid)
	euro := shop.Money{Amount: 1, Currency: "EUR"}
	refuse("another currency", plan("shp_1_1", euro), shop.Invalid)
	waiting, _ := p.planCapture("shp_1_2", gbp(700))
	apply(p, waiting)
	refuse("more than what the waiting one leaves", plan("shp_1_1", gbp(301)), shop.Conflict)
	if again, err := p.planCapture("shp_1_2", gbp(700)); again != nil || err != nil {
		t.Errorf("a capture that waits was planned again: %v, %v", again, err)
	}
	apply(p, captured(p, "shp_1_1", 300)...)

	refuse("a refund of nothing captured", back("rfn_1", "shp_1_2", 1), shop.Illegal)
	refuse("more than captured", back("rfn_1", "shp_1_1", 301), shop.Conflict)
	refund, _ := p.planRefund("rfn_1", "shp_1_1", gbp(200), "")
	apply(p, refund)
	refuse("more than what the waiting one leaves", back("rfn_2", "shp_1_1", 101), shop.Conflict)
	if err := back("rfn_2", "shp_1_1", 100); err != nil {
		t.Errorf("the rest: %v", err)
	}
	apply(p, p.planVoid()...)
	refuse("a capture after the end", plan("shp_1_3", gbp(1)), shop.Illegal)
}

// Goal: an approval tries a refused capture again under the key of its next attempt, with the same
// amount, and nothing else: not one that waits, was made, is not the last of its shipment, or is in
// doubt. What may not even be asked for is refused again and keeps its amount. Method: a payment of
// 1,000, step by step.
func TestCaptureAgain(t *testing.T) {
	t.Parallel()
	p := authorised()
	intent, err := p.planCapture("shp_1_1", gbp(400))
	if err != nil {
		t.Fatal(err)
	}
	again := func(key string) event.Fact {
		t.Helper()
		f, err := p.captureAgain(key)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	nothing := func(what, key string) {
		t.Helper()
		if f := again(key); f != nil {
			t.Errorf("%s: %+v", what, f)
		}
	}
	apply(p, intent)
	nothing("it waits", intent.Key)
	nothing("an authorisation", p.Operations[0].Key)
	nothing("nobody's key", "k")
	apply(p, p.settle(p.operation(intent.Key), Outcome{Verdict: Refused, Reason: "declined"}, 3)...)
	second, ok := again(intent.Key).(*event.PaymentIntended)
	if !ok || second.Attempt != 2 || second.Key == intent.Key || second.Amount != gbp(400) {
		t.Fatalf("the second attempt is %+v", second)
	}

	says := Outcome{Verdict: Succeeded, Payment: "pay_1", Amount: gbp(400)}
	apply(p, p.settle(p.operation(intent.Key), says, 3)...) // after the refusal
	doubt, ok := again(intent.Key).(*event.PaymentCaptureFailed)
	if !ok || doubt.Reason != string(shop.Conflict) || doubt.Amount != gbp(400) {
		t.Fatalf("in doubt: %+v", doubt)
	}
	apply(p, doubt)
	nothing("it is not the last", intent.Key)
	if f, ok := again(doubt.Key).(*event.PaymentCaptureFailed); !ok || f.Key == doubt.Key {
		t.Errorf("still in doubt: %+v", f)
	}
	apply(p, p.settle(p.operation(intent.Key), Outcome{Verdict: Refused}, 3)...) // the case closes
	third, ok := again(doubt.Key).(*event.PaymentIntended)
	if !ok || third.Attempt != 3 || third.Amount != gbp(400) {
		t.Fatalf("the third attempt is %+v", third)
	}
	apply(p, third, &event.PaymentCaptured{
		Payment: "pay_1", Order: "ord_1", Shipment: "shp_1_1", Amount: gbp(400), Key: third.Key,
	})
	for _, key := range []string{intent.Key, doubt.Key, third.Key} {
		nothing("it was made", key)
	}
}

// Goal: the end of an order gives all money back once, whatever had happened. Method: planClose in
// each situation, twice.
func TestClose(t *testing.T) {
	t.Parallel()
	first := begin("ord_1", Due{Customer: "cus_1", Amount: gbp(1000)}, "sandbox")
	part := authorised()
	apply(part, captured(part, "shp_1_1", 400)...)
	all := authorised()
	apply(all, captured(all, "shp_1_1", 1000)...)
	for name, test := range map[string]struct {
		p    *Payment
		want string
	}{
		"no answer yet":   {told(first...), "void 1000"},
		"authorised":      {authorised(), "void 1000"},
		"partly captured": {part, "void 600, refund 400"},
		"all captured":    {all, "void 0, voided, refund 1000"},
		"failed": {told(append(first, &event.PaymentFailed{
			Payment: "pay_1", Order: "ord_1", Attempt: 1, Reason: "declined", Final: true,
		})...), ""},
	} {
		var got []string
		for _, f := range test.p.planClose() {
			if i, ok := f.(*event.PaymentIntended); ok {
				got = append(got, strings.TrimSuffix(i.Operation+" "+i.Amount.String(), " GBP"))
			} else {
				got = append(got, "voided")
			}
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, ", "), test.want)
		}
		apply(test.p, test.p.planClose()...)
		if more := test.p.planClose(); len(more) > 0 {
			t.Errorf("%s: closed twice: %+v", name, more[0])
		}
	}
}

// Goal: every answer has the facts that it must have, and a contradiction moves no money.
func TestSettle(t *testing.T) {
	t.Parallel()
	const doubt = "unresolved case_opened"
	good := Outcome{Verdict: Succeeded, Payment: "pay_1", Amount: gbp(1000), Reference: "ref"}
	with := func(change func(o *Outcome)) Outcome { o := good; change(&o); return o }
	for name, test := range map[string]struct {
		out  Outcome
		want string
	}{
		"succeeded":      {good, "authorized"},
		"refused":        {Outcome{Verdict: Refused, Reason: "declined"}, "failed"},
		"try again":      {Outcome{Verdict: Refused, Again: true}, "failed intended"},
		"action":         {Outcome{Verdict: Action}, "requires_action"},
		"pending":        {Outcome{Verdict: Pending}, "unresolved"},
		"no answer":      {Outcome{}, "unresolved"},
		"wrong amount":   {with(func(o *Outcome) { o.Amount.Amount++ }), doubt},
		"wrong currency": {with(func(o *Outcome) { o.Amount.Currency = "USD" }), doubt},
		"wrong payment":  {with(func(o *Outcome) { o.Payment = "pay_2" }), doubt},
	} {
		p := told(begin("ord_1", Due{Customer: "cus_1", Amount: gbp(1000)}, "sandbox")...)
		if got := names(p.settle(&p.Operations[0], test.out, 3)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	p := authorised()
	if got := names(p.settle(&p.Operations[0], good, 3)); got != "" {
		t.Errorf("the same answer again: %s", got)
	}
	gone := Outcome{Verdict: Refused, Reason: "lapse"}
	if got := names(p.settle(&p.Operations[0], gone, 3)); got != "case_opened" {
		t.Errorf("a refusal after the success: %s", got)
	}
}

func names(facts []event.Fact) string {
	var list []string
	for _, f := range facts {
		list = append(list, strings.Split(f.Type(), ".")[2])
	}
	return strings.Join(list, " ")
}

// Goal: what a provider writes reaches our books only as a plain word, and never as a card.
func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"declined": "declined", "ch_3N-x": "ch_3N-x", "": "", "card 4242": "", "tok_visa": "",
		"4242424242424242": "", "ref4242424242424242": "", strings.Repeat("a", 65): "",
	} {
		if got := word(in); got != want {
			t.Errorf("word(%q) = %q, want %q", in, got, want)
		}
	}
}

// Goal: a token is accepted and nothing else is; the refusal does not repeat what was sent.
func TestTokens(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"tok_1", "tok_" + strings.Repeat("x", 60), "tok_4242"} {
		if err := checkToken(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "tok_", "visa", "tok_" + strings.Repeat("x", 61), "tok_ü", "tok_a b",
		"4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "378282246310005",
		"tok_4242424242424242", "5555 5555 5555 4444",
	} {
		err := checkToken(bad)
		if shop.CodeOf(err) != shop.Invalid {
			t.Errorf("%q is accepted: %v", bad, err)
		}
		if len(bad) > 8 && err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("the refusal repeats %q", bad)
		}
	}
}

// Goal: only what this process committed and never called is fresh, also while commits compete.
func TestFreshness(t *testing.T) {
	t.Parallel()
	c := newCalls()
	enter := func(key string, want bool) {
		t.Helper()
		if fresh, err := c.enter(t.Context(), key); err != nil || fresh != want {
			t.Fatalf("%s: fresh %v, %v; want %v", key, fresh, err, want)
		}
	}
	enter("stranger", false)
	c.leave("stranger")

	c.begin("k")
	c.end("k", true)
	enter("k", true)
	if _, err := c.enter(t.Context(), "k"); !errors.Is(err, platform.ErrNotYet) {
		t.Errorf("a second delivery at the same time: %v", err)
	}
	c.leave("k") // blocked: nothing was called
	enter("k", true)
	c.spend("k")
	c.leave("k")
	enter("k", false)
	c.leave("k")

	c.begin("lost")
	c.begin("lost") // two units of work want the same intent
	c.end("lost", false)
	done := make(chan bool)
	go func() {
		fresh, err := c.enter(t.Context(), "lost") // waits for the second
		done <- fresh && err == nil
	}()
	c.end("lost", true)
	if !<-done {
		t.Error("the commit that came true is not fresh")
	}
	c.spend("lost")
	c.leave("lost")
	if len(c.open) != 0 {
		t.Errorf("%d operations are remembered for nothing", len(c.open))
	}
	c.most = 0
	c.begin("full")
	c.end("full", true)
	enter("full", false)
}

// Goal: waits grow to their bound and stay there.
func TestWaits(t *testing.T) {
	t.Parallel()
	p := Policy{}.orDefault()
	for round, want := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 7: 32 * time.Second,
		8: time.Minute, 1000: time.Minute,
	} {
		if got := p.wait(round); got != want {
			t.Errorf("round %d waits %s, want %s", round, got, want)
		}
	}
}
