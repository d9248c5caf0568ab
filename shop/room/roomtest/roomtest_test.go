package roomtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// toy is the smallest order room: a failed capture stops an order, a cancelled shipment lets it go
// on, and so does a timer after an hour.
type toy struct {
	desk  *room.Desk
	drift bool // Apply does something else in a fold than it did live
}

type held struct {
	Seq  int64 `json:"seq"`
	Held bool  `json:"held"`
}

func recordKey(order shop.ID) platform.Key { return platform.Key{Part: "order/" + string(order)} }

func (*toy) Name() string { return "order" }

func (s *toy) Reactions() []room.Reaction {
	return []room.Reaction{
		room.On("order.hold-on-capture-failed", platform.Critical, s.holdOnCaptureFailed),
		room.On("order.approve-on-shipment-cancelled", platform.Critical, s.approveOnCancelled),
		room.On("order.approve-on-deadline", platform.Critical, s.approveOnDeadline),
	}
}

func (s *toy) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	count := platform.Key{Part: "count"}
	switch f := f.(type) {
	case *event.OrderHeld:
		room.Put(tx, recordKey(f.Order), &held{Seq: m.Sequence, Held: !s.drift})
		tx.Add(count, platform.Move{Counter: "held", Delta: 1, Floor: 0})
	case *event.OrderApproved:
		rec, err := room.Get[held](ctx, tx, recordKey(f.Order))
		if err != nil {
			return err
		}
		rec.Seq, rec.Held = m.Sequence, false
		room.Put(tx, recordKey(f.Order), rec)
		tx.Add(count, platform.Move{Counter: "held", Delta: -1, Floor: 0})
	}
	return nil
}

func (s *toy) holdOnCaptureFailed(
	ctx context.Context, f *event.PaymentCaptureFailed, c room.Cause,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		rec, err := room.Get[held](ctx, tx, recordKey(f.Order))
		if err != nil || rec != nil {
			return err
		}
		err = tx.SetTimer("deadline/"+string(f.Order), tx.Now().Add(time.Hour),
			&event.OrderDeadline{Order: f.Order})
		if err != nil {
			return err
		}
		return tx.Announce(ctx, &event.OrderHeld{Order: f.Order, Reason: f.Reason}, 1)
	})
}

func (s *toy) approveOnCancelled(
	ctx context.Context, f *event.ShipmentCancelled, c room.Cause,
) error {
	return s.approve(ctx, f.Order, c)
}

func (s *toy) approveOnDeadline(ctx context.Context, f *event.OrderDeadline, c room.Cause) error {
	return s.approve(ctx, f.Order, c)
}

func (s *toy) approve(ctx context.Context, order shop.ID, c room.Cause) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		rec, err := room.Get[held](ctx, tx, recordKey(order))
		switch {
		case err != nil:
			return err
		case rec == nil:
			return platform.ErrNotYet
		case !rec.Held:
			return nil
		}
		tx.CancelTimer("deadline/" + string(order))
		return tx.Announce(ctx, &event.OrderApproved{Order: order}, rec.Seq+1)
	})
}

func open(t roomtest.T, opts ...roomtest.Option) (*roomtest.World, *toy) {
	w := roomtest.New(t, opts...)
	s := &toy{desk: w.Desk("order")}
	w.Start(t, s)
	return w, s
}

func order(i int) shop.ID { return shop.ID(fmt.Sprintf("ord_%d", i)) }

// Goal: under default faults a world comes to rest, nothing is lost or done twice, and faults
// really fell. Method: many orders, each held and then approved by facts in both orders.
func TestSettle(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	var want []event.Fact
	for i := range 60 {
		facts := []event.Fact{
			&event.PaymentCaptureFailed{Order: order(i), Payment: "pay_1", Reason: "declined"},
			&event.ShipmentCancelled{Order: order(i), Shipment: shop.ID(fmt.Sprintf("shp_%d", i))},
		}
		if i%2 == 0 {
			facts[0], facts[1] = facts[1], facts[0]
		}
		w.Announce(t, facts...)
		want = append(want, &event.OrderHeld{Order: order(i), Reason: "declined"},
			&event.OrderApproved{Order: order(i)})
	}
	w.Settle(t)
	w.ExpectEvents(t, want...)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	if timers := w.Timers(t); len(timers) != 0 {
		t.Errorf("%d timers are still set", len(timers))
	}
	n := w.Platform.Counts()
	if n.Double == 0 || n.Again == 0 || n.HoldBack == 0 || n.Total() < 50 {
		t.Errorf("hardly any fault was injected: %+v", n)
	}
}

