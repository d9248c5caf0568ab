package stripe_test

import (
	"context"
	"errors"
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

// bench is the provider in front of a Stripe with state.
type bench struct {
	t    *testing.T
	fake *fake.Server
	p    *stripe.Provider
	now  time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Unix(signedAt, 0)}
	b.fake = fake.New(func() time.Time { return b.now }, "whsec_first")
	server := httptest.NewServer(b.fake)
	t.Cleanup(server.Close)
	b.p = open(t, stripe.Options{
		URL: server.URL, Client: server.Client(), Secrets: []string{"whsec_first"},
		Return: "https://shop.example/orders",
	})
	return b
}

func gbp(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }

func request(operation, key string, amount int64) payment.Request {
	return payment.Request{
		Operation: operation, Key: key, Payment: "pay_1", Order: "ord_1", Amount: gbp(amount),
		Captures: 1,
	}
}

// authorise authorises 1,000 with a card, for so many captures.
func (b *bench) authorise(card string, captures int) payment.Outcome {
	b.t.Helper()
	r := request(payment.Authorise, "a1", 1000)
	r.Token, r.Captures = card, captures
	return b.do(r)
}

func (b *bench) do(r payment.Request) payment.Outcome {
	b.t.Helper()
	out, err := b.p.Do(context.Background(), r)
	if err != nil {
		b.t.Fatalf("%s: %v", r.Operation, err)
	}
	return out
}

// on is an operation that acts on another.
func on(operation, key string, amount int64, of payment.Outcome, captured int64) payment.Request {
	r := request(operation, key, amount)
	r.Of, r.Reference, r.Captured = "a1", of.Reference, captured
	return r
}

func (b *bench) expect(what string, out payment.Outcome, v payment.Verdict, amount int64) {
	b.t.Helper()
	if out.Verdict != v || v == payment.Succeeded &&
		(out.Amount != gbp(amount) || out.Payment != "pay_1" || out.Reference == "") {
		b.t.Errorf("%s: %+v, want %d of %d", what, out, v, amount)
	}
}

// Goal: one authorisation is captured parcel by parcel where the card allows it, the rest is
// released, and each parcel's money goes back by itself. Method: the calls of an order's life.
func TestSeveralCaptures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.authorise(fake.Visa, 3)
	b.expect("authorise", a, payment.Succeeded, 1000)
	first := b.do(on(payment.Capture, "c1", 300, a, 0))
	b.expect("the first capture", first, payment.Succeeded, 300)
	b.expect("the second", b.do(on(payment.Capture, "c2", 200, a, 300)), payment.Succeeded, 200)
	b.expect("too much", b.do(on(payment.Capture, "c3", 501, a, 500)), payment.Refused, 0)
	b.expect("the rest", b.do(on(payment.Void, "v", 500, a, 500)), payment.Succeeded, 0)
	b.expect("again", b.do(on(payment.Void, "v", 500, a, 500)), payment.Succeeded, 0)
	b.expect("a refund", b.do(on(payment.Refund, "r1", 300, first, 0)), payment.Succeeded, 300)
	list := b.fake.Intents()
	if len(list) != 1 || list[0].Received != 500 || list[0].Status != "succeeded" {
		t.Errorf("Stripe has %+v", list)
	}
}

// Goal: a card that allows one capture is charged anew for later parcels, never beyond what was
// authorised, and a bank that refuses that refuses a capture. Method: two such cards.
func TestOneCapture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.authorise(fake.OneCapture, 2)
	b.expect("the first", b.do(on(payment.Capture, "c1", 300, a, 0)), payment.Succeeded, 300)
	second := on(payment.Capture, "c2", 700, a, 300)
	out := b.do(second)
	b.expect("the second", out, payment.Succeeded, 700)
	if out.Reference == a.Reference {
		t.Error("the second capture has no payment of its own")
	}
	b.expect("sent again", b.do(second), payment.Succeeded, 700)
	found, err := b.p.Status(context.Background(), second)
	if err != nil || found.Reference != out.Reference {
		t.Errorf("found %+v, %v", found, err)
	}
	b.expect("a third", b.do(on(payment.Capture, "c3", 1, a, 1000)), payment.Refused, 0)
	b.expect("a refund of the second", b.do(on(payment.Refund, "r", 700, out, 0)),
		payment.Succeeded, 700)

	b = newBench(t)
	a = b.authorise(fake.NeverOffline, 2)
	b.do(on(payment.Capture, "c1", 300, a, 0))
	b.expect("without the customer", b.do(on(payment.Capture, "c2", 700, a, 300)),
		payment.Refused, 0)
	if last := b.fake.Intents()[1]; last.Status != "canceled" {
		t.Errorf("what was declined is %s", last.Status)
	}
}

