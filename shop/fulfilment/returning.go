package fulfilment

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// GetReturn returns a return that who may see: its customer, its dealer, an administrator or a
// machine of the operator's. To everybody else it does not exist (NotFound).
func (s *Service) GetReturn(ctx context.Context, who room.Caller, id shop.ID) (*Return, error) {
	return findReturn(ctx, s.desk.Begin(room.Cause{}), who, id)
}

// ReturnsOf lists the returns of an order that who may see, oldest first: at most MaxPage.
func (s *Service) ReturnsOf(
	ctx context.Context, who room.Caller, order shop.ID,
) ([]*Return, error) {
	return s.listReturns(ctx, who, platform.Query{Part: orderReturnsPart(order), Limit: MaxPage})
}

// DealerReturns lists a dealer's returns, newest first, at most limit (1 to MaxPage), after the
// return that the page before ended with; "" begins. A dealer sees only the own ones.
func (s *Service) DealerReturns(
	ctx context.Context, who room.Caller, dealer, after shop.ID, limit int,
) ([]*Return, error) {
	if err := checkPage(who, dealer, after, limit); err != nil {
		return nil, err
	}
	return s.listReturns(ctx, who, platform.Query{
		Part: dealerReturnsPart(dealer), After: string(after), Limit: limit, Reverse: true,
	})
}

func (s *Service) listReturns(
	ctx context.Context, who room.Caller, q platform.Query,
) ([]*Return, error) {
	rows, err := s.desk.Store.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list returns of %s: %w", q.Part, err)
	}
	tx := s.desk.Begin(room.Cause{})
	list := make([]*Return, 0, len(rows))
	for _, row := range rows {
		r, err := room.Get[Return](ctx, tx, returnKey(shop.ID(row.Key.Sort)))
		if err != nil {
			return nil, err
		}
		if r != nil && seesReturn(who, r) {
			list = append(list, r)
		}
	}
	return list, nil
}

// returning is one unit of work on the returns of one parcel.
type returning struct {
	s      *Service
	tx     *room.Tx
	r      *Return
	claims *Claims
}

// openReturn reads a return and what the returns of its parcel claim together.
func (s *Service) openReturn(
	ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID,
) (*returning, error) {
	r, err := findReturn(ctx, tx, who, id)
	if err != nil {
		return nil, err
	}
	c, err := claimsOf(ctx, tx, r.Shipment)
	if err != nil {
		return nil, err
	}
	return &returning{s: s, tx: tx, r: r, claims: c}, nil
}

// announce announces facts of the return, and its end if they bring it about.
func (u *returning) announce(ctx context.Context, facts []event.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	for _, f := range facts {
		if err := u.tx.Announce(ctx, f, u.claims.Seq+1); err != nil {
			return err
		}
	}
	if err := u.timer(facts); err != nil {
		return err
	}
	if last := u.r.end(); last != nil {
		return u.announce(ctx, last)
	}
	return nil
}

// timer has somebody look again when nothing happens, and not any more when it is over.
func (u *returning) timer(facts []event.Fact) error {
	due := &event.ReturnDue{Return: u.r.ID, Order: u.r.Order, Shipment: u.r.Shipment}
	for _, f := range facts {
		switch f.(type) {
		case *event.ReturnRequested:
			due.Stage = stageAnswer
			return u.tx.SetTimer(returnTimer(u.r.ID), u.r.AnswerBy, due)
		case *event.ReturnApproved:
			due.Stage = stageArrival
			return u.tx.SetTimer(returnTimer(u.r.ID), u.r.ArriveBy, due)
		case *event.ReturnDeclined, *event.ReturnCancelled, *event.ReturnClosed:
			u.tx.CancelTimer(returnTimer(u.r.ID))
		}
	}
	return nil
}

// What a return waits for when its timer comes.
const (
	stageAnswer  = "answer"
	stageArrival = "arrival"
)

