package payment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// refusals lists the keys of the captures of an order that were refused.
func refusals(facts []event.Fact, order shop.ID) []string {
	var keys []string
	for _, f := range facts {
		if f, ok := f.(*event.PaymentCaptureFailed); ok && f.Order == order {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// approve hears of an approval that names these captures.
func (st *stage) approve(order shop.ID, round int64, keys ...string) {
	st.hear(&event.OrderApproved{Order: order, By: "adm_1", Round: round, Captures: keys})
}

// Goal: an approval has a refused capture tried again, once, under another key, however often it is
// heard of. Method: a card whose first capture is refused; the approval doubled, and once more
// after the success.
func TestApprovalTriesAgain(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_capture_declined_once")
	expectTypes(t, st, "authorise authorized capture capture_failed")
	keys := refusals(st.facts(), "ord_1")
	st.approve("ord_1", 1, keys...)
	double(st)
	st.rest(time.Minute)
	st.approve("ord_1", 1, keys...)
	st.rest(time.Minute)
	expectTypes(t, st, "authorise authorized capture capture_failed capture captured")
	p := st.payment("ord_1")
	first, second := p.Operations[1], p.Operations[2]
	if p.Status() != "captured" || second.Attempt != 2 || second.Key == first.Key ||
		second.Amount != first.Amount || second.Shipment != first.Shipment {
		t.Errorf("%s: %+v, then %+v", p.Status(), first, second)
	}
	if books := st.ledger(); len(books) != 2 || books[1].Kind != "capture" {
		t.Errorf("books %+v", books)
	}
}

// Goal: a capture that is refused once more says so under its own key and waits for the next
// approval: the one before, doubled or late, does nothing. Method: a card that is always refused;
// old approvals between new ones; then the order is cancelled, and approvals are over.
func TestEveryAttemptNeedsAnApproval(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_capture_declined")
	for round := 1; round <= 3; round++ {
		keys := refusals(st.facts(), "ord_1")
		if len(keys) != round {
			t.Fatalf("round %d: %d refusals", round, len(keys))
		}
		st.approve("ord_1", int64(round), keys[round-1:]...)
		double(st)
		st.rest(time.Minute)
		st.approve("ord_1", int64(round), keys...)
		st.rest(time.Minute)
	}
	keys := refusals(st.facts(), "ord_1")
	st.cancel("ord_1")
	st.rest(time.Minute)
	st.approve("ord_1", 4, keys...)
	st.rest(time.Minute)
	expectTypes(t, st, "authorise authorized capture capture_failed capture capture_failed "+
		"capture capture_failed capture capture_failed void voided")
	if books := st.ledger(); len(books) != 2 || books[1].Kind != "void" {
		t.Errorf("books %+v", books)
	}
}

// Goal: a capture without an answer is not tried again, whatever an approval says: the provider has
// to refuse it first. Method: an approval that names the capture while its call has no answer.
func TestUnresolvedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_silent", 1000)
	st.rest(15 * time.Minute)
	st.pack("ord_1", "shp_1_1", 1000)
	st.rest(time.Second)
	capture := st.payment("ord_1").Operations[1]
	st.approve("ord_1", 1, capture.Key, "another")
	st.rest(15 * time.Minute)
	p := st.payment("ord_1")
	if capture.State != "unresolved" || p.Status() != "captured" || len(p.Operations) != 2 {
		t.Errorf("the capture was %s, then %s: %+v", capture.State, p.Status(), p.Operations)
	}
}

// Goal: on the unkind platform every refused capture is tried again once an approval, and taken
// once. Method: the default faults, orders of two parcels; both cards that refuse captures, each
// order approved twice, the first approval announced again at the end.
func TestApprovalsOnTheUnkindPlatform(t *testing.T) {
	t.Parallel()
	w, s, box, dues := world(t)
	w.Start(t, s)
	orders := []shop.ID{"ord_1", "ord_2", "ord_3", "ord_4"}
	facts := func() (all []event.Fact) {
		for _, e := range w.Events(t) {
			all = append(all, e.Fact)
		}
		return all
	}
	resolve := func() { // also what a fault left without an answer
		for range 3 {
			w.Advance(t, time.Minute)
		}
	}
	for i, order := range orders {
		token := []string{"tok_capture_declined_once", "tok_capture_declined"}[i%2]
		owe(t, w, s, dues, order, token)
		w.Announce(t, held(order))
	}
	resolve()
	for _, order := range orders {
		for n := 1; n <= 2; n++ {
			w.Announce(t, &event.ShipmentPacked{
				Shipment: shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], n)), Order: order,
				Payment: payment.Of(order), Amount: gbp(500),
			})
		}
	}
	resolve()
	first := make(map[shop.ID]*event.OrderApproved)
	for round := int64(1); round <= 2; round++ {
		for _, order := range orders {
			f := &event.OrderApproved{
				Order: order, Round: round, Captures: refusals(facts(), order),
			}
			if round == 1 {
				first[order] = f
			}
			w.Announce(t, f)
		}
		resolve()
	}
	for _, order := range orders {
		w.Announce(t, first[order])
	}
	resolve()
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	taken := captures(t, box)
	for i, order := range orders {
		p, err := s.Payment(t.Context(), payment.Of(order))
		if err != nil {
			t.Fatal(err)
		}
		refused, want := len(refusals(facts(), order)), [2]int{1, 6}[i%2]
		if refused != want || len(p.Operations) != [2]int{4, 7}[i%2] {
			t.Errorf("%s: %d captures were refused, want %d: %+v",
				order, refused, want, p.Operations)
		}
		if taken[order] != [2]int64{1000, 0}[i%2] || p.Captured != taken[order] {
			t.Errorf("%s: %d was taken, and our books have %d", order, taken[order], p.Captured)
		}
	}
}

// captures adds up what the provider took of each order.
func captures(t *testing.T, box *sandbox.Sandbox) map[shop.ID]int64 {
	t.Helper()
	taken := make(map[shop.ID]int64)
	if err := box.Ledger(func(e sandbox.Entry) error {
		if e.Kind == "capture" {
			taken[e.Order] += e.Amount
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return taken
}
