package payment_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// expectCases compares the reasons of the open cases of order 1.
func expectCases(t *testing.T, st *stage, want ...string) []payment.Case {
	t.Helper()
	list, _, err := st.live.service.Cases(context.Background(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, c := range list {
		reasons = append(reasons, c.Operation+" "+c.Reason)
	}
	if fmt.Sprint(reasons) != fmt.Sprint(want) {
		t.Errorf("open cases %v, want %v", reasons, want)
	}
	for _, op := range st.payment("ord_1").Operations {
		open := false
		for _, c := range list {
			open = open || c.Key == op.Key
		}
		if open != op.Case {
			t.Errorf("the list and the payment disagree about %+v", op)
		}
	}
	st.fold()
	return list
}

// again asks for a refused refund once more.
func (st *stage) refundAgain(refund shop.ID, key string) error {
	in := &payment.PostRefundIn{ID: "pay_1", Key: key}
	in.Body.Refund = refund
	_, err := st.live.service.PostRefund(admin(), in)
	return err
}

// refusing makes the provider refuse every refund from now on, or none.
func (st *stage) refusing(yes bool) {
	st.plan = func(operation, _ string, _ int) sandbox.Plan {
		if yes && operation == sandbox.Refund {
			return sandbox.Plan(0).With(sandbox.RefundRefused)
		}
		return 0
	}
}

// Goal: when an order was cancelled and its refund is refused, somebody is told until the money is
// back: one case, however often it is tried, which no confirmation of the refusal closes. Method: a
// provider that refuses, its notices doubled; the refund tried again twice, the second time with
// success; then everything that was announced once more.
func TestRefusedRefundOfACancelledOrder(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	st.refusing(true)
	st.cancel("ord_1")
	double(st)
	st.rest(time.Hour)
	list := expectCases(t, st, "refund refund_refused")
	key := list[0].Key
	due := &event.PaymentCheckDue{Payment: "pay_1", Key: key}
	st.hear(due)
	st.rest(time.Minute)
	expectCases(t, st, "refund refund_refused")

	id := shop.ID("rfn_end_1_1")
	if err := st.refundAgain(id, "a1"); err != nil {
		t.Fatal(err)
	}
	st.rest(time.Hour)
	if now := expectCases(t, st, "refund refund_refused"); now[0].Key != key {
		t.Errorf("another case than before: %+v", now)
	}
	st.refusing(false)
	if err := st.refundAgain(id, "a2"); err != nil {
		t.Fatal(err)
	}
	expectCode(t, "while it waits", st.refundAgain(id, "a3"), shop.Conflict)
	double(st)
	st.rest(time.Hour)
	expectCases(t, st)
	for i := range st.log {
		st.again(i)
	}
	st.rest(time.Hour)
	expectTypes(t, st, "authorise authorized capture captured void voided refund refund_failed "+
		"case_opened refund refund_failed refund refunded case_closed")
	p := st.payment("ord_1")
	if last := p.Operations[len(p.Operations)-1]; p.Status() != "refunded" || last.Attempt != 3 ||
		last.Refund != id || last.Reason != "order_ended" {
		t.Errorf("%s: %+v", p.Status(), p.Operations)
	}
	if books := st.ledger(); books[len(books)-1].Kind != "refund" || len(books) != 3 {
		t.Errorf("books %+v", books)
	}
	expectCode(t, "after it was done", st.refundAgain(id, "a4"), shop.Conflict)
}

// Goal: a refused refund is owed until it succeeds itself or nothing of the parcel's money is left;
// another refund of the same parcel is another debt. Method: refunds by hand around one that was
// refused.
func TestAnotherRefundIsAnotherDebt(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	ask := func(n int64, key string) {
		t.Helper()
		if _, err := st.live.service.PostRefund(admin(), refundOf(n, key)); err != nil {
			t.Fatal(err)
		}
		st.rest(time.Minute)
	}
	st.refusing(true)
	ask(300, "k1")
	ask(200, "k2")
	st.refusing(false)
	ask(400, "k3")
	cases := expectCases(t, st, "refund refund_refused", "refund refund_refused")
	first := st.payment("ord_1").Operations[2].Refund
	if err := st.refundAgain(first, "a1"); err != nil {
		t.Fatal(err)
	}
	st.rest(time.Minute)
	if left := expectCases(t, st, "refund refund_refused"); left[0].Key == "" || len(cases) != 2 {
		t.Errorf("left %+v of %+v", left, cases)
	}
	ask(300, "k4") // all that is left
	expectCases(t, st)
	second := st.payment("ord_1").Operations[3].Refund
	expectCode(t, "nothing is left", st.refundAgain(second, "a2"), shop.Conflict)
}

// Goal: the door to try a refund again takes its name alone, and only of a refund that there is.
func TestRefundAgainDoor(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	expectCode(t, "an unknown refund", st.refundAgain("rfn_x", "k1"), shop.NotFound)
	for what, change := range map[string]func(in *payment.PostRefundIn){
		"with an amount": func(in *payment.PostRefundIn) { in.Body.Amount = gbp(1) },
		"with a parcel":  func(in *payment.PostRefundIn) { in.Body.Shipment = "shp_1_1" },
		"nothing at all": func(in *payment.PostRefundIn) { in.Body.Refund = "" },
	} {
		in := &payment.PostRefundIn{ID: "pay_1", Key: what}
		in.Body.Refund = "rfn_x"
		change(in)
		_, err := st.live.service.PostRefund(admin(), in)
		expectCode(t, what, err, shop.Invalid)
	}
}

// Goal: a doubt that ends in a refusal gives way to the case about what is owed. Method: a provider
// that is silent about a refund for long and then refuses it.
func TestSilenceThenRefusal(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	st.plan = func(operation, _ string, _ int) sandbox.Plan {
		if operation == sandbox.Refund {
			return sandbox.Plan(0).With(
				sandbox.RefundRefused, sandbox.TimeoutAfter, sandbox.StatusDown)
		}
		return 0
	}
	if _, err := st.live.service.PostRefund(admin(), refundOf(1000, "k1")); err != nil {
		t.Fatal(err)
	}
	st.rest(4 * time.Minute)
	expectCases(t, st, "refund no_answer")
	st.rest(time.Hour)
	expectCases(t, st, "refund refund_refused")
	expectTypes(t, st, "authorise authorized capture captured refund unresolved case_opened "+
		"refund_failed case_closed case_opened")
}

// Goal: one success can close what stands open in one commit. Method: as many refused refunds of a
// parcel as there may be, then all of its money back.
func TestRefusedRefundsAreBounded(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	st.refusing(true)
	most := 0
	for ; ; most++ {
		_, err := st.live.service.PostRefund(admin(), refundOf(10, fmt.Sprint("k", most)))
		if err != nil {
			expectCode(t, "one too many", err, shop.Conflict)
			break
		}
		st.rest(time.Minute)
	}
	st.cancel("ord_1") // which refunds in any case
	st.rest(time.Hour)
	st.refusing(false)
	if most != 30 {
		t.Errorf("%d refused refunds are allowed", most)
	}
	if err := st.refundAgain("rfn_end_1_1", "a1"); err != nil {
		t.Fatal(err)
	}
	st.rest(time.Minute)
	expectCases(t, st)
	if p := st.payment("ord_1"); p.Status() != "refunded" {
		t.Errorf("the payment is %s", p.Status())
	}
}
