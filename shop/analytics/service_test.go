package analytics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func open(t *testing.T, opts ...roomtest.Option) (*roomtest.World, *analytics.Service) {
	t.Helper()
	w := roomtest.New(t, opts...)
	return w, analytics.New(w.Desk("analytics"))
}

func created(order shop.ID) *event.OrderCreated {
	return &event.OrderCreated{
		Order: order, Customer: "cus_1", Currency: "GBP", Items: 100, Total: 100, Origin: "http",
		Lines: []event.OrderLine{{
			SKU: "A", Dealer: "dlr_1", Quantity: 1, UnitPrice: 100, Amount: 100,
		}},
	}
}

// placed is an order of one parcel with so many products, each once, for 10 each and 7 tax.
func placed(order shop.ID, products int) *event.OrderPlaced {
	p := event.Parcel{Dealer: "dlr_1", Items: int64(products) * 10, Tax: 7}
	p.Amount = p.Items + p.Tax
	for i := range products {
		sku := shop.SKU(fmt.Sprintf("S%03d", i))
		p.Lines = append(p.Lines, event.ParcelLine{SKU: sku, Quantity: 1})
	}
	return &event.OrderPlaced{
		Order: order, Customer: "cus_1", Payment: "pay_1", Currency: "GBP", Total: p.Amount,
		Parcels: []event.Parcel{p},
	}
}

func money(amount int64) shop.Money { return shop.Money{Amount: amount, Currency: "GBP"} }

// story is a little of everything.
func story() []event.Fact {
	var facts []event.Fact
	for i := range 6 {
		facts = append(facts, created(shop.ID(fmt.Sprintf("ord_%d", i))))
	}
	return append(facts,
		placed("ord_0", 1), placed("ord_1", 3), placed("ord_2", 200),
		&event.OrderCancelled{Order: "ord_2", Customer: "cus_1", From: "placed"},
		&event.OrderCancelled{Order: "ord_3", Customer: "cus_1", From: "pending_payment"},
		&event.OrderExpired{Order: "ord_4", Customer: "cus_1"},
		&event.PaymentCaptured{
			Payment: "pay_0", Order: "ord_0", Shipment: "shp_0_1", Amount: money(17), Key: "k",
		},
		&event.PaymentRefunded{
			Payment: "pay_0", Order: "ord_0", Shipment: "shp_0_1", Refund: "rfn_1", Key: "r",
			Amount: money(5),
		},
		&event.ShipmentDelivered{Shipment: "shp_0_1", Order: "ord_0", Dealer: "dlr_1"},
	)
}

func expectStory(t *testing.T, s *analytics.Service) {
	t.Helper()
	sum, err := s.Summary(t.Context())
	if err != nil {
		t.Fatalf("summary: %v", err)
	}
	want := analytics.Orders{Created: 6, Placed: 3, Cancelled: 2, Expired: 1, Delivered: 1}
	if sum.Orders != want {
		t.Errorf("orders are %+v, want %+v", sum.Orders, want)
	}
	takings := analytics.Takings{
		Currency: "GBP", Ordered: 17 + 37 + 2007, Captured: 17, Refunded: 5,
	}
	if len(sum.Takings) != 1 || sum.Takings[0] != takings {
		t.Errorf("takings are %+v, want %+v", sum.Takings, takings)
	}
	best := analytics.Product{SKU: "S000", Units: 3, Orders: 3}
	if len(sum.Products) != analytics.TopSize || sum.Products[0] != best {
		t.Errorf("products are %+v, the best should be %+v", sum.Products, best)
	}
	dealer := analytics.DealerSales{Dealer: "dlr_1", Parcels: 3, Revenue: money(2040)}
	if len(sum.Dealers) != 1 || sum.Dealers[0] != dealer {
		t.Errorf("dealers are %+v, want %+v", sum.Dealers, dealer)
	}
}

// Goal: every fact counts once under default faults, also an order that needs several commits, and
// the records are those that the log makes.
// Method: announce a little of everything, settle, compare; nothing is announced in answer.
func TestCountsOnce(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, story()...)
	w.Settle(t)
	expectStory(t, s)
	w.ExpectEvents(t)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
}

