package faults_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// Goal: whatever the provider does, nobody is charged twice; what is not known shows as an open
// case while the provider does not tell the truth, and is resolved soon after it does; the books
// agree. Method: every magic token through the whole shop, webhooks included, in four stories:
// sold and given back, and with SOUK_SOAK also sold, cancelled once it is known, cancelled at once.
func TestEveryLieOfTheProvider(t *testing.T) {
	t.Parallel()
	contracts := compiled(t)
	for _, token := range sandbox.Tokens() {
		for name, story := range stories() {
			if !soak() && name != "given back" { // which most of the others are a part of
				continue
			}
			t.Run(token.Token+"/"+name, func(t *testing.T) {
				t.Parallel()
				tell(t, contracts, token, story)
			})
		}
	}
}

// story is what people do with an order that is paid with a doubtful card.
type story func(l *liar, order shop.ID) error

func stories() map[string]story {
	return map[string]story{
		"sold": func(l *liar, order shop.ID) error { return l.pack(order) },
		"given back": func(l *liar, order shop.ID) error {
			if err := l.pack(order); err != nil {
				return err
			}
			return l.cancel(order)
		},
		"cancelled": func(l *liar, order shop.ID) error {
			if err := l.wait(order); err != nil {
				return err
			}
			return l.cancel(order)
		},
		"cancelled at once": func(l *liar, order shop.ID) error { return l.cancel(order) },
	}
}

// liar is a market whose provider cannot be trusted.
type liar struct {
	*client
	token sandbox.Token
	heard int // webhooks that were taken
	w     world

	bought int // orders of buy
}

