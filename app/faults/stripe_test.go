package faults_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/stripe"
	"github.com/souk-commerce/souk/shop/payment/stripe/fake"
)

// striped is a market that has Stripe beside the sandbox.
type striped struct {
	*liar
	stripe *fake.Server
}

func newStriped(t *testing.T) *striped {
	t.Helper()
	s := &striped{}
	s.stripe = fake.New(func() time.Time { return s.m.clock.Now() }, "whsec_stripe")
	server := httptest.NewServer(s.stripe)
	t.Cleanup(server.Close)
	p, err := stripe.New(stripe.Options{
		Key: "sk_test_1", URL: server.URL, Client: server.Client(),
		Secrets: []string{"whsec_of_before", "whsec_stripe"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.liar = newLiar(t, world{pay: func(o *payment.Options) {
		o.Others = []payment.Other{{
			Name: stripe.Name, Provider: p, Listener: p, Describe: stripe.Describe,
		}}
	}})
	return s
}

// bring brings Stripe's webhooks to their door, each twice.
func (s *striped) bring() {
	s.t.Helper()
	for _, h := range s.stripe.Hooks() {
		for range 2 {
			if code := s.post("/v1/webhooks/stripe", h); code != 204 && code != 503 {
				s.t.Errorf("the webhook %s: %d", h.Type, code)
			}
		}
	}
}

func (s *striped) post(path string, h fake.Hook) int {
	req := httptest.NewRequestWithContext(s.t.Context(), "POST", path,
		strings.NewReader(string(h.Body)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Stripe-Signature", h.Sign)
	rec := httptest.NewRecorder()
	s.m.app.Handler().ServeHTTP(rec, req)
	return rec.Code
}

// wait lets time pass with webhooks.
func (s *striped) wait(d time.Duration) {
	s.t.Helper()
	s.rest(d)
	s.bring()
	s.rest(time.Second)
}

func (s *striped) sell(card, more string) orderView {
	s.t.Helper()
	o := s.buy(`{"token":"` + card + `","provider":"stripe"` + more + `}`)
	s.wait(time.Second)
	return s.see(o.ID)
}

// taken is what Stripe took of all cards, less what it gave back; and what it still holds.
func (s *striped) taken() (kept, held int64) {
	for _, i := range s.stripe.Intents() {
		kept += i.Received - i.Refunded
		held += i.Capturable
	}
	return kept, held
}

// Goal: whatever becomes of a call to Stripe, and however webhooks come, an order is charged once
// and given back once. Method: an order's life, sold and given back, with every path broken in
// every way at its first two calls; beside it an order of the sandbox's.
func TestStripeThroughBadWeather(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"", fake.Before, fake.After, fake.Busy} {
		t.Run("weather "+how, func(t *testing.T) {
			t.Parallel()
			s := newStriped(t)
			s.stripe.Fault = func(method, path string, call int) string {
				if method != "POST" || call > 2 {
					return ""
				}
				return how
			}
			o := s.sell(fake.Visa, "")
			other := s.buy(`{"token":"tok_visa"}`)
			s.wait(5 * time.Minute)
			s.expect(s.see(o.ID), "placed", "authorized")
			s.expect(s.see(other.ID), "placed", "authorized")
			if p := s.payment(o.ID); p.Operations[0].Provider != "stripe" {
				t.Errorf("the payment is with %q", p.Operations[0].Provider)
			}
			if err := s.pack(o.ID); err != nil {
				t.Fatal(err)
			}
			s.wait(5 * time.Minute)
			s.expect(s.see(o.ID), "placed", "captured")
			if kept, held := s.taken(); kept != lamps || held != 0 {
				t.Errorf("Stripe took %d and holds %d", kept, held)
			}
			if err := s.cancel(o.ID); err != nil {
				t.Fatal(err)
			}
			s.wait(15 * time.Minute)
			s.expect(s.see(o.ID), "cancelled", "refunded")
			if kept, held := s.taken(); kept != 0 || held != 0 || len(s.stripe.Intents()) != 1 {
				t.Errorf("Stripe keeps %d and holds %d: %+v", kept, held, s.stripe.Intents())
			}
			if cases := s.cases(); len(cases) > 0 {
				t.Errorf("open cases %+v", cases)
			}
			s.m.verify(true)
		})
	}
}

// Goal: a card may be declined at one provider and another be charged at the other; what the bank
// wants confirmed is; and nobody's money is held afterwards. Method: the ways through a checkout.
func TestStripeCheckouts(t *testing.T) {
	t.Parallel()
	s := newStriped(t)
	o := s.sell(fake.DeclinedCard, `,"cards":2`)
	s.expect(o, "pending_payment", "failed")
	if a := s.try(o.ID, "k", `{"token":"tok_visa"}`); a.status != 202 {
		t.Fatalf("the sandbox's card: %d %s", a.status, a.body)
	}
	s.wait(time.Second)
	s.expect(s.see(o.ID), "placed", "authorized")

	o = s.sell(fake.SecureCard, "")
	s.expect(o, "pending_payment", "requires_action")
	list := s.stripe.Intents()
	last := list[len(list)-1]
	if o.Action == nil || o.Action.URL != "https://hooks.example/3ds/"+last.ID {
		t.Errorf("the customer is told %+v", o.Action)
	}
	s.stripe.Confirm(last.ID)
	s.wait(time.Second)
	s.expect(s.see(o.ID), "placed", "authorized")

	o = s.sell(fake.SecureCard, "")
	s.wait(40 * time.Minute) // nobody confirms
	if o = s.see(o.ID); o.Status != "expired" && o.Status != "cancelled" {
		t.Errorf("the order is %s", o.Status)
	}
	if _, held := s.taken(); held != lamps {
		t.Errorf("Stripe holds %d, want the one that was confirmed", held)
	}
	a := s.m.ask(request{
		who: buyer, verb: "POST /v1/orders", key: "nobody", body: strings.Replace(
			checkout("tok_x", []item{{"lamp", 2}}), `"tok_x"`, `"tok_x","provider":"acme"`, 1),
	})
	if a.status != 400 && a.status != 422 {
		t.Errorf("a provider that there is not: %d %s", a.status, a.body)
	}
	s.m.verify(true)
}

// Goal: what a webhook says otherwise than our books opens a case and changes nothing; what it says
// of strangers, or in words that nobody knows, is kept and counted. Method: signed webhooks that
// are wrong in one thing each.
func TestStripeWebhooksThatAreWrong(t *testing.T) {
	t.Parallel()
	s := newStriped(t)
	o := s.sell(fake.Visa, "")
	pi := s.stripe.Intents()[0]
	say := func(id, typ, object string) fake.Hook {
		body := fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"created":1,"data":{"object":%s}}`,
			id, typ, object)
		return fake.Hook{
			Type: typ, Body: []byte(body),
			Sign: fake.Sign(s.m.clock.Now(), []byte(body), "whsec_stripe"),
		}
	}
	object := func(id string, amount int64, currency, payment, key string) string {
		return fmt.Sprintf(`{"id":%q,"amount":%d,"currency":%q,"metadata":{"souk_payment":%q,`+
			`"souk_order":%q,"souk_key":%q}}`, id, amount, currency, payment, o.ID, key)
	}
	ours := paymentOf(o.ID)
	for n, c := range []struct{ object, why string }{
		{object(pi.ID, lamps+1, "gbp", ours, pi.Key), "notice_amount"},
		{object(pi.ID, lamps, "eur", ours, pi.Key), "notice_currency"},
		{object("pi_of_another", lamps, "gbp", ours, pi.Key), "notice_reference"},
		{object(pi.ID, lamps, "gbp", "pay_of_another", pi.Key), "notice_reference"},
		{object(pi.ID, lamps, "gbp", ours, "no such key"), "notice_reference"},
	} {
		h := say(fmt.Sprint("evt_wrong_", n), "payment_intent.succeeded", c.object)
		if code := s.post("/v1/webhooks/stripe", h); code != 204 {
			t.Errorf("%s: %d", c.why, code)
		}
		cases := s.cases()
		if len(cases) != 1 || cases[0].Reason != c.why {
			t.Errorf("%s: cases %+v", c.why, cases)
		}
		s.expect(s.see(o.ID), "placed", "authorized")
		s.wait(2 * time.Minute) // Stripe is asked, and says what we know
		if cases := s.cases(); len(cases) != 0 {
			t.Errorf("%s: the case stays: %+v", c.why, cases)
		}
	}
	for n, h := range []fake.Hook{
		say("evt_u", "invoice.paid", `{"id":"in_1"}`),
		say("evt_s", "payment_intent.succeeded", `{"id":"pi_x","metadata":{"souk_payment":"pay_x"}}`),
	} {
		if code := s.post("/v1/webhooks/stripe", h); code != 204 {
			t.Errorf("strange webhook %d: %d", n, code)
		}
	}
	forged := say("evt_f", "payment_intent.succeeded", "{}")
	forged.Sign = fake.Sign(s.m.clock.Now(), forged.Body, "whsec_guess")
	if code := s.post("/v1/webhooks/stripe", forged); code != 401 {
		t.Errorf("forged: %d", code)
	}
	counts, err := s.m.app.Payment.Notices(t.Context())
	if err != nil || counts["wrong"] != 5 || counts["unknown"] != 1 || counts["unmatched"] != 1 {
		t.Errorf("counted %v, %v", counts, err)
	}
	s.m.verify(true)
}

// Goal: a dispute and a late failure of a refund are followed at Stripe as at the sandbox.
// Method: one of each.
func TestStripeMoneyThatComesBack(t *testing.T) {
	t.Parallel()
	s := newStriped(t)
	o := s.sell(fake.Visa, "")
	if err := s.pack(o.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Second)
	pi := s.stripe.Intents()[0]
	dispute := s.stripe.Contest(pi.ID, s.m.clock.Now().Add(7*24*time.Hour))
	s.wait(time.Second)
	s.expect(s.see(o.ID), "placed", "disputed")
	d := s.payment(o.ID).Disputes[0]
	if a := s.submit(o.ID, d.ID, "e", evidence); a.status != 202 || d.Reference != dispute {
		t.Errorf("%+v: %d %s", d, a.status, a.body)
	}
	s.stripe.Rule(dispute, "won")
	s.wait(time.Second)
	s.expect(s.see(o.ID), "placed", "captured")
	if d = s.payment(o.ID).Disputes[0]; d.Status != "won" || d.Taken.Amount != 0 {
		t.Errorf("%+v", d)
	}
	if err := s.cancel(o.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Minute)
	s.expect(s.see(o.ID), "cancelled", "refunded")
	s.stripe.Refunded(s.refundOf(o.ID), "failed")
	s.wait(time.Minute)
	s.expect(s.see(o.ID), "cancelled", "captured")
	if cases := s.cases(); len(cases) != 1 || cases[0].Operation != "refund" {
		t.Errorf("cases %+v", cases)
	}
	s.m.verify(true)
}

// refundOf is Stripe's name for an order's refund.
func (s *striped) refundOf(order shop.ID) string {
	p, err := s.m.app.Payment.Payment(s.t.Context(), payment.Of(order))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, op := range p.Operations {
		if op.Kind == payment.Refund {
			return op.Reference
		}
	}
	s.t.Fatal("there is no refund")
	return ""
}