// change runs one decision about a return in a unit of work that keeps its answer under the
// caller's key.
func (s *Service) change(
	ctx context.Context, id shop.ID, once room.Once,
	decide func(u *returning, who room.Caller) ([]event.Fact, error),
) (room.Answer, error) {
	who := room.CallerOf(ctx)
	var answer room.Answer
	err := s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if have, found, err := once.Recall(ctx, tx); err != nil || found {
			answer = have
			return err
		}
		u, err := s.openReturn(ctx, tx, who, id)
		if err != nil {
			return err
		}
		facts, err := decide(u, who)
		if err != nil {
			return err
		}
		if err := u.announce(ctx, facts); err != nil {
			return err
		}
		answer, err = rememberReturn(tx, once, 200, u.r)
		return err
	})
	return answer, err
}

// askReturn makes a return of a customer's wishes. What the parcel's SKUs cost is asked of the
// order before anything is decided: it was frozen at checkout and never changes.
func (s *Service) askReturn(
	ctx context.Context, order, shipment shop.ID, wishes []Wish, once room.Once,
) (room.Answer, error) {
	who := room.CallerOf(ctx)
	sh, err := s.Get(ctx, who, shipment)
	if err == nil && (sh.Order != order || who.May(room.Dealer())) {
		err = noSuch(shipment)
	}
	if err != nil {
		return room.Answer{}, err
	}
	lines, err := s.opt.Orders.Priced(ctx, order)
	if err != nil {
		return room.Answer{}, fmt.Errorf("ask what parcel %s cost: %w", shipment, err)
	}
	shares, err := sh.shares(lines)
	if err != nil {
		return room.Answer{}, err
	}
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if have, found, err := once.Recall(ctx, tx); err != nil || found {
			answer = have
			return err
		}
		r, err := s.makeReturn(ctx, tx, sh.ID, wishes, shares)
		if err != nil {
			return err
		}
		answer, err = rememberReturn(tx, once, 201, r)
		return err
	})
	return answer, err
}

func (s *Service) makeReturn(
	ctx context.Context, tx *room.Tx, shipment shop.ID, wishes []Wish, shares []int64,
) (*Return, error) {
	sh, err := room.Get[Shipment](ctx, tx, shipmentKey(shipment))
	if err != nil {
		return nil, err
	}
	c, err := claimsOf(ctx, tx, shipment)
	if err != nil {
		return nil, err
	}
	now := s.now()
	f, err := sh.ask(c, s.desk.IDs.NewID("ret"), wishes, shares, now, s.opt.Policy)
	if err != nil {
		return nil, err
	}
	if err := tx.Announce(ctx, f, c.Seq+1); err != nil {
		return nil, err
	}
	r, err := room.Get[Return](ctx, tx, returnKey(f.Return))
	if err != nil {
		return nil, err
	}
	u := &returning{s: s, tx: tx, r: r, claims: c}
	return r, u.timer([]event.Fact{f})
}

func rememberReturn(
	tx *room.Tx, once room.Once, status int, r *Return,
) (room.Answer, error) {
	body, err := room.Encode(viewReturn(r))
	if err != nil {
		return room.Answer{}, shop.Errorf(shop.Internal, "encode the answer: %w", err)
	}
	answer := room.Answer{Status: status, Body: body}
	once.Remember(tx, answer, tx.Now())
	return answer, nil
}

// findReturn reads a return that who may see.
func findReturn(
	ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID,
) (*Return, error) {
	if _, err := shop.ParseID(string(id)); err != nil {
		return nil, shop.Errorf(shop.NotFound, "there is no such return")
	}
	r, err := room.Get[Return](ctx, tx, returnKey(id))
	if err != nil {
		return nil, err
	}
	if r == nil || !seesReturn(who, r) {
		return nil, shop.Errorf(shop.NotFound, "there is no return %q", id)
	}
	return r, nil
}

func seesReturn(who room.Caller, r *Return) bool {
	return sees(who, &Shipment{Dealer: r.Dealer, Customer: r.Customer})
}

// settles refuses whoever may see a return and may not decide about it: its customer.
func settles(who room.Caller, r *Return) error {
	if who.May(room.Customer()) {
		return shop.Errorf(shop.Forbidden, "only the dealer of return %s decides about it", r.ID)
	}
	return nil
}
