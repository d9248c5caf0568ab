package fulfilment

import (
	"context"
	"fmt"
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// CancelLinesBody says what is not wanted any more.
type CancelLinesBody struct {
	Lines  []event.ParcelLine `json:"lines" minItems:"1" maxItems:"20"`
	Reason string             `json:"reason,omitempty" enum:",changed_mind,mistake,too_slow,customer,fraud,dealer,admin" doc:"the last three are for admins"`
}

// PostCancelLinesIn is POST /v1/orders/{id}/cancellations.
type PostCancelLinesIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body CancelLinesBody
}

// PreviewCancelLinesIn is POST /v1/orders/{id}/cancellations/preview.
type PreviewCancelLinesIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body CancelLinesBody
}

// CancellationView is what is cancelled of an order.
type CancellationView struct {
	ID      shop.ID          `json:"id,omitempty" doc:"none of a preview"`
	Order   shop.ID          `json:"order"`
	Amount  shop.Money       `json:"amount" doc:"that is not charged, or goes back"`
	Parcels []CancelledUnits `json:"parcels" maxItems:"50"`
}

// CancelledUnits is what is cancelled of one parcel.
type CancelledUnits struct {
	Shipment shop.ID            `json:"shipment"`
	Lines    []event.ParcelLine `json:"lines"`
	Amount   shop.Money         `json:"amount"`
	Refunded bool               `json:"refunded" doc:"its money was taken, and goes back"`
	Empty    bool               `json:"empty,omitempty" doc:"nothing is left in the parcel"`
}

// PreviewCancelLinesOut is what a cancellation would be.
type PreviewCancelLinesOut struct{ Body CancellationView }

// PostCancelLines answers POST /v1/orders/{id}/cancellations: all the units are cancelled, or none.
func (s *Service) PostCancelLines(
	ctx context.Context, in *PostCancelLinesIn,
) (*StepOut, error) {
	once, err := returnOnce(ctx, "/v1/orders/{id}/cancellations", in.Key, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	c, lines, err := s.wished(ctx, shop.ID(in.ID), in.Body)
	if err != nil {
		return nil, err
	}
	c.id = s.desk.IDs.NewID("can")
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		have, found, err := once.Recall(ctx, tx)
		if err != nil || found {
			answer = have
			return err
		}
		v, err := c.carryOut(ctx, tx, shop.ID(in.ID), lines, announceCut)
		if err != nil {
			return err
		}
		body, err := room.Encode(v)
		if err != nil {
			return shop.Errorf(shop.Internal, "encode the answer: %w", err)
		}
		answer = room.Answer{Status: 200, Body: body}
		once.Remember(tx, answer, tx.Now())
		return nil
	})
	return stepOut(answer, err)
}

// PreviewCancelLines answers POST /v1/orders/{id}/cancellations/preview: what PostCancelLines would
// do now. It changes nothing, and promises nothing.
func (s *Service) PreviewCancelLines(
	ctx context.Context, in *PreviewCancelLinesIn,
) (*PreviewCancelLinesOut, error) {
	c, lines, err := s.wished(ctx, shop.ID(in.ID), in.Body)
	if err != nil {
		return nil, err
	}
	quiet := func(context.Context, *room.Tx, int64, []event.Fact) error { return nil }
	v, err := c.carryOut(ctx, s.desk.Begin(room.Cause{}), shop.ID(in.ID), lines, quiet)
	return &PreviewCancelLinesOut{Body: v}, err
}

// wished checks a cancellation, and asks what the order's lines cost: that was frozen at checkout.
func (s *Service) wished(
	ctx context.Context, order shop.ID, in CancelLinesBody,
) (c cancellation, lines []Priced, err error) {
	c = cancellation{want: in.Lines, by: room.CallerOf(ctx)}
	if err := checkCancellation(in.Lines); err != nil {
		return c, nil, err
	}
	if c.reason, err = reasonOf(c.by, in.Reason); err != nil {
		return c, nil, err
	}
	// Whoever may not see the order's first parcel does not learn that there is an order.
	if err := c.sees(ctx, s.desk.Begin(room.Cause{}), order); err != nil {
		return c, nil, err
	}
	if lines, err = s.opt.Orders.Priced(ctx, order); err != nil {
		err = fmt.Errorf("ask what order %s cost: %w", order, err)
	}
	return c, lines, err
}

