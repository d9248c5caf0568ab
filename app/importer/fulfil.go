package importer

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// fulfil reads the file once more and delivers what was placed and not cancelled, if it was asked
// to, and waits for what follows.
func (im *Importer) fulfil(ctx context.Context) error {
	if !im.cfg.Fulfil {
		return nil
	}
	im.enter(PhaseFulfil, im.report.Lines)
	err := sideBySide(ctx, im.cfg.InFlight, func(ctx context.Context, begin beginner) error {
		return im.invoices(ctx, func(v *invoice) error {
			if v.kind != ordering || len(v.good()) == 0 {
				im.progress.done.Add(int64(len(v.rows)))
				return nil
			}
			var arrived, stuck int64
			return begin(func() (err error) {
				arrived, stuck, err = im.deliver(ctx, v)
				return err
			}, func() error {
				im.progress.done.Add(int64(len(v.rows)))
				im.report.Delivered += arrived
				im.report.Undelivered += stuck
				return nil
			})
		})
	})
	if err != nil {
		return err
	}
	return im.quiet(ctx)
}

// deliver brings every parcel of an order to its customer.
func (im *Importer) deliver(ctx context.Context, v *invoice) (arrived, stuck int64, err error) {
	o, err := im.cfg.App.Order.Get(ctx, orderID(v.number))
	switch {
	case shop.CodeOf(err) == shop.NotFound && err != nil:
		return 0, 0, nil // it was refused
	case err != nil:
		return 0, 0, err
	case o.Status != order.Placed().String():
		return 0, 0, nil
	}
	for n := 1; n <= o.Parcels; n++ {
		ok, err := im.carry(ctx, fulfilment.ID(o.ID, n))
		if err != nil {
			return 0, 0, shop.Errorf(shop.CodeOf(err), "deliver invoice %s: %w", v.number, err)
		}
		if ok {
			arrived++
		} else {
			stuck++
		}
	}
	return arrived, stuck, nil
}

// The wait for a parcel's money.
const (
	clearStep = 2 * time.Millisecond
	clearMost = 100 * time.Millisecond
	clearWait = 30 * time.Second
)

// carry takes one parcel from the shelf to the door, step by step as its dealer does, and says
// whether it arrived. Steps that were taken before change nothing.
func (im *Importer) carry(ctx context.Context, id shop.ID) (bool, error) {
	ships, who := im.cfg.App.Fulfilment, room.CallerOf(ctx)
	var at fulfilment.State
	step := func(do func() (*fulfilment.Shipment, error)) error {
		return im.again(ctx, func() error {
			s, err := do()
			if err == nil {
				at = s.State
			}
			return err
		})
	}
	pack := func() (*fulfilment.Shipment, error) { return ships.Pack(ctx, who, id) }
	look := func() (*fulfilment.Shipment, error) { return ships.Get(ctx, who, id) }
	send := func() (*fulfilment.Shipment, error) { return ships.Dispatch(ctx, who, id, "") }
	arrive := func() (*fulfilment.Shipment, error) { return ships.Deliver(ctx, who, id) }
	err := step(pack)
	over := im.cfg.Clock.Now().Add(clearWait)
	for wait := clearStep; err == nil && at == fulfilment.Packed(); wait = min(2*wait, clearMost) {
		if im.cfg.Clock.Now().After(over) {
			return false, nil
		}
		if err = im.pause(ctx, wait); err == nil {
			err = step(look)
		}
	}
	if err == nil {
		err = step(send)
	}
	if err == nil {
		err = step(arrive)
	}
	if stands(err) {
		return false, nil
	}
	return err == nil, err
}
