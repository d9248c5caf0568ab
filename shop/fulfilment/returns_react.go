package fulfilment

import (
	"context"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// returnReactions are the reactions that are about returns.
func (s *Service) returnReactions() []room.Reaction {
	return []room.Reaction{
		room.On("fulfilment.return-on-due", platform.Standard, s.returnOnDue),
		room.On("fulfilment.settle-return-on-payment-refunded", platform.Standard,
			s.settleOnPaymentRefunded),
		room.On("fulfilment.note-return-on-payment-refund-failed", platform.Standard,
			s.noteOnRefundFailed),
	}
}

// returnOnDue does what follows when nobody did anything: silence approves a return, and what does
// not arrive does not come back. A timer that comes late finds the return elsewhere and does
// nothing.
func (s *Service) returnOnDue(
	ctx context.Context, f *event.ReturnDue, c room.Cause,
) error {
	return s.withReturn(ctx, c, f.Return, func(u *returning) ([]event.Fact, error) {
		switch {
		case f.Stage == stageAnswer && u.r.Stage == Asked():
			return u.r.approve("", s.now(), s.opt.Policy)
		case f.Stage == stageArrival:
			return u.r.lapse(), nil
		}
		return nil, nil
	})
}

// settleOnPaymentRefunded notes that the money of an inspection went back. All other refunds have
// other names.
func (s *Service) settleOnPaymentRefunded(
	ctx context.Context, f *event.PaymentRefunded, c room.Cause,
) error {
	id, ok := returnOf(f.Refund)
	if !ok {
		return nil
	}
	return s.withReturn(ctx, c, id, func(u *returning) ([]event.Fact, error) {
		return u.r.paid(f.Refund, f.Amount), nil
	})
}

// noteOnRefundFailed notes that the money of an inspection did not go back. Payment has opened a
// case; when somebody tries the refund again it has the same name.
func (s *Service) noteOnRefundFailed(
	ctx context.Context, f *event.PaymentRefundFailed, c room.Cause,
) error {
	id, ok := returnOf(f.Refund)
	if !ok {
		return nil
	}
	return s.withReturn(ctx, c, id, func(u *returning) ([]event.Fact, error) {
		return u.r.unpaid(f.Refund, f.Reason), nil
	})
}

func (s *Service) withReturn(
	ctx context.Context, c room.Cause, id shop.ID,
	decide func(u *returning) ([]event.Fact, error),
) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		u, err := s.openReturn(ctx, tx, room.Caller{Role: room.ServiceRole()}, id)
		if shop.CodeOf(err) == shop.NotFound {
			return fmt.Errorf("return %s is not known: %w", id, platform.ErrNotYet)
		}
		if err != nil {
			return err
		}
		facts, err := decide(u)
		if err != nil {
			return err
		}
		return u.announce(ctx, facts)
	})
}

// returnOf is the return whose inspection a refund is named after.
func returnOf(refund shop.ID) (shop.ID, bool) {
	name, ok := strings.CutPrefix(string(refund), refundPrefix)
	at := strings.LastIndexByte(name, '_')
	if !ok || at < 0 {
		return "", false
	}
	return shop.ID("ret_" + name[:at]), true
}
