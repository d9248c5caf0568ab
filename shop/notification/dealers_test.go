package notification_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// counted is a store that counts what is committed to it and how often it is read.
type counted struct {
	platform.Store
	commits, reads atomic.Int64
}

func (s *counted) Commit(ctx context.Context, b platform.Batch) error {
	s.commits.Add(1)
	return s.Store.Commit(ctx, b)
}

func (s *counted) Get(ctx context.Context, k platform.Key) (platform.Record, error) {
	s.reads.Add(1)
	return s.Store.Get(ctx, k)
}

func (s *counted) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	s.reads.Add(1)
	return s.Store.List(ctx, q)
}

// counting is a room whose store is counted.
func counting(
	t roomtest.T, o notification.Options, opts ...roomtest.Option,
) (*roomtest.World, *notification.Service, *counted) {
	t.Helper()
	w := roomtest.New(t, opts...)
	desk := w.Desk("notification")
	store := &counted{Store: desk.Store}
	desk.Store = store
	s := notification.New(desk, o)
	w.Start(t, s)
	return w, s, store
}

// placedOf is an order with a parcel of each of n dealers.
func placedOf(t roomtest.T, w *roomtest.World, order shop.ID, n int) *event.OrderPlaced {
	t.Helper()
	f := placed(t, w, order)
	parcel := f.Parcels[0]
	f.Parcels, f.Total = nil, 0
	for i := range n {
		parcel.Dealer = shop.ID(fmt.Sprintf("dlr_%d", i+1))
		f.Parcels = append(f.Parcels, parcel)
		f.Total += parcel.Amount
	}
	return f
}

// Goal: without a carrier an order costs one commit, whoever is told, and holds nothing that only a
// mail needs; there is no subscription more. Method: the log, the records' versions and the commits
// of an order of two dealers; a full world of reactions is in Example.
func TestNoCarrierCostsNothing(t *testing.T) {
	t.Parallel()
	w, s, store := counting(t, notification.Options{}, roomtest.Calm())
	w.Announce(t, placedOf(t, w, "ord_a", 2))
	w.Settle(t)
	w.ExpectTypes(t, prefix+"sent.v1 message/msg_order_placed_a",
		prefix+"sent.v1 message/msg_parcel_requested_a_1",
		prefix+"sent.v1 message/msg_parcel_requested_a_2")
	if n := len(s.Reactions()); n != 6 {
		t.Errorf("%d subscriptions", n)
	}
	if n := store.commits.Load(); n != 1 {
		t.Errorf("%d commits for one order", n)
	}
	var writes int64
	err := w.Raw.History().Records(t.Context(), "notification/", func(r platform.Record) error {
		writes += r.Version
		return nil
	})
	if err != nil || writes != 6 {
		t.Errorf("%d writes for three messages, %v", writes, err)
	}
	for _, f := range roomtest.FactsOf[*event.MessageSent](t, w) {
		if len(f.Words) != 0 || f.Leave != "" {
			t.Errorf("%s holds what only a mail needs: %v %q", f.Message, f.Words, f.Leave)
		}
	}
}

// Goal: every dealer of an order is told of their parcel, once, however many there are. Method: an
// order of as many dealers as there may be, under default faults: more than one commit holds.
func TestManyDealersAreTold(t *testing.T) {
	t.Parallel()
	const dealers = 50
	w, s := hooking(t, newReceivers(well))
	w.Announce(t, placedOf(t, w, "ord_a", dealers))
	w.Settle(t)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	for i := range dealers {
		person := shop.ID(fmt.Sprintf("dlr_%d", i+1))
		if got := told(t, w, s, person); len(got) != 1 {
			t.Errorf("%s is told %q", person, got)
		}
	}
	if n := len(roomtest.FactsOf[*event.MessageSent](t, w)); n != dealers+1 {
		t.Errorf("%d messages", n)
	}
}

// Goal: events that no endpoint wants cost no read and no commit each. Method: with webhooks, many
// events of which only another dealer's endpoint could be told, or none; the endpoints are read
// once and then remembered.
func TestEventsThatNobodyWantsCostNothing(t *testing.T) {
	t.Parallel()
	for name, types := range map[string][]string{"none": nil, "of another": {
		"souk.fulfilment.packed.v1", "souk.fulfilment.cleared.v1",
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, store := counting(t, notification.Options{
				Poster: newReceivers(well), Parcels: sellers{}, Owners: sellers{},
			}, roomtest.Calm())
			if types != nil {
				register(t, w, s, "dlr_1", "https://one.example", types...)
			}
			before := store.commits.Load()
			w.Announce(t, requested(t, w, "2a", "dlr_2")) // has the endpoints read
			w.Settle(t)
			read := store.reads.Load()
			for i := range 20 {
				name := fmt.Sprintf("2x%d", i)
				w.Announce(t, requested(t, w, name, "dlr_2"), &event.ShipmentPacked{
					Shipment: shop.ID("shp_" + name + "_1"), Order: shop.ID("ord_" + name),
					Dealer: "dlr_2",
				})
			}
			w.Settle(t)
			if n := store.commits.Load() - before; n != 0 {
				t.Errorf("%d commits", n)
			}
			if n := store.reads.Load() - read; n != 0 {
				t.Errorf("%d reads", n)
			}
		})
	}
}
