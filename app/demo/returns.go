package demo

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/order"
)

// sendBack waits for the parcel and sends all of it back, since it has the wrong colour. An admin
// does the dealer's part: the goods are sound, go on the shelf again, and their money goes back.
func (d *demo) sendBack(ctx context.Context, token string, id shop.ID) error {
	err := d.until(ctx, token, id, "delivered", func(v order.View) bool {
		return v.FulfilmentStatus == order.Delivered().String()
	})
	if err != nil {
		return err
	}
	parcel := fulfilment.ID(id, 1)
	var sh fulfilment.ShipmentView
	err = d.tell(ctx, request{
		method: "GET", path: "/v1/shipments/" + string(parcel), token: d.admin,
	}, &sh)
	if err != nil {
		return err
	}
	if _, err := d.comeBack(ctx, token, d.admin, id, parcel, sh.Lines); err != nil {
		return err
	}
	d.with(func() { d.count.refunds++ })
	return nil
}

// comeBack sends lines of a delivered parcel back. Whoever has the dealer's token takes them in and
// finds them as good as new.
func (d *demo) comeBack(
	ctx context.Context, token, dealer string, id, parcel shop.ID, lines []event.ParcelLine,
) (r fulfilment.ReturnView, err error) {
	var wishes []fulfilment.Wish
	var units []event.InspectedUnits
	for _, l := range lines {
		wishes = append(wishes, fulfilment.Wish{
			SKU: l.SKU, Quantity: l.Quantity, Reason: "not_as_described",
		})
		units = append(units, event.InspectedUnits{
			SKU: l.SKU, Quantity: l.Quantity, Verdict: fulfilment.Restock,
		})
	}
	err = d.tell(ctx, request{
		method: "POST", path: "/v1/orders/" + string(id) + "/returns", token: token,
		key: "return-" + string(id), body: map[string]any{"shipment": parcel, "lines": wishes},
	}, &r)
	if err != nil {
		return r, err
	}
	for _, step := range []struct {
		verb string
		body any
	}{
		{"approve", nil}, {"receive", map[string]any{"items": lines}},
		{"inspect", map[string]any{"units": units}},
	} {
		err := d.tell(ctx, request{
			method: "POST", path: "/v1/returns/" + string(r.ID) + "/" + step.verb,
			token: dealer, key: step.verb + "-" + string(r.ID), body: step.body,
		}, &r)
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// tell sends a request that must succeed, and reads its answer.
func (d *demo) tell(ctx context.Context, r request, into any) error {
	a, err := d.api.do(ctx, r)
	if err != nil {
		return err
	}
	if err := a.into(into); err != nil {
		return fmt.Errorf("%s %s %w", r.method, r.path, err)
	}
	return nil
}
