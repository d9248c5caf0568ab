package order

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Reactions implements room.Room: the whole list of "when this fact, do that".
func (s *Service) Reactions() []room.Reaction {
	const class = platform.Critical
	return append(append(s.returnReactions(), s.reductionReactions()...),
		room.On("order.cancel-on-stock-rejected", class, s.cancelOnStockRejected),
		room.On("order.extend-on-payment-requires-action", class, s.extendOnRequiresAction),
		room.On("order.place-on-payment-authorized", class, s.placeOnPaymentAuthorized),
		room.On("order.cancel-on-payment-failed", class, s.cancelOnPaymentFailed),
		room.On("order.expire-on-deadline", class, s.expireOnDeadline),
		room.On("order.progress-on-payment-captured", class, s.progressOnCaptured),
		room.On("order.hold-on-payment-capture-failed", class, s.holdOnCaptureFailed),
		room.On("order.progress-on-payment-refunded", class, s.progressOnRefunded),
		room.On("order.progress-on-payment-refund-returned", class, s.progressOnRefundReturned),
		room.On("order.progress-on-payment-voided", class, s.progressOnVoided),
		room.On("order.progress-on-shipment-split", class, s.progressOnSplit),
		room.On("order.progress-on-payment-disputed", class, s.progressOnDisputed),
		room.On("order.progress-on-payment-dispute-closed", class, s.progressOnDisputeClosed),
		room.On("order.progress-on-shipment-dispatched", class, s.progressOnDispatched),
		room.On("order.progress-on-shipment-delivered", class, s.progressOnDelivered),
		room.On("order.progress-on-shipment-lost", class, s.progressOnLost),
		room.On("order.note-on-parcel-tracked", class, s.noteOnTracked),
		room.On("order.complete-on-return-window-closed", class, s.completeOnWindowClosed),
	)
}

// with runs one reaction on the order that it is about. An order that is not there yet will be.
func (s *Service) with(
	ctx context.Context, id shop.ID, c room.Cause,
	react func(ctx context.Context, tx *room.Tx, o *Order) error,
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		o, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		if o == nil {
			return platform.ErrNotYet
		}
		return react(ctx, tx, o)
	})
}

func (s *Service) cancelOnStockRejected(
	ctx context.Context, f *event.StockRejected, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if _, err := o.Decide(reject(), Given{}); err != nil {
			return nil // it has ended meanwhile, and stays as it is
		}
		return announceCancelled(ctx, tx, o, reasonStock, "")
	})
}

func (s *Service) extendOnRequiresAction(
	ctx context.Context, f *event.PaymentRequiresAction, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p := o.act(f, s.policy.ActionTTL)
		if p == nil {
			return nil
		}
		if p.Deadline.After(o.Deadline) {
			due := &event.OrderDeadline{Order: o.ID, Due: p.Deadline}
			if err := tx.SetTimer(deadlineTimer(o.ID), p.Deadline, due); err != nil {
				return err
			}
		}
		return tx.Announce(ctx, p, o.Seq+1)
	})
}

// placeOnPaymentAuthorized is the decision of an order's life. Stock is held by then, since
// payment asks for money only because it is. An order that has ended is not reopened: payment
// voids.
func (s *Service) placeOnPaymentAuthorized(
	ctx context.Context, f *event.PaymentAuthorized, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if o.Status != PendingPayment() {
			return nil
		}
		if _, err := o.Decide(place(), Given{Authorised: f.Amount}); err != nil {
			return err
		}
		b, err := loadBody(ctx, tx, o)
		if err != nil {
			return err
		}
		parcels, err := split(b.Lines, o.Currency, o.Shipping, o.Tax)
		if err != nil {
			return err
		}
		tx.CancelTimer(deadlineTimer(o.ID))
		if err := tx.Announce(ctx, &event.OrderPlaced{
			Order: o.ID, Customer: o.Customer, Payment: f.Payment, Currency: o.Currency,
			Total: o.Total, Parcels: parcels, ShipTo: *b.ShipTo, Contact: *b.Contact,
		}, o.Seq+1); err != nil {
			return err
		}
		return closeEdit(ctx, tx, o, true, "")
	})
}

func (s *Service) cancelOnPaymentFailed(
	ctx context.Context, f *event.PaymentFailed, c room.Cause,
) error {
	if !f.Final { // another attempt may still succeed before the deadline
		return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
			return s.moved(ctx, tx, o, o.decline(f), nil)
		})
	}
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if _, err := o.Decide(fail(), Given{}); err != nil {
			return nil // it has ended meanwhile, and stays as it is
		}
		return announceCancelled(ctx, tx, o, reasonFailed, "")
	})
}

// expireOnDeadline decides by the deadline that the timer was set for, not by a clock: clocks of
// two processes differ, and a deadline that was passed over would never come again.
func (s *Service) expireOnDeadline(
	ctx context.Context, f *event.OrderDeadline, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if _, err := o.Decide(expire(), Given{Due: f.Due}); err != nil {
			return nil // it was placed or ended in time, or got a later deadline
		}
		contact, err := contactOf(ctx, tx, o)
		if err != nil {
			return err
		}
		if err := tx.Announce(ctx, &event.OrderExpired{
			Order: o.ID, Customer: o.Customer, Contact: contact,
		}, o.Seq+1); err != nil {
			return err
		}
		return closeEdit(ctx, tx, o, false, "expired")
	})
}

