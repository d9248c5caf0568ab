package fulfilment

import (
	"context"
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// GetPaperIn asks for a paper.
type GetPaperIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetPaperOut is a paper, as PDF.
type GetPaperOut struct {
	ContentType string `header:"Content-Type"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

func paperOut(pdf []byte, err error) (*GetPaperOut, error) {
	if err != nil {
		return nil, err
	}
	return &GetPaperOut{ContentType: "application/pdf", Cache: "private, no-store", Body: pdf}, nil
}

// GetSlip answers GET /v1/shipments/{id}/packing-slip.pdf.
func (s *Service) GetSlip(ctx context.Context, in *GetPaperIn) (*GetPaperOut, error) {
	return paperOut(s.Slip(ctx, room.CallerOf(ctx), shop.ID(in.ID)))
}

// GetLabel answers GET /v1/shipments/{id}/label.pdf.
func (s *Service) GetLabel(ctx context.Context, in *GetPaperIn) (*GetPaperOut, error) {
	who := room.CallerOf(ctx)
	sh, err := s.Get(ctx, who, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	if who.May(room.Customer()) {
		return nil, shop.Errorf(shop.Forbidden, "the label is for the dealer of %s", sh.ID)
	}
	return paperOut(s.labelPDF(ctx, sh.ID))
}

// GetReturnLabel answers GET /v1/returns/{id}/label.pdf, which the customer prints.
func (s *Service) GetReturnLabel(ctx context.Context, in *GetPaperIn) (*GetPaperOut, error) {
	r, err := s.GetReturn(ctx, room.CallerOf(ctx), shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return paperOut(s.labelPDF(ctx, r.ID))
}

// PostLabel answers POST /v1/shipments/{id}/label: a carrier is asked for a label. The outcome
// shows at the shipment.
func (s *Service) PostLabel(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.postLabel(ctx, "/v1/shipments/{id}/label", in,
		func(ctx context.Context, tx *room.Tx, who room.Caller) (*Label, error) {
			sh, err := find(ctx, tx, who, shop.ID(in.ID))
			if err != nil {
				return nil, err
			}
			if sh.State == Cancelled() || sh.State == Delivered() || sh.State == Lost() {
				return nil, sh.refuse("labelled", "")
			}
			return s.wantLabel(ctx, tx, event.LabelWanted{
				For: sh.ID, Order: sh.Order, Customer: sh.Customer, Dealer: sh.Dealer,
				Address: sh.ShipTo,
			})
		})
}

// PostReturnLabel answers POST /v1/returns/{id}/label, of a return that was approved.
func (s *Service) PostReturnLabel(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.postLabel(ctx, "/v1/returns/{id}/label", in,
		func(ctx context.Context, tx *room.Tx, who room.Caller) (*Label, error) {
			r, err := findReturn(ctx, tx, who, shop.ID(in.ID))
			if err != nil {
				return nil, err
			}
			if r.Stage != Allowed() {
				return nil, r.refuse("labelled")
			}
			sh, err := room.Get[Shipment](ctx, tx, shipmentKey(r.Shipment))
			if err != nil || sh == nil {
				return nil, err
			}
			return s.wantLabel(ctx, tx, event.LabelWanted{
				For: r.ID, Order: r.Order, Customer: r.Customer, Dealer: r.Dealer, Back: true,
				Address: sh.ShipTo,
			})
		})
}

func (s *Service) postLabel(
	ctx context.Context, route string, in *StepIn,
	ask func(ctx context.Context, tx *room.Tx, who room.Caller) (*Label, error),
) (*StepOut, error) {
	once, err := returnOnce(ctx, route, in.Key, in.ID, nil)
	if err != nil {
		return nil, err
	}
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if have, found, err := once.Recall(ctx, tx); err != nil || found {
			answer = have
			return err
		}
		l, err := ask(ctx, tx, room.CallerOf(ctx))
		if err != nil {
			return err
		}
		body, err := room.Encode(viewLabel(l))
		if err != nil {
			return shop.Errorf(shop.Internal, "encode the answer: %w", err)
		}
		answer = room.Answer{Status: http.StatusAccepted, Body: body}
		once.Remember(tx, answer, tx.Now())
		return nil
	})
	return stepOut(answer, err)
}

// PostCarrierIn is POST /v1/carriers/{carrier}/webhooks.
type PostCarrierIn struct {
	Carrier   string `path:"carrier" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	ID        string `header:"webhook-id" maxLength:"128" doc:"the same for every retry"`
	Timestamp string `header:"webhook-timestamp" maxLength:"20" doc:"seconds since 1970"`
	Signature string `header:"webhook-signature" maxLength:"1000" doc:"v1,<base64 HMAC-SHA256>"`
	RawBody   []byte `contentType:"application/json"`
}

// PostCarrierOut has no content.
type PostCarrierOut struct{ Status int }

// PostCarrier takes a carrier's word. The signature is the authorisation.
func (s *Service) PostCarrier(ctx context.Context, in *PostCarrierIn) (*PostCarrierOut, error) {
	err := s.Hear(ctx, in.Carrier, room.Signed{
		ID: in.ID, Timestamp: in.Timestamp, Signature: in.Signature, Body: in.RawBody,
	})
	if err != nil {
		return nil, err
	}
	return &PostCarrierOut{Status: http.StatusNoContent}, nil
}
