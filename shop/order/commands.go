package order

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The reasons that other rooms' facts give. People have others: see Cancel.
const (
	reasonStock   = "out_of_stock"
	reasonFailed  = "payment_failed"
	reasonCapture = "capture_failed"
)

// Cancel ends an order of which nothing was dispatched. Its customer may, and an administrator
// or a machine of the operator's; who is asking is taken from ctx, and to anybody else the order
// does not exist. why is one of "changed_mind", "mistake", "too_slow" and "customer", or, from
// an administrator, "fraud", "dealer" and "admin"; "" is "customer" or "admin". An order that
// has ended, or of which something has left, is Illegal.
func (s *Service) Cancel(ctx context.Context, id shop.ID, why string) (View, error) {
	return s.command(ctx, id, nil, cancelling(why))
}

// Hold stops a placed order: once fulfilment has heard of it, no parcel is packed or dispatched,
// and so no further one captured, until Approve. Only an administrator or a machine of the
// operator's may. why is "fraud", "dealer" or "admin"; "" is "admin".
func (s *Service) Hold(ctx context.Context, id shop.ID, why string) (View, error) {
	return s.command(ctx, id, nil, holding(why))
}

// Approve lets an order on hold go on, and has the captures tried again that were refused: if the
// provider refuses once more, the order is held once more. Only an administrator or a machine of
// the operator's may. If everything has arrived meanwhile, the return window is counted from now.
func (s *Service) Approve(ctx context.Context, id shop.ID) (View, error) {
	return s.command(ctx, id, nil, s.approving())
}

// decision is what a person's command does to an order within a unit of work.
type decision func(ctx context.Context, tx *room.Tx, o *Order, by room.Caller) error

func cancelling(why string) decision {
	return func(ctx context.Context, tx *room.Tx, o *Order, by room.Caller) error {
		reason, err := reasonOf(by, why, "customer")
		if err != nil {
			return err
		}
		if _, err := o.Decide(cancel(), Given{}); err != nil {
			return err
		}
		return announceCancelled(ctx, tx, o, reason, by.ID)
	}
}

func holding(why string) decision {
	return func(ctx context.Context, tx *room.Tx, o *Order, by room.Caller) error {
		if !by.May(room.Admin(), room.ServiceRole()) {
			return shop.Errorf(shop.Forbidden, "only an administrator stops an order")
		}
		reason, err := reasonOf(by, why, "admin")
		if err != nil {
			return err
		}
		if _, err := o.Decide(hold(), Given{}); err != nil {
			return err
		}
		if err := dropEdit(ctx, tx, o, "held", by.ID); err != nil {
			return err
		}
		return tx.Announce(ctx, &event.OrderHeld{
			Order: o.ID, Reason: reason, By: by.ID, Round: o.Holds + 1,
		}, o.Seq+1)
	}
}

func (s *Service) approving() decision {
	return func(ctx context.Context, tx *room.Tx, o *Order, by room.Caller) error {
		if !by.May(room.Admin(), room.ServiceRole()) {
			return shop.Errorf(shop.Forbidden, "only an administrator approves an order")
		}
		if _, err := o.Decide(approve(), Given{}); err != nil {
			return err
		}
		// The window may have closed while the order was on hold, and been passed over.
		if o.Over() {
			if err := s.openReturns(tx, o.ID); err != nil {
				return err
			}
		}
		return tx.Announce(ctx, &event.OrderApproved{
			Order: o.ID, By: by.ID, Round: o.Holds, Captures: o.Refused,
		}, o.Seq+1)
	}
}

// command runs one decision of a person, with an optional idempotency row that keeps the answer.
func (s *Service) command(
	ctx context.Context, id shop.ID, once *doorOnce, decide decision,
) (View, error) {
	var v View
	by := room.CallerOf(ctx)
	err := s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if once != nil {
			found, err := once.recall(ctx, tx)
			if err != nil || found {
				return err
			}
		}
		o, err := find(ctx, tx, id, by)
		if err != nil {
			return err
		}
		if err := decide(ctx, tx, o, by); err != nil {
			return err
		}
		v = viewOf(o, nil) // applying the fact changed o, which is this unit's own copy
		if once != nil {
			return once.remember(tx, v)
		}
		return nil
	})
	return v, err
}

// find returns an order that by may see; to everybody else it does not exist.
func find(ctx context.Context, tx *room.Tx, id shop.ID, by room.Caller) (*Order, error) {
	o, err := load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	staff := by.May(room.Admin(), room.ServiceRole())
	if o == nil || !staff && !(by.May(room.Customer()) && by.ID == o.Customer) {
		return nil, noSuch(id)
	}
	return o, nil
}

func noSuch(id shop.ID) error { return shop.Errorf(shop.NotFound, "there is no order %q", id) }

// reasonOf checks a person's reason. It is one word of a closed list, so that it can hold no
// personal data and cannot be taken for a reason of another room's.
func reasonOf(by room.Caller, why, usual string) (string, error) {
	staff := by.May(room.Admin(), room.ServiceRole())
	switch why {
	case "":
		if staff {
			return "admin", nil
		}
		return usual, nil
	case "changed_mind", "mistake", "too_slow", "customer":
		return why, nil
	case "fraud", "dealer", "admin":
		if staff {
			return why, nil
		}
	}
	return "", shop.Errorf(shop.Invalid, "the reason is not one of those that may be given")
}

// announceCancelled ends an order, for which Decide has allowed it.
func announceCancelled(
	ctx context.Context, tx *room.Tx, o *Order, reason string, by shop.ID,
) error {
	contact, err := contactOf(ctx, tx, o)
	if err != nil {
		return err
	}
	if o.Status == PendingPayment() {
		tx.CancelTimer(deadlineTimer(o.ID))
	}
	if err := dropEdit(ctx, tx, o, reason, by); err != nil {
		return err
	}
	if err := tx.Announce(ctx, &event.OrderCancelled{
		Order: o.ID, Customer: o.Customer, Reason: reason, By: by, From: o.Status.String(),
		Contact: contact,
	}, o.Seq+1); err != nil {
		return err
	}
	return closeEdit(ctx, tx, o, false, reason)
}

func contactOf(ctx context.Context, tx *room.Tx, o *Order) (shop.Sealed[event.Contact], error) {
	b, err := room.Get[body](ctx, tx, bodyKey(o.ID, 0))
	if err != nil {
		return shop.Sealed[event.Contact]{}, err
	}
	if b == nil || b.Contact == nil {
		return shop.Sealed[event.Contact]{}, shop.Errorf(shop.Internal,
			"order %s has lost the first chunk of its lines", o.ID)
	}
	return *b.Contact, nil
}

// openReturns sets the timer of the return window, or sets it anew.
func (s *Service) openReturns(tx *room.Tx, id shop.ID) error {
	return tx.SetTimer(returnsTimer(id), s.now().Add(s.policy.ReturnWindow),
		&event.OrderReturnWindowClosed{Order: id})
}