// Goal: what was declined is dead, and says so without Stripe's words. Method: a declined card.
func TestDeclined(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	out := b.authorise(fake.DeclinedCard, 1)
	if out.Verdict != payment.Refused || out.Reason != "generic_decline" || out.Again {
		t.Errorf("%+v", out)
	}
	if list := b.fake.Intents(); len(list) != 1 || list[0].Status != "canceled" {
		t.Errorf("Stripe has %+v", list)
	}
	b.now = b.now.Add(time.Minute)
	again, err := b.p.Status(context.Background(), request(payment.Authorise, "a1", 1000))
	if err != nil || again.Verdict != payment.Refused {
		t.Errorf("asked: %+v, %v", again, err)
	}
}

// Goal: a customer is sent to the bank, and what they do there shows; an authorisation that nobody
// confirmed is ended by a void, and nothing can be confirmed after it. Method: three payments.
func TestSecureCard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(s *fake.Server, id string)
		want payment.Verdict
		free int64 // by a void
	}{
		"waits":     {func(*fake.Server, string) {}, payment.Action, 0},
		"confirmed": {(*fake.Server).Confirm, payment.Succeeded, 1000},
		"denied":    {(*fake.Server).Deny, payment.Refused, 0},
	} {
		b := newBench(t)
		out := b.authorise(fake.SecureCard, 1)
		if out.Verdict != payment.Action || !strings.HasPrefix(out.Page, "https://hooks.example/") {
			t.Fatalf("%s: %+v", name, out)
		}
		c.do(b.fake, out.Reference)
		ask := request(payment.Authorise, "a1", 1000)
		ask.Own = out.Reference
		now, err := b.p.Status(context.Background(), ask)
		if err != nil || now.Verdict != c.want {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
		b.expect(name+", voided", b.do(on(payment.Void, "v", 1000, out, 0)),
			payment.Succeeded, c.free)
		if s := b.fake.Intents()[0].Status; s != "canceled" {
			t.Errorf("%s: Stripe has it %s", name, s)
		}
	}
}

// Goal: whatever breaks, each operation has its effect once, and asking tells the truth.
// Method: every operation with its calls failing before or after the effect; then it is asked
// for until it is known, and sent again under its key where Stripe knows of none.
func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	for _, how := range []string{fake.Before, fake.After, fake.Busy} {
		for _, operation := range []string{
			payment.Authorise, payment.Capture, payment.Void, payment.Refund,
		} {
			t.Run(how+" "+operation, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				r := request(payment.Authorise, "a1", 1000)
				r.Token = fake.Visa
				if operation != payment.Authorise {
					a := b.do(r)
					r = on(operation, "x", 1000, a, 0)
				}
				if operation == payment.Refund {
					c := b.do(on(payment.Capture, "c", 1000, payment.Outcome{
						Reference: r.Reference,
					}, 0))
					r.Reference = c.Reference
				}
				b.breakAll(how)
				_, err := b.p.Do(context.Background(), r)
				if err == nil || how == fake.Busy != errors.Is(err, payment.ErrTooMany) {
					t.Fatalf("a broken call: %v", err)
				}
				for _, secret := range []string{"Secret words", fake.Visa, "sk_test"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error tells %q: %v", secret, err)
					}
				}
				b.fake.Fault = nil
				out := b.resolve(r)
				if out.Verdict != payment.Succeeded || out.Amount != gbp(1000) {
					t.Errorf("resolved: %+v", out)
				}
				list := b.fake.Intents()
				if len(list) != 1 {
					t.Fatalf("Stripe has %+v", list)
				}
				if p := list[0]; p.Received+p.Capturable > 1000 || p.Refunded > 1000 {
					t.Errorf("Stripe has %+v", p)
				}
			})
		}
	}
}

// breakAll lets every POST fail, since the connection repeats one that has a key by itself.
func (b *bench) breakAll(how string) {
	b.fake.Fault = func(method, _ string, _ int) string {
		if method != "POST" {
			return ""
		}
		return how
	}
}

