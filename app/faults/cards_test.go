package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// newLiar opens a market whose provider is the sandbox, with something to sell.
func newLiar(t *testing.T, w world) *liar {
	t.Helper()
	w.clock = platformtest.NewClock(platformtest.Start())
	l := &liar{}
	var err error
	w.bank, err = sandbox.Open(sandbox.Options{
		Clock: w.clock, Secret: secret(),
		Sink: func(_ context.Context, hook sandbox.Webhook) error { return l.m.hook(hook) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := openMarket(t, w)
	if err != nil {
		t.Fatal(err)
	}
	l.w, l.client = w, &client{t: t, m: m}
	t.Cleanup(func() {
		if err := l.m.close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.list("lamp", 10); err != nil {
		t.Fatal(err)
	}
	return l
}

// orderView is what the customer sees of an order.
type orderView struct {
	ID                    shop.ID
	Status, PaymentStatus string
	Action                *struct {
		URL   string
		Until time.Time
	}
}

// buy orders two lamps; pay is the request's payment.
func (l *liar) buy(pay string) orderView {
	l.t.Helper()
	body := strings.Replace(checkout("tok_x", []item{{"lamp", 2}}), `{"token":"tok_x"}`, pay, 1)
	l.bought++
	a, err := l.do(fmt.Sprint("order", l.bought), request{
		who: buyer, verb: "POST /v1/orders", body: body,
	})
	if err != nil || !a.ok() {
		l.t.Fatalf("order: %d %s %v", a.status, a.body, err)
	}
	var o orderView
	a.decode(l.t, &o)
	l.rest(0)
	return l.see(o.ID)
}

func (l *liar) see(id shop.ID) orderView {
	l.t.Helper()
	var o orderView
	l.m.ask(request{who: buyer, verb: "GET /v1/orders/" + string(id)}).decode(l.t, &o)
	return o
}

// rest lets time pass, webhooks arrive, and everything settle.
func (l *liar) rest(d time.Duration) {
	l.t.Helper()
	if err := l.m.settle(); err != nil {
		l.t.Fatal(err)
	}
	stride := time.Hour
	if d <= stride {
		stride = time.Minute // fine enough for whoever asks again and again
	}
	for done := false; !done; {
		step := min(d, stride)
		if step > 0 {
			if err := l.m.pass(step, step); err != nil {
				l.t.Fatal(err)
			}
		}
		l.deliver()
		if err := l.m.settle(); err != nil {
			l.t.Fatal(err)
		}
		d -= step
		done = d <= 0
	}
}

// try tries another card, and tells how that was answered.
func (l *liar) try(order shop.ID, key, pay string) answer {
	l.t.Helper()
	return l.m.ask(request{
		who: buyer, verb: "POST /v1/payments/" + paymentOf(order) + "/attempts", key: key,
		body: `{"payment":` + pay + `}`,
	})
}

// charged requires what the provider's own books hold in all.
func (l *liar) charged(want map[string]int64) {
	l.t.Helper()
	have := make(map[string]int64)
	for _, e := range ledgerOf(l.t, l.m.bank) {
		have[e.Kind] += e.Amount
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		l.t.Errorf("the provider has %v, want %v", have, want)
	}
	l.m.verify(true)
}

func (l *liar) expect(o orderView, status, paymentStatus string) {
	l.t.Helper()
	if o.Status != status || o.PaymentStatus != paymentStatus {
		l.t.Errorf("the order is %s, %s; want %s, %s: %+v", o.Status, o.PaymentStatus, status,
			paymentStatus, l.payment(o.ID))
	}
}

const lamps = 1020 // two lamps

// Goal: a declined card may be followed by others while the order waits, each known to be dead
// before the next, and the order is charged once. Method: cards that fail in every way, the last
// one good; then one too many.
func TestOtherCards(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	o := l.buy(`{"token":"tok_declined","cards":4}`)
	l.expect(o, "pending_payment", "failed")
	for i, token := range []string{"tok_declined", "tok_silent"} {
		if a := l.try(o.ID, fmt.Sprint("k", i), `{"token":"`+token+`"}`); a.status != 202 {
			t.Fatalf("%s: %d %s", token, a.status, a.body)
		}
		if err := l.m.settle(); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody knows what became of the third card: no other may be charged meanwhile.
	if a := l.try(o.ID, "k2", `{"token":"tok_visa"}`); a.status != 409 {
		t.Errorf("while another card is in doubt: %d %s", a.status, a.body)
	}
	l.rest(6 * time.Minute)
	o = l.see(o.ID)
	l.expect(o, "placed", "authorized")
	if a := l.try(o.ID, "k3", `{"token":"tok_visa"}`); a.status != 409 {
		t.Errorf("after the order was placed: %d %s", a.status, a.body)
	}
	again := l.try(o.ID, "k1", `{"token":"tok_silent"}`)
	if again.status != 202 {
		t.Errorf("the same request again: %d %s", again.status, again.body)
	}
	if err := l.pack(o.ID); err != nil {
		t.Fatal(err)
	}
	l.charged(map[string]int64{"authorise": lamps, "capture": lamps})
}

// Goal: without another card an order that waits for one expires, and a card that comes too late,
// or is one too many, is not charged. Method: both.
func TestNoOtherCard(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	o := l.buy(`{"token":"tok_declined","cards":2}`)
	l.rest(11 * time.Minute)
	l.expect(l.see(o.ID), "expired", "failed")
	if a := l.try(o.ID, "late", `{"token":"tok_visa"}`); a.status != 409 {
		t.Errorf("after the deadline: %d %s", a.status, a.body)
	}
	o = l.buy(`{"token":"tok_declined"}`)
	l.expect(o, "cancelled", "failed")
	o = l.buy(`{"token":"tok_declined","cards":2}`)
	if a := l.try(o.ID, "k", `{"token":"tok_declined"}`); a.status != 202 {
		t.Errorf("the second card: %d %s", a.status, a.body)
	}
	l.rest(0)
	l.expect(l.see(o.ID), "cancelled", "failed")
	if a := l.m.ask(request{
		who: dealer, verb: "POST /v1/payments/" + paymentOf(o.ID) + "/attempts", key: "x",
		body: `{"payment":{"token":"tok_visa"}}`,
	}); a.status != 403 && a.status != 404 {
		t.Errorf("somebody else's card: %d %s", a.status, a.body)
	}
	l.charged(map[string]int64{})
}

// Goal: the customer is told where to confirm, the order waits, and what they do there decides; who
// takes another card instead gives the first one up for good. Method: each way through 3-D Secure.
func TestConfirmations(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	var want int64
	for name, c := range map[string]struct {
		token, pay string
		do         func(o shop.ID, key string) error
		status     string
		charged    bool
	}{
		"confirmed": {"tok_requires_action", "", func(_ shop.ID, key string) error {
			return l.m.bank.Confirm(key)
		}, "placed", true},
		"denied": {"tok_requires_action", "", func(_ shop.ID, key string) error {
			return l.m.bank.Deny(key)
		}, "cancelled", false},
		"confirmed and declined": {"tok_action_declined", "", func(_ shop.ID, key string) error {
			return l.m.bank.Confirm(key)
		}, "cancelled", false},
		"left alone": {"tok_requires_action", "", func(shop.ID, string) error {
			return l.m.pass(31*time.Minute, 5*time.Minute)
		}, "expired", false},
		"another card": {"tok_requires_action", `,"cards":2`, func(o shop.ID, key string) error {
			if a := l.try(o, "k", `{"token":"tok_visa"}`); a.status != 202 {
				return fmt.Errorf("another card: %d %s", a.status, a.body)
			}
			if err := l.m.settle(); err != nil {
				return err
			}
			if l.m.bank.Confirm(key) == nil {
				return fmt.Errorf("the first card could still be confirmed")
			}
			return nil
		}, "placed", true},
	} {
		o := l.buy(`{"token":"` + c.token + `"` + c.pay + `}`)
		l.expect(o, "pending_payment", "requires_action")
		key := l.keyOf(o.ID)
		if o.Action == nil || !strings.HasSuffix(o.Action.URL, "/"+key) {
			t.Fatalf("%s: the customer is told %+v", name, o.Action)
		}
		var seen orderView
		l.m.ask(request{who: admin, verb: "GET /v1/orders/" + string(o.ID)}).decode(t, &seen)
		if seen.Action == nil || seen.Action.URL != "" {
			t.Errorf("%s: an admin is told %+v", name, seen.Action)
		}
		if err := c.do(o.ID, key); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l.rest(time.Minute)
		o = l.see(o.ID)
		if o.Status != c.status && (c.status != "expired" || o.Status != "cancelled") ||
			o.Action != nil {
			t.Errorf("%s: the order is %s, %+v", name, o.Status, o.Action)
		}
		if c.charged {
			want += lamps
		}
	}
	l.charged(map[string]int64{"authorise": want})
}

// keyOf is the key of an order's first authorisation, by the log.
func (l *liar) keyOf(order shop.ID) (key string) {
	l.t.Helper()
	for _, f := range l.facts(order) {
		if i, ok := f.(*event.PaymentIntended); ok && key == "" {
			key = i.Key
		}
	}
	return key
}

// facts is the log of an order's payment.
func (l *liar) facts(order shop.ID) (list []event.Fact) {
	l.t.Helper()
	events, err := l.m.p.History().Subject(context.Background(),
		"payment/"+paymentOf(order), 0, 1000)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range events {
		f, err := l.m.cat.Decode(e.Type, e.Data)
		if err != nil {
			l.t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// Goal: a card that the bank refused first and then honoured all the same is given back by itself,
// whatever the order came to meanwhile. Method: such a card alone, and with another after it.
func TestSuccessAfterRefusal(t *testing.T) {
	t.Parallel()
	for _, other := range []bool{false, true} {
		l := newLiar(t, world{})
		o := l.buy(`{"token":"tok_declined_then_succeeds","cards":2}`)
		want := map[string]int64{"authorise": lamps, "void": lamps}
		if other {
			if a := l.try(o.ID, "k", `{"token":"tok_visa"}`); a.status != 202 {
				t.Fatalf("another card: %d %s", a.status, a.body)
			}
			want["authorise"] += lamps
		}
		l.rest(2 * time.Minute)
		l.rest(2 * time.Minute)
		told := false
		for _, f := range l.facts(o.ID) {
			c, ok := f.(*event.PaymentCaseOpened)
			told = told || ok && c.Reason == "success_after_refusal"
		}
		if !told {
			t.Error("nobody was told")
		}
		if cases := l.cases(); len(cases) > 0 {
			t.Errorf("open cases %+v", cases)
		}
		l.rest(12 * time.Minute)
		status := map[bool]string{true: "placed", false: "expired"}[other]
		if o = l.see(o.ID); o.Status != status {
			t.Errorf("the order is %s, want %s", o.Status, status)
		}
		l.charged(want)
	}
}

func (l *liar) cases() []payment.CaseView {
	l.t.Helper()
	var page struct{ Items []payment.CaseView }
	l.m.ask(request{who: admin, verb: "GET /v1/ops/cases"}).decode(l.t, &page)
	return page.Items
}