func (s *Service) progressOnCaptured(
	ctx context.Context, f *event.PaymentCaptured, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.capture(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

// holdOnCaptureFailed stops a placed order. A failure that comes while the order is on hold is
// noted, so that the approval has it tried again, and so that hearing of it again after somebody
// has approved does not stop the order a second time.
func (s *Service) holdOnCaptureFailed(
	ctx context.Context, f *event.PaymentCaptureFailed, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if err := o.started(); err != nil || o.Status.Ended() {
			return err
		}
		cause := causeOf(onCapFailed, f.Key)
		known, err := counted(ctx, tx, o, cause)
		if err != nil || known {
			return err
		}
		if _, err := o.Decide(hold(), Given{}); err != nil {
			return tx.Announce(ctx, o.progress(cause), o.Seq+1)
		}
		return tx.Announce(ctx, &event.OrderHeld{
			Order: o.ID, Reason: reasonCapture, Cause: cause, Round: o.Holds + 1,
		}, o.Seq+1)
	})
}

func (s *Service) progressOnRefunded(
	ctx context.Context, f *event.PaymentRefunded, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		known, err := counted(ctx, tx, o, causeOf(onRefunded, string(f.Refund)))
		if err != nil || known {
			return err
		}
		p, err := o.refund(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

// progressOnRefundReturned counts a refund that failed at last, once.
func (s *Service) progressOnRefundReturned(
	ctx context.Context, f *event.PaymentRefundReturned, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		known, err := counted(ctx, tx, o, causeOf(onReturned, f.Key))
		if err != nil || known {
			return err
		}
		p, err := o.takeBack(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

// progressOnDisputed shows that the money is contested. A bank that only asks has not taken any.
func (s *Service) progressOnDisputed(
	ctx context.Context, f *event.PaymentDisputed, c room.Cause,
) error {
	if f.Inquiry {
		return nil
	}
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		cause := causeOf(onDisputed, string(f.Dispute))
		known, err := counted(ctx, tx, o, cause)
		if err != nil || known {
			return err
		}
		return s.moved(ctx, tx, o, o.contest(cause, 1), o.started())
	})
}

// progressOnDisputeClosed shows that the money is ours again; what was lost stays disputed.
func (s *Service) progressOnDisputeClosed(
	ctx context.Context, f *event.PaymentDisputeClosed, c room.Cause,
) error {
	if f.Inquiry || f.Outcome == "lost" {
		return nil
	}
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		begun, err := counted(ctx, tx, o, causeOf(onDisputed, string(f.Dispute)))
		switch {
		case err != nil:
			return err
		case !begun:
			return platform.ErrNotYet // it began before it ended
		}
		cause := causeOf(onSettled, string(f.Dispute))
		known, err := counted(ctx, tx, o, cause)
		if err != nil || known {
			return err
		}
		return s.moved(ctx, tx, o, o.contest(cause, -1), nil)
	})
}

func (s *Service) progressOnVoided(
	ctx context.Context, f *event.PaymentVoided, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.void(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

func (s *Service) progressOnSplit(
	ctx context.Context, f *event.ShipmentSplit, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.divide(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

func (s *Service) progressOnDispatched(
	ctx context.Context, f *event.ShipmentDispatched, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.dispatch(f)
		return s.moved(ctx, tx, o, p, err)
	})
}

func (s *Service) progressOnDelivered(
	ctx context.Context, f *event.ShipmentDelivered, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.deliver(f)
		return s.ended(ctx, tx, o, p, err)
	})
}

func (s *Service) progressOnLost(
	ctx context.Context, f *event.ShipmentLost, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		p, err := o.lose(f)
		return s.ended(ctx, tx, o, p, err)
	})
}

// ended announces that a parcel has come to its end. The last one opens the return window, also
// where all are lost: until it closes the refunds may go their way.
func (s *Service) ended(
	ctx context.Context, tx *room.Tx, o *Order, p *event.OrderProgressed, err error,
) error {
	if err == nil && p != nil && p.Delivered+p.Lost == int64(o.parcels()) && !o.Status.Ended() {
		if err := s.openReturns(tx, o.ID); err != nil {
			return err
		}
	}
	return s.moved(ctx, tx, o, p, err)
}

func (s *Service) completeOnWindowClosed(
	ctx context.Context, f *event.OrderReturnWindowClosed, c room.Cause,
) error {
	return s.with(ctx, f.Order, c, func(ctx context.Context, tx *room.Tx, o *Order) error {
		if _, err := o.Decide(complete(), Given{}); err != nil {
			// It has ended, or is on hold, and Approve opens the window again; or it waits.
			return s.waitForReturns(ctx, tx, o)
		}
		return tx.Announce(ctx, &event.OrderCompleted{Order: o.ID, Customer: o.Customer}, o.Seq+1)
	})
}

// moved announces a change of the derived axes, if there is one.
func (s *Service) moved(
	ctx context.Context, tx *room.Tx, o *Order, p *event.OrderProgressed, err error,
) error {
	if err != nil || p == nil {
		return err
	}
	return tx.Announce(ctx, p, o.Seq+1)
}

// counted reports whether a fact without a place of its own in the head was counted before.
func counted(ctx context.Context, tx *room.Tx, o *Order, cause string) (bool, error) {
	m, err := room.Get[mark](ctx, tx, causeKey(o.ID, cause))
	return m != nil, err
}
