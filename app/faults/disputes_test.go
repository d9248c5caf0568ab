package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

const evidence = `{"explanation":"it was delivered","carrier":"post","tracking":"1Z"}`

// contest sells two lamps with a card whose customer then goes to the bank.
func (l *liar) contest(token string) (orderView, payment.DisputeView) {
	l.t.Helper()
	o := l.buy(`{"token":"` + token + `"}`)
	if err := l.pack(o.ID); err != nil {
		l.t.Fatal(err)
	}
	l.rest(15 * time.Minute)
	p := l.payment(o.ID)
	if len(p.Disputes) != 1 {
		l.t.Fatalf("the payment has the disputes %+v", p.Disputes)
	}
	return l.see(o.ID), p.Disputes[0]
}

// submit hands evidence in.
func (l *liar) submit(o, dispute shop.ID, key, body string) answer {
	l.t.Helper()
	return l.m.ask(request{
		who: admin, key: key, body: body, verb: "POST /v1/payments/" + paymentOf(o) +
			"/disputes/" + string(dispute) + "/evidence",
	})
}

// count is how many facts of a type an order's payment has.
func (l *liar) count(order shop.ID, of event.Fact) int {
	n := 0
	for _, f := range l.facts(order) {
		if f.Type() == of.Type() {
			n++
		}
	}
	return n
}

// Goal: a dispute shows at the order and as a case, its evidence is handed in once before the
// deadline, and its end and every movement of money are told once. Method: the sandbox's disputes,
// with evidence and without.
func TestDisputes(t *testing.T) {
	t.Parallel()
	for token, c := range map[string]struct {
		evidence           bool
		status, order      string
		taken, back, warns int
	}{
		"tok_dispute":         {true, "won", "captured", 1, 1, 0},
		"tok_dispute_lost":    {true, "lost", "disputed", 1, 0, 0},
		"tok_dispute_inquiry": {true, "closed", "captured", 0, 0, 0},
	} {
		l := newLiar(t, world{})
		o, d := l.contest(token)
		inquiry := token == "tok_dispute_inquiry"
		if d.Status != "open" || !d.NeedsProof || d.Inquiry != inquiry || len(l.cases()) != 1 {
			t.Errorf("%s: %+v, cases %+v", token, d, l.cases())
		}
		if !inquiry {
			l.expect(o, "placed", "disputed")
		}
		for _, key := range []string{"k1", "k1"} {
			if a := l.submit(o.ID, d.ID, key, evidence); a.status != 202 {
				t.Errorf("%s: evidence: %d %s", token, a.status, a.body)
			}
		}
		if a := l.submit(o.ID, d.ID, "k2", evidence); a.status != 409 {
			t.Errorf("%s: evidence twice: %d %s", token, a.status, a.body)
		}
		l.rest(time.Hour)
		d = l.payment(o.ID).Disputes[0]
		if d.Status != c.status || d.Evidence != "submitted" || len(l.cases()) != 0 {
			t.Errorf("%s: %+v, cases %+v", token, d, l.cases())
		}
		l.expect(l.see(o.ID), "placed", c.order)
		if n := l.count(o.ID, &event.PaymentDisputeMoved{}); n != c.taken+c.back {
			t.Errorf("%s: money moved %d times", token, n)
		}
		want := map[string]int64{"authorise": lamps, "capture": lamps}
		if c.taken > 0 {
			want["dispute"] = lamps
		}
		if c.back > 0 {
			want["dispute_return"] = lamps
		}
		l.charged(want)
	}
}

// Goal: nobody misses a deadline unwarned; without evidence the dispute is lost, its money cannot
// be refunded besides, and evidence that comes too late, or holds a card's number, is refused.
// Method: eight days of doing nothing.
func TestDisputeWithoutEvidence(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	o, d := l.contest("tok_dispute")
	if a := l.submit(o.ID, d.ID, "card", `{"explanation":"card 4242 4242 4242 4242"}`); a.status != 400 &&
		a.status != 422 {
		t.Errorf("evidence with a card's number: %d %s", a.status, a.body)
	}
	if a := l.m.ask(request{
		who: admin, key: "r", verb: "POST /v1/payments/" + paymentOf(o.ID) + "/refunds",
		body: `{"shipment":"` + shipment(o.ID, 1) + `","amount":{"amount":1,"currency":"GBP"}}`,
	}); a.status != 409 {
		t.Errorf("a refund of what the bank has: %d %s", a.status, a.body)
	}
	l.rest(3 * 24 * time.Hour)
	if n := l.count(o.ID, &event.PaymentEvidenceWarned{}); n != 0 {
		t.Errorf("warned %d times after three days", n)
	}
	l.rest(2 * 24 * time.Hour)
	if n := l.count(o.ID, &event.PaymentEvidenceWarned{}); n != 1 {
		t.Errorf("warned %d times before the deadline", n)
	}
	l.rest(3 * 24 * time.Hour)
	d = l.payment(o.ID).Disputes[0]
	if d.Status != "lost" || len(l.cases()) != 0 {
		t.Errorf("%+v, cases %+v", d, l.cases())
	}
	if a := l.submit(o.ID, d.ID, "late", evidence); a.status != 409 {
		t.Errorf("evidence after the end: %d %s", a.status, a.body)
	}
	l.charged(map[string]int64{"authorise": lamps, "capture": lamps, "dispute": lamps})
}

// Goal: money that a dispute brings back for an order which has ended goes on to the customer.
// Method: the order is cancelled while the bank has its money, and the dispute is won.
func TestDisputeWonAfterCancel(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	o, d := l.contest("tok_dispute")
	if err := l.cancel(o.ID); err != nil {
		t.Fatal(err)
	}
	l.rest(time.Minute)
	if a := l.submit(o.ID, d.ID, "k1", evidence); a.status != 202 {
		t.Fatalf("evidence: %d %s", a.status, a.body)
	}
	l.rest(2 * time.Hour)
	l.charged(map[string]int64{
		"authorise": lamps, "capture": lamps, "dispute": lamps, "dispute_return": lamps,
		"refund": lamps,
	})
}

// Goal: a refund that fails after it was announced is owed again, shows as a case, and is made good
// once. Method: the card whose refunds come back; the refund that makes it good comes back as well.
func TestRefundThatFailsLater(t *testing.T) {
	t.Parallel()
	l := newLiar(t, world{})
	o := l.buy(`{"token":"tok_refund_reversed"}`)
	if err := l.pack(o.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.cancel(o.ID); err != nil {
		t.Fatal(err)
	}
	l.rest(time.Minute)
	l.expect(l.see(o.ID), "cancelled", "refunded")
	l.rest(11 * time.Minute)
	l.expect(l.see(o.ID), "cancelled", "captured")
	cases := l.cases()
	if len(cases) != 1 || cases[0].Operation != "refund" {
		t.Fatalf("cases %+v", cases)
	}
	for _, status := range []int{202, 409} {
		a := l.m.ask(request{
			who: admin, key: fmt.Sprint("again", status), body: `{"refund":"` +
				string(cases[0].Refund) + `"}`,
			verb: "POST /v1/payments/" + paymentOf(o.ID) + "/refunds",
		})
		if a.status != status {
			t.Errorf("made good: %d %s, want %d", a.status, a.body, status)
		}
	}
	l.rest(time.Minute)
	l.expect(l.see(o.ID), "cancelled", "refunded")
	if cases := l.cases(); len(cases) != 0 {
		t.Errorf("cases %+v", cases)
	}
	l.m.verify(true)
}
