package order_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// capAgain is the failure of another attempt at the first parcel's capture.
func capAgain(id shop.ID, attempt int) *event.PaymentCaptureFailed {
	f := captureFailed(id, 1)
	f.Key = fmt.Sprintf("cap1#%d", attempt)
	return f
}

// Goal: holds are counted, an approval names the hold that it ends and every capture that was
// refused since the one before, and a capture that is refused once more holds the order once more.
// Method: an administrator's hold, two failures, and another after the approval; exact facts, under
// default faults.
func TestHoldsAreCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const id shop.ID = "ord_1"
	s.place(t, id)
	s.Skip(t)
	approve := func() {
		t.Helper()
		if err := s.Persist(func() error {
			_, err := s.orders.Approve(s.As(t, "adm_1", room.Admin()), id)
			return err
		}); err != nil {
			t.Fatalf("approve: %v", err)
		}
	}
	if err := s.Persist(func() error {
		_, err := s.orders.Hold(s.As(t, "adm_1", room.Admin()), id, "fraud")
		return err
	}); err != nil {
		t.Fatalf("hold: %v", err)
	}
	approve()
	s.ExpectEvents(t, &event.OrderHeld{Order: id, Reason: "fraud", By: "adm_1", Round: 1},
		&event.OrderApproved{Order: id, By: "adm_1", Round: 1})

	s.Announce(t, captureFailed(id, 1))
	s.Settle(t)
	s.Announce(t, captureFailed(id, 2))
	s.Settle(t)
	approve()
	s.Announce(t, capAgain(id, 2))
	s.Settle(t)
	approve()
	s.expectStatus(t, id, "placed", "authorized", "unfulfilled")
	var rounds []string
	for _, e := range s.EventsOf(t, "order/"+string(id)) {
		switch f := e.Fact.(type) {
		case *event.OrderHeld:
			rounds = append(rounds, fmt.Sprint("held ", f.Round))
		case *event.OrderApproved:
			rounds = append(rounds, fmt.Sprint("approved ", f.Round, f.Captures))
		}
	}
	want := []string{
		"held 1", "approved 1 []", "held 2", "approved 2 [cap1 cap2]",
		"held 3", "approved 3 [cap1#2]",
	}
	if !slices.Equal(rounds, want) {
		t.Errorf("announced %q, want %q", rounds, want)
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: however failures, their redeliveries and approvals follow each other, holds and approvals
// alternate with the same rounds, and every failure is named by exactly one approval. Method: every
// permutation of two failures, one of them twice, and two attempts to approve; then the failures
// once more and a last approval.
func TestEveryFailureIsApprovedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	admin, reactions, n := s.As(t, "adm_1", room.Admin()), s.orders.Reactions(), 0
	permute([]int{0, 1, 1, 2, 2}, func(turns []int) {
		n++
		id := shop.ID(fmt.Sprintf("ord_%d", n))
		s.checkout(t, basket(id))
		deliver(t, reactions, []event.Fact{authorized(id)})
		for _, turn := range append(turns, 0, 1, 2) {
			if turn < 2 {
				deliver(t, reactions, []event.Fact{captureFailed(id, turn+1)})
				continue
			}
			_, err := s.orders.Approve(admin, id)
			if err != nil && shop.CodeOf(err) != shop.Illegal {
				t.Fatalf("%v: approve: %v", turns, err)
			}
		}
		s.expectStatus(t, id, "placed", "authorized", "unfulfilled")
		var named []string
		var round int64
		held := false
		for _, e := range s.EventsOf(t, "order/"+string(id)) {
			switch f := e.Fact.(type) {
			case *event.OrderHeld:
				if round++; held || f.Round != round {
					t.Errorf("%v: hold %d after round %d", turns, f.Round, round-1)
				}
				held = true
			case *event.OrderApproved:
				if !held || f.Round != round {
					t.Errorf("%v: approval %d in round %d", turns, f.Round, round)
				}
				held = false
				named = append(named, f.Captures...)
			}
		}
		slices.Sort(named)
		if !slices.Equal(named, []string{"cap1", "cap2"}) {
			t.Errorf("%v: the approvals name %q", turns, named)
		}
	})
	s.FoldEqualsState(t, s.orders)
}
