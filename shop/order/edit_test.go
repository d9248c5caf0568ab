package order_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func (s *stage) buyer(t roomtest.T) context.Context { return s.As(t, "cus_1", room.Customer()) }

// add asks to add cups to ord_1, as a good client does: until it knows.
func (s *stage) add(
	t roomtest.T, key string, version, cups int64,
) (v order.EditView, err error) {
	in := &order.PostEditIn{ID: "ord_1", Key: key, Body: order.EditBody{
		Version: version, Add: []order.Item{{SKU: "CUP", Quantity: cups}},
	}}
	err = s.Persist(func() error {
		out, err := s.orders.PostEdit(s.buyer(t), in)
		if err != nil {
			return err
		}
		return json.Unmarshal(out.Body, &v)
	})
	return v, err
}

// authorises says that money is there for a supplement of three cups: 999, 300 and a fifth of both.
func authorises(id shop.ID) *event.PaymentAuthorized {
	f := authorized(id)
	f.Amount = gbp(1559)
	return f
}

func (s *stage) edits(t roomtest.T, id shop.ID) string {
	t.Helper()
	var all []string
	for _, e := range s.get(t, id).Edits {
		all = append(all, fmt.Sprint(e.Status, " ", e.Reason, " ", e.Total.Amount))
	}
	return fmt.Sprint(all)
}

