package fulfilment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// prices is an order room in which every SKU of every order costs 30 a line, sold by the first
// dealer: SKU-1 in a parcel of 100 leaves 70 of shipping and tax.
type prices struct{}

// Priced implements fulfilment.Orders.
func (prices) Priced(context.Context, shop.ID) ([]fulfilment.Priced, error) {
	return []fulfilment.Priced{
		{SKU: "SKU-1", Dealer: "dlr_1", Title: "A lamp", Amount: 30, Units: 3},
		{SKU: "SKU-B", Dealer: "dlr_1", Title: "A bulb", Amount: 10, Units: 1},
	}, nil
}

// delivered brings an order of one parcel to its customer: three of SKU-1 and one of SKU-B, for
// 101 altogether, which no number of units divides.
func delivered(t *testing.T, w *roomtest.World, s *fulfilment.Service, order shop.ID) shop.ID {
	t.Helper()
	f := placed(t, w, order, 1)
	f.Total = 101
	f.Parcels[0].Amount, f.Parcels[0].Items, f.Parcels[0].Shipping = 101, 40, 61
	f.Parcels[0].Lines = []event.ParcelLine{
		{SKU: "SKU-1", Quantity: 3}, {SKU: "SKU-B", Quantity: 1},
	}
	w.Announce(t, f)
	w.Settle(t)
	id := fulfilment.ID(order, 1)
	ctx := w.As(t, "adm_1", room.Admin())
	step(t, w, func() error { _, err := s.Pack(ctx, admin(), id); return err })
	c := captured(order, 1)
	c.Amount.Amount = 101
	w.Announce(t, c)
	w.Settle(t)
	step(t, w, func() error { _, err := s.Dispatch(ctx, admin(), id, "T1"); return err })
	step(t, w, func() error { _, err := s.Deliver(ctx, admin(), id); return err })
	return id
}

func buyer(w *roomtest.World, t *testing.T) context.Context {
	return w.As(t, customer, room.Customer())
}

func seller(w *roomtest.World, t *testing.T) context.Context {
	return w.As(t, "dlr_1", room.Dealer())
}

// ask sends a wish to return and returns what was answered.
func ask(
	t *testing.T, w *roomtest.World, s *fulfilment.Service, shipment shop.ID, key string,
	wishes ...fulfilment.Wish,
) (fulfilment.ReturnView, error) {
	t.Helper()
	in := &fulfilment.PostReturnIn{ID: "ord_" + string(shipment)[4:len(shipment)-2], Key: key}
	in.Body.Shipment, in.Body.Lines = shipment, wishes
	return view(t, w, func() (*fulfilment.StepOut, error) { return s.PostReturn(buyer(w, t), in) })
}

func view(
	t *testing.T, w *roomtest.World, call func() (*fulfilment.StepOut, error),
) (fulfilment.ReturnView, error) {
	t.Helper()
	var v fulfilment.ReturnView
	var out *fulfilment.StepOut
	err := w.Persist(func() (err error) {
		out, err = call()
		return err
	})
	w.Settle(t)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(out.Body, &v); err != nil {
		t.Fatal(err)
	}
	return v, nil
}

func wish(sku shop.SKU, n int64) fulfilment.Wish {
	return fulfilment.Wish{SKU: sku, Quantity: n, Reason: "unwanted"}
}

func items(sku shop.SKU, n int64) []event.ParcelLine {
	return []event.ParcelLine{{SKU: sku, Quantity: n}}
}

// receive and inspect are the dealer's.
func receive(
	t *testing.T, w *roomtest.World, s *fulfilment.Service, id shop.ID, key string,
	items []event.ParcelLine,
) (fulfilment.ReturnView, error) {
	in := &fulfilment.ReceiveIn{ID: string(id), Key: key}
	in.Body.Items = items
	return view(t, w, func() (*fulfilment.StepOut, error) {
		return s.PostReceiveReturn(seller(w, t), in)
	})
}

