package fulfilment_test

import (
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: a dealer sends a parcel in as many parts as it takes; the parts hold and cost together what
// the parcel did, and each goes its own way.
// Method: three lamps and a bulb for 101, packed in three parts, each step twice; the amounts by
// hand; default faults.
func TestPartsOfAParcel(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	f := placed(t, w, "ord_a", 1)
	f.Total, f.Parcels[0].Amount, f.Parcels[0].Items, f.Parcels[0].Shipping = 101, 101, 40, 61
	f.Parcels[0].Lines = []event.ParcelLine{
		{SKU: "SKU-1", Quantity: 3}, {SKU: "SKU-B", Quantity: 1},
	}
	w.Announce(t, f)
	w.Settle(t)
	for i, part := range []struct {
		id     shop.ID
		lines  []event.ParcelLine
		amount int64
		rest   shop.ID
	}{
		{"shp_a_1", items("SKU-1", 1), 25, "shp_a_2"}, // 76 for three of them
		{"shp_a_2", items("SKU-B", 1), 25, "shp_a_3"},
		{"shp_a_3", items("SKU-1", 2), 51, ""},
	} {
		for range 2 {
			must(t, w.Persist(func() error { return packPart(t, w, s, part.id, part.lines) }))
			w.Settle(t)
		}
		sh, err := s.Get(t.Context(), admin(), part.id)
		must(t, err)
		expect(t, "amount", sh.Amount.Amount, part.amount)
		expect(t, "rest", sh.Rest, part.rest)
		expect(t, "state", sh.State, fulfilment.Packed())
		c := captured("ord_a", i+1)
		c.Amount.Amount = part.amount
		w.Announce(t, c)
		w.Settle(t)
		ctx := w.As(t, "adm_1", room.Admin())
		step(t, w, func() error { _, err := s.Dispatch(ctx, admin(), part.id, ""); return err })
	}
	expectCode(t, packPart(t, w, s, "shp_a_1", items("SKU-1", 2)), shop.Illegal)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

func packPart(
	t *testing.T, w *roomtest.World, s *fulfilment.Service, id shop.ID, lines []event.ParcelLine,
) error {
	_, err := s.PostPack(seller(w, t), &fulfilment.PackIn{
		ID: string(id), Body: &fulfilment.PackBody{Lines: lines},
	})
	return err
}

// Goal: what is no part is refused, and a cancelled order takes all parts with it that have not
// left. Method: each refusal; a parcel in two parts, of which the first has left.
func TestPartsRefusedAndCancelled(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1))
	w.Settle(t)
	for name, try := range map[string]struct {
		lines []event.ParcelLine
		code  shop.Code
	}{
		"more than there is": {items("SKU-1", 3), shop.Conflict},
		"nothing":            {items("SKU-1", 0), shop.Invalid},
		"something else":     {items("SKU-9", 1), shop.Invalid},
		"the same twice":     {append(items("SKU-1", 1), items("SKU-1", 1)...), shop.Invalid},
		"no lines":           {nil, shop.Invalid},
	} {
		if err := packPart(t, w, s, "shp_a_1", try.lines); shop.CodeOf(err) != try.code {
			t.Errorf("%s: %v, want %s", name, err, try.code)
		}
	}
	must(t, packPart(t, w, s, "shp_a_1", items("SKU-1", 1)))
	w.Announce(t, captured("ord_a", 1))
	w.Settle(t)
	_, err := s.Dispatch(t.Context(), admin(), "shp_a_1", "")
	must(t, err)
	w.Announce(t, cancelled("ord_a", "placed"))
	w.Settle(t)
	for id, want := range map[shop.ID]fulfilment.State{
		"shp_a_1": fulfilment.Dispatched(), "shp_a_2": fulfilment.Cancelled(),
	} {
		sh, err := s.Get(t.Context(), admin(), id)
		must(t, err)
		expect(t, string(id), sh.State, want)
	}
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}