// Goal: what is added to an order is an order of its own, at today's prices, to the same address,
// with the same card; the order itself keeps its totals, and knows what became of the edit. The
// preview says what it costs and does nothing. Method: three cups to a mug and a pot; the price by
// hand; every request and fact twice; default faults.
func TestSomethingIsAdded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	s.Skip(t)
	version := s.get(t, "ord_1").Version
	look, err := s.orders.PreviewEdit(s.buyer(t), &order.PreviewEditIn{
		ID: "ord_1", Body: order.EditBody{
			Version: version, Add: []order.Item{{SKU: "CUP", Quantity: 3}},
		},
	})
	if err != nil || look.Body.Charged != gbp(1559) || look.Body.Together != gbp(total+1559) {
		t.Fatalf("preview: %+v, %v", look, err)
	}
	var v order.EditView
	for range 2 {
		if v, err = s.add(t, "k1", version, 3); err != nil {
			t.Fatal(err)
		}
	}
	if v.Status != "pending" || v.Total != gbp(1559) {
		t.Errorf("answered %+v", v)
	}
	if _, err := s.add(t, "k2", version+1, 1); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("while another waits: %v", err)
	}
	for range 2 {
		s.Announce(t, authorises(v.Order))
		s.Settle(t)
	}
	s.expectStatus(t, v.Order, "placed", "authorized", "unfulfilled")
	s.expectStatus(t, "ord_1", "placed", "authorized", "unfulfilled")
	first, added := s.get(t, "ord_1"), s.get(t, v.Order)
	if first.Total != gbp(total) || s.edits(t, "ord_1") != "[done  1559]" {
		t.Errorf("the order is %+v", first)
	}
	if added.Supplements != "ord_1" || added.ShipTo.Name != "Ada" ||
		added.Email != "ada@example.org" {
		t.Errorf("the supplement is %+v", added)
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: without stock, without money, in time or by its customer's wish, nothing is added, and the
// order stands as it was; and then something else may be added. Method: each end of a supplement;
// then one that is placed. An order that ends takes with it what was still to be added.
func TestNothingIsAddedByHalves(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	for i, end := range []struct {
		reason string
		how    func(id shop.ID)
	}{
		{"out_of_stock", func(id shop.ID) {
			s.Announce(t, &event.StockRejected{Order: id, SKU: "CUP", Wanted: 3})
		}},
		{"payment_failed", func(id shop.ID) { s.Announce(t, failed(id, true)) }},
		{"expired", func(shop.ID) { s.Manual.Advance(policy().TTL) }},
		{"customer", func(id shop.ID) { s.mustCancel(t, id) }},
	} {
		v, err := s.add(t, fmt.Sprint("k", i), s.get(t, "ord_1").Version, 3)
		if err != nil {
			t.Fatal(err)
		}
		end.how(v.Order)
		s.Settle(t)
		s.expectStatus(t, "ord_1", "placed", "authorized", "unfulfilled")
		if e := s.get(t, "ord_1").Edits; e[i].Status != "refused" || e[i].Reason != end.reason {
			t.Errorf("%s: %+v", end.reason, e)
		}
		s.Announce(t, authorises(v.Order)) // too late: payment gives it back
		s.Settle(t)
	}
	v, err := s.add(t, "last", s.get(t, "ord_1").Version, 3)
	if err != nil {
		t.Fatal(err)
	}
	s.mustCancel(t, "ord_1")
	s.expectStatus(t, v.Order, "cancelled", "none", "unfulfilled")
	if e := s.get(t, "ord_1").Edits; e[4].Status != "refused" {
		t.Errorf("the order has ended, and its edit is %+v", e[4])
	}
	if _, err := s.add(t, "late", s.get(t, "ord_1").Version, 1); shop.CodeOf(err) != shop.Illegal {
		t.Errorf("adding to a cancelled order: %v", err)
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: nothing is added to an order while it is stopped, also what was asked for before. Method:
// an administrator stops it between the edit and the bank's answer.
func TestAHoldDropsWhatIsBeingAdded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	v, err := s.add(t, "k", s.get(t, "ord_1").Version, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Persist(func() error {
		_, err := s.orders.Hold(s.As(t, "adm_1", room.Admin()), "ord_1", "fraud")
		if shop.CodeOf(err) == shop.Illegal && s.get(t, "ord_1").Status == "on_hold" {
			return nil // the first call had happened
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.Announce(t, authorises(v.Order)) // too late: payment gives it back
	s.Settle(t)
	s.expectStatus(t, v.Order, "cancelled", "none", "unfulfilled")
	if e := s.get(t, "ord_1").Edits; len(e) != 1 || e[0].Status != "refused" ||
		e[0].Reason != "held" {
		t.Errorf("the order is stopped, and its edit is %+v", e)
	}
	s.FoldEqualsState(t, s.orders)
	s.ExpectNoDeadLetters(t)
}

// Goal: of two edits at once exactly one passes, and of what is not right nothing is kept. Method:
// twenty at once with the same version; then each refusal.
func TestOneEditAtATime(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	s.place(t, "ord_1")
	version := s.get(t, "ord_1").Version
	refusals := []struct {
		ctx  context.Context
		body order.EditBody
		code shop.Code
	}{
		{s.As(t, "cus_2", room.Customer()), body(version, "CUP", 1), shop.NotFound},
		{s.As(t, "dlr_a", room.Dealer()), body(version, "CUP", 1), shop.NotFound},
		{s.buyer(t), body(version-1, "CUP", 1), shop.Conflict},
		{s.buyer(t), body(version, "GONE", 1), shop.UnknownSKU},
		{s.buyer(t), body(version, "CUP", 0), shop.Invalid},
		{s.buyer(t), order.EditBody{Version: version}, shop.Invalid},
		{s.buyer(t), order.EditBody{
			Version: version, Add: body(version, "CUP", 1).Add, ExpectedTotal: new(shop.Money),
		}, shop.TotalChanged},
	}
	for i, r := range refusals {
		_, err := s.orders.PostEdit(r.ctx, &order.PostEditIn{
			ID: "ord_1", Key: fmt.Sprint("r", i), Body: r.body,
		})
		if shop.CodeOf(err) != r.code {
			t.Errorf("refusal %d: %v, want %s", i, err, r.code)
		}
	}
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		pass int
	)
	for i := range 20 {
		all.Go(func() {
			_, err := s.add(t, fmt.Sprint("k", i), version, 3)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				pass++
			} else if shop.CodeOf(err) != shop.Conflict {
				t.Errorf("edit %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if e := s.edits(t, "ord_1"); pass != 1 || e != "[pending  1559]" {
		t.Errorf("%d passed: %s", pass, e)
	}
	s.FoldEqualsState(t, s.orders)
}

func body(version int64, sku shop.SKU, n int64) order.EditBody {
	return order.EditBody{Version: version, Add: []order.Item{{SKU: sku, Quantity: n}}}
}
