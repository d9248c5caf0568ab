package order

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The kinds of causes that cancelled units have.
const (
	onReduced = "fulfilment.reduced"
	onFreed   = "payment.reduced"
)

func (s *Service) reductionReactions() []room.Reaction {
	const class = platform.Critical
	return []room.Reaction{
		room.On("order.reduce-on-parcel-reduced", class, s.reduceOnParcelReduced),
		room.On("order.progress-on-payment-reduced", class, s.progressOnPaymentReduced),
	}
}

// reduceOnParcelReduced counts cancelled units, once. When nothing is left of the order it is
// cancelled in the same commit; when all that is left had arrived, its return window opens.
func (s *Service) reduceOnParcelReduced(
	ctx context.Context, f *event.ShipmentReduced, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if err := o.started(); err != nil {
			return err
		}
		n, err := o.parcelOf(f.Shipment)
		if err != nil {
			return err
		}
		cause := causeOf(onReduced, string(f.Refund))
		known, err := counted(ctx, tx, o, cause)
		if err != nil || known {
			return err
		}
		fact, arrived := o.reduce(f, n, cause)
		if arrived && !o.Status.Ended() {
			if err := s.openReturns(tx, o.ID); err != nil {
				return err
			}
		}
		if err := tx.Announce(ctx, fact, o.Seq+1); err != nil {
			return err
		}
		return cancelIfEmpty(ctx, tx, o, f)
	})
}

// reduce decides what cancelled units change, and whether everything has arrived because of it: the
// parcel that had not is no parcel any more.
func (o *Order) reduce(
	f *event.ShipmentReduced, n int, cause string,
) (fact *event.OrderReduced, arrived bool) {
	next := *o
	if f.Empty {
		next.Gone = o.Gone.with(n)
	}
	for _, l := range f.Lines {
		next.Cancelled += l.Quantity
	}
	next.CancelledFor += f.Amount.Amount
	return &event.OrderReduced{
		Order: o.ID, Shipment: f.Shipment, Cancellation: f.Cancellation, Lines: f.Lines,
		Units: next.Cancelled, Amount: next.CancelledFor, Empty: f.Empty,
		Fulfilment: next.fulfilment().String(), Reason: f.Reason, By: f.By, Cause: cause,
	}, next.Over() && !o.Over()
}

// cancelIfEmpty ends an order of which nothing is left.
func cancelIfEmpty(
	ctx context.Context, tx *room.Tx, o *Order, f *event.ShipmentReduced,
) error {
	if _, err := o.Decide(cancel(), Given{}); err != nil {
		return nil // it has ended, or something has left
	}
	units, err := unitsOf(ctx, tx, o)
	if err != nil || o.Cancelled < units {
		return err
	}
	return announceCancelled(ctx, tx, o, f.Reason, f.By)
}

// unitsOf counts what was ordered.
func unitsOf(ctx context.Context, tx *room.Tx, o *Order) (int64, error) {
	b, err := loadBody(ctx, tx, o)
	var units int64
	for _, l := range b.Lines {
		units += l.Quantity
	}
	return units, err
}

// progressOnPaymentReduced counts money that will not be taken.
func (s *Service) progressOnPaymentReduced(
	ctx context.Context, f *event.PaymentReduced, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if err := o.started(); err != nil {
			return err
		}
		cause := causeOf(onFreed, string(f.Refund))
		known, err := counted(ctx, tx, o, cause)
		if err != nil || known {
			return err
		}
		next := *o
		next.Freed += f.Amount.Amount
		return tx.Announce(ctx, next.progress(cause), o.Seq+1)
	})
}

// applyReduced keeps what was cancelled.
func applyReduced(ctx context.Context, tx *room.Tx, o *Order, f *event.OrderReduced) error {
	o.Cancelled, o.CancelledFor = f.Units, f.Amount
	if f.Empty {
		n, err := o.parcelOf(f.Shipment)
		if err != nil {
			return err
		}
		o.Gone = o.Gone.with(n)
	}
	return addTo(ctx, tx, cutKey(o.ID), f.Lines)
}

func cutKey(id shop.ID) platform.Key { return platform.Key{Part: string(id), Sort: "cancelled"} }

// cancelledOf lists what was cancelled of an order, by SKU; nil if nothing was.
func cancelledOf(ctx context.Context, tx *room.Tx, o *Order) (map[shop.SKU]int64, error) {
	if o.Cancelled == 0 {
		return nil, nil
	}
	return listOf(ctx, tx, cutKey(o.ID))
}

// showCancelled says at each line how many of its units were cancelled, those of a SKU on several
// lines from the last on: what comes back is counted from the first.
func showCancelled(items []LineView, units map[shop.SKU]int64) {
	for i := len(items) - 1; i >= 0 && len(units) > 0; i-- {
		n := min(units[items[i].SKU], items[i].Quantity)
		items[i].Cancelled = n
		units[items[i].SKU] -= n
	}
}
