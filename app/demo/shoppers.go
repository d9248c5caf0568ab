package demo

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

const (
	atTheCounter  = 25 * time.Second // a shopper waits for the decision
	secondThought = 120 * time.Millisecond
	aftermath     = time.Minute // for a parcel and its money
	askAgain      = 100 * time.Millisecond
	clicksAtOnce  = 3
)

// checkout is the body of POST /v1/orders.
type checkout struct {
	Items   []order.Item `json:"items"`
	Payment struct {
		Token string `json:"token"`
	} `json:"payment"`
	ShipTo shop.Address `json:"shipTo"`
	Email  string       `json:"email"`
}

// shop is everything that one shopper does.
func (d *demo) shop(ctx context.Context, s *shopper) {
	took, err := d.visit(ctx, s)
	if err != nil {
		d.note(fmt.Errorf("shopper %s: %w", s.id, err))
	}
	d.watch.serve(took)
}

// visit returns how long the order took to be placed; 0 when that is not measured.
func (d *demo) visit(ctx context.Context, s *shopper) (took time.Duration, err error) {
	token, err := d.token(ctx, s.id, room.Customer())
	if err != nil {
		return 0, err
	}
	if err := d.browse(ctx, s); err != nil {
		return 0, err
	}
	began := time.Now()
	o, err := d.order(ctx, s, token)
	if err != nil {
		return 0, err
	}
	if o.Status == order.Placed().String() && s.measured() {
		took = time.Since(began)
	}
	if s.plot == rushes {
		d.with(func() { d.rush = max(d.rush, time.Since(began)) })
	}
	return took, d.after(ctx, s, token, o)
}

// browse looks at the market and at the first thing of the basket.
func (d *demo) browse(ctx context.Context, s *shopper) error {
	for _, path := range []string{
		"/v1/products?limit=20", "/v1/stock/" + string(s.items[0].SKU),
	} {
		a, err := d.api.do(ctx, request{method: "GET", path: path})
		if err != nil {
			return err
		}
		var any struct{}
		if err := a.into(&any); err != nil {
			return fmt.Errorf("GET %s %w", path, err)
		}
	}
	return nil
}

// order checks out, as often at once as the shopper clicks.
func (d *demo) order(ctx context.Context, s *shopper, token string) (order.View, error) {
	body := checkout{Items: s.items, ShipTo: s.to, Email: s.email}
	body.Payment.Token = s.card
	r := request{
		method: "POST", path: "/v1/orders", token: token,
		key: "basket-of-" + string(s.id), body: body,
	}
	if s.patient() {
		r.prefer = waitFor(atTheCounter)
	}
	var v order.View
	if s.plot == clicksThree {
		return v, d.click(ctx, r, &v)
	}
	a, err := d.api.do(ctx, r)
	if err != nil {
		return v, err
	}
	if err := a.into(&v); err != nil {
		return v, fmt.Errorf("checkout %w", err)
	}
	return v, nil
}

// click sends the same checkout several times at once: one order, and every answer the same.
func (d *demo) click(ctx context.Context, r request, v *order.View) error {
	answers, errs := make([]answer, clicksAtOnce), make([]error, clicksAtOnce)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i], errs[i] = d.api.do(ctx, r) })
	}
	all.Wait()
	ids := make(map[shop.ID]bool)
	for i, a := range answers {
		if errs[i] != nil {
			return errs[i]
		}
		if err := a.into(v); err != nil {
			return fmt.Errorf("click %d %w", i+1, err)
		}
		ids[v.ID] = true
		if !bytes.Equal(a.body, answers[0].body) {
			d.note(fmt.Errorf("order %s: two clicks with one key had different answers", v.ID))
		}
	}
	d.with(func() {
		d.count.clickers++
		d.count.clicks += clicksAtOnce
		d.count.clicked += len(ids)
	})
	if len(ids) != 1 {
		return fmt.Errorf("%d clicks with one key made %d orders", clicksAtOnce, len(ids))
	}
	return nil
}

// after is what a shopper does once there is an order.
func (d *demo) after(ctx context.Context, s *shopper, token string, o order.View) error {
	switch s.plot {
	case regrets, regretsSoon:
		return d.regret(ctx, s, token, o)
	case wantsRefund, cannotPay, isFollowed:
		if o.Status != order.Placed().String() {
			return nil // on a machine that is too slow for the order's deadline; the books tell
		}
		d.with(func() { d.first[o.ID] = true })
	}
	switch s.plot {
	case wantsRefund:
		return d.sendBack(ctx, token, o.ID)
	case isFollowed:
		return d.follow(ctx, token, o.ID)
	case cannotPay:
		return d.until(ctx, token, o.ID, "on hold", func(v order.View) bool {
			return v.Status == order.OnHold().String()
		})
	}
	return nil
}

// regret cancels. A parcel that has left meanwhile is no fault of anybody's.
func (d *demo) regret(ctx context.Context, s *shopper, token string, o order.View) error {
	if s.plot == regrets {
		if err := pause(ctx, secondThought); err != nil {
			return err
		}
	}
	a, err := d.api.do(ctx, request{
		method: "POST", path: "/v1/orders/" + string(o.ID) + "/cancel", token: token,
		key: "cancel-" + string(o.ID), body: order.CommandBody{Reason: "changed_mind"},
	})
	if err != nil {
		return err
	}
	d.with(func() {
		d.count.regrets++
		if a.code == shop.Illegal {
			d.count.tooLate++
		}
	})
	if a.code == shop.Illegal {
		return nil
	}
	if err := a.into(&o); err != nil {
		return fmt.Errorf("cancel %s %w", o.ID, err)
	}
	return nil
}

// until asks for the order until it is so.
func (d *demo) until(
	ctx context.Context, token string, id shop.ID, what string, so func(order.View) bool,
) error {
	over := time.Now().Add(aftermath)
	for {
		a, err := d.api.do(ctx, request{
			method: "GET", path: "/v1/orders/" + string(id), token: token,
		})
		if err != nil {
			return err
		}
		var v order.View
		if err := a.into(&v); err != nil {
			return fmt.Errorf("order %s %w", id, err)
		}
		if so(v) {
			return nil
		}
		if time.Now().After(over) {
			return fmt.Errorf("order %s was not %s after %s", id, what, aftermath)
		}
		if err := pause(ctx, askAgain); err != nil {
			return err
		}
	}
}
