package fulfilment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// openCuts opens the room with prices of forty dealers more.
func openCuts(
	t *testing.T, opts ...roomtest.Option,
) (*roomtest.World, *fulfilment.Service) {
	w := roomtest.New(t, opts...)
	return w, fulfilment.New(w.Desk("fulfilment"), fulfilment.Options{Orders: manyPrices{}})
}

type manyPrices struct{ prices }

// Priced implements fulfilment.Orders.
func (p manyPrices) Priced(
	ctx context.Context, id shop.ID,
) ([]fulfilment.Priced, error) {
	all, err := p.prices.Priced(ctx, id)
	for n := 2; n <= 40; n++ {
		all = append(all, fulfilment.Priced{
			SKU: shop.SKU(fmt.Sprintf("SKU-%d", n)), Dealer: shop.ID(fmt.Sprintf("dlr_%d", n)),
			Amount: 20, Units: 2,
		})
	}
	return all, err
}

// cutUnits cancels units of an order under a key.
func cutUnits(
	ctx context.Context, s *fulfilment.Service, key string, lines ...event.ParcelLine,
) (v fulfilment.CancellationView, err error) {
	in := &fulfilment.PostCancelLinesIn{ID: "ord_a", Key: key}
	in.Body.Lines = lines
	out, err := s.PostCancelLines(ctx, in)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(out.Body, &v)
}

