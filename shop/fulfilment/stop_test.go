package fulfilment_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func heldRound(order shop.ID, round int64) *event.OrderHeld {
	return &event.OrderHeld{Order: order, Reason: "admin", Round: round}
}

func approvedRound(order shop.ID, round int64) *event.OrderApproved {
	return &event.OrderApproved{Order: order, Round: round}
}

// Goal: in every order of arrival, doubled, of placed, a hold, its approval and a second hold, the
// parcels wait exactly when the second hold is there, and what was packed or cleared before waits
// too. Method: hand all orders of the facts to the handlers themselves, parking what comes too
// early; then try every step of every parcel.
func TestEveryOrderOfHoldsAndApprovals(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	n := 0
	for _, second := range []bool{false, true} {
		facts := func(order shop.ID) []event.Fact {
			return []event.Fact{
				placed(t, w, order, 2), heldRound(order, 1), approvedRound(order, 1),
				heldRound(order, 2),
			}
		}
		turns := []int{0, 1, 1, 2, 2}
		if second {
			turns = []int{0, 1, 2, 2, 3, 3}
		}
		permute(turns, func(turns []int) {
			n++
			order := shop.ID(fmt.Sprintf("ord_%03d", n))
			all := facts(order)
			for _, turn := range turns {
				deliver(t, s, all[turn])
			}
			sh, err := s.Pack(t.Context(), admin(), fulfilment.ID(order, 1))
			switch {
			case second:
				expectCode(t, err, fulfilment.OnHold)
			case err != nil || sh.State != fulfilment.Packed():
				t.Errorf("%v: it goes on, but %+v, %v", turns, sh, err)
			}
		})
	}
	t.Logf("%d orders", n)
	w.FoldEqualsState(t, s)
}

// Goal: on hold nothing is packed or dispatched, whoever asks and whatever the parcel's state,
// while money that is taken clears, what has left arrives, and what was done is answered as before;
// the approval lets everything go on. Method: four parcels, one in each state, under default
// faults; exact events.
func TestHoldStopsEveryParcel(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 4))
	w.Settle(t)
	ctx := w.As(t, "adm_1", room.Admin())
	pack := func(n int) error {
		_, err := s.Pack(ctx, dealer(n), fulfilment.ID("ord_a", n))
		return err
	}
	dispatch := func(n int) error {
		_, err := s.Dispatch(ctx, admin(), fulfilment.ID("ord_a", n), "")
		return err
	}
	for n := 2; n <= 4; n++ {
		step(t, w, func() error { return pack(n) })
	}
	w.Announce(t, captured("ord_a", 3), captured("ord_a", 4))
	w.Settle(t)
	step(t, w, func() error { return dispatch(4) })
	w.Skip(t)

	w.Announce(t, heldRound("ord_a", 1))
	w.Settle(t)
	w.ExpectEvents(t, &event.ParcelsStopped{Order: "ord_a", Round: 1})
	expectCode(t, w.Persist(func() error { return pack(1) }), fulfilment.OnHold)
	for n := 1; n <= 3; n++ {
		expectCode(t, w.Persist(func() error { return dispatch(n) }), fulfilment.OnHold)
	}
	step(t, w, func() error { return pack(2) })
	step(t, w, func() error { return dispatch(4) })
	w.Announce(t, captured("ord_a", 2))
	w.Settle(t)
	step(t, w, func() error { _, err := s.Deliver(ctx, admin(), "shp_a_4"); return err })
	expectCode(t, w.Persist(func() error { return dispatch(2) }), fulfilment.OnHold)
	w.ExpectTypes(t, "souk.fulfilment.cleared.v1 shipment/shp_a_2",
		"souk.fulfilment.delivered.v1 shipment/shp_a_4")

	w.Announce(t, approvedRound("ord_a", 1))
	w.Settle(t)
	step(t, w, func() error { return pack(1) })
	step(t, w, func() error { return dispatch(2) })
	step(t, w, func() error { return dispatch(3) })
	w.ExpectTypes(t, "souk.fulfilment.resumed.v1 parcels/ord_a",
		"souk.fulfilment.packed.v1 shipment/shp_a_1",
		"souk.fulfilment.dispatched.v1 shipment/shp_a_2",
		"souk.fulfilment.dispatched.v1 shipment/shp_a_3")
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a cancelled order stays cancelled for whoever asks, also when it ended on hold.
// Method: hold, cancel, pack.
func TestCancelledOnHold(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1), heldRound("ord_a", 1), cancelled("ord_a", "on_hold"))
	w.Settle(t)
	err := w.Persist(func() error {
		_, err := s.Pack(t.Context(), dealer(1), "shp_a_1")
		return err
	})
	expectCode(t, err, shop.Illegal)
	expectState(t, s, "shp_a_1", fulfilment.Cancelled())
	w.FoldEqualsState(t, s)
}

// late is a store on which something happens just before the next commit.
type late struct {
	platform.Store
	before func()
}

func (l *late) Commit(ctx context.Context, b platform.Batch) error {
	if before := l.before; before != nil {
		l.before = nil
		before()
	}
	return l.Store.Commit(ctx, b)
}

// Goal: a step that was decided before the hold, and would be committed after it, is decided anew
// and refused. Method: let the hold be heard of between the two; then approve, and take the step.
func TestHoldBetweenDecisionAndCommit(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t, roomtest.Calm())
	desk := w.Desk("fulfilment")
	store := &late{Store: desk.Store}
	desk.Store = store
	s := fulfilment.New(desk, fulfilment.Options{})
	pack := func(n int) error {
		_, err := s.Pack(t.Context(), admin(), fulfilment.ID("ord_a", n))
		return err
	}
	dispatch := func(n int) error {
		_, err := s.Dispatch(t.Context(), admin(), fulfilment.ID("ord_a", n), "")
		return err
	}
	deliver(t, s, placed(t, w, "ord_a", 2))
	step(t, w, func() error { return pack(2) })
	deliver(t, s, captured("ord_a", 2))
	for i, take := range []func() error{
		func() error { return pack(1) }, func() error { return dispatch(2) },
	} {
		round := int64(i + 1)
		store.before = func() { deliver(t, s, heldRound("ord_a", round)) }
		expectCode(t, take(), fulfilment.OnHold)
		deliver(t, s, approvedRound("ord_a", round))
		step(t, w, take)
	}
	w.FoldEqualsState(t, s)
}