func (c *cancellation) sees(ctx context.Context, tx *room.Tx, order shop.ID) error {
	first, err := room.Get[Shipment](ctx, tx, shipmentKey(ID(order, 1)))
	if err != nil {
		return err
	}
	if first == nil || c.by.May(room.Dealer()) || !sees(c.by, first) {
		return shop.Errorf(shop.NotFound, "there is no order %q with parcels", order).
			WithHint("an order has them when it is placed; before that it is cancelled whole")
	}
	return nil
}

// reasonOf checks a reason. It is one word of a closed list, so that it holds no personal data.
func reasonOf(by room.Caller, why string) (string, error) {
	staff := by.May(room.Admin(), room.ServiceRole())
	switch {
	case why == "" && staff:
		return "admin", nil
	case why == "":
		return "customer", nil
	case slices.Contains([]string{"changed_mind", "mistake", "too_slow", "customer"}, why),
		staff && slices.Contains([]string{"fraud", "dealer", "admin"}, why):
		return why, nil
	}
	return "", shop.Errorf(shop.Invalid, "the reason is not one of those that may be given")
}

// carryOut takes the units out of the order's parcels within a unit of work, each parcel on its own
// record: one that is packed meanwhile has all of it refused, or decided again.
func (c *cancellation) carryOut(
	ctx context.Context, tx *room.Tx, order shop.ID, lines []Priced,
	announce func(context.Context, *room.Tx, int64, []event.Fact) error,
) (CancellationView, error) {
	v := CancellationView{ID: c.id, Order: order}
	parcels, err := parcelsOf(ctx, tx, order)
	if err != nil {
		return v, err
	}
	parts, err := c.spread(parcels)
	if err != nil {
		return v, err
	}
	for i, units := range parts {
		if len(units) == 0 {
			continue
		}
		sh := parcels[i]
		shares, err := sh.shares(lines)
		if err != nil {
			return v, err
		}
		facts := sh.Reduce(*c, units, shares)
		f := facts[0].(*event.ShipmentReduced)
		v.Parcels = append(v.Parcels, CancelledUnits{
			Shipment: sh.ID, Lines: units, Amount: f.Amount, Empty: f.Empty,
			Refunded: sh.State == Cleared() && f.Amount.Amount > 0,
		})
		v.Amount.Currency = f.Amount.Currency
		v.Amount.Amount += f.Amount.Amount
		if err := announce(ctx, tx, sh.Seq, facts); err != nil {
			return v, err
		}
	}
	return v, nil
}

// announceCut commits that a parcel is reduced, and because of it that it is cancelled.
func announceCut(ctx context.Context, tx *room.Tx, last int64, facts []event.Fact) error {
	for i, f := range facts {
		var err error
		if i == 0 {
			err = tx.Announce(ctx, f, last+1)
		} else {
			err = tx.AnnounceBecause(ctx, f, last+2, room.EventID(f.Subject(), last+1))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parcelsOf reads the parcels of an order, those that were split from others behind them, in the
// order of their numbers. All of them were requested, or it is too early to say (Conflict).
func parcelsOf(ctx context.Context, tx *room.Tx, order shop.ID) ([]*Shipment, error) {
	var all []*Shipment
	rest := make(map[shop.ID]bool)
	for n, most := 1, 1; n <= most || len(rest) > 0 && n <= MaxParcels; n++ {
		id := ID(order, n)
		if n > most && !rest[id] {
			continue
		}
		delete(rest, id)
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(id))
		if err != nil {
			return nil, err
		}
		if sh == nil {
			return nil, shop.Errorf(shop.Conflict,
				"order %s is only just placed; nothing was cancelled", order).
				WithHint("try again in a moment")
		}
		if all, most = append(all, sh), sh.Parcels; sh.Rest != "" {
			rest[sh.Rest] = true
		}
	}
	return all, nil
}