func inspect(
	t *testing.T, w *roomtest.World, s *fulfilment.Service, id shop.ID, key string,
	units ...event.InspectedUnits,
) (fulfilment.ReturnView, error) {
	in := &fulfilment.InspectIn{ID: string(id), Key: key}
	in.Body.Units = units
	return view(t, w, func() (*fulfilment.StepOut, error) {
		return s.PostInspectReturn(seller(w, t), in)
	})
}

func approve(
	t *testing.T, w *roomtest.World, s *fulfilment.Service, id shop.ID, key string,
) (fulfilment.ReturnView, error) {
	in := &fulfilment.StepIn{ID: string(id), Key: key}
	return view(t, w, func() (*fulfilment.StepOut, error) {
		return s.PostApproveReturn(seller(w, t), in)
	})
}

// repay announces what payment says when the refund of an inspection went back.
func repay(t *testing.T, w *roomtest.World, r fulfilment.ReturnView, refund shop.ID, amount int64) {
	t.Helper()
	w.Announce(t, &event.PaymentRefunded{
		Payment: "pay_a", Order: r.Order, Refund: refund, Shipment: r.Shipment,
		Amount: shop.Money{Amount: amount, Currency: "GBP"}, Key: "k", Reason: "return",
		Reference: "r",
	})
	w.Settle(t)
}

