package fulfilment

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// ShipmentView is a shipment as the API shows it. ShipTo is only in the answer to a single GET, and
// only for those who may read it.
type ShipmentView struct {
	ID       shop.ID            `json:"id"`
	Order    shop.ID            `json:"order"`
	Dealer   shop.ID            `json:"dealer"`
	State    string             `json:"state" enum:"requested,packed,cleared,dispatched,delivered,lost,cancelled"`
	Amount   shop.Money         `json:"amount"`
	Lines    []event.ParcelLine `json:"lines"`
	Tracking string             `json:"tracking,omitempty"`
	Rest     shop.ID            `json:"rest,omitempty" doc:"the parcel that was split from it"`
	TurnedUp time.Time          `json:"turnedUp,omitzero" doc:"it arrived after it had been given up as lost"`
	ShipTo   *shop.Address      `json:"shipTo,omitempty"`
	Label    *LabelView         `json:"label,omitempty" doc:"only of a single shipment"`
}

func viewOf(sh *Shipment) ShipmentView {
	return ShipmentView{
		ID: sh.ID, Order: sh.Order, Dealer: sh.Dealer, State: sh.State.String(),
		Amount: sh.Amount, Lines: sh.Lines, Tracking: sh.Tracking,
		Rest: sh.Rest, TurnedUp: sh.TurnedUp,
	}
}

// GetShipmentIn asks for one shipment.
type GetShipmentIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetShipmentOut answers GET /v1/shipments/{id}.
type GetShipmentOut struct {
	Body ShipmentView
}

// GetShipment answers GET /v1/shipments/{id}.
func (s *Service) GetShipment(ctx context.Context, in *GetShipmentIn) (*GetShipmentOut, error) {
	who := room.CallerOf(ctx)
	sh, err := s.Get(ctx, who, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	label, err := labelFor(ctx, s.desk.Begin(room.Cause{}), sh.ID)
	if err != nil {
		return nil, err
	}
	out := &GetShipmentOut{Body: viewOf(sh)}
	out.Body.Label = viewLabel(label)
	if !who.May(room.ServiceRole()) {
		out.Body.ShipTo, err = s.Address(ctx, who, sh)
	}
	return out, err
}

// GetShipmentsIn asks for a page of a dealer's shipments.
type GetShipmentsIn struct {
	Dealer string `query:"dealer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; a dealer may leave it out"`
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"next of the page before"`
}

// GetShipmentsOut answers GET /v1/shipments.
type GetShipmentsOut struct {
	Body struct {
		Items []ShipmentView `json:"items" maxItems:"100"`
		Next  string         `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetShipments answers GET /v1/shipments.
func (s *Service) GetShipments(
	ctx context.Context, in *GetShipmentsIn,
) (*GetShipmentsOut, error) {
	who := room.CallerOf(ctx)
	dealer := shop.ID(in.Dealer)
	if dealer == "" && who.May(room.Dealer()) {
		dealer = who.ID
	}
	if _, err := shop.ParseID(string(dealer)); err != nil {
		return nil, shop.Errorf(shop.Invalid, "say which dealer: %w", err)
	}
	list, err := s.List(ctx, who, dealer, shop.ID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetShipmentsOut{}
	out.Body.Items = make([]ShipmentView, len(list))
	for i, sh := range list {
		out.Body.Items[i] = viewOf(sh)
	}
	if len(list) == in.Limit {
		out.Body.Next = string(list[len(list)-1].ID)
	}
	return out, nil
}

// StepIn asks for a step that needs nothing else to be said.
type StepIn struct {
	ID  string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key string `header:"Idempotency-Key" maxLength:"255"`
}

// DispatchIn asks to dispatch a shipment.
type DispatchIn struct {
	ID   string        `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string        `header:"Idempotency-Key" maxLength:"255"`
	Body *DispatchBody `doc:"may be left out"`
}

// DispatchBody is what the dealer knows about the parcel's way.
type DispatchBody struct {
	Tracking string `json:"tracking,omitempty" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"the carrier's name for the parcel"`
}

// StepOut is the answer to a step: the shipment after it, byte for byte the same for the same key.
type StepOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// PostDispatch answers POST /v1/shipments/{id}/dispatch.
func (s *Service) PostDispatch(ctx context.Context, in *DispatchIn) (*StepOut, error) {
	tracking := ""
	if in.Body != nil {
		tracking = in.Body.Tracking
	}
	decide, err := dispatching(tracking)
	if err != nil {
		return nil, err
	}
	return s.post(ctx, &StepIn{ID: in.ID, Key: in.Key}, "dispatch", tracking, decide)
}

// PostDeliver answers POST /v1/shipments/{id}/deliver.
func (s *Service) PostDeliver(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.post(ctx, in, "deliver", "", s.delivering())
}

// PostLost answers POST /v1/shipments/{id}/lost.
func (s *Service) PostLost(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.post(ctx, in, "lost", "", s.losing(room.CallerOf(ctx)))
}

// post takes one step and remembers its answer under the caller's key, if there is one. Steps are
// idempotent by the shipment's state as well, so the key may be left out.
func (s *Service) post(
	ctx context.Context, in *StepIn, verb, tracking string, decide decision,
) (*StepOut, error) {
	who := room.CallerOf(ctx)
	fingerprint, err := room.Fingerprint([]string{in.ID, verb, tracking})
	if err != nil {
		return nil, err
	}
	once := room.Once{
		Principal: string(who.ID), Route: "POST /v1/shipments/{id}/" + verb, Key: in.Key,
		Fingerprint: fingerprint,
	}
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		answer, err = stepOnce(ctx, tx, who, shop.ID(in.ID), once, decide)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &StepOut{
		Status: answer.Status, ContentType: "application/json", Body: answer.Body,
	}, nil
}

func stepOnce(
	ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID, once room.Once, decide decision,
) (room.Answer, error) {
	if once.Key != "" {
		answer, found, err := once.Recall(ctx, tx)
		if err != nil || found {
			return answer, err
		}
	}
	sh, err := take(ctx, tx, who, id, decide)
	if err != nil {
		return room.Answer{}, err
	}
	body, err := room.Encode(viewOf(sh)) // without the address, since it is stored
	if err != nil {
		return room.Answer{}, shop.Errorf(shop.Internal, "encode the answer: %w", err)
	}
	answer := room.Answer{Status: 200, Body: body}
	if once.Key != "" {
		once.Remember(tx, answer, time.Time{})
	}
	return answer, nil
}
