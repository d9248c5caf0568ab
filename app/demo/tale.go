package demo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// The things of the order that is followed. Nobody else buys them, and who sells them sees to that
// order alone.
const (
	twinSKU  shop.SKU = "LAMP-TWIN"
	chestSKU shop.SKU = "TEA-CHEST"

	followedUnits = 12
	twins         = 2
)

// Tale is one order that is followed from the cart to the doorstep and back: two things of one
// dealer and one of another. It is plain data; amounts are minor units.
type Tale struct {
	Order    shop.ID      `json:"order"` // "" when it was not placed in time
	Status   string       `json:"status"`
	Total    int64        `json:"total"`
	Parcels  []TaleParcel `json:"parcels"`
	Return   string       `json:"return"` // how far it came
	Refunded int64        `json:"refunded"`
	Stocked  int64        `json:"stocked"` // of the first thing, before anything was sold
	Left     int64        `json:"left"`    // of it, now
	Shares   []Share      `json:"shares"`
}

// TaleParcel is one of its parcels.
type TaleParcel struct {
	ID     shop.ID `json:"id"`
	Dealer shop.ID `json:"dealer"`
	Units  int64   `json:"units"`
	Amount int64   `json:"amount"` // captured when it was packed
	State  string  `json:"state"`
}

// Share is what a dealer has of it, after the market's commission and tax.
type Share struct {
	Dealer shop.ID `json:"dealer"`
	Name   string  `json:"name"`
	Amount int64   `json:"amount"`
	Paid   bool    `json:"paid"` // its return windows have closed, and a payout was paid since
}

// Whole reports whether it came to its end in every respect.
func (t *Tale) Whole() bool {
	arrived := func(p TaleParcel) bool { return p.State == fulfilment.Delivered().String() }
	return len(t.Parcels) == 3 && !slices.ContainsFunc(t.Parcels, func(p TaleParcel) bool {
		return !arrived(p)
	}) && t.Return == fulfilment.Closed().String() && t.Refunded > 0 &&
		t.Left == t.Stocked-twins+1
}

// followed reports whether a parcel belongs to the order that is followed.
func followed(lines []event.ParcelLine) bool {
	return slices.ContainsFunc(lines, func(l event.ParcelLine) bool {
		return l.SKU == twinSKU || l.SKU == chestSKU
	})
}

// follow plays the customer and both dealers. The first dealer sends one unit at once and the other
// in a parcel of its own, when the first has come back: nothing is done between its arrival and the
// wish to return it, since the window of a demo is short.
func (d *demo) follow(ctx context.Context, token string, id shop.ID) error {
	d.with(func() { d.tale.Order = id })
	lamps, err := d.token(ctx, Dealer, room.Dealer())
	if err != nil {
		return err
	}
	tea, err := d.token(ctx, teaDealer, room.Dealer())
	if err != nil {
		return err
	}
	first := fulfilment.ID(id, 1)
	one := []event.ParcelLine{{SKU: twinSKU, Quantity: 1}}
	if err := d.send(ctx, lamps, first, map[string]any{"lines": one}); err != nil {
		return err
	}
	r, err := d.comeBack(ctx, token, lamps, id, first, one)
	if err != nil {
		return err
	}
	d.with(func() { d.taleReturn = r.ID })
	err = d.wait(ctx, "the money of return "+string(r.ID), func() (bool, error) {
		err := d.tell(ctx, request{
			method: "GET", path: "/v1/returns/" + string(r.ID), token: lamps,
		}, &r)
		return r.Status == fulfilment.Closed().String(), err
	})
	if err != nil {
		return err
	}
	if err := d.send(ctx, tea, fulfilment.ID(id, 2), nil); err != nil {
		return err
	}
	return d.send(ctx, lamps, fulfilment.ID(id, 3), nil)
}

// send packs a parcel, or a part of it, and takes it to the door.
func (d *demo) send(ctx context.Context, token string, parcel shop.ID, part any) error {
	var sh fulfilment.ShipmentView
	for _, step := range []struct {
		in   fulfilment.State
		verb string
		body any
	}{
		{fulfilment.Requested(), "pack", part},
		{fulfilment.Cleared(), "dispatch", fulfilment.DispatchBody{Tracking: "CARAVAN-FOLLOWED"}},
		{fulfilment.Dispatched(), "deliver", nil},
	} {
		path := "/v1/shipments/" + string(parcel)
		err := d.wait(ctx, "parcel "+string(parcel), func() (bool, error) {
			a, err := d.api.do(ctx, request{method: "GET", path: path, token: token})
			if err != nil || a.code == shop.NotFound {
				return false, err
			}
			err = a.into(&sh)
			return sh.State == step.in.String(), err
		})
		if err != nil {
			return err
		}
		err = d.tell(ctx, request{
			method: "POST", path: path + "/" + step.verb, token: token,
			key: step.verb + "-" + string(parcel), body: step.body,
		}, &sh)
		if err != nil {
			return err
		}
	}
	return nil
}

