package tasks

import (
	"context"
	"encoding/json"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// Task is a use case that machines may call.
type Task struct {
	Name  string // as a machine has it: ${payment.refund}
	Room  string // whose use case it is; "" is nobody's
	Reads bool   // it changes nothing; otherwise it has its effect once for a key
	Asks  bool   // a person answers, by the call's token
	of    func(r *rooms.Row) durable.Task
}

// Of is the task as it is done in rooms that are open; Room must be one of them.
func (t Task) Of(r *rooms.Row) durable.Task { return t.of(r) }

// All is the whole list of what a machine may call, wherever the machine runs.
func All() []Task {
	const parcels, money = "fulfilment", "payment"
	return []Task{
		{"fulfilment.parcel", parcels, true, false, by(parcel)},
		{"fulfilment.lose", parcels, false, false, by(lose)},
		{"payment.refundable", money, true, false, by(refundable)},
		{"payment.refund", money, false, false, by(refund)},
		{"payment.settled", money, true, false, by(settled)},
		{"operator.ask", "", true, true, func(*rooms.Row) durable.Task { return ask }},
	}
}

// by is a task of a use case of rooms.
func by[I, O any](
	do func(ctx context.Context, r *rooms.Row, in I, key string) (O, error),
) func(r *rooms.Row) durable.Task {
	return func(r *rooms.Row) durable.Task {
		return use(func(ctx context.Context, in I, key string) (O, error) {
			return do(ctx, r, in, key)
		})
	}
}

// The errors by which a machine may tell how a refund stands. All others are the codes of the
// rooms' refusals, such as conflict.
const (
	refundPending = "RefundPending"
	refundRefused = "RefundRefused"
)

// ask is a call that a person answers, by its token: GET /v1/ops/executions/{machine}/{name} shows
// it. There is nothing to do but to wait.
func ask(context.Context, durable.Call) (workflow.Value, error) { return nil, nil }

// ofShipment names a parcel.
type ofShipment struct {
	Shipment shop.ID `json:"shipment"`
	Payment  shop.ID `json:"payment"`
}

// parcelState is how a parcel stands.
type parcelState struct {
	Shipment shop.ID    `json:"shipment"`
	Order    shop.ID    `json:"order"`
	Payment  shop.ID    `json:"payment"`
	Dealer   shop.ID    `json:"dealer"`
	Customer shop.ID    `json:"customer"`
	State    string     `json:"state"`
	Amount   shop.Money `json:"amount"`
}

// parcel tells how a parcel stands.
func parcel(ctx context.Context, r *rooms.Row, in ofShipment, _ string) (parcelState, error) {
	sh, err := r.Fulfilment.Get(ctx, room.CallerOf(ctx), in.Shipment)
	if err != nil {
		return parcelState{}, err
	}
	return stateOf(sh), nil
}

func stateOf(sh *fulfilment.Shipment) parcelState {
	return parcelState{
		Shipment: sh.ID, Order: sh.Order, Payment: sh.Payment, Dealer: sh.Dealer,
		Customer: sh.Customer, State: sh.State.String(), Amount: sh.Amount,
	}
}

// lose gives a parcel up. One that is lost already stays so; one that arrived meanwhile is refused.
func lose(ctx context.Context, r *rooms.Row, in ofShipment, _ string) (parcelState, error) {
	sh, err := r.Fulfilment.Lose(ctx, room.CallerOf(ctx), in.Shipment)
	if err != nil {
		return parcelState{}, err
	}
	return stateOf(sh), nil
}

// refundable tells what may still go back of a parcel's money. Somebody else may refund meanwhile,
// so the refund itself may still be refused; while one of somebody's waits for the provider's
// answer, and nothing else is left, it fails with RefundPending.
func refundable(ctx context.Context, r *rooms.Row, in ofShipment, _ string) (shop.Money, error) {
	p, err := r.Payment.Payment(ctx, in.Payment)
	if err != nil {
		return shop.Money{}, err
	}
	left, pending := shop.Money{Currency: p.Currency}, false
	for _, part := range p.Parts {
		if part.Shipment == in.Shipment {
			left.Amount += part.Captured - part.Refunded - part.Disputed
		}
	}
	for _, op := range p.View().Operations {
		open := op.Status == "intended" || op.Status == "unresolved"
		if op.Kind == payment.Refund && op.Shipment == in.Shipment && open {
			left.Amount -= op.Amount.Amount
			pending = true
		}
	}
	if pending && left.Amount <= 0 {
		return left, workflow.NewFailure(refundPending, "a refund has no answer yet")
	}
	return left, nil
}

// wanted is a refund.
type wanted struct {
	ofShipment
	Amount shop.Money `json:"amount"`
	Reason string     `json:"reason"`
}

// refund gives money of a parcel back. Whether the provider does it shows settled.
func refund(
	ctx context.Context, r *rooms.Row, in wanted, key string,
) (payment.Accepted, error) {
	var a payment.Accepted
	ask := &payment.PostRefundIn{ID: string(in.Payment), Key: key}
	ask.Body.Shipment, ask.Body.Amount, ask.Body.Reason = in.Shipment, in.Amount, in.Reason
	out, err := r.Payment.PostRefund(ctx, ask)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(out.Body, &a)
}

// ofRefund names a refund.
type ofRefund struct {
	Payment shop.ID `json:"payment"`
	Refund  shop.ID `json:"refund"`
}

// settled tells that a refund has gone back, or that another has in its place; before that it fails
// with RefundPending, and with RefundRefused while the provider will not: payment has opened a case
// then, and the same refund may be tried again.
func settled(
	ctx context.Context, r *rooms.Row, in ofRefund, _ string,
) (payment.OperationView, error) {
	p, err := r.Payment.Payment(ctx, in.Payment)
	if err != nil {
		return payment.OperationView{}, err
	}
	last := payment.OperationView{Status: "unknown"}
	for _, op := range p.View().Operations {
		if op.Kind == payment.Refund && op.Refund == in.Refund {
			last = op // a refund that is tried again is its last attempt
		}
	}
	switch last.Status {
	case "done":
		return last, nil
	case "refused":
		for _, part := range p.Parts {
			if part.Shipment == last.Shipment && part.Captured <= part.Refunded+part.Disputed {
				return last, nil
			}
		}
		return last, workflow.NewFailure(refundRefused, last.Reason)
	case "unknown":
		return last, shop.Errorf(shop.NotFound, "there is no refund %s", in.Refund)
	}
	return last, workflow.NewFailure(refundPending, "the provider has not answered yet")
}
