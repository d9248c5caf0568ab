package payment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// apartStage is a stage on which every event is delivered to a process of its own.
func apartStage(t *testing.T) *stage {
	t.Helper()
	st := newStage(t)
	st.apart = true
	st.restart()
	return st
}

// Goal: where an intent is committed by one process and the call is made by another, the first call
// is made at once, without a question, and once. Method: a process for each event, each event
// twice; the provider counts.
func TestApartCallsAtOnce(t *testing.T) {
	t.Parallel()
	st := apartStage(t)
	st.checkout("ord_1", "tok_visa", 1000)
	each := func() {
		for len(st.queue) > 0 {
			e := st.queue[0]
			st.restart()
			st.deliver(0, never)
			st.restart()
			st.queue = append([]platform.Event{e}, st.queue...)
			st.deliver(0, never)
		}
	}
	each()
	if st.calls != 1 || len(st.ledger()) != 1 {
		t.Errorf("%d calls, %d effects, want one each", st.calls, len(st.ledger()))
	}
	st.pack("ord_1", "shp_1", 1000)
	each()
	if st.calls != 2 || len(st.ledger()) != 2 {
		t.Errorf("with the capture %d calls, %d effects, want two each",
			st.calls, len(st.ledger()))
	}
	expectTypes(t, st, "authorise authorized capture captured")
}

// Goal: a process that dies around its first call costs a question and never a second charge.
// Method: the process that calls dies at each point; then time
// passes.
func TestApartSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, at := range []crash{beforeCommit, afterCommit, beforeCall, afterCall} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			st := apartStage(t)
			st.checkout("ord_1", "tok_visa", 1000)
			st.deliver(0, never) // the intent
			intended := (&event.PaymentIntended{}).Type()
			if len(st.queue) != 1 || st.queue[0].Type != intended {
				t.Fatalf("no intent: %v", st.queue)
			}
			st.restart()
			st.deliver(0, at)
			st.rest(time.Minute)
			st.pack("ord_1", "shp_1", 1000)
			st.rest(time.Minute)
			if p := st.payment("ord_1"); p.Captured != 1000 || len(st.ledger()) != 2 {
				t.Errorf("captured %d by %d effects", p.Captured, len(st.ledger()))
			}
			st.fold()
		})
	}
}