// wait asks again and again until it is so.
func (d *demo) wait(ctx context.Context, what string, so func() (bool, error)) error {
	for over := time.Now().Add(aftermath); ; {
		if done, err := so(); done || err != nil {
			return err
		}
		if time.Now().After(over) {
			return fmt.Errorf("%s did not come within %s", what, aftermath)
		}
		if err := pause(ctx, askAgain); err != nil {
			return err
		}
	}
}

// askTale fills in what the shop says of the order that was followed.
func (d *demo) askTale(ctx context.Context, s *Summary) error {
	t := &s.Tale
	*t = d.tale
	t.Stocked = followedUnits
	if t.Order == "" {
		return nil
	}
	get := func(path string, into any) error {
		return d.tell(ctx, request{method: "GET", path: path, token: d.admin}, into)
	}
	var v order.View
	if err := get("/v1/orders/"+string(t.Order), &v); err != nil {
		return err
	}
	t.Status, t.Total, t.Refunded = v.Status, v.Total.Amount, v.Refunded.Amount
	for n := 1; n <= 3; n++ {
		var sh fulfilment.ShipmentView
		if err := get("/v1/shipments/"+string(fulfilment.ID(t.Order, n)), &sh); err != nil {
			return err
		}
		one := TaleParcel{ID: sh.ID, Dealer: sh.Dealer, Amount: sh.Amount.Amount, State: sh.State}
		for _, l := range sh.Lines {
			one.Units += l.Quantity
		}
		t.Parcels = append(t.Parcels, one)
	}
	if d.taleReturn != "" { // what went wrong before is said among the faults
		var r fulfilment.ReturnView
		if err := get("/v1/returns/"+string(d.taleReturn), &r); err != nil {
			return err
		}
		t.Return = r.Status
	}
	var shelf struct{ Available int64 }
	if err := get("/v1/stock/"+string(twinSKU), &shelf); err != nil {
		return err
	}
	t.Left = shelf.Available
	return d.askShares(ctx, t)
}

// askShares adds up what the statements of both dealers say of the order.
func (d *demo) askShares(ctx context.Context, t *Tale) error {
	const day = 24 * time.Hour
	now := time.Now().UTC()
	for _, dealer := range []shop.ID{Dealer, teaDealer} {
		share := Share{Dealer: dealer, Name: d.nameOf(dealer)}
		var pending int64
		for cursor, more := "", true; more; more = cursor != "" {
			var page ledger.StatementPage
			err := d.tell(ctx, request{method: "GET", token: d.admin, path: fmt.Sprintf(
				"/v1/dealers/%s/statement?currency=%s&from=%s&to=%s&limit=1000&cursor=%s",
				dealer, Currency, now.Add(-day).Format(time.DateOnly),
				now.Add(2*day).Format(time.DateOnly), url.QueryEscape(cursor))}, &page)
			if err != nil {
				return err
			}
			for _, l := range page.Lines {
				if l.Order == t.Order {
					share.Amount += l.Pending + l.Available
					pending += l.Pending
				}
				share.Paid = share.Paid || l.Kind == "payout"
			}
			cursor = page.Next
		}
		share.Paid = share.Paid && pending == 0
		t.Shares = append(t.Shares, share)
	}
	return nil
}

// nameOf is what a dealer's stall is called, without what it sells.
func (d *demo) nameOf(dealer shop.ID) string {
	for _, s := range d.stalls {
		if s.dealer == dealer {
			name, _, _ := strings.Cut(s.name, ",")
			return name
		}
	}
	return string(dealer)
}

// tale tells of the order that was followed.
func (p *page) tale(t *Tale) {
	p.end(p.line())
	p.end(p.line().to(margin).put(faint, "one order, from the cart to the doorstep and back"))
	if !t.Whole() {
		p.row("", "it was not followed to its end: this machine is too slow for its deadline")
		return
	}
	amounts := make([]string, len(t.Parcels))
	for i, parcel := range t.Parcels {
		amounts[i] = pounds(parcel.Amount)
	}
	p.row("bought", "2 lamps and a tea chest of two dealers, %s in all", pounds(t.Total))
	p.row("split", "a parcel for each dealer, and the lamps one by one: %d parcels",
		len(t.Parcels))
	p.row("captured", "as each was packed: %s", strings.Join(amounts, " + "))
	p.row("sent back", "a lamp: requested, approved, received, inspected, %s refunded",
		pounds(t.Refunded))
	p.row("on the shelf", "%d lamps before, %d sold, 1 restocked: %d", t.Stocked, twins, t.Left)
	for _, s := range t.Shares {
		what := "waits"
		if s.Paid {
			what = "paid out"
		}
		p.row(what, "%s of it to %s, after commission and tax", pounds(s.Amount), s.Name)
	}
}
