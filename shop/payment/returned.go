package payment

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// returned is why money goes back for goods that came back.
const returned = "return"

// nothingLeft is why a refund for goods is refused without asking the provider.
const nothingLeft = "nothing_left"

// refundOnReturnInspected gives back the money of goods that came back. How much it is was frozen
// by fulfilment; what bounds it is what is left of the parcel's money, of which some may have gone
// back by hand before.
func (s *Service) refundOnReturnInspected(
	ctx context.Context, f *event.ReturnInspected, c room.Cause,
) error {
	if f.Amount.Amount == 0 {
		return nil
	}
	return s.do(ctx, c, f.Payment, func(ctx context.Context, u *unit) error {
		if u.p == nil || u.p.part(f.Shipment) == nil {
			return platform.ErrNotYet // it was delivered, so its capture is on its way
		}
		fact, err := u.p.planReturn(f)
		if err != nil || fact == nil {
			return err
		}
		return u.announce(ctx, fact)
	})
}

// planReturn intends the refund of an inspection, once. When nothing of the parcel's money is left
// the refund is refused by us, so that whoever waits for it hears of it.
func (p *Payment) planReturn(f *event.ReturnInspected) (event.Fact, error) {
	if p.refundOf(f.Refund) != nil {
		return nil, nil
	}
	amount := f.Amount
	if part := p.part(f.Shipment); part != nil {
		amount.Amount = min(amount.Amount, p.refundable(part))
	}
	if amount.Amount <= 0 {
		return &event.PaymentRefundFailed{
			Payment: p.ID, Order: p.Order, Refund: f.Refund, Reason: nothingLeft,
			Key: keyOf(p.ID, Refund, string(f.Refund), f.Amount),
		}, nil
	}
	intent, err := p.planRefund(f.Refund, f.Shipment, amount, returned)
	if err != nil || intent == nil {
		return nil, err
	}
	return intent, nil
}

// refuseRefund keeps a refund that was refused, also one that the provider was never asked for.
func (p *Payment) refuseRefund(f *event.PaymentRefundFailed) {
	op := p.operation(f.Key)
	if op == nil {
		p.Operations = append(p.Operations, Operation{
			Kind: Refund, Attempt: 1, Key: f.Key, Refund: f.Refund, State: refused,
			Reason: f.Reason,
		})
		return
	}
	op.State, op.Reason = refused, f.Reason
}
