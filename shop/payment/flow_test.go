package payment_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// types names the room's facts of a stage, without timers.
func types(st *stage) string {
	var list []string
	for _, f := range st.facts() {
		name := strings.Split(f.Type(), ".")[2]
		if i, ok := f.(*event.PaymentIntended); ok {
			name = i.Operation
		}
		if name != "check_due" {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

func expectTypes(t *testing.T, st *stage, want string) {
	t.Helper()
	if got := types(st); got != want {
		t.Errorf("announced %s\n     want %s", got, want)
	}
	st.fold()
}

// Goal: an order that ended finds its payment closed, whichever of the two facts came first.
func TestEndedBeforeAuthorised(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_visa", 1000)
	held := st.queue[0]
	st.queue = nil
	st.cancel("ord_1")
	st.rest(time.Minute)
	st.queue = append(st.queue, held, held)
	st.orders["ord_1"].Open = true // the read that had begun before the order ended
	st.rest(time.Minute)
	expectTypes(t, st, "failed")
	if len(st.ledger()) != 0 {
		t.Error("an order that ended was charged")
	}
}

// Goal: an order that is closed when its stock is held is left alone.
func TestNotOpen(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_visa", 1000)
	st.orders["ord_1"].Open = false
	st.rest(time.Minute)
	expectTypes(t, st, "")
}

// Goal: a success that comes after the order was cancelled is voided, once, and said to be late.
func TestLateSuccessIsVoided(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_late_success", 1000)
	st.rest(time.Second)
	st.cancel("ord_1")
	st.rest(5 * time.Minute)
	expectTypes(t, st, "authorise unresolved void authorized unresolved voided")
	p := st.payment("ord_1")
	books := st.ledger()
	if p.Status() != "voided" || !p.Late || len(books) != 2 || books[1].Kind != "void" {
		t.Errorf("%s, late %v, books %+v", p.Status(), p.Late, books)
	}
}

// Goal: a customer who does not confirm in time loses the payment, and cannot confirm afterwards.
func TestAbandonedAction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_requires_action", 1000)
	st.rest(20 * time.Minute)
	expectTypes(t, st, "authorise requires_action void failed")
	if err := st.sandbox.Confirm(st.payment("ord_1").Operations[0].Key); err == nil {
		t.Error("the customer could still confirm")
	}
	if len(st.ledger()) != 0 {
		t.Errorf("money moved: %+v", st.ledger())
	}
}

// Goal: what was captured goes back when the order is cancelled, each parcel by itself.
func TestCancelAfterCapture(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_visa", 1000)
	st.rest(time.Second)
	st.pack("ord_1", "shp_1_1", 400)
	st.pack("ord_1", "shp_1_2", 500)
	st.rest(time.Second)
	st.cancel("ord_1")
	double(st)
	st.rest(time.Minute)
	p := st.payment("ord_1")
	if p.Captured != 900 || p.Refunded != 900 || p.Voided != 100 {
		t.Errorf("captured %d, refunded %d, voided %d", p.Captured, p.Refunded, p.Voided)
	}
	st.pack("ord_1", "shp_1_3", 100)
	double(st)
	st.rest(time.Minute)
	expectTypes(t, st, "authorise authorized capture captured capture captured "+
		"void refund refund voided refunded refunded capture_failed")
}

// Goal: an order that costs nothing is authorised without the provider.
func TestNothingDue(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_declined", 0)
	double(st)
	st.rest(time.Minute)
	st.pack("ord_1", "shp_1_1", 0)
	st.cancel("ord_1")
	st.rest(time.Minute)
	expectTypes(t, st, "authorise authorized void voided")
	if n := st.live.service.Numbers(); n.Calls != 0 || len(st.ledger()) != 0 {
		t.Errorf("the provider was called %d times", n.Calls)
	}
}

// Goal: a provider that denies for a moment what happened, and then forgot the key, still charges
// once: it must deny three times in a row before anything is sent again.
func TestBriefDenialAndForgottenKey(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.lieFor = 2 * time.Second
	st.openSandbox()
	st.plan = func(operation, _ string, call int) sandbox.Plan {
		p := sandbox.Plan(0).With(sandbox.StatusLies, sandbox.ForgetsKey)
		if call == 1 {
			p = p.With(sandbox.TimeoutAfter)
		}
		return p
	}
	st.checkout("ord_1", "tok_visa", 1000)
	st.rest(time.Minute)
	if books := st.ledger(); len(books) != 1 || st.payment("ord_1").Status() != "authorized" {
		t.Errorf("%s, books %+v", st.payment("ord_1").Status(), books)
	}
}

// Goal: a process that dies between intent and call, or between call and outcome, asks before it
// sends, so that even a provider without any memory of keys charges once.
// Method: die at each point, with a provider that forgets every key.
func TestDeathAskFirst(t *testing.T) {
	t.Parallel()
	for _, dies := range [][2]crash{ // at stock held, at payment intended
		{beforeCommit, never}, {afterCommit, never}, {never, beforeCall}, {never, afterCall},
		{never, beforeCommit}, {never, afterCommit}, {afterCommit, afterCall},
	} {
		st := newStage(t)
		st.plan = func(string, string, int) sandbox.Plan {
			return sandbox.Plan(0).With(sandbox.ForgetsKey)
		}
		st.checkout("ord_1", "tok_visa", 1000)
		for _, how := range dies {
			st.deliver(len(st.queue)-1, how)
		}
		st.rest(time.Minute)
		if books := st.ledger(); len(books) != 1 || st.payment("ord_1").Status() != "authorized" {
			t.Errorf("deaths %v: %s, books %+v", dies, st.payment("ord_1").Status(), books)
		}
	}
}

// Goal: a provider that never answers leaves an open case and is asked for ever, at a bounded pace;
// once it answers, the case closes.
func TestSilence(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.lieFor = 24 * time.Hour
	st.openSandbox()
	st.plan = func(_, _ string, call int) sandbox.Plan {
		return sandbox.Plan(0).With(sandbox.StatusDown, sandbox.TimeoutAfter, sandbox.HookMissing)
	}
	st.checkout("ord_1", "tok_visa", 1000)
	st.rest(12 * time.Hour)
	cases, next, err := st.live.service.Cases(context.Background(), "", 10)
	if err != nil || next != "" || len(cases) != 1 || cases[0].Reason != "no_answer" {
		t.Fatalf("cases %+v, %v", cases, err)
	}
	if n := st.live.service.Numbers(); n.Questions < 600 || n.Questions > 800 || n.Resent != 0 {
		t.Errorf("%+v in twelve hours", n)
	}
	st.rest(13 * time.Hour)
	expectTypes(t, st, "authorise unresolved case_opened authorized case_closed")
	if len(st.ledger()) != 1 {
		t.Errorf("books %+v", st.ledger())
	}
}

// Goal: stock that is held before its order can be read is waited for.
func TestDuesComeLater(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.hear(&event.StockHeld{Order: "ord_1", Items: []event.StockItem{{SKU: "A", Quantity: 1}}})
	st.rest(time.Second) // too early: the event stays
	if len(st.queue) != 1 {
		t.Fatalf("%d events wait", len(st.queue))
	}
	st.checkout("ord_1", "tok_visa", 10)
	st.rest(time.Second)
	if p := st.payment("ord_1"); p.Status() != "authorized" || p.Due != 10 {
		t.Errorf("%+v", p)
	}
}

var _ payment.Dues = (*stage)(nil)
var _ shop.Sealer = keys{}
