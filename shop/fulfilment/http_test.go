package fulfilment_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: a shipment and its address are shown to exactly those who may see them, and after erasure
// the address is gone while the shipment stays.
// Method: ask as everybody.
func TestWhoSeesAShipment(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1))
	w.Settle(t)
	in := &fulfilment.GetShipmentIn{ID: "shp_a_1"}
	for _, who := range []struct {
		id            shop.ID
		role          room.Role
		sees, address bool
	}{
		{"dlr_1", room.Dealer(), true, true},
		{"dlr_2", room.Dealer(), false, false},
		{customer, room.Customer(), true, true},
		{"cus_2", room.Customer(), false, false},
		{"adm_1", room.Admin(), true, true},
		{"svc_1", room.ServiceRole(), true, false},
		{"", room.Role{}, false, false},
	} {
		out, err := s.GetShipment(w.As(t, who.id, who.role), in)
		if !who.sees {
			expectCode(t, err, shop.NotFound)
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", who.role, who.id, err)
			continue
		}
		if (out.Body.ShipTo != nil) != who.address {
			t.Errorf("%s %s: the address is %v", who.role, who.id, out.Body.ShipTo)
		}
	}
	if err := w.Raw.Keys().Erase(t.Context(), string(customer)); err != nil {
		t.Fatalf("erase: %v", err)
	}
	out, err := s.GetShipment(w.As(t, "dlr_1", room.Dealer()), in)
	if err != nil || out.Body.ShipTo != nil {
		t.Errorf("after erasure: %+v, %v", out, err)
	}
}

// Goal: a step with a key is answered with the same bytes for ever, a changed request with that key
// is refused, and what is stored for the replay holds no address.
// Method: dispatch twice with one key around a delivery, then with another body.
func TestStepWithKey(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1))
	w.Settle(t)
	ctx := w.As(t, "dlr_1", room.Dealer())
	if _, err := s.PostPack(ctx, &fulfilment.PackIn{ID: "shp_a_1", Key: "p"}); err != nil {
		t.Fatalf("pack: %v", err)
	}
	w.Announce(t, captured("ord_a", 1))
	w.Settle(t)
	in := &fulfilment.DispatchIn{
		ID: "shp_a_1", Key: "d", Body: &fulfilment.DispatchBody{Tracking: "T1"},
	}
	first, err := s.PostDispatch(ctx, in)
	if err != nil || first.Status != 200 {
		t.Fatalf("dispatch: %+v, %v", first, err)
	}
	if _, err := s.PostDeliver(ctx, &fulfilment.StepIn{ID: "shp_a_1"}); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	again, err := s.PostDispatch(ctx, in)
	if err != nil || !bytes.Equal(first.Body, again.Body) {
		t.Errorf("again: %s, %v; first %s", again.Body, err, first.Body)
	}
	in.Body.Tracking = "T2"
	_, err = s.PostDispatch(ctx, in)
	expectCode(t, err, shop.KeyReused)
	body := string(first.Body)
	if strings.Contains(body, home().Name) || !strings.Contains(body, "T1") {
		t.Errorf("the answer is %s", first.Body)
	}
	in.Key, in.Body.Tracking = "e", strings.Repeat("x", 101)
	_, err = s.PostDispatch(ctx, in)
	expectCode(t, err, shop.Invalid)
}

// Goal: only the dealer of a shipment moves it; its customer is told so, others see nothing.
// Method: pack as others.
func TestWhoMovesAShipment(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a", 1))
	w.Settle(t)
	in := &fulfilment.PackIn{ID: "shp_a_1"}
	_, err := s.PostPack(w.As(t, customer, room.Customer()), in)
	expectCode(t, err, shop.Forbidden)
	_, err = s.PostPack(w.As(t, "dlr_2", room.Dealer()), in)
	expectCode(t, err, shop.NotFound)
	_, err = s.PostPack(w.As(t, "dlr_1", room.Dealer()), &fulfilment.PackIn{ID: "shp_none_1"})
	expectCode(t, err, shop.NotFound)
	_, err = s.PostPack(w.As(t, "dlr_1", room.Dealer()), &fulfilment.PackIn{ID: "no/id"})
	expectCode(t, err, shop.NotFound)
	expectState(t, s, "shp_a_1", fulfilment.Requested())
}

// Goal: pages of a dealer's list neither skip nor repeat, and nobody reads another dealer's.
// Method: walk five shipments by twos.
func TestListOfADealer(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	for _, x := range []shop.ID{"ord_a", "ord_b", "ord_c", "ord_d", "ord_e"} {
		w.Announce(t, placed(t, w, x, 2))
	}
	w.Settle(t)
	ctx := w.As(t, "dlr_1", room.Dealer())
	var seen []string
	for in := (&fulfilment.GetShipmentsIn{Limit: 2}); ; {
		out, err := s.GetShipments(ctx, in)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		for _, sh := range out.Body.Items {
			seen = append(seen, string(sh.ID))
		}
		if in.Cursor = out.Body.Next; in.Cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "shp_e_1 shp_d_1 shp_c_1 shp_b_1 shp_a_1" {
		t.Errorf("the list is %s", got)
	}
	_, err := s.GetShipments(ctx, &fulfilment.GetShipmentsIn{Dealer: "dlr_2", Limit: 2})
	expectCode(t, err, shop.NotFound)
	_, err = s.GetShipments(ctx, &fulfilment.GetShipmentsIn{Limit: 2, Cursor: "a b"})
	expectCode(t, err, shop.Invalid)
	_, err = s.GetShipments(w.As(t, "adm_1", room.Admin()), &fulfilment.GetShipmentsIn{Limit: 2})
	expectCode(t, err, shop.Invalid)
}
