package fulfilment

import (
	"context"
	"net/http"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// ReturnView is a return as the API shows it.
type ReturnView struct {
	ID       shop.ID          `json:"id"`
	Order    shop.ID          `json:"order"`
	Shipment shop.ID          `json:"shipment"`
	Dealer   shop.ID          `json:"dealer"`
	Status   string           `json:"status" enum:"requested,approved,partially_received,received,inspected,closed,declined,cancelled"`
	Reason   string           `json:"reason,omitempty" doc:"why it is over"`
	Lines    []ReturnLineView `json:"lines" maxItems:"50"`
	Refunds  []RefundView     `json:"refunds" maxItems:"100"`
	Refunded shop.Money       `json:"refunded"`
	AskedAt  time.Time        `json:"askedAt"`
	AnswerBy time.Time        `json:"answerBy" doc:"approved by itself then"`
	ArriveBy *time.Time       `json:"arriveBy,omitempty" doc:"what is missing then does not come back"`
	Label    *LabelView       `json:"label,omitempty" doc:"only of a single return"`
}

// ReturnLineView is one line of a return.
type ReturnLineView struct {
	SKU         shop.SKU `json:"sku"`
	Quantity    int64    `json:"quantity"`
	Reason      string   `json:"reason"`
	Worth       int64    `json:"worth" doc:"minor units for all units of the line, if no other come back"`
	Received    int64    `json:"received"`
	Missing     int64    `json:"missing" doc:"did not arrive in time"`
	Restocked   int64    `json:"restocked"`
	Scrapped    int64    `json:"scrapped"`
	Quarantined int64    `json:"quarantined"`
}

// RefundView is the money of one inspection.
type RefundView struct {
	ID     shop.ID    `json:"id"`
	Amount shop.Money `json:"amount"`
	State  string     `json:"state" enum:"wanted,refused,done"`
	Reason string     `json:"reason,omitempty"`
}

func viewReturn(r *Return) ReturnView {
	v := ReturnView{
		ID: r.ID, Order: r.Order, Shipment: r.Shipment, Dealer: r.Dealer, Status: r.Status(),
		Reason: r.Reason, AskedAt: r.At, AnswerBy: r.AnswerBy,
		Refunded: shop.Money{Amount: r.Refunded(), Currency: r.Currency},
		Lines:    make([]ReturnLineView, len(r.Lines)),
		Refunds:  make([]RefundView, len(r.Refunds)),
	}
	if !r.ArriveBy.IsZero() {
		at := r.ArriveBy
		v.ArriveBy = &at
	}
	for i, l := range r.Lines {
		v.Lines[i] = ReturnLineView{
			SKU: l.SKU, Quantity: l.Quantity, Reason: l.Reason,
			Worth:    portion(l.Due, l.Quantity, l.Units),
			Received: l.Received, Missing: l.Missing, Restocked: l.Restocked,
			Scrapped: l.Scrapped, Quarantined: l.Quarantined,
		}
	}
	for i, f := range r.Refunds {
		v.Refunds[i] = RefundView{
			ID: f.ID, Amount: shop.Money{Amount: f.Amount, Currency: r.Currency},
			State: f.State, Reason: f.Reason,
		}
	}
	return v
}

// PostReturnIn is POST /v1/orders/{id}/returns.
type PostReturnIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Shipment shop.ID `json:"shipment" doc:"the delivered parcel that the goods were in"`
		Lines    []Wish  `json:"lines" minItems:"1" maxItems:"50"`
	}
}

