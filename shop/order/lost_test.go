package order_test

import (
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: lost parcels do not keep an order from its end: its return window opens with the last
// parcel that arrives or is lost, and it is completed when that closes; where all are lost nothing
// is shown as delivered. Method: an order of which one parcel arrives, in either order, and one of
// which none does; the test plays the other rooms.
func TestLostParcelsEndTheOrder(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]struct {
		ends   func(id shop.ID) [2]event.Fact
		refund []int64
		want   [2]string // payment and fulfilment
		lost   int
	}{
		"lost, then delivered": {func(id shop.ID) [2]event.Fact {
			return [2]event.Fact{lost(id, 1), delivered(id, 2)}
		}, []int64{1560}, [2]string{"partially_refunded", "delivered"}, 1},
		"delivered, then lost": {func(id shop.ID) [2]event.Fact {
			return [2]event.Fact{delivered(id, 2), lost(id, 1)}
		}, []int64{1560}, [2]string{"partially_refunded", "delivered"}, 1},
		"all lost": {func(id shop.ID) [2]event.Fact {
			return [2]event.Fact{lost(id, 1), lost(id, 2)}
		}, []int64{1560, 1860}, [2]string{"refunded", "fulfilled"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			const id shop.ID = "ord_1"
			s.checkout(t, basket(id))
			s.Announce(t, authorized(id))
			s.Settle(t)
			s.Announce(t, captured(id, 1), captured(id, 2), dispatched(id, 1), dispatched(id, 2))
			for i, amount := range way.refund {
				s.Announce(t, refunded(id, shop.ID([]string{"ref_1", "ref_2"}[i]), i+1, amount))
			}
			s.Settle(t)
			ends := way.ends(id)
			s.Announce(t, ends[0])
			s.Settle(t)
			s.expectStatus(t, id, "placed", way.want[0], "fulfilled")
			if n := len(s.Timers(t)); n != 0 {
				t.Errorf("%d timers while a parcel is on its way", n)
			}
			s.Announce(t, ends[1])
			s.Settle(t)
			s.expectStatus(t, id, "placed", way.want[0], way.want[1])
			s.Advance(t, 14*day-time.Minute)
			s.expectStatus(t, id, "placed", way.want[0], way.want[1])
			s.Advance(t, time.Minute+time.Second)
			s.expectStatus(t, id, "completed", way.want[0], way.want[1])
			if v := s.get(t, id); v.Lost != way.lost {
				t.Errorf("%d parcels are shown as lost, not %d", v.Lost, way.lost)
			}
			s.FoldEqualsState(t, s.orders)
			s.ExpectNoDeadLetters(t)
			if n := len(roomtest.FactsOf[*event.OrderCompleted](t, s.World)); n != 1 {
				t.Errorf("completed %d times", n)
			}
		})
	}
}