// Goal: units are cancelled once, over parcels, for what they cost; the preview says the same
// beforehand and does nothing; what is left is packed for what it costs.
// Method: two parcels of two dealers; three lamps and a bulb for 101 in one, worth 76 and 25;
// amounts by hand; every request twice; default faults.
func TestUnitsAreCancelled(t *testing.T) {
	t.Parallel()
	w, s := openCuts(t)
	w.Start(t, s)
	f := placed(t, w, "ord_a", 2)
	f.Total, f.Parcels[0].Amount, f.Parcels[0].Items, f.Parcels[0].Shipping = 201, 101, 40, 61
	f.Parcels[0].Lines = append(items("SKU-1", 3), items("SKU-B", 1)...)
	w.Announce(t, f)
	w.Settle(t)
	w.Skip(t)
	want := append(items("SKU-1", 2), items("SKU-2", 2)...)
	look := &fulfilment.PreviewCancelLinesIn{ID: "ord_a"}
	look.Body.Lines = want
	seen, err := s.PreviewCancelLines(buyer(w, t), look)
	must(t, err)
	var v fulfilment.CancellationView
	for range 2 {
		must(t, w.Persist(func() error {
			v, err = cutUnits(buyer(w, t), s, "k1", want...)
			return err
		}))
	}
	expect(t, "amount", v.Amount.Amount, int64(50+100)) // two of three for 76: 50
	id := v.ID
	v.ID = ""
	expect(t, "preview", fmt.Sprint(seen.Body), fmt.Sprint(v))
	gbp := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }
	w.ExpectEvents(t,
		&event.ShipmentReduced{
			Shipment: "shp_a_1", Order: "ord_a", Payment: "pay_a", Dealer: "dlr_1",
			Cancellation: id, Refund: "rfn_" + id + "_1", Lines: items("SKU-1", 2),
			Amount: gbp(50), Left: gbp(51), Reason: "customer", By: customer,
		},
		&event.ShipmentReduced{
			Shipment: "shp_a_2", Order: "ord_a", Payment: "pay_a", Dealer: "dlr_2",
			Cancellation: id, Refund: "rfn_" + id + "_2", Lines: items("SKU-2", 2),
			Amount: gbp(100), Left: gbp(0), Empty: true, Reason: "customer", By: customer,
		},
		&event.ShipmentCancelled{Shipment: "shp_a_2", Order: "ord_a"})
	step(t, w, func() error { _, err := s.Pack(t.Context(), admin(), "shp_a_1"); return err })
	sh, err := s.Get(t.Context(), admin(), "shp_a_1")
	must(t, err)
	expect(t, "amount to take", sh.Amount, gbp(51))
	expect(t, "lines", fmt.Sprint(sh.Lines), fmt.Sprint(
		append(items("SKU-1", 1), items("SKU-B", 1)...)))
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a customer cancels until the dealer packs, the operator until the parcel leaves, but nobody
// while its money is on its way; and all of a wish is refused if a part of it is. Nobody else
// learns that there is an order. Method: one order at each stage; each refusal; nothing announced.
func TestWhoMayCancelUnitsAndWhen(t *testing.T) {
	t.Parallel()
	w, s := openCuts(t, roomtest.Calm())
	w.Start(t, s)
	office := w.As(t, "adm_1", room.Admin())
	one := items("SKU-1", 1)
	refused := func(what string, ctx context.Context, code shop.Code, lines ...event.ParcelLine) {
		t.Helper()
		if _, err := cutUnits(ctx, s, what, lines...); shop.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	refused("before it has parcels", buyer(w, t), shop.NotFound, one...)
	w.Announce(t, placed(t, w, "ord_a", 2))
	w.Settle(t)
	w.Skip(t)
	refused("a stranger", w.As(t, "cus_2", room.Customer()), shop.NotFound, one...)
	refused("a dealer", w.As(t, "dlr_1", room.Dealer()), shop.NotFound, one...)
	refused("too many", buyer(w, t), shop.Conflict, append(one, items("SKU-2", 3)...)...)
	refused("what it has not", buyer(w, t), shop.Conflict, items("SKU-9", 1)...)
	refused("twice the same", buyer(w, t), shop.Invalid, append(one, one...)...)
	refused("nothing", buyer(w, t), shop.Invalid)
	refused("no units", buyer(w, t), shop.Invalid, items("SKU-1", 0)...)
	w.ExpectEvents(t)

	_, err := s.Pack(t.Context(), admin(), "shp_a_1")
	must(t, err)
	refused("packed", buyer(w, t), shop.Conflict, one...)
	refused("packed, by the operator", office, shop.Conflict, one...)
	w.Announce(t, captured("ord_a", 1))
	w.Settle(t)
	refused("paid", buyer(w, t), shop.Conflict, one...)
	v, err := cutUnits(office, s, "office", one...)
	must(t, err)
	expect(t, "goes back", v.Parcels[0].Refunded, true)
	_, err = s.Dispatch(t.Context(), admin(), "shp_a_1", "")
	must(t, err)
	refused("gone", office, shop.Conflict, one...)
	w.Announce(t, cancelled("ord_a", "placed"))
	w.Settle(t)
	refused("cancelled whole", office, shop.Conflict, items("SKU-2", 1)...)
	w.FoldEqualsState(t, s)
}

// Goal: of packing and cancelling the same units exactly one wins. Method: both at once, many
// times; a parcel is packed for what it then holds, and never for what was cancelled.
func TestPackingAndCancellingAtOnce(t *testing.T) {
	t.Parallel()
	w, s := openCuts(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 40))
	w.Settle(t)
	office := w.As(t, "adm_1", room.Admin())
	for n := 1; n <= 40; n++ {
		id, done := fulfilment.ID("ord_a", n), make(chan error)
		sku := shop.SKU(fmt.Sprintf("SKU-%d", n))
		go func() { _, err := s.Pack(office, admin(), id); done <- err }()
		_, cutErr := cutUnits(buyer(w, t), s, string(id), event.ParcelLine{SKU: sku, Quantity: 1})
		must(t, <-done)
		sh, err := s.Get(t.Context(), admin(), id)
		must(t, err)
		want := int64(50)
		if cutErr != nil {
			want = 100
			expectCode(t, cutErr, shop.Conflict)
		}
		expect(t, string(id), sh.Amount.Amount, want)
		expect(t, string(id), sh.State, fulfilment.Packed())
	}
	w.FoldEqualsState(t, s)
}