// Goal: goods that come back in parts, whatever becomes of them, give back exactly what was paid
// for them, to the last cent, and the return closes by itself when its money is back.
// Method: three units of 76 paid and one of 25, in two returns, three receipts and four
// inspections; the amounts by hand; each request twice with its key; default faults.
func TestReturnGivesBackWhatWasPaid(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	shipment := delivered(t, w, s, "ord_a")

	r, err := ask(t, w, s, shipment, "one", wish("SKU-1", 2), wish("SKU-B", 1))
	must(t, err)
	again, err := ask(t, w, s, shipment, "one", wish("SKU-1", 2), wish("SKU-B", 1))
	must(t, err)
	if again.ID != r.ID || r.Status != "requested" || r.Lines[0].Worth != 50 {
		t.Fatalf("the same request is %+v and %+v", r, again)
	}
	_, err = approve(t, w, s, r.ID, "yes")
	must(t, err)
	_, err = receive(t, w, s, r.ID, "first", items("SKU-1", 1))
	must(t, err)
	r, err = receive(t, w, s, r.ID, "first", items("SKU-1", 1)) // the same receipt
	must(t, err)
	expect(t, "status", r.Status, "partially_received")
	r, err = inspect(t, w, s, r.ID, "look", unit("SKU-1", 1, fulfilment.Restock))
	must(t, err)
	expect(t, "amount of the first unit", r.Refunds[0].Amount.Amount, 25)
	_, err = receive(t, w, s, r.ID, "second",
		[]event.ParcelLine{{SKU: "SKU-1", Quantity: 1}, {SKU: "SKU-B", Quantity: 1}})
	must(t, err)
	r, err = inspect(t, w, s, r.ID, "look again",
		unit("SKU-1", 1, fulfilment.Scrap), unit("SKU-B", 1, fulfilment.Quarantine))
	must(t, err)
	expect(t, "amount of the second unit and the bulb", r.Refunds[1].Amount.Amount, 25+25)
	expect(t, "status", r.Status, "inspected")
	repay(t, w, r, r.Refunds[1].ID, 50)
	repay(t, w, r, r.Refunds[0].ID, 25)
	repay(t, w, r, r.Refunds[0].ID, 25) // twice is once

	last, err := ask(t, w, s, shipment, "two", wish("SKU-1", 1))
	must(t, err)
	_, err = approve(t, w, s, last.ID, "yes too")
	must(t, err)
	_, err = receive(t, w, s, last.ID, "third", items("SKU-1", 1))
	must(t, err)
	last, err = inspect(t, w, s, last.ID, "look on", unit("SKU-1", 1, fulfilment.Restock))
	must(t, err)
	expect(t, "amount of the last unit, which takes the rest", last.Refunds[0].Amount.Amount, 26)
	repay(t, w, last, last.Refunds[0].ID, 26)
	for _, id := range []shop.ID{r.ID, last.ID} {
		got, err := s.GetReturn(t.Context(), admin(), id)
		must(t, err)
		expect(t, "status of "+string(id), got.Status(), "closed")
	}
	if n := len(w.Timers(t)); n != 0 {
		t.Errorf("%d timers are left", n)
	}
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: what must not be is refused and changes nothing: more than was delivered, what is under way
// already, another's parcel, a closed window, a step out of turn.
// Method: each refusal by its code, from a parcel of three.
func TestReturnsRefuse(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	shipment := delivered(t, w, s, "ord_a")
	w.Announce(t, placed(t, w, "ord_b", 1))
	w.Settle(t)
	refused := func(what string, err error, code shop.Code) {
		t.Helper()
		if shop.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	try := func(key string, wishes ...fulfilment.Wish) error {
		_, err := ask(t, w, s, shipment, key, wishes...)
		return err
	}
	refused("more than delivered", try("1", wish("SKU-1", 4)), shop.Conflict)
	refused("nothing", try("2"), shop.Invalid)
	refused("none of a SKU", try("3", wish("SKU-1", 0)), shop.Conflict)
	refused("a SKU of another parcel", try("4", wish("SKU-2", 1)), shop.Invalid)
	refused("a SKU twice", try("5", wish("SKU-1", 1), wish("SKU-1", 1)), shop.Invalid)
	refused("no such reason",
		try("6", fulfilment.Wish{SKU: "SKU-1", Quantity: 1, Reason: "x"}), shop.Invalid)
	_, err := ask(t, w, s, "shp_b_1", "7", wish("SKU-1", 1))
	refused("what has not arrived", err, shop.Illegal)

	r, err := ask(t, w, s, shipment, "8", wish("SKU-1", 2))
	must(t, err)
	refused("what is under way", try("9", wish("SKU-1", 2)), shop.Conflict)
	refused("the same key for another wish", try("8", wish("SKU-1", 1)), shop.KeyReused)
	_, err = receive(t, w, s, r.ID, "10", items("SKU-1", 1))
	refused("goods before the answer", err, shop.Illegal)
	_, err = s.PostApproveReturn(buyer(w, t), &fulfilment.StepIn{ID: string(r.ID), Key: "11"})
	refused("the customer approves", err, shop.Forbidden)
	other := w.As(t, "dlr_2", room.Dealer())
	_, err = s.PostApproveReturn(other, &fulfilment.StepIn{ID: string(r.ID), Key: "12"})
	refused("another dealer approves", err, shop.NotFound)
	_, err = s.GetReturn(t.Context(), room.Caller{ID: "cus_2", Role: room.Customer()}, r.ID)
	refused("another customer looks", err, shop.NotFound)
	_, err = s.PostCancelReturn(seller(w, t), &fulfilment.StepIn{ID: string(r.ID), Key: "13"})
	refused("the dealer withdraws it", err, shop.Forbidden)
	_, err = s.PostApproveReturn(seller(w, t), &fulfilment.StepIn{ID: string(r.ID)})
	refused("no key", err, shop.KeyMissing)

	_, err = approve(t, w, s, r.ID, "14")
	must(t, err)
	_, err = receive(t, w, s, r.ID, "15", items("SKU-1", 3))
	refused("more arrives than was asked for", err, shop.Conflict)
	_, err = inspect(t, w, s, r.ID, "16", unit("SKU-1", 1, fulfilment.Restock))
	refused("a verdict before it arrived", err, shop.Conflict)
	_, err = receive(t, w, s, r.ID, "17", items("SKU-1", 1))
	must(t, err)
	_, err = inspect(t, w, s, r.ID, "18", unit("SKU-1", 2, fulfilment.Restock))
	refused("a verdict on more than arrived", err, shop.Conflict)
	_, err = inspect(t, w, s, r.ID, "19", unit("SKU-1", 1, "eat"))
	refused("no such verdict", err, shop.Invalid)
	_, err = s.PostCancelReturn(buyer(w, t), &fulfilment.StepIn{ID: string(r.ID), Key: "20"})
	refused("withdrawn after goods came", err, shop.Illegal)
	w.Advance(t, 15*24*time.Hour)
	refused("after the window", try("21", wish("SKU-B", 1)), shop.Illegal)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: nothing waits for ever. Silence approves; what does not arrive does not come back, and may
// be asked for again while the window is open; of what arrives in part the rest lapses.
// Method: three returns and a clock.
func TestReturnsByTheClock(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	s := fulfilment.New(w.Desk("fulfilment"), fulfilment.Options{
		Orders: prices{}, Policy: fulfilment.Policy{ReturnWindow: 90 * 24 * time.Hour},
	})
	w.Start(t, s)
	shipment := delivered(t, w, s, "ord_a")
	silent, err := ask(t, w, s, shipment, "silent", wish("SKU-1", 3))
	must(t, err)
	status := func(id shop.ID, want string) {
		t.Helper()
		r, err := s.GetReturn(t.Context(), admin(), id)
		must(t, err)
		expect(t, "status of "+string(id), r.Status(), want)
	}
	w.Advance(t, 7*24*time.Hour)
	status(silent.ID, "approved")
	w.Advance(t, 30*24*time.Hour)
	status(silent.ID, "closed")

	partly, err := ask(t, w, s, shipment, "partly", wish("SKU-1", 3))
	must(t, err)
	_, err = approve(t, w, s, partly.ID, "yes")
	must(t, err)
	_, err = receive(t, w, s, partly.ID, "some", items("SKU-1", 1))
	must(t, err)
	w.Advance(t, 31*24*time.Hour)
	_, err = receive(t, w, s, partly.ID, "too late", items("SKU-1", 1))
	expectCode(t, err, shop.Conflict)
	partly, err = inspect(t, w, s, partly.ID, "look", unit("SKU-1", 1, fulfilment.Restock))
	must(t, err)
	repay(t, w, partly, partly.Refunds[0].ID, 25)
	status(partly.ID, "closed")
	_, err = ask(t, w, s, shipment, "the others", wish("SKU-1", 2))
	must(t, err)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: a refund that the provider refuses keeps the return open until it goes back; one for which
// nothing is left, since the parcel's money went back by hand, ends it.
// Method: payment's facts in both cases, in an order in which the refusal may come late.
func TestReturnWhoseRefundIsRefused(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{"declined": "declined", "gone": "nothing_left"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := open(t)
			w.Start(t, s)
			r, err := ask(t, w, s, delivered(t, w, s, "ord_a"), "ask", wish("SKU-1", 1))
			must(t, err)
			_, err = approve(t, w, s, r.ID, "yes")
			must(t, err)
			_, err = receive(t, w, s, r.ID, "there", items("SKU-1", 1))
			must(t, err)
			r, err = inspect(t, w, s, r.ID, "look", unit("SKU-1", 1, fulfilment.Restock))
			must(t, err)
			w.Announce(t, &event.PaymentRefundFailed{
				Payment: "pay_a", Order: "ord_a", Refund: r.Refunds[0].ID, Key: "k",
				Reason: reason,
			})
			w.Settle(t)
			got, err := s.GetReturn(t.Context(), admin(), r.ID)
			must(t, err)
			if name == "gone" {
				expect(t, "status", got.Status(), "closed")
				expect(t, "refunded", got.Refunded(), int64(0))
				return
			}
			expect(t, "status", got.Status(), "inspected")
			expect(t, "refund", got.Refunds[0].State, "refused")
			repay(t, w, r, r.Refunds[0].ID, 25)
			got, err = s.GetReturn(t.Context(), admin(), r.ID)
			must(t, err)
			expect(t, "status", got.Status(), "closed")
			w.FoldEqualsState(t, s)
		})
	}
}

func unit(sku shop.SKU, n int64, verdict string) event.InspectedUnits {
	return event.InspectedUnits{SKU: sku, Quantity: n, Verdict: verdict}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Error(fmt.Sprintf("%s is %v, want %v", what, got, want))
	}
}
