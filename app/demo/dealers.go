package demo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
)

// setUp lists everything and says how much of it there is.
func (d *demo) setUp(ctx context.Context) error {
	for _, s := range d.stalls {
		token, err := d.token(ctx, s.dealer, room.Dealer())
		if err != nil {
			return err
		}
		for _, t := range s.things {
			if err := d.offer(ctx, token, t); err != nil {
				return fmt.Errorf("%s: %w", t.sku, err)
			}
		}
	}
	return nil
}

func (d *demo) offer(ctx context.Context, token string, t thing) error {
	for _, r := range []request{
		{method: "POST", path: "/v1/products", key: "list-" + string(t.sku), body: map[string]any{
			"sku": t.sku, "title": t.title,
			"price": shop.Money{Amount: t.price, Currency: Currency},
		}},
		{method: "PUT", path: "/v1/stock/" + string(t.sku), key: "count-" + string(t.sku),
			body: map[string]any{"onHand": t.units}},
	} {
		r.token = token
		a, err := d.api.do(ctx, r)
		if err != nil {
			return err
		}
		var any struct{}
		if err := a.into(&any); err != nil {
			return fmt.Errorf("%s %s %w", r.method, r.path, err)
		}
	}
	return nil
}

// goal is how far a dealer brings a parcel today.
type goal uint8

// The goals, each further than those before.
const (
	leave goal = iota
	pack
	dispatch
	deliver
)

// goals is how a dealer treats one parcel after the other: most arrive, some are still on their way
// in the evening.
func goals() []goal {
	return []goal{deliver, deliver, dispatch, deliver, pack, deliver, deliver, leave}
}

const (
	roundEvery = 150 * time.Millisecond
	atOnce     = 6  // parcels at least that a dealer touches in a round
	perDealer  = 50 // shoppers for each parcel more
	idleRounds = 3  // after which a dealer goes home
	lastRounds = 80
	lookBack   = 10  // rounds after which a dealer looks at all shipments
	atATime    = 100 // shipments of a list
)

// seller is a dealer at work.
type seller struct {
	*demo
	stall
	token string
	plan  map[shop.ID]goal
	held  map[shop.ID]bool // parcels of orders on hold, which stay for today
	dealt int
	round int
}

// keep is a dealer's day: look at the shipments, do what is to be done, and again, until the market
// is closed and nothing is left for today.
func (d *demo) keep(ctx context.Context, s stall) error {
	token, err := d.token(ctx, s.dealer, room.Dealer())
	if err != nil {
		return err
	}
	one := &seller{demo: d, stall: s, token: token, plan: make(map[shop.ID]goal)}
	one.held = make(map[shop.ID]bool)
	idle, late := 0, 0
	for idle < idleRounds && late < lastRounds {
		worked, err := one.work(ctx)
		if err != nil {
			return fmt.Errorf("dealer %s: %w", s.dealer, err)
		}
		select {
		case <-d.closed:
			late++
			if idle++; worked > 0 {
				idle = 0
			}
		default:
		}
		if err := pause(ctx, roundEvery); err != nil {
			return err
		}
	}
	return nil
}

// chore is one step for one shipment.
type chore struct {
	shipment shop.ID
	verb     string
}

// work is a round: the chores that have waited longest. It says how many it did.
func (s *seller) work(ctx context.Context) (worked int, err error) {
	s.round++
	all, err := s.chores(ctx)
	if err != nil {
		return 0, err
	}
	slices.Reverse(all)
	for _, c := range all[:min(len(all), max(atOnce, len(s.cast)/perDealer))] {
		if err := s.step(ctx, c); err != nil {
			return worked, err
		}
		worked++
	}
	return worked, nil
}

// chores lists what is to be done, newest shipments first as the shop lists them. It stops where a
// whole page needs nothing more; now and then it looks further back, since the money of a parcel
// may come late.
func (s *seller) chores(ctx context.Context) (all []chore, err error) {
	for cursor := ""; ; {
		var list struct {
			Items []fulfilment.ShipmentView `json:"items"`
			Next  string                    `json:"next"`
		}
		a, err := s.api.do(ctx, request{
			method: "GET", token: s.token,
			path: fmt.Sprintf("/v1/shipments?limit=%d&cursor=%s", atATime, url.QueryEscape(cursor)),
		})
		if err != nil {
			return nil, err
		}
		if err := a.into(&list); err != nil {
			return nil, fmt.Errorf("list of shipments %w", err)
		}
		settled := true
		for _, sh := range list.Items {
			verb, over := s.next(sh)
			settled = settled && over
			if verb != "" {
				all = append(all, chore{sh.ID, verb})
			}
		}
		if cursor = list.Next; cursor == "" || settled && s.round%lookBack != 0 {
			return all, nil
		}
	}
}

// next is what is to be done with a shipment now, if anything, and whether that is all for today.
func (s *seller) next(sh fulfilment.ShipmentView) (verb string, over bool) {
	if s.held[sh.ID] || followed(sh.Lines) {
		return "", true
	}
	far, known := s.plan[sh.ID]
	if !known {
		far = goals()[s.dealt%len(goals())]
		s.dealt++
	}
	s.with(func() {
		if s.first[sh.Order] {
			far = deliver
		}
	})
	s.plan[sh.ID] = far
	switch sh.State {
	case fulfilment.Requested().String():
		if far >= pack {
			return "pack", false
		}
	case fulfilment.Packed().String():
		return "", far < dispatch
	case fulfilment.Cleared().String():
		if far >= dispatch {
			return "dispatch", false
		}
	case fulfilment.Dispatched().String():
		if far >= deliver {
			return "deliver", false
		}
	}
	return "", true
}

// step takes one. Whoever cancelled meanwhile was faster, and that is fine. A parcel of an order
// that is on hold stays for today.
func (s *seller) step(ctx context.Context, c chore) error {
	id := string(c.shipment)
	r := request{
		method: "POST", path: "/v1/shipments/" + id + "/" + c.verb, token: s.token,
		key: c.verb + "-" + id,
	}
	if c.verb == "dispatch" {
		r.body = fulfilment.DispatchBody{Tracking: "CARAVAN-" + id[max(0, len(id)-8):]}
	}
	a, err := s.api.do(ctx, r)
	if err != nil {
		return err
	}
	if a.code == fulfilment.OnHold {
		s.held[c.shipment] = true
		return nil
	}
	var any struct{}
	if err := a.into(&any); err != nil && a.code != shop.Illegal {
		return fmt.Errorf("%s %s %w", c.verb, id, err)
	}
	return nil
}
