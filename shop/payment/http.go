package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// PostWebhookIn is POST /v1/webhooks/{provider}.
type PostWebhookIn struct {
	Provider  string `path:"provider" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	ID        string `header:"webhook-id" maxLength:"128" doc:"the same for every retry"`
	Timestamp string `header:"webhook-timestamp" maxLength:"20" doc:"seconds since 1970"`
	Signature string `header:"webhook-signature" maxLength:"1000" doc:"v1,<base64 HMAC-SHA256>"`
	Stripe    string `header:"Stripe-Signature" maxLength:"1000" doc:"instead of these three, of providers that sign as Stripe does"`
	RawBody   []byte `contentType:"application/json"`
}

// PostWebhookOut has no content.
type PostWebhookOut struct{ Status int }

// PostWebhook takes a provider's notice. The signature is the authorisation.
func (s *Service) PostWebhook(ctx context.Context, in *PostWebhookIn) (*PostWebhookOut, error) {
	err := s.Receive(ctx, in.Provider, Signed{
		ID: in.ID, Timestamp: in.Timestamp, Signature: in.Signature, Stripe: in.Stripe,
		Body: in.RawBody,
	})
	if err != nil {
		return nil, err
	}
	return &PostWebhookOut{Status: http.StatusNoContent}, nil
}

// PaymentView is a payment as it is shown. It names no card.
type PaymentView struct {
	ID         shop.ID         `json:"id"`
	Order      shop.ID         `json:"order"`
	Status     string          `json:"status"`
	Due        shop.Money      `json:"due"`
	Authorised shop.Money      `json:"authorised"`
	Captured   shop.Money      `json:"captured"`
	Refunded   shop.Money      `json:"refunded"`
	Operations []OperationView `json:"operations" maxItems:"500"`
	CardsLeft  int             `json:"cardsLeft,omitempty" doc:"how many other cards may still be tried"`
	Disputes   []DisputeView   `json:"disputes,omitempty" maxItems:"50"`
}

// OperationView is one operation as it is shown.
type OperationView struct {
	Kind     string     `json:"kind" enum:"authorise,capture,void,refund"`
	Attempt  int        `json:"attempt"`
	Amount   shop.Money `json:"amount"`
	Shipment shop.ID    `json:"shipment,omitempty"`
	Refund   shop.ID    `json:"refund,omitempty"`
	Status   string     `json:"status" enum:"intended,unresolved,action,done,refused,moot"`
	Reason   string     `json:"reason,omitempty"`
	Case     bool       `json:"case,omitempty" doc:"a person has to look"`
	Provider string     `json:"provider,omitempty" doc:"who was asked"`
	Instead  shop.ID    `json:"instead,omitempty" doc:"of a refund: the one that came back, which it makes good"`
}

// View is how the payment is shown.
func (p *Payment) View() PaymentView {
	v := PaymentView{
		ID: p.ID, Order: p.Order, Status: p.Status(), Due: p.money(p.Due),
		Authorised: p.money(p.Authorised), Captured: p.money(p.Captured),
		Refunded: p.money(p.Refunded), Operations: []OperationView{},
	}
	for i := range p.Operations {
		op := &p.Operations[i]
		v.Operations = append(v.Operations, OperationView{
			Kind: op.Kind, Attempt: op.Attempt, Amount: p.money(op.Amount), Shipment: op.Shipment,
			Refund: op.Refund, Status: string(op.State), Reason: op.Reason, Case: op.Case,
			Provider: p.providerOf(op), Instead: op.Instead,
		})
	}
	if !p.Granted && p.another() {
		v.CardsLeft = max(p.Cards, 1) - p.cards()
	}
	for i := range p.Disputes {
		v.Disputes = append(v.Disputes, p.Disputes[i].view(p))
	}
	return v
}

// GetPaymentIn is GET /v1/payments/{id}.
type GetPaymentIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetPaymentOut is a payment.
type GetPaymentOut struct{ Body PaymentView }

// GetPayment shows a payment to its customer, to an admin and to machines; to others it is not
// there.
func (s *Service) GetPayment(ctx context.Context, in *GetPaymentIn) (*GetPaymentOut, error) {
	id, err := shop.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	p, err := s.Payment(ctx, id)
	if err != nil {
		return nil, err
	}
	who := room.CallerOf(ctx)
	own := who.May(room.Customer()) && who.ID != "" && who.ID == p.Customer
	if !own && !who.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.NotFound, "there is no payment %s", id)
	}
	return &GetPaymentOut{Body: p.View()}, nil
}

// PostCaptureIn is POST /v1/payments/{id}/capture: what a packed shipment does by itself, by hand.
type PostCaptureIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Shipment shop.ID     `json:"shipment"`
		Amount   *shop.Money `json:"amount,omitempty" doc:"may be left out to try a capture again"`
	}
}

// PostRefundIn is POST /v1/payments/{id}/refunds: a new refund, or one that was refused, again.
type PostRefundIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Shipment shop.ID    `json:"shipment,omitempty" doc:"of a new refund"`
		Amount   shop.Money `json:"amount,omitzero" doc:"of a new refund"`
		Reason   string     `json:"reason,omitempty" pattern:"^[A-Za-z0-9_-]{0,64}$"`
		Refund   shop.ID    `json:"refund,omitempty" doc:"that was refused, to try it again: then without shipment and amount"`
	}
}

// AcceptedOut is the stored answer to a request that was accepted: 202 and an Accepted.
type AcceptedOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Location    string `header:"Location"`
	Body        []byte
}

// Accepted says what will be asked of the provider. The outcome shows at the payment.
type Accepted struct {
	Payment   shop.ID    `json:"payment"`
	Operation string     `json:"operation"`
	Shipment  shop.ID    `json:"shipment"`
	Refund    shop.ID    `json:"refund,omitempty"`
	Amount    shop.Money `json:"amount"`
}

// PostCapture captures a shipment's money, or tries again after a refusal. Admins and machines
// only.
func (s *Service) PostCapture(ctx context.Context, in *PostCaptureIn) (*AcceptedOut, error) {
	return s.accept(ctx, "capture", in.ID, in.Key, in.Body,
		func(p *Payment, _ room.Once) (*event.PaymentIntended, error) {
			last := p.captureOf(in.Body.Shipment)
			if last != nil && last.State != refused {
				return nil, shop.Errorf(shop.Conflict,
					"this shipment's capture is %s already", last.State)
			}
			amount := in.Body.Amount
			if amount == nil {
				if last == nil || last.Amount == 0 {
					return nil, shop.Errorf(shop.Invalid, "say how much to capture")
				}
				same := p.money(last.Amount)
				amount = &same
			}
			return p.planCapture(in.Body.Shipment, *amount)
		})
}

// PostRefund sends captured money of a shipment back, or tries a refused refund again. Admins and
// machines only.
func (s *Service) PostRefund(ctx context.Context, in *PostRefundIn) (*AcceptedOut, error) {
	return s.accept(ctx, "refunds", in.ID, in.Key, in.Body,
		func(p *Payment, once room.Once) (*event.PaymentIntended, error) {
			fresh := in.Body.Shipment != "" || in.Body.Amount != (shop.Money{})
			switch {
			case in.Body.Refund != "" && fresh:
				return nil, shop.Errorf(shop.Invalid,
					"a refund that is tried again is of the same parcel and amount: leave them out")
			case in.Body.Refund != "":
				return p.refundAgain(in.Body.Refund, in.Body.Reason)
			case in.Body.Shipment == "":
				return nil, shop.Errorf(shop.Invalid, "say of which parcel, and how much")
			}
			id := refundID(once)
			intent, err := p.planRefund(id, in.Body.Shipment, in.Body.Amount, in.Body.Reason)
			if err == nil && intent == nil {
				err = shop.Errorf(shop.Conflict, "the refund %s exists already", id)
			}
			return intent, err
		})
}

// refundID follows from the request, so that the request sent again is the same refund.
func refundID(o room.Once) shop.ID {
	sum := sha256.Sum256([]byte(o.Principal + "|" + o.Route + "|" + o.Key))
	return shop.ID("rfn_" + hex.EncodeToString(sum[:13]))
}

// accept commits an intent and the answer to its request together.
func (s *Service) accept(
	ctx context.Context, route, rawID, key string, body any,
	plan func(p *Payment, o room.Once) (*event.PaymentIntended, error),
) (*AcceptedOut, error) {
	if !room.CallerOf(ctx).May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin may move the money of a payment")
	}
	id, once, err := onceOf(ctx, route, rawID, key, body)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, id, once, func(ctx context.Context, u *unit) (any, error) {
		intent, err := plan(u.p, once)
		if err != nil {
			return nil, err
		}
		return Accepted{
			Payment: id, Operation: intent.Operation, Shipment: intent.Shipment,
			Refund: intent.Refund, Amount: intent.Amount,
		}, u.announce(ctx, intent)
	})
}

// onceOf names a request about a payment by its key and its body.
func onceOf(
	ctx context.Context, route, rawID, key string, body any,
) (id shop.ID, o room.Once, err error) {
	if key == "" {
		return id, o, shop.Errorf(shop.KeyMissing, "send an Idempotency-Key with this request")
	}
	if id, err = shop.ParseID(rawID); err != nil {
		return id, o, err
	}
	print, err := room.Fingerprint([]any{id, body})
	return id, room.Once{
		Principal: string(room.CallerOf(ctx).ID), Key: key, Fingerprint: print,
		Route: "POST /v1/payments/" + string(id) + "/" + route,
	}, err
}

// answer runs decide on a payment, once a request, and keeps what it answers in the same commit.
func (s *Service) answer(
	ctx context.Context, id shop.ID, once room.Once,
	decide func(ctx context.Context, u *unit) (any, error),
) (*AcceptedOut, error) {
	var answer room.Answer
	err := s.do(ctx, room.RequestCause(ctx), id, func(ctx context.Context, u *unit) error {
		have, ok, err := once.Recall(ctx, u.tx)
		if err != nil || ok {
			answer = have
			return err
		}
		if u.p == nil {
			return shop.Errorf(shop.NotFound, "there is no payment %s", id)
		}
		body, err := decide(ctx, u)
		if err != nil {
			return err
		}
		answer.Status = http.StatusAccepted
		if answer.Body, err = json.Marshal(body); err != nil {
			return shop.Errorf(shop.Internal, "encode the answer: %w", err)
		}
		once.Remember(u.tx, answer, u.tx.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AcceptedOut{
		Status: answer.Status, ContentType: "application/json",
		Location: "/v1/payments/" + string(id), Body: answer.Body,
	}, nil
}