// Goal: timers fire exactly when the clock is moved there, and Advance waits for what follows.
// Method: an order that only its deadline approves, just before and at that moment.
func TestAdvance(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Announce(t, &event.PaymentCaptureFailed{Order: "ord_1", Reason: "declined"})
	w.Settle(t)
	w.ExpectTypes(t, "souk.order.held.v1 order/ord_1")
	timers := w.Timers(t)
	if len(timers) != 1 || timers[0].Key != "deadline/ord_1" || timers[0].Room != "order" {
		t.Fatalf("timers: %+v", timers)
	}
	w.Advance(t, time.Hour-time.Second)
	w.ExpectEvents(t)
	w.Advance(t, time.Second)
	w.ExpectTypes(t, "souk.order.deadline.v1 timer/order-deadline/ord_1",
		"souk.order.approved.v1 order/ord_1")
	if timers := w.Timers(t); len(timers) != 0 {
		t.Errorf("timers: %+v", timers)
	}
	w.FoldEqualsState(t, s)
}

// Goal: what was parked for good stays parked through Settle and is named. Method: an approval
// whose order was never held; then the missing fact.
func TestParked(t *testing.T) {
	t.Parallel()
	w, _ := open(t, roomtest.Calm())
	w.Announce(t, &event.ShipmentCancelled{Order: "ord_1", Shipment: "shp_1"})
	w.Settle(t)
	w.ExpectEvents(t)
	if m := w.Waiting(t); m["order.approve-on-shipment-cancelled"] != 1 || len(m) != 1 {
		t.Errorf("waiting: %v", m)
	}
	w.Announce(t, &event.PaymentCaptureFailed{Order: "ord_1", Reason: "declined"})
	w.Settle(t)
	w.ExpectEvents(t, &event.OrderHeld{Order: "ord_1", Reason: "declined"},
		&event.OrderApproved{Order: "ord_1"})
	w.Ring(t, &event.OrderDeadline{Order: "ord_1"})
	w.Settle(t)
	w.ExpectEvents(t)
}

// Goal: the assertions notice what they are for. Method: give them a false expectation, a missing
// one, and a fold that differs, with a T that records.
func TestNoticing(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Announce(t, &event.PaymentCaptureFailed{Order: "ord_1", Reason: "declined"})
	w.Settle(t)
	spy := &recorder{T: t}
	w.ExpectEvents(spy, &event.OrderHeld{Order: "ord_1", Reason: "other"}, &event.OrderExpired{})
	spy.want(t, "announced souk.order.held.v1", "not announced")
	w.Announce(t, &event.PaymentCaptureFailed{Order: "ord_2", Reason: "declined"})
	w.Settle(t)
	w.ExpectEvents(spy)
	spy.want(t, "announced besides: souk.order.held.v1")
	s.drift = true
	w.FoldEqualsState(spy, s)
	spy.want(t, "stored", "ord_2")
}

// Goal: a service on a machine's clock and with faults in direct calls can be driven too. Method:
// persist through injected failures of a unit of work that must have its effect once.
func TestPersist(t *testing.T) {
	t.Parallel()
	f := roomtest.Direct(7)
	w, s := open(t, roomtest.RealClock(), f)
	ctx := w.As(t, "cus_1", room.Customer())
	for i := range 40 {
		err := w.Persist(func() error {
			f := &event.PaymentCaptureFailed{Order: order(i), Reason: "declined"}
			return s.holdOnCaptureFailed(ctx, f, room.RequestCause(ctx))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Settle(t)
	if n := len(roomtest.FactsOf[*event.OrderHeld](t, w)); n != 40 {
		t.Errorf("%d orders were held, want 40", n)
	}
	if n := w.Platform.Counts(); n.CommitUnknown == 0 {
		t.Errorf("no commit's outcome was hidden: %+v", n)
	}
	w.FoldEqualsState(t, s)
}

// recorder is a T that fails nothing.
type recorder struct {
	*testing.T
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// want requires that each text was said since the last want.
func (r *recorder) want(t *testing.T, texts ...string) {
	t.Helper()
	said := strings.Join(r.said, "\n")
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%q was not noticed in:\n%s", text, said)
		}
	}
	r.said = nil
}
