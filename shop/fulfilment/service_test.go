package fulfilment_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

const customer = shop.ID("cus_1")

func home() shop.Address {
	return shop.Address{Name: "Ada", Line1: "1 Lane", City: "York", Country: "GB"}
}

// open makes a world with this room in it.
func open(t *testing.T, opts ...roomtest.Option) (*roomtest.World, *fulfilment.Service) {
	t.Helper()
	w := roomtest.New(t, opts...)
	return w, fulfilment.New(w.Desk("fulfilment"), fulfilment.Options{Orders: prices{}})
}

// placed is an order of so many parcels, of the dealers dlr_1, dlr_2 …, at 100 a parcel.
func placed(t *testing.T, w *roomtest.World, order shop.ID, parcels int) *event.OrderPlaced {
	t.Helper()
	to, err := shop.Seal(t.Context(), w.Raw.Keys(), customer, home())
	if err != nil {
		t.Fatalf("seal the address: %v", err)
	}
	f := &event.OrderPlaced{
		Order: order, Customer: customer, Payment: "pay_" + order[4:], Currency: "GBP",
		Total: int64(parcels) * 100, ShipTo: to,
	}
	for n := 1; n <= parcels; n++ {
		f.Parcels = append(f.Parcels, event.Parcel{
			Dealer: shop.ID(fmt.Sprintf("dlr_%d", n)), Items: 100, Amount: 100,
			Lines: []event.ParcelLine{{SKU: shop.SKU(fmt.Sprintf("SKU-%d", n)), Quantity: 2}},
		})
	}
	return f
}

func cancelled(order shop.ID, from string) *event.OrderCancelled {
	return &event.OrderCancelled{Order: order, Customer: customer, Reason: "customer", From: from}
}

func captured(order shop.ID, n int) *event.PaymentCaptured {
	return &event.PaymentCaptured{
		Payment: "pay_" + order[4:], Order: order, Shipment: fulfilment.ID(order, n),
		Amount: shop.Money{Amount: 100, Currency: "GBP"}, Key: "k", Reference: "r",
	}
}

func dealer(n int) room.Caller {
	return room.Caller{ID: shop.ID(fmt.Sprintf("dlr_%d", n)), Role: room.Dealer()}
}

func admin() room.Caller { return room.Caller{ID: "adm_1", Role: room.Admin()} }

// Goal: a parcel goes from requested to delivered, each step announced once, under default faults.
// Method: announce what other rooms would, walk through the use cases, compare the exact events.
func TestFromPlacedToDelivered(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 2))
	w.Settle(t)
	w.ExpectTypes(t,
		"souk.fulfilment.requested.v1 shipment/shp_a_1",
		"souk.fulfilment.requested.v1 shipment/shp_a_2")

	ctx := w.As(t, "dlr_1", room.Dealer())
	step(t, w, func() error { _, err := s.Pack(ctx, dealer(1), "shp_a_1"); return err })
	_, err := s.Dispatch(ctx, dealer(1), "shp_a_1", "")
	expectCode(t, err, shop.Illegal)
	w.Announce(t, captured("ord_a", 1))
	w.Settle(t)
	for range 2 { // twice is once
		step(t, w, func() error {
			_, err := s.Dispatch(ctx, dealer(1), "shp_a_1", "T1")
			return err
		})
	}
	step(t, w, func() error { _, err := s.Deliver(ctx, admin(), "shp_a_1"); return err })
	arrived, err := s.Get(ctx, admin(), "shp_a_1")
	if err != nil || arrived.Arrived.Before(platformtest.Start()) {
		t.Errorf("the parcel arrived at %v, %v", arrived.Arrived, err)
	}
	w.ExpectEvents(t,
		&event.ShipmentPacked{
			Shipment: "shp_a_1", Order: "ord_a", Payment: "pay_a", Dealer: "dlr_1",
			Amount: shop.Money{Amount: 100, Currency: "GBP"},
		},
		&event.ShipmentCleared{Shipment: "shp_a_1", Order: "ord_a"},
		&event.ShipmentDispatched{
			Shipment: "shp_a_1", Order: "ord_a", Tracking: "T1",
			Lines: []event.ParcelLine{{SKU: "SKU-1", Quantity: 2}},
		},
		&event.ShipmentDelivered{
			Shipment: "shp_a_1", Order: "ord_a", Dealer: "dlr_1", At: arrived.Arrived,
		})
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a cancelled order has no open shipment, and every order of deliveries, each doubled, ends
// in the same records.
// Method: hand all orders of two placed and two cancelled facts to the handlers themselves, parking
// what comes too early; fold and compare.
func TestEveryOrderOfPlacedAndCancelled(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	n := 0
	permute([]int{0, 0, 1, 1}, func(turns []int) {
		n++
		order := shop.ID(fmt.Sprintf("ord_%03d", n))
		facts := []event.Fact{placed(t, w, order, 2), cancelled(order, "placed")}
		for _, turn := range turns {
			deliver(t, s, facts[turn])
		}
		for i := 1; i <= 2; i++ {
			sh, err := s.Get(t.Context(), admin(), fulfilment.ID(order, i))
			if err != nil {
				t.Fatalf("%v: %v", turns, err)
			}
			if sh.State != fulfilment.Cancelled() || sh.Seq != 2 || len(sh.Lines) != 1 {
				t.Errorf("%v: %+v", turns, sh)
			}
		}
	})
	w.FoldEqualsState(t, s)
}

