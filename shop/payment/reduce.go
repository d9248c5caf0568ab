package payment

import (
	"context"
	"slices"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// cancelled is why money goes back for goods that are not sent.
const cancelled = "cancelled"

// Reduction is money of a parcel that will not be taken, because its goods were cancelled before it
// was.
type Reduction struct {
	Refund   shop.ID `json:"refund"` // its name: there is no refund
	Shipment shop.ID `json:"shipment"`
	Amount   int64   `json:"amount"`
	Left     int64   `json:"left"` // that the parcel costs without it
}

// reduceOnParcelReduced gives the money of cancelled units back if it was taken, and notes that it
// will not be taken if it was not.
func (s *Service) reduceOnParcelReduced(
	ctx context.Context, f *event.ShipmentReduced, c room.Cause,
) error {
	if f.Amount.Amount == 0 {
		return nil
	}
	return s.do(ctx, c, f.Payment, func(ctx context.Context, u *unit) error {
		if u.p == nil || !u.p.Granted && !u.p.Closed {
			return platform.ErrNotYet // its order was placed, so the authorisation is on its way
		}
		facts, err := u.p.planReduction(f)
		if err != nil {
			return err
		}
		if err := u.announce(ctx, facts...); err != nil {
			return err
		}
		return u.announce(ctx, u.p.freeRest()...)
	})
}

// planReduction lists what follows from cancelled units, once. Whether their money was taken shows
// in how much was: a parcel that was packed without them has cost no more than what was left. A
// capture that took them along and waits for its answer is waited for: only then can anything go
// back. Of an order that has ended everything goes back anyway.
func (p *Payment) planReduction(f *event.ShipmentReduced) ([]event.Fact, error) {
	if p.reduction(f.Refund) != nil || p.refundOf(f.Refund) != nil {
		return nil, nil
	}
	op, part := p.captureOf(f.Shipment), p.part(f.Shipment)
	switch {
	case op != nil && op.State.open() && op.Amount > f.Left.Amount:
		return nil, platform.ErrNotYet
	case part != nil && part.Captured > f.Left.Amount:
		return p.takeOff(f, part)
	case p.Closed:
		return nil, nil
	}
	return []event.Fact{&event.PaymentReduced{
		Payment: p.ID, Order: p.Order, Shipment: f.Shipment, Refund: f.Refund, Amount: f.Amount,
		Left: f.Left,
	}}, nil
}

// takeOff gives back what was taken for cancelled units, unless some of it went back by hand, or
// all of it at the order's end.
func (p *Payment) takeOff(f *event.ShipmentReduced, part *Part) ([]event.Fact, error) {
	amount := f.Amount
	amount.Amount = min(amount.Amount, part.Captured-f.Left.Amount, p.refundable(part))
	if amount.Amount <= 0 {
		return nil, nil
	}
	intent, err := p.planRefund(f.Refund, f.Shipment, amount, cancelled)
	if err != nil || intent == nil {
		return nil, err
	}
	return []event.Fact{intent}, nil
}

// freeRest gives back what is left of the authorisation when no parcel's money is to come any more,
// so that the customer has it before the bank lets it lapse.
func (p *Payment) freeRest() []event.Fact {
	freed := p.freed()
	if freed == 0 || p.Closed || !p.Granted || p.inFlight(Capture, "") > 0 ||
		p.Captured+freed < p.Authorised {
		return nil
	}
	facts := p.planVoid()
	facts[0].(*event.PaymentIntended).Reason = cancelled
	return facts
}

// ended reports whether the order has ended, as far as it is known here, so that whatever comes in
// goes back. A payment is also closed when all that was left of it was cancelled, and then its
// order goes on.
func (p *Payment) ended() bool {
	void := p.closing()
	return p.Closed && (void == nil || void.Reason != cancelled ||
		slices.ContainsFunc(p.Operations, func(o Operation) bool { return o.Reason == orderEnded }))
}

// freed adds up what is not taken any more.
func (p *Payment) freed() int64 {
	var sum int64
	for _, r := range p.Reductions {
		sum += r.Amount
	}
	return sum
}

// most bounds what a parcel still costs: less than was asked for if some of it was cancelled.
func (p *Payment) most(shipment shop.ID, amount int64) int64 {
	for _, r := range p.Reductions {
		if r.Shipment == shipment {
			amount = min(amount, r.Left)
		}
	}
	return amount
}

func (p *Payment) reduction(refund shop.ID) *Reduction {
	for i := range p.Reductions {
		if p.Reductions[i].Refund == refund {
			return &p.Reductions[i]
		}
	}
	return nil
}

func (p *Payment) reduce(f *event.PaymentReduced) {
	p.Reductions = append(p.Reductions, Reduction{
		Refund: f.Refund, Shipment: f.Shipment, Amount: f.Amount.Amount, Left: f.Left.Amount,
	})
}