// Goal: counting the log again gives the same records and marks, and what is delivered afterwards
// still counts once.
// Method: count live, remember every record, spoil them, rebuild, compare; deliver all again.
func TestRebuiltEqualsLive(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, story()...)
	w.Settle(t)
	live := dump(t, w)
	spoil(t, w)
	var read int64
	if err := s.Rebuild(t.Context(), func(n int64) { read = n }); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	if got := dump(t, w); got != live {
		t.Errorf("rebuilt records are\n%s\nlive ones were\n%s", got, live)
	}
	if read < int64(len(story())) {
		t.Errorf("%d events were read", read)
	}
	for _, e := range w.Events(t) {
		for _, r := range s.Reactions() {
			if r.Fact.Type() == e.Type {
				if err := r.Handle(t.Context(), e.Fact, room.CauseOf(e.Event)); err != nil {
					t.Fatalf("%s: %v", r.Name, err)
				}
			}
		}
	}
	expectStory(t, s)
	w.FoldEqualsState(t, s)
}

// Goal: while numbers are incomplete they are refused, and an interrupted rebuild is repaired by
// another one.
// Method: interrupt one by ending its context at its first report.
func TestInterruptedRebuild(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, story()...)
	for i := range 1200 { // more than a page of the log
		w.Announce(t, &event.OrderExpired{Order: shop.ID(fmt.Sprintf("ord_x%d", i))})
	}
	w.Settle(t)
	live := dump(t, w)
	ctx, stop := context.WithCancel(t.Context())
	if err := s.Rebuild(ctx, func(int64) { stop() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted rebuild ended with %v", err)
	}
	if _, err := s.Summary(t.Context()); shop.CodeOf(err) != shop.Unavailable {
		t.Errorf("half the numbers were answered with %v", err)
	}
	if err := s.Rebuild(t.Context(), nil); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	if got := dump(t, w); got != live {
		t.Errorf("the second rebuild made other records")
	}
}

// Goal: only administrators read the numbers, and a shop without orders has some.
// Method: ask as others.
func TestNumbersAreForAdministrators(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	_, err := s.GetAnalytics(w.As(t, "dlr_1", room.Dealer()), nil)
	if shop.CodeOf(err) != shop.Forbidden {
		t.Errorf("a dealer was answered with %v", err)
	}
	out, err := s.GetAnalytics(w.As(t, "adm_1", room.Admin()), nil)
	if err != nil || out.Body.Takings == nil || len(out.Body.Products) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// dump prints every record of the room, marks included, without versions.
func dump(t *testing.T, w *roomtest.World) string {
	t.Helper()
	var b strings.Builder
	err := w.Raw.History().Records(t.Context(), "analytics/", func(r platform.Record) error {
		counters, err := json.Marshal(r.Counters)
		fmt.Fprintf(&b, "%s %s %s %s\n", r.Key.Part, r.Key.Sort, r.Value, counters)
		return err
	})
	if err != nil {
		t.Fatalf("read the records: %v", err)
	}
	return b.String()
}

// spoil makes a record that nothing explains, and moves one.
func spoil(t *testing.T, w *roomtest.World) {
	t.Helper()
	add := func(part, sort, counter string) platform.Write {
		return platform.Write{
			Kind: platform.Add, Key: platform.Key{Part: part, Sort: sort}, Expect: platform.Any,
			Moves: []platform.Move{{Counter: counter, Delta: 5, Floor: platform.NoFloor}},
		}
	}
	err := w.Raw.Store("analytics").Commit(t.Context(), platform.Batch{Writes: []platform.Write{
		add("total/0", "ZZZ", "placed"), add("product/S000", "product", "units"),
	}})
	if err != nil {
		t.Fatalf("spoil: %v", err)
	}
}

// Goal: the sheets say what the summary says, all of it, and no cell is a formula.
// Method: a little of everything, and a SKU that begins like one; each sheet whole.
func TestSheets(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	trap := placed("ord_9", 1)
	trap.Parcels[0].Lines[0].SKU = "=SUM(A1)"
	w.Announce(t, created("ord_1"), placed("ord_1", 2), trap)
	w.Settle(t)
	want := map[string]string{
		"funnel": "stage,count\norders created,1\norders placed,2\norders cancelled,0\n" +
			"orders expired,0\nparcels delivered,0\n",
		"takings":  "currency,ordered,captured,refunded\nGBP,44,0,0\n",
		"products": "sku,units,orders\n'=SUM(A1),1,1\nS000,1,1\nS001,1,1\n",
		"dealers":  "dealer,currency,parcels,revenue\ndlr_1,GBP,2,30\n",
	}
	for _, sheet := range analytics.Sheets() {
		var out strings.Builder
		if err := s.CSV(t.Context(), sheet, &out); err != nil || out.String() != want[sheet] {
			t.Errorf("%s is %v\n%s", sheet, err, out.String())
		}
	}
	var out strings.Builder
	if err := s.CSV(t.Context(), "secrets", &out); shop.CodeOf(err) != shop.Invalid ||
		out.Len() > 0 {
		t.Errorf("no such sheet: %v, %q", err, out.String())
	}
}
