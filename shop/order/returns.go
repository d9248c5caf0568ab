package order

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// coming is how far one return of the order has come. Facts about a return arrive in any order, so
// what was heard of later stages makes earlier ones old news.
type coming struct {
	Order shop.ID `json:"order"`
	Stage int     `json:"stage"`
}

// The stages of a return, as far as an order cares.
const (
	returnAsked = iota + 1
	returnMoving
	returnOver
)

// The kinds of causes that move the return axis.
const (
	onReturnAsked     = "fulfilment.return_requested"
	onReturnApproved  = "fulfilment.return_approved"
	onReturnDeclined  = "fulfilment.return_declined"
	onReturnCancelled = "fulfilment.return_cancelled"
	onReturnClosed    = "fulfilment.return_closed"
	onWindowClosed    = "order.return_window_closed"
)

// stageOf is the stage to which a kind of cause brings a return; 0 for a cause that is about none.
func stageOf(kind string) int {
	switch kind {
	case onReturnAsked:
		return returnAsked
	case onReturnApproved:
		return returnMoving
	case onReturnDeclined, onReturnCancelled, onReturnClosed:
		return returnOver
	}
	return 0
}

// returnReactions are the reactions that are about returns.
func (s *Service) returnReactions() []room.Reaction {
	const class = platform.Critical
	return []room.Reaction{
		room.On("order.note-on-return-requested", class,
			func(ctx context.Context, f *event.ReturnRequested, c room.Cause) error {
				return s.noteReturn(ctx, c, f.Order, f.Return, onReturnAsked, nil)
			}),
		room.On("order.note-on-return-approved", class,
			func(ctx context.Context, f *event.ReturnApproved, c room.Cause) error {
				return s.noteReturn(ctx, c, f.Order, f.Return, onReturnApproved, nil)
			}),
		room.On("order.note-on-return-declined", class,
			func(ctx context.Context, f *event.ReturnDeclined, c room.Cause) error {
				return s.noteReturn(ctx, c, f.Order, f.Return, onReturnDeclined, nil)
			}),
		room.On("order.note-on-return-cancelled", class,
			func(ctx context.Context, f *event.ReturnCancelled, c room.Cause) error {
				return s.noteReturn(ctx, c, f.Order, f.Return, onReturnCancelled, nil)
			}),
		room.On("order.note-on-return-closed", class,
			func(ctx context.Context, f *event.ReturnClosed, c room.Cause) error {
				return s.noteReturn(ctx, c, f.Order, f.Return, onReturnClosed, f.Items)
			}),
	}
}

// noteReturn moves the return axis. When nothing is on its way back any more, and the return window
// closed meanwhile, the order is completed in the same commit.
func (s *Service) noteReturn(
	ctx context.Context, c room.Cause, id, ret shop.ID, kind string, items []event.ParcelLine,
) error {
	return s.with(ctx, id, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if err := o.started(); err != nil {
			return err
		}
		was, err := room.Get[coming](ctx, tx, comingKey(id, ret))
		if err != nil {
			return err
		}
		had, stage := 0, stageOf(kind)
		if was != nil {
			had = was.Stage
		}
		if stage <= had {
			return nil
		}
		next := *o
		next.shift(had, stage)
		for _, i := range items {
			next.Returned += i.Quantity
		}
		f := &event.OrderReturnMoved{
			Order: id, Units: next.Returned, Items: items, Cause: causeOf(kind, string(ret)),
		}
		if f.Return, err = next.returnAxis(ctx, tx); err != nil {
			return err
		}
		if err := tx.Announce(ctx, f, o.Seq+1); err != nil {
			return err
		}
		return s.completeAfterReturn(ctx, tx, o)
	})
}

// completeAfterReturn completes an order whose window closed while something was on its way back.
func (s *Service) completeAfterReturn(ctx context.Context, tx *room.Tx, o *Order) error {
	if _, err := o.Decide(complete(), Given{}); err != nil || !o.WindowClosed {
		return nil
	}
	return tx.Announce(ctx, &event.OrderCompleted{Order: o.ID, Customer: o.Customer}, o.Seq+1)
}