// PostReturn answers POST /v1/orders/{id}/returns: what is to come back, and why.
func (s *Service) PostReturn(ctx context.Context, in *PostReturnIn) (*StepOut, error) {
	once, err := returnOnce(ctx, "/v1/orders/{id}/returns", in.Key, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	answer, err := s.askReturn(ctx, shop.ID(in.ID), in.Body.Shipment, in.Body.Lines, once)
	return stepOut(answer, err)
}

// GetOrderReturnsIn asks for the returns of an order.
type GetOrderReturnsIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetReturnsOut answers with returns.
type GetReturnsOut struct {
	Body struct {
		Items []ReturnView `json:"items" maxItems:"100"`
		Next  string       `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetOrderReturns answers GET /v1/orders/{id}/returns for the order's customer and the operator; to
// everybody else, and before it has parcels, the order does not exist (NotFound).
func (s *Service) GetOrderReturns(
	ctx context.Context, in *GetOrderReturnsIn,
) (*GetReturnsOut, error) {
	who := room.CallerOf(ctx)
	if _, err := s.Get(ctx, who, ID(shop.ID(in.ID), 1)); err != nil {
		return nil, shop.Errorf(shop.NotFound, "there is no order %q with parcels", in.ID)
	}
	list, err := s.ReturnsOf(ctx, who, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return returnsOut(list, 0), nil
}

// GetReturnsIn asks for a page of a dealer's returns.
type GetReturnsIn struct {
	Dealer string `query:"dealer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; a dealer may leave it out"`
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"next of the page before"`
}

// GetReturns answers GET /v1/returns.
func (s *Service) GetReturns(ctx context.Context, in *GetReturnsIn) (*GetReturnsOut, error) {
	who := room.CallerOf(ctx)
	dealer := shop.ID(in.Dealer)
	if dealer == "" && who.May(room.Dealer()) {
		dealer = who.ID
	}
	if _, err := shop.ParseID(string(dealer)); err != nil {
		return nil, shop.Errorf(shop.Invalid, "say which dealer: %w", err)
	}
	list, err := s.DealerReturns(ctx, who, dealer, shop.ID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	return returnsOut(list, in.Limit), nil
}

func returnsOut(list []*Return, limit int) *GetReturnsOut {
	out := &GetReturnsOut{}
	out.Body.Items = make([]ReturnView, len(list))
	for i, r := range list {
		out.Body.Items[i] = viewReturn(r)
	}
	if limit > 0 && len(list) == limit {
		out.Body.Next = string(list[len(list)-1].ID)
	}
	return out
}

// GetReturnIn asks for one return.
type GetReturnIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetReturnOut is a return.
type GetReturnOut struct{ Body ReturnView }

// GetOneReturn answers GET /v1/returns/{id}.
func (s *Service) GetOneReturn(ctx context.Context, in *GetReturnIn) (*GetReturnOut, error) {
	r, err := s.GetReturn(ctx, room.CallerOf(ctx), shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	label, err := labelFor(ctx, s.desk.Begin(room.Cause{}), r.ID)
	if err != nil {
		return nil, err
	}
	out := &GetReturnOut{Body: viewReturn(r)}
	out.Body.Label = viewLabel(label)
	return out, nil
}

// PostApproveReturn answers POST /v1/returns/{id}/approve.
func (s *Service) PostApproveReturn(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.postReturn(ctx, "approve", in.ID, in.Key, nil,
		func(u *returning, who room.Caller) ([]event.Fact, error) {
			if err := settles(who, u.r); err != nil {
				return nil, err
			}
			return u.r.approve(who.ID, s.now(), s.opt.Policy)
		})
}

// DeclineIn is POST /v1/returns/{id}/decline.
type DeclineIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Reason string `json:"reason" enum:"outside_policy,no_evidence,not_ours,other"`
	}
}

// PostDeclineReturn answers POST /v1/returns/{id}/decline.
func (s *Service) PostDeclineReturn(ctx context.Context, in *DeclineIn) (*StepOut, error) {
	return s.postReturn(ctx, "decline", in.ID, in.Key, in.Body,
		func(u *returning, who room.Caller) ([]event.Fact, error) {
			if err := settles(who, u.r); err != nil {
				return nil, err
			}
			return u.r.decline(who.ID, in.Body.Reason)
		})
}

// PostCancelReturn answers POST /v1/returns/{id}/cancel: the customer keeps the goods.
func (s *Service) PostCancelReturn(ctx context.Context, in *StepIn) (*StepOut, error) {
	return s.postReturn(ctx, "cancel", in.ID, in.Key, nil,
		func(u *returning, who room.Caller) ([]event.Fact, error) {
			if who.May(room.Dealer()) {
				return nil, shop.Errorf(shop.Forbidden,
					"only the customer of return %s gives it up", u.r.ID)
			}
			return u.r.withdraw(who.ID)
		})
}

// ReceiveIn is POST /v1/returns/{id}/receive.
type ReceiveIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Items []event.ParcelLine `json:"items" minItems:"1" maxItems:"50" doc:"that arrived now"`
	}
}

// PostReceiveReturn answers POST /v1/returns/{id}/receive.
func (s *Service) PostReceiveReturn(ctx context.Context, in *ReceiveIn) (*StepOut, error) {
	return s.postReturn(ctx, "receive", in.ID, in.Key, in.Body,
		func(u *returning, who room.Caller) ([]event.Fact, error) {
			if err := settles(who, u.r); err != nil {
				return nil, err
			}
			return u.r.receive(who.ID, in.Body.Items)
		})
}

// InspectIn is POST /v1/returns/{id}/inspect.
type InspectIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Units []event.InspectedUnits `json:"units" minItems:"1" maxItems:"150" doc:"and what becomes of them"`
	}
}

// PostInspectReturn answers POST /v1/returns/{id}/inspect.
func (s *Service) PostInspectReturn(ctx context.Context, in *InspectIn) (*StepOut, error) {
	return s.postReturn(ctx, "inspect", in.ID, in.Key, in.Body,
		func(u *returning, who room.Caller) ([]event.Fact, error) {
			if err := settles(who, u.r); err != nil {
				return nil, err
			}
			return u.r.judge(u.claims, who.ID, in.Body.Units)
		})
}

// postReturn takes one step of a return, and remembers its answer.
func (s *Service) postReturn(
	ctx context.Context, verb, id, key string, body any,
	decide func(u *returning, who room.Caller) ([]event.Fact, error),
) (*StepOut, error) {
	once, err := returnOnce(ctx, "/v1/returns/{id}/"+verb, key, id, body)
	if err != nil {
		return nil, err
	}
	return stepOut(s.change(ctx, shop.ID(id), once, decide))
}

// returnOnce names a request. Unlike a parcel's, the steps of a return cannot be told from each
// other by its state (two receipts may look alike), so all of them need a key.
func returnOnce(
	ctx context.Context, route, key, id string, body any,
) (room.Once, error) {
	if key == "" {
		return room.Once{}, shop.Errorf(shop.KeyMissing,
			"send an Idempotency-Key with this request")
	}
	fingerprint, err := room.Fingerprint([]any{id, body})
	return room.Once{
		Principal: string(room.CallerOf(ctx).ID), Route: http.MethodPost + " " + route, Key: key,
		Fingerprint: fingerprint,
	}, err
}

func stepOut(answer room.Answer, err error) (*StepOut, error) {
	if err != nil {
		return nil, err
	}
	return &StepOut{
		Status: answer.Status, ContentType: "application/json", Body: answer.Body,
	}, nil
}