// resolve asks, and sends again under the same key after three denials, as the room does.
func (b *bench) resolve(r payment.Request) payment.Outcome {
	b.t.Helper()
	token := r.Token
	for range 10 {
		r.Token = ""
		out, err := b.p.Status(context.Background(), r)
		if err != nil {
			b.t.Fatal(err)
		}
		if out.Verdict != payment.Missing {
			return out
		}
		b.now = b.now.Add(500 * time.Millisecond)
		r.Token = token
		if out, err = b.p.Do(context.Background(), r); err == nil {
			return out
		}
	}
	return payment.Outcome{}
}

// Goal: a refund that the bank works on is pending, and one that fails at last says so.
func TestRefundsThatFailLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.authorise(fake.PendingRefund, 1)
	c := b.do(on(payment.Capture, "c", 1000, a, 0))
	r := on(payment.Refund, "r", 400, c, 0)
	out := b.do(r)
	b.expect("at first", out, payment.Pending, 0)
	for _, one := range []struct {
		status string
		want   payment.Verdict
	}{{"succeeded", payment.Succeeded}, {"failed", payment.Refused}} {
		b.fake.Refunded(out.Reference, one.status)
		for _, own := range []string{"", out.Reference} {
			r.Own = own
			now, err := b.p.Status(context.Background(), r)
			if err != nil || now.Verdict != one.want {
				t.Errorf("%s: %+v, %v", one.status, now, err)
			}
		}
	}
}

// Goal: a dispute is told with its money and its deadline, evidence is handed in once, and the end
// brings the money back or not. Method: a dispute that is won.
func TestDisputes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.authorise(fake.Visa, 1)
	b.do(on(payment.Capture, "c", 1000, a, 0))
	due := b.now.Add(7 * 24 * time.Hour)
	id := b.fake.Contest(a.Reference, due)
	ctx := context.Background()
	r, err := b.p.Dispute(ctx, id)
	if err != nil || r.Payment != "pay_1" || r.Amount != gbp(1000) || !r.Until.Equal(due) ||
		r.State != "open" || r.Evidence || len(r.Moves) != 1 || r.Moves[0].Back ||
		r.Moves[0].Amount != 1000 || r.Moves[0].Fee != 1500 {
		t.Errorf("opened: %+v, %v", r, err)
	}
	e := payment.Submission{
		Key: "e1", Reference: id, Evidence: payment.Evidence{Explanation: "it was delivered"},
	}
	for range 2 {
		if out, err := b.p.Submit(ctx, e); err != nil || out.Verdict != payment.Succeeded {
			t.Errorf("evidence: %+v, %v", out, err)
		}
	}
	e.Key = "e2"
	if out, err := b.p.Submit(ctx, e); err != nil || out.Verdict != payment.Refused {
		t.Errorf("evidence twice: %+v, %v", out, err)
	}
	b.fake.Rule(id, "won")
	r, err = b.p.Dispute(ctx, id)
	if err != nil || r.State != "won" || len(r.Moves) != 2 || !r.Moves[1].Back ||
		r.Moves[1].Amount != 1000 || r.Moves[1].Fee != 1500 {
		t.Errorf("won: %+v, %v", r, err)
	}
	if _, err := b.p.Dispute(ctx, "dp_of_nobody"); shop.CodeOf(err) != shop.NotFound {
		t.Errorf("a dispute that there is not: %v", err)
	}
}

// Goal: an authorisation that lapsed is refused, one that we ended was not, and money that somebody
// else captured is not freed in silence.
func TestEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.authorise(fake.Visa, 1)
	ask := request(payment.Authorise, "a1", 1000)
	ask.Own = a.Reference
	b.do(on(payment.Void, "v", 1000, a, 0))
	out, err := b.p.Status(context.Background(), ask)
	if err != nil || out.Verdict != payment.Succeeded {
		t.Errorf("after our void: %+v, %v", out, err)
	}
	b.expect("a capture after it", b.do(on(payment.Capture, "c", 1, a, 0)), payment.Refused, 0)

	b = newBench(t)
	a = b.authorise(fake.Visa, 1)
	ask.Own = a.Reference
	b.fake.Lapse(a.Reference)
	out, err = b.p.Status(context.Background(), ask)
	if err != nil || out.Verdict != payment.Refused || out.Reason != "lapsed" {
		t.Errorf("lapsed: %+v, %v", out, err)
	}
	if _, err := stripe.New(stripe.Options{}); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("without a key: %v", err)
	}
	if s := fmt.Sprint(stripe.Describe(fake.Visa)); strings.Contains(s, fake.Visa) {
		t.Errorf("a card is shown as %s", s)
	}
}