// waitForReturns notes that the window closed while something is on its way back; once.
func (s *Service) waitForReturns(ctx context.Context, tx *room.Tx, o *Order) error {
	waits := o.Status == Placed() && o.Over() && o.returning() &&
		!o.WindowClosed
	if !waits {
		return nil
	}
	return tx.Announce(ctx, &event.OrderReturnMoved{
		Order: o.ID, Return: o.Returns.String(), Units: o.Returned, Closed: true,
		Cause: causeOf(onWindowClosed, string(o.ID)),
	}, o.Seq+1)
}

// returning reports whether something is on its way back, or may be.
func (o *Order) returning() bool { return o.ReturnsAsked > 0 || o.ReturnsMoving > 0 }

// shift moves one return from stage to stage in what the head counts.
func (o *Order) shift(from, to int) {
	count := func(stage, by int) {
		switch stage {
		case returnAsked:
			o.ReturnsAsked += by
		case returnMoving:
			o.ReturnsMoving += by
		}
	}
	count(from, -1)
	count(to, 1)
}

// returnAxis derives the return axis. Whether everything came back is only asked when something
// did.
func (o *Order) returnAxis(ctx context.Context, tx *room.Tx) (string, error) {
	switch {
	case o.ReturnsMoving > 0:
		return ReturnInProgress().String(), nil
	case o.ReturnsAsked > 0:
		return ReturnRequested().String(), nil
	case o.Returned == 0:
		return NoReturn().String(), nil
	}
	units, err := unitsOf(ctx, tx, o)
	if err != nil {
		return "", err
	}
	if o.Returned < units-o.Cancelled {
		return PartlyReturned().String(), nil
	}
	return Returned().String(), nil
}

// applyReturn keeps how far the return is that the fact is about, and what came back with it.
func applyReturn(
	ctx context.Context, tx *room.Tx, o *Order, f *event.OrderReturnMoved,
) error {
	if err := o.Returns.UnmarshalText([]byte(f.Return)); err != nil {
		return err
	}
	o.Returned = f.Units
	o.WindowClosed = o.WindowClosed || f.Closed
	kind, ref, _ := cutCause(f.Cause)
	stage := stageOf(kind)
	if stage == 0 {
		return nil
	}
	key := comingKey(o.ID, shop.ID(ref))
	was, err := room.Get[coming](ctx, tx, key)
	if err != nil {
		return err
	}
	had := 0
	if was != nil {
		had = was.Stage
	}
	o.shift(had, stage)
	room.Put(tx, key, &coming{Order: o.ID, Stage: stage})
	return keepReturned(ctx, tx, o, f.Items)
}

// back is what came back of an order, or was cancelled, by SKU.
type back struct {
	Items []event.ParcelLine `json:"items"`
}

func keepReturned(
	ctx context.Context, tx *room.Tx, o *Order, items []event.ParcelLine,
) error {
	return addTo(ctx, tx, backKey(o.ID), items)
}

// addTo adds units to a list by SKU.
func addTo(
	ctx context.Context, tx *room.Tx, key platform.Key, items []event.ParcelLine,
) error {
	if len(items) == 0 {
		return nil
	}
	b, err := room.Get[back](ctx, tx, key)
	if err != nil {
		return err
	}
	if b == nil {
		b = &back{}
	}
next:
	for _, item := range items {
		for i := range b.Items {
			if b.Items[i].SKU == item.SKU {
				b.Items[i].Quantity += item.Quantity
				continue next
			}
		}
		b.Items = append(b.Items, item)
	}
	room.Put(tx, key, b)
	return nil
}

// returnedOf lists what came back of an order, by SKU; nil if nothing did.
func returnedOf(ctx context.Context, tx *room.Tx, o *Order) (map[shop.SKU]int64, error) {
	if o.Returned == 0 {
		return nil, nil
	}
	return listOf(ctx, tx, backKey(o.ID))
}

func listOf(
	ctx context.Context, tx *room.Tx, key platform.Key,
) (map[shop.SKU]int64, error) {
	b, err := room.Get[back](ctx, tx, key)
	if err != nil || b == nil {
		return nil, err
	}
	units := make(map[shop.SKU]int64, len(b.Items))
	for _, i := range b.Items {
		units[i.SKU] = i.Quantity
	}
	return units, nil
}

// showReturned says at each line how many of its units came back, those of a SKU on several lines
// from the first on.
func showReturned(items []LineView, units map[shop.SKU]int64) {
	if len(units) == 0 {
		return
	}
	for i := range items {
		n := min(units[items[i].SKU], items[i].Quantity)
		items[i].Returned = n
		units[items[i].SKU] -= n
	}
}