// tell tells one story with one token.
func tell(t *testing.T, contracts verify.Contracts, token sandbox.Token, s story) {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	l := &liar{token: token}
	bank, err := sandbox.Open(sandbox.Options{
		Clock: clock, Secret: secret(),
		Sink: func(_ context.Context, w sandbox.Webhook) error { return l.m.hook(w) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := openMarket(t, world{clock: clock, bank: bank, contracts: contracts})
	if err != nil {
		t.Fatal(err)
	}
	l.client = &client{t: t, m: m}
	if err := l.list("lamp", 10); err != nil {
		t.Fatal(err)
	}
	a, err := l.do("order", request{
		who: buyer, verb: "POST /v1/orders", body: checkout(token.Token, []item{{"lamp", 2}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var o struct{ ID shop.ID }
	a.decode(t, &o)
	if err := s(l, o.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.wait(o.ID); err != nil {
		t.Fatal(err)
	}
	if err := m.pass(80*time.Hour, 20*time.Hour); err != nil { // late webhooks, late reversals
		t.Fatal(err)
	}
	l.deliver()
	if err := m.settle(); err != nil {
		t.Fatal(err)
	}
	l.judge(o.ID)
	if err := m.close(); err != nil {
		t.Error(err)
	}
}

// wait lets a quarter of an hour pass, in which the provider lies for five minutes. What is
// unresolved for three of them must be an open case, and nothing may be at the end.
func (l *liar) wait(order shop.ID) error {
	since := make(map[string]int) // minutes for which an operation has been unresolved
	for range 15 {
		if err := l.m.pass(time.Minute, 20*time.Second); err != nil {
			return err
		}
		l.deliver()
		for _, op := range l.payment(order).Operations {
			if op.Status != "unresolved" || l.slow(op.Kind) || l.says(op.Kind) {
				continue
			}
			id := fmt.Sprint(op.Kind, op.Attempt, op.Shipment, op.Refund)
			if since[id]++; since[id] > 3 && !op.Case {
				l.t.Errorf("the %s is unresolved for three minutes without a case", op.Kind)
			}
		}
	}
	told := false
	for _, op := range l.payment(order).Operations {
		told = told || op.Case
		if open := op.Status == "unresolved" || op.Status == "intended"; !open {
			continue
		}
		if l.slow(op.Kind) {
			continue
		}
		if !l.forever(op.Kind) {
			l.t.Errorf("the %s is still %s after the provider tells the truth", op.Kind, op.Status)
		}
		if !told { // a void waits for the capture before it, whose case is open
			l.t.Errorf("the %s is %s, and nobody is told", op.Kind, op.Status)
		}
	}
	return nil
}

// forever reports whether the provider never gives an answer that can be accepted: half of a
// capture is no capture.
func (l *liar) forever(operation string) bool {
	return l.token.Plan.Has(sandbox.PartialCapture) && operation != sandbox.Authorise
}

// says reports whether the provider answers that the bank works on a refund, which is no doubt.
func (l *liar) says(operation string) bool {
	return l.token.Plan.Has(sandbox.StatusStale) && operation == sandbox.Refund
}

// slow reports whether the bank works on an operation for days, and says so.
func (l *liar) slow(operation string) bool {
	return l.token.Plan.Has(sandbox.RefundPending) && operation == sandbox.Refund
}

// pack packs the parcel, if there is one, and waits.
func (l *liar) pack(order shop.ID) error {
	if err := l.wait(order); err != nil {
		return err
	}
	parcel := "/v1/shipments/" + shipment(order, 1)
	if a := l.m.ask(request{who: dealer, verb: "GET " + parcel}); !a.ok() {
		return nil // the order was not placed
	}
	a := l.m.ask(request{who: dealer, verb: "POST " + parcel + "/pack", key: "pack"})
	if !a.ok() && a.status != 409 {
		l.t.Errorf("pack: %d %s", a.status, a.body)
	}
	return l.wait(order)
}

// cancel cancels the order, if it has not ended by itself.
func (l *liar) cancel(order shop.ID) error {
	a := l.m.ask(request{
		who: buyer, verb: "POST /v1/orders/" + string(order) + "/cancel", key: "cancel",
	})
	if !a.ok() && a.status != 409 {
		l.t.Errorf("cancel: %d %s", a.status, a.body)
	}
	return l.m.settle()
}

// deliver brings the webhooks that are due.
func (l *liar) deliver() {
	send := func(_ context.Context, w sandbox.Webhook) error { return l.m.hook(w) }
	l.heard += l.m.bank.Deliver(context.Background(), send)
}

// hook brings a webhook to its door.
func (m *market) hook(w sandbox.Webhook) error {
	req := httptest.NewRequestWithContext(context.Background(), "POST", "/v1/webhooks/sandbox",
		strings.NewReader(string(w.Body)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", w.ID)
	req.Header.Set("webhook-timestamp", w.Timestamp)
	req.Header.Set("webhook-signature", w.Signature)
	rec := httptest.NewRecorder()
	m.app.Handler().ServeHTTP(rec, req)
	if rec.Code >= 300 {
		return fmt.Errorf("the webhook is refused: %d", rec.Code)
	}
	return nil
}

func (l *liar) payment(order shop.ID) payment.PaymentView {
	l.t.Helper()
	var v payment.PaymentView
	a := l.m.ask(request{who: admin, verb: "GET /v1/payments/" + paymentOf(order)})
	if a.ok() {
		a.decode(l.t, &v)
	}
	return v
}

// judge compares the provider's own books with the order, and verifies everything.
func (l *liar) judge(order shop.ID) {
	l.t.Helper()
	moved := make(map[string]int64)
	times := make(map[string]int)
	for _, e := range ledgerOf(l.t, l.m.bank) {
		moved[e.Kind] += e.Amount
		times[e.Kind+e.Key]++
		if times[e.Kind+e.Key] > 1 {
			l.t.Errorf("the provider has done it twice: %+v", e)
		}
	}
	late := moved[sandbox.Authorise] - moved[sandbox.Void] // a success after a refusal goes back
	if moved[sandbox.Capture] > 1020 || late > 1020 {
		l.t.Errorf("more than the order's total was charged: %v", moved)
	}
	var o struct{ Status string }
	l.m.ask(request{who: buyer, verb: "GET /v1/orders/" + string(order)}).decode(l.t, &o)
	held := moved[sandbox.Authorise] - moved[sandbox.Capture] - moved[sandbox.Void] - moved["lapse"]
	kept := moved[sandbox.Capture] - moved[sandbox.Refund] - moved["chargeback"] -
		moved[sandbox.Dispute] + moved[sandbox.DisputeReturn]
	refuses := l.token.Plan.Has(sandbox.RefundRefused) // the money stays, in an open case
	switch o.Status {
	case "pending_payment":
		l.t.Errorf("the order is still %s", o.Status)
	case "cancelled", "expired":
		if !l.forever(sandbox.Capture) && (held != 0 || kept != 0 && !refuses) {
			l.t.Errorf("the order is %s, and %d is held, %d kept: %v", o.Status, held, kept, moved)
		}
	}
	deaf := l.token.Plan.Has(sandbox.HookMissing) || l.token.Plan.Has(sandbox.HookForged) ||
		l.token.Plan.Has(sandbox.HookExpired)
	early := l.token.Plan.Has(sandbox.HookEarly)
	if len(moved) > 0 && !early && deaf != (l.heard == 0) {
		l.t.Errorf("%d webhooks were taken", l.heard)
	}
	l.m.verify(true)
}
