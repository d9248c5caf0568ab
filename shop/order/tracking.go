package order

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// seen is where a carrier saw a parcel of the order last.
type seen struct {
	Shipment shop.ID   `json:"shipment"`
	Carrier  string    `json:"carrier"`
	Tracking string    `json:"tracking"`
	Status   string    `json:"status"`
	At       time.Time `json:"at"`
}

func seenKey(id shop.ID, parcel int) platform.Key {
	return platform.Key{Part: string(id), Sort: fmt.Sprintf("seen/%02d", parcel)}
}

// onTracked is the kind of cause that tells where a parcel is.
const onTracked = "fulfilment.tracked"

// noteOnTracked tells the order's customer, on the order's page and in its stream, where a parcel
// was seen. Words come in any order: what is not later than the last, by the carrier's clock, is no
// news. Parcels on their way back are the return's affair.
func (s *Service) noteOnTracked(
	ctx context.Context, f *event.ParcelTracked, c room.Cause,
) error {
	if f.Back {
		return nil
	}
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if err := o.started(); err != nil {
			return err
		}
		n, err := o.parcelOf(f.For)
		if err != nil {
			return err
		}
		was, err := room.Get[seen](ctx, tx, seenKey(o.ID, n))
		if err != nil || was != nil && !f.At.After(was.At) {
			return err
		}
		return tx.Announce(ctx, &event.OrderTracked{
			Order: o.ID, Shipment: f.For, Carrier: f.Carrier, Tracking: f.Tracking,
			Status: f.Status, At: f.At, Cause: causeOf(onTracked, f.Notice),
		}, o.Seq+1)
	})
}

func applyTracked(tx *room.Tx, o *Order, f *event.OrderTracked) error {
	n, err := o.parcelOf(f.Shipment)
	if err != nil {
		return err
	}
	o.Seen = o.Seen.with(n)
	room.Put(tx, seenKey(o.ID, n), &seen{f.Shipment, f.Carrier, f.Tracking, f.Status, f.At})
	return nil
}

// TrackedView is where a parcel of an order was seen last.
type TrackedView struct {
	Shipment shop.ID   `json:"shipment"`
	Carrier  string    `json:"carrier"`
	Tracking string    `json:"tracking"`
	Status   string    `json:"status" enum:"picked_up,in_transit,out_for_delivery,delivered,delayed,lost,returned"`
	At       time.Time `json:"at" doc:"by the carrier's clock"`
}

// trackingOf lists where the parcels of an order were seen; nil if none was.
func trackingOf(ctx context.Context, tx *room.Tx, o *Order) ([]TrackedView, error) {
	var list []TrackedView
	for n := 1; n <= MaxParcels; n++ {
		if !o.Seen.has(n) {
			continue
		}
		at, err := room.Get[seen](ctx, tx, seenKey(o.ID, n))
		if err != nil {
			return nil, err
		}
		if at != nil {
			list = append(list, TrackedView(*at))
		}
	}
	return list, nil
}