// Goal: an order of more parcels than a commit holds is requested and cancelled whole, also when
// the two run at the same time.
// Method: announce both at once under default faults, several times; reads fail less often, since a
// cancellation of so many parcels has as many of them.
func TestManyParcels(t *testing.T) {
	t.Parallel()
	const parcels = 70
	faults := platformtest.DefaultFaults(70)
	faults.Read = 0.001
	w, s := open(t, roomtest.Faults(faults))
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_kept", parcels))
	for i := range 4 {
		order := shop.ID(fmt.Sprintf("ord_%d", i))
		w.Announce(t, placed(t, w, order, parcels), cancelled(order, "placed"))
	}
	w.Settle(t)
	for i := 1; i <= parcels; i++ {
		expectState(t, s, fulfilment.ID("ord_kept", i), fulfilment.Requested())
		for j := range 4 {
			order := shop.ID(fmt.Sprintf("ord_%d", j))
			expectState(t, s, fulfilment.ID(order, i), fulfilment.Cancelled())
		}
	}
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a cancellation lets go what has left, and cancels the rest; one of an order that was never
// placed does nothing.
// Method: dispatch one of two parcels, then cancel.
func TestCancelAfterDispatch(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 2), cancelled("ord_b", "pending_payment"))
	w.Settle(t)
	ctx := w.As(t, "dlr_1", room.Dealer())
	step(t, w, func() error { _, err := s.Pack(ctx, dealer(1), "shp_a_1"); return err })
	w.Announce(t, captured("ord_a", 1))
	w.Settle(t)
	step(t, w, func() error { _, err := s.Dispatch(ctx, dealer(1), "shp_a_1", ""); return err })
	w.Announce(t, cancelled("ord_a", "placed"))
	w.Announce(t, captured("ord_a", 2)) // too late
	w.Settle(t)
	expectState(t, s, "shp_a_1", fulfilment.Dispatched())
	expectState(t, s, "shp_a_2", fulfilment.Cancelled())
	_, err := s.Pack(ctx, dealer(2), "shp_a_2")
	expectCode(t, err, shop.Illegal)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: money that is taken before the parcel is packed is not forgotten.
// Method: capture first; the event is parked; pack; the parcel is cleared.
func TestCapturedBeforePacked(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1), captured("ord_a", 1))
	w.Settle(t)
	if w.Waiting(t)["fulfilment.clear-on-payment-captured"] != 1 {
		t.Fatalf("parked: %v", w.Waiting(t))
	}
	step(t, w, func() error { _, err := s.Pack(t.Context(), dealer(1), "shp_a_1"); return err })
	w.Settle(t)
	expectState(t, s, "shp_a_1", fulfilment.Cleared())
}

// step takes a step as a persistent client would.
func step(t *testing.T, w *roomtest.World, call func() error) {
	t.Helper()
	if err := w.Persist(call); err != nil {
		t.Fatalf("step: %v", err)
	}
}

func expectState(t *testing.T, s *fulfilment.Service, id shop.ID, want fulfilment.State) {
	t.Helper()
	sh, err := s.Get(t.Context(), admin(), id)
	if err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	if sh.State != want {
		t.Errorf("%s is %s, want %s", id, sh.State, want)
	}
}

func expectCode(t *testing.T, err error, want shop.Code) {
	t.Helper()
	if err == nil || shop.CodeOf(err) != want {
		t.Errorf("it was answered with %v, want the code %s", err, want)
	}
}

// deliver hands a fact to every reaction that listens to it. The handlers answer nil or ErrNotYet.
func deliver(t *testing.T, r room.Room, f event.Fact) {
	t.Helper()
	for _, reaction := range r.Reactions() {
		if reaction.Fact.Type() != f.Type() {
			continue
		}
		err := reaction.Handle(context.WithoutCancel(t.Context()), f, room.Cause{Causation: "e1"})
		if err != nil && !errors.Is(err, platform.ErrNotYet) {
			t.Fatalf("%s: %v", reaction.Name, err)
		}
	}
}

// permute calls fn with every distinct order of a sorted list.
func permute(list []int, fn func([]int)) {
	var walk func(done, left []int)
	walk = func(done, left []int) {
		if len(left) == 0 {
			fn(done)
		}
		for i := range left {
			if i > 0 && left[i] == left[i-1] {
				continue
			}
			rest := append(append([]int(nil), left[:i]...), left[i+1:]...)
			walk(append(append([]int(nil), done...), left[i]), rest)
		}
	}
	walk(nil, list)
}
