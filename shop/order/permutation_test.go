package order_test

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// reduced is units of a parcel that are cancelled; freed says that their money is not taken.
func reduced(
	id shop.ID, n int, amount int64, empty bool, sku shop.SKU, units int64,
) *event.ShipmentReduced {
	return &event.ShipmentReduced{
		Shipment: parcel(id, n), Order: id, Payment: of(id, "pay"), Cancellation: "can_a",
		Refund: shop.ID(fmt.Sprintf("rfn_can_a_%d", n)), Amount: gbp(amount), Empty: empty,
		Lines:  []event.ParcelLine{{SKU: sku, Quantity: units}},
		Reason: "changed_mind", By: "cus_1",
	}
}

func freed(id shop.ID, n int, amount int64) *event.PaymentReduced {
	return &event.PaymentReduced{
		Payment: of(id, "pay"), Order: id, Shipment: parcel(id, n), Amount: gbp(amount),
		Refund: shop.ID(fmt.Sprintf("rfn_can_a_%d", n)),
	}
}

// factSet is a set of facts of one order and what they must make of it in every order of arrival.
type factSet struct {
	facts  func(id shop.ID) []event.Fact
	want   [3]string // status, payment, fulfilment
	cancel bool      // by the customer, before anything arrives
	loose  bool      // a fact may rightly come too late to move the deadline and the version
}

// lostSets are sets in which parcels are lost.
func lostSets() map[string]factSet {
	return map[string]factSet{
		"one is lost, and arrives no more": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), dispatched(id, 1), dispatched(id, 2),
				delivered(id, 1), lost(id, 2),
			}
		}, want: [3]string{"placed", "partially_captured", "delivered"}},
		"all are lost, and one is paid back": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), dispatched(id, 1), dispatched(id, 2),
				lost(id, 1), lost(id, 2), refunded(id, "ref_1", 1, 1560),
			}
		}, want: [3]string{"placed", "refunded", "fulfilled"}},
	}
}

func factSets() map[string]factSet {
	action := func(id shop.ID) event.Fact {
		return &event.PaymentRequiresAction{
			Payment: of(id, "pay"), Order: id, Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		}
	}
	voided := func(id shop.ID) event.Fact {
		return &event.PaymentVoided{Payment: of(id, "pay"), Order: id, Amount: gbp(total)}
	}
	all := map[string]factSet{
		"delivered": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), captured(id, 2), dispatched(id, 1),
				dispatched(id, 2), delivered(id, 1), delivered(id, 2),
			}
		}, want: [3]string{"placed", "captured", "delivered"}},
		"refunded": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), captured(id, 2), refunded(id, "ref_1", 1, 60),
				refunded(id, "ref_2", 1, 60), refunded(id, "ref_3", 2, 1860),
			}
		}, want: [3]string{"placed", "partially_refunded", "unfulfilled"}},
		"capture failed": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captureFailed(id, 1), captured(id, 1), captureFailed(id, 2),
				dispatched(id, 1),
			}
		}, want: [3]string{"on_hold", "partially_captured", "partially_fulfilled"}},
		"too late": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{authorized(id), voided(id), action(id), failed(id, true)}
		}, want: [3]string{"cancelled", "voided", "unfulfilled"}, cancel: true},
		"cancelled after a capture": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{captured(id, 1), voided(id), refunded(id, "ref_1", 1, 1560)}
		}, want: [3]string{"cancelled", "refunded", "unfulfilled"}, cancel: true},
		"a parcel is cancelled": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), reduced(id, 2, 1860, true, "POT", 1), freed(id, 2, 1860),
				captured(id, 1), dispatched(id, 1), delivered(id, 1),
			}
		}, want: [3]string{"placed", "captured", "delivered"}},
		"units are cancelled, and paid back": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), captured(id, 1), captured(id, 2), dispatched(id, 1),
				reduced(id, 1, 780, false, "MUG", 1), refunded(id, "rfn_can_a_1", 1, 780),
			}
		}, want: [3]string{"placed", "partially_refunded", "partially_fulfilled"}},
		"everything is cancelled": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{
				authorized(id), reduced(id, 1, 1560, true, "MUG", 2), freed(id, 1, 1560),
				reduced(id, 2, 1860, true, "POT", 1), freed(id, 2, 1860), voided(id),
			}
		}, want: [3]string{"cancelled", "voided", "unfulfilled"}},
		"asked, then paid": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{action(id), authorized(id), failed(id, false), captured(id, 1)}
		}, want: [3]string{"placed", "partially_captured", "unfulfilled"}, loose: true},
		"asked, then failed": {facts: func(id shop.ID) []event.Fact {
			return []event.Fact{action(id), failed(id, false), failed(id, true)}
		}, want: [3]string{"cancelled", "failed", "unfulfilled"}, loose: true},
	}
	maps.Copy(all, lostSets())
	return all
}

// Goal: whatever the order and the repetition in which an order's facts arrive, the same order
// comes out. Method: every permutation of each set (at most 7 facts), every fact twice, delivered
// with "too early" coming again; the whole view is compared, but for the deadline and the version
// where a fact may rightly come too late to matter.
func TestEveryPermutation(t *testing.T) {
	t.Parallel()
	for name, set := range factSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, roomtest.Calm())
			var (
				first atomic.Pointer[string]
				n     int
				all   sync.WaitGroup
				slots = make(chan struct{}, 16) // orders at a time: their commits share the way
			)
			permute(set.facts("ord_0"), func(perm []event.Fact) {
				n++
				if testing.Short() && n%7 != 1 {
					return // a sample of one in seven; the whole is for the full run
				}
				id := shop.ID(fmt.Sprintf("ord_%d", n))
				slots <- struct{}{}
				all.Go(func() {
					defer func() { <-slots }()
					end := s.live(t, id, set, doubled(perm, set.facts("ord_0"), set.facts(id)))
					if !first.CompareAndSwap(nil, &end) && *first.Load() != end {
						t.Errorf("%s ends\n%s, another ended\n%s", id, end, *first.Load())
					}
				})
			})
			all.Wait()
			t.Logf("%d permutations", n)
			s.FoldEqualsState(t, s.orders)
		})
	}
}

// live makes an order, gives it the facts, and returns what became of it.
func (s *stage) live(t *testing.T, id shop.ID, set factSet, facts []event.Fact) string {
	s.checkout(t, basket(id))
	if set.cancel {
		s.mustCancel(t, id)
	}
	deliver(t, s.orders.Reactions(), facts)
	v := s.get(t, id)
	if have := [3]string{v.Status, v.PaymentStatus, v.FulfilmentStatus}; have != set.want {
		t.Errorf("%s ends %v, want %v", id, have, set.want)
	}
	v.ID = ""
	if set.loose {
		v.Deadline, v.Version = time.Time{}, 0
	}
	raw, err := room.Encode(v)
	if err != nil {
		t.Error(err)
	}
	return string(raw)
}

// doubled maps an order of the pattern to the facts of one order, each once in that order and
// once more in the reverse.
func doubled(perm, pattern, facts []event.Fact) []event.Fact {
	var twice []event.Fact
	at := func(f event.Fact) event.Fact {
		for i, p := range pattern {
			if fmt.Sprint(p) == fmt.Sprint(f) && p.Type() == f.Type() {
				return facts[i]
			}
		}
		panic("the permutation holds a fact that is not in the pattern")
	}
	for _, f := range perm {
		twice = append(twice, at(f))
	}
	for i := len(perm) - 1; i >= 0; i-- {
		twice = append(twice, twice[i])
	}
	return twice
}
