package order

import (
	"context"
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// EditBody says what is to be added to an order.
type EditBody struct {
	Version       int64       `json:"version" minimum:"1" doc:"of the order as it was seen; another is refused"`
	Add           []Item      `json:"add" minItems:"1" maxItems:"1200"`
	ExpectedTotal *shop.Money `json:"expectedTotal,omitempty" doc:"what is added costs; compared, never trusted"`
}

// PostEditIn is POST /v1/orders/{id}/edits.
type PostEditIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body EditBody
}

// PreviewEditIn is POST /v1/orders/{id}/edits/preview.
type PreviewEditIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body EditBody
}

// EditView is an edit: what was added, or was to be.
type EditView struct {
	Order  shop.ID    `json:"order" doc:"that has what is added, and is charged, packed and sent by itself"`
	Status string     `json:"status" enum:"pending,done,refused"`
	Reason string     `json:"reason,omitempty" doc:"why it is refused: nothing was added or charged"`
	Total  shop.Money `json:"total" doc:"what is charged for it"`
}

func viewEdit(o *Order, e *edit) EditView {
	v := EditView{Order: e.Edit, Status: "pending", Reason: e.Reason, Total: o.money(e.Total)}
	switch {
	case e.Done:
		v.Status = "done"
	case e.Closed:
		v.Status = "refused"
	}
	return v
}

// PreviewEditOut is what an edit would be.
type PreviewEditOut struct{ Body EditPreview }

// EditPreview is what adding something would cost.
type EditPreview struct {
	Version  int64      `json:"version" doc:"of the order: send it with the edit"`
	Items    []LineView `json:"items" maxItems:"1200"`
	Shipping shop.Money `json:"shipping"`
	Tax      shop.Money `json:"tax"`
	Charged  shop.Money `json:"charged" doc:"for what is added; the order's own total stays"`
	Together shop.Money `json:"together" doc:"what the order and the addition cost, without what was cancelled"`
}

// PreviewEdit answers POST /v1/orders/{id}/edits/preview: what PostEdit would charge now. It
// changes nothing, and promises neither a price nor stock.
func (s *Service) PreviewEdit(ctx context.Context, in *PreviewEditIn) (*PreviewEditOut, error) {
	tx := s.desk.Begin(room.Cause{})
	o, err := find(ctx, tx, shop.ID(in.ID), room.CallerOf(ctx))
	if err != nil {
		return nil, err
	}
	if err := o.mayEdit(in.Body.Version); err != nil {
		return nil, err
	}
	b, err := loadBody(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	plan, err := s.supplement(ctx, o, b, in.Body.addition())
	if err != nil {
		return nil, err
	}
	together, err := o.money(o.Total - o.CancelledFor).Add(o.money(plan.Total))
	if err != nil {
		return nil, err
	}
	return &PreviewEditOut{Body: EditPreview{
		Version: o.Seq, Items: viewOf(o, plan.Lines).Items, Shipping: o.money(plan.Shipping),
		Tax: o.money(plan.Tax), Charged: o.money(plan.Total), Together: together,
	}}, nil
}

func (b *EditBody) addition() Addition {
	return Addition{Version: b.Version, Items: b.Add, Expected: b.ExpectedTotal}
}

// PostEdit answers POST /v1/orders/{id}/edits: something is added to a placed order, if there is
// stock and money for all of it.
func (s *Service) PostEdit(ctx context.Context, in *PostEditIn) (*AnswerOut, error) {
	fingerprint, err := room.Fingerprint([]any{in.ID, in.Body})
	if err != nil {
		return nil, err
	}
	by := room.CallerOf(ctx)
	once, err := newOnce(by, "POST /v1/orders/{id}/edits", in.Key, fingerprint)
	if err != nil {
		return nil, err
	}
	tx := s.desk.Begin(room.Cause{})
	if found, err := once.recall(ctx, tx); err != nil || found {
		return once.out(once.answer), err
	}
	o, err := find(ctx, tx, shop.ID(in.ID), by)
	if err != nil {
		return nil, err
	}
	b, err := loadBody(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	plan, err := s.supplement(ctx, o, b, in.Body.addition())
	if err != nil {
		return nil, err
	}
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if found, err := once.recall(ctx, tx); err != nil || found {
			return err
		}
		o, err := find(ctx, tx, shop.ID(in.ID), by)
		if err != nil {
			return err
		}
		if err := beginEdit(ctx, tx, o, in.Body.Version, plan, by.ID); err != nil {
			return err
		}
		raw, err := room.Encode(viewEdit(o, &edit{Edit: plan.Order, Total: plan.Total}))
		if err != nil {
			return err
		}
		once.answer = room.Answer{
			Status: http.StatusAccepted, Body: raw, Ref: string(plan.Order),
		}
		once.Remember(tx, once.answer, tx.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return once.out(once.answer), nil
}
