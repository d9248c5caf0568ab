// Package loyalty is an example: a room that somebody adds to the market without touching another.
// A customer earns a point for each whole unit of money that a dealer was paid (a pound, a euro),
// and loses it when the money goes back.
//
// It promises that money counts once, however often its event is delivered, in whatever order. It
// has records of its own and announces nothing.
package loyalty

import (
	"context"
	"errors"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Name is the room's prefix: of its records and its subscriptions.
const Name = "loyalty"

// The room keeps:
//
//	order/<order>      customer    who ordered: the events of money do not say
//	member/<customer>  <currency>  the counter "paid", in minor units
//	~seen/<event>      mark        that this event was counted
type member struct {
	Customer shop.ID `json:"customer"`
}

type mark struct{}

func orderKey(order shop.ID) platform.Key {
	return platform.Key{Part: "order/" + string(order), Sort: "customer"}
}

func memberKey(customer shop.ID, c shop.Currency) platform.Key {
	return platform.Key{Part: "member/" + string(customer), Sort: string(c)}
}

func seenKey(eventID string) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "seen/" + eventID, Sort: "mark"}
}

// Service is the room. It is safe for concurrent use.
type Service struct{ desk *room.Desk }

var _ room.Room = (*Service)(nil)

// New opens the room at its desk.
func New(desk *room.Desk) *Service {
	s := &Service{desk: desk}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (*Service) Name() string { return Name }

// Reactions implements room.Room: this is all that the room listens to.
func (s *Service) Reactions() []room.Reaction {
	return []room.Reaction{
		counting[*event.OrderPlaced](s, "loyalty.remember-on-order-placed"),
		counting[*event.PaymentCaptured](s, "loyalty.earn-on-captured"),
		counting[*event.PaymentRefunded](s, "loyalty.lose-on-refunded"),
	}
}

// counting is the room's one reaction: apply the fact, and mark it in the same commit.
func counting[F event.Fact](s *Service, name string) room.Reaction {
	return room.On(name, platform.Background, func(ctx context.Context, f F, c room.Cause) error {
		return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			seen, err := room.Get[mark](ctx, tx, seenKey(c.Causation))
			if err != nil || seen != nil {
				return err
			}
			room.Put(tx, seenKey(c.Causation), &mark{})
			return s.Apply(ctx, tx, f, room.Meta{})
		})
	})
}

// Apply implements room.Room: what a fact does to the records. Money may be heard of before its
// order is; platform.ErrNotYet has it delivered again later.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, _ room.Meta) error {
	switch f := f.(type) {
	case *event.OrderPlaced:
		room.Put(tx, orderKey(f.Order), &member{Customer: f.Customer})
	case *event.PaymentCaptured:
		return pay(ctx, tx, f.Order, f.Amount, 1)
	case *event.PaymentRefunded:
		return pay(ctx, tx, f.Order, f.Amount, -1)
	}
	return nil
}

func pay(ctx context.Context, tx *room.Tx, order shop.ID, m shop.Money, sign int64) error {
	who, err := room.Get[member](ctx, tx, orderKey(order))
	if err != nil {
		return err
	}
	if who == nil {
		return platform.ErrNotYet
	}
	tx.Add(memberKey(who.Customer, m.Currency), platform.Move{
		Counter: "paid", Delta: sign * m.Amount, Floor: platform.NoFloor,
	})
	return nil
}

// pointWorth is how many minor units make a point.
const pointWorth = 100

// Points returns a customer's points from money in one currency. They run behind the events, and
// may be below zero for a moment when a refund is heard of before its capture.
func (s *Service) Points(ctx context.Context, customer shop.ID, c shop.Currency) (int64, error) {
	r, err := s.desk.Store.Get(ctx, memberKey(customer, c))
	if errors.Is(err, platform.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the points of %s: %w", customer, err)
	}
	return r.Counters["paid"] / pointWorth, nil
}
