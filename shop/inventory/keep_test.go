package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// rule sets the rules of a SKU; lowAt below 0 is none.
func (w *world) rule(sku string, safety, lowAt int64) Level {
	w.t.Helper()
	in := &PutRulesIn{SKU: sku, Body: Rules{Safety: safety}}
	if lowAt >= 0 {
		in.Body.LowAt = &lowAt
	}
	out, err := w.s.PutRules(as(room.Dealer(), "ann"), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Body.Level
}

// count announces a stock-take.
func (w *world) count(sku, key string, counted int64) Take {
	w.t.Helper()
	in := &PostCountIn{SKU: sku, IdempotencyKey: key, Body: TakeBody{Counted: counted}}
	out, err := w.s.PostCount(as(room.Dealer(), "ann"), in)
	if err != nil {
		w.t.Fatal(err)
	}
	var t Take
	if err := json.Unmarshal(out.Body, &t); err != nil || out.Status != 201 {
		w.t.Fatalf("%d %s: %v", out.Status, out.Body, err)
	}
	return t
}

// told asserts what was said of a SKU, in order: each fact a word, with its number.
func (w *world) told(sku, want string) {
	w.t.Helper()
	events, err := w.p.History().Subject(context.Background(), "stock/"+sku, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var words []string
	for _, e := range events {
		f, err := room.FactOf(w.s.desk.Catalogue, e)
		if err != nil {
			w.t.Fatal(err)
		}
		switch f := f.(type) {
		case *event.StockRuled:
			words = append(words, fmt.Sprintf("ruled:%d", f.Aside))
		case *event.StockLow:
			words = append(words, fmt.Sprintf("low:%d", f.Available))
		case *event.StockRecovered:
			words = append(words, fmt.Sprintf("recovered:%d", f.Available))
		case *event.StockCounted:
			words = append(words, fmt.Sprintf("counted:%d/%d", f.Counted, f.Book))
		case *event.StockShort:
			words = append(words, fmt.Sprintf("short:%d", f.Units))
		case *event.StockCovered:
			words = append(words, fmt.Sprintf("covered:%d/%d:%s", f.Units, f.Left, f.By))
		}
	}
	if got := strings.Join(words, " "); got != want {
		w.t.Errorf("%s: %q, want %q", sku, got, want)
	}
}

// available asserts what anybody sees.
func (w *world) available(sku string, want int64) {
	w.t.Helper()
	out, err := w.s.GetStock(context.Background(), &GetStockIn{SKU: sku})
	if err != nil || out.Body.Available != want {
		w.t.Errorf("%s: %+v, want %d available: %v", sku, out, want, err)
	}
}

// Goal: a SKU is told to be low once when it crosses its level, and again only after it was above,
// whichever way it goes down or up. Method: orders, a cancellation, a delivery, a correction and a
// change of rules around a level of 3, with exactly the facts expected.
func TestLowIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(10, "A")
	w.rule("A", 0, 3)
	w.must(created("ord_1", items("A", 6)...)) // 4 left: not low
	w.told("A", "ruled:4")
	w.available("A", 4)
	w.must(created("ord_2", items("A", 2)...)) // 2
	w.must(created("ord_3", items("A", 1)...)) // 1: known already
	w.told("A", "ruled:4 low:2")
	w.must(cancelled("ord_2"), cancelled("ord_2")) // 3: not above
	w.told("A", "ruled:4 low:2")
	w.must(cancelled("ord_3")) // 4
	w.told("A", "ruled:4 low:2 recovered:4")
	ctx := context.Background()
	if err := w.s.Adjust(ctx, "mov_lost", "A", -2); err != nil { // 2
		t.Fatal(err)
	}
	w.receive(5, "A") // 7
	w.must(created("ord_4", items("A", 7)...))
	w.told("A", "ruled:4 low:2 recovered:4 low:2 recovered:7 low:0")
	w.rule("A", 0, 0) // it is low by these rules as well
	w.rule("A", 0, 0)
	w.told("A", "ruled:4 low:2 recovered:4 low:2 recovered:7 low:0 ruled:0")
	w.must(created("ord_5", items("A", 1)...))
	if got := w.state("ord_5"); got != Rejected() {
		t.Errorf("an order of what is not there is %s", got)
	}
	w.audit()
}

// Goal: an order that asks for more than there is does not make a SKU low, nor one that is refused
// for another SKU. Method: both, of a SKU whose level they would have crossed.
func TestRefusedOrdersDoNotMakeLow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(5, "A")
	w.receive(1, "B")
	w.rule("A", 0, 2)
	w.must(created("ord_1", items("A", 6)...), created("ord_2", items("A", 4, "B", 2)...))
	w.story("ord_1", "rejected")
	w.story("ord_2", "rejected")
	w.told("A", "ruled:3")
	w.level("B", 1, 0)
	w.available("A", 5)
	w.audit()
}

// Goal: units that are kept back are never promised; what was promised before stays so, and safety
// that lacks is made up of what comes. Method: rules over less than there is, then deliveries,
// releases and orders.
func TestSafetyIsNeverPromised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(6, "A")
	w.must(created("ord_1", items("A", 4)...))
	if l := w.rule("A", 5, -1); l.Available != 0 || l.OnHand != 6 || l.Reserved != 4 {
		t.Errorf("after the rules: %+v", l)
	}
	refused := func(order shop.ID, n int) {
		t.Helper()
		w.must(created(order, items("A", n)...))
		w.story(order, "rejected")
	}
	refused("ord_2", 1)
	w.must(cancelled("ord_1")) // 6 on hand, 5 kept back
	w.available("A", 1)
	refused("ord_3", 2)
	w.must(created("ord_4", items("A", 1)...))
	w.story("ord_4", "held")
	w.receive(2, "A")
	refused("ord_5", 3)
	w.must(created("ord_6", items("A", 2)...))
	ctx := context.Background()
	if err := w.s.Adjust(ctx, "mov_1", "A", -6); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("taking away what is promised: %v", err)
	}
	if err := w.s.Adjust(ctx, "mov_2", "A", -5); err != nil { // what is kept back may break
		t.Error(err)
	}
	w.available("A", 0)
	w.receive(3, "A")
	w.available("A", 0)
	w.rule("A", 0, -1)
	w.available("A", 3)
	w.audit()
}

// Goal: a stock-take says what was counted, what the books said, and moves them by the difference;
// fewer than are promised is an explicit shortage on both lists, until units come or orders end.
// Method: counts around 5 promised of 8, then a delivery, a better count and a cancellation.
func TestStockTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(8, "A")
	w.must(created("ord_1", items("A", 3)...), created("ord_2", items("A", 2)...))
	one := w.count("A", "1", 7)
	want := Take{
		ID: one.ID, SKU: "A", Counted: 7, Book: 8, Difference: -1, Reserved: 5, At: one.At,
	}
	if again := w.count("A", "1", 7); one != want || again != one {
		t.Errorf("%+v, then %+v, want %+v", one, again, want)
	}
	w.shortages(nil)
	two := w.count("A", "2", 1)
	w.shortages([]Shortage{{"A", "ann", two.ID, 4}})
	w.available("A", 0)
	w.must(created("ord_3", items("A", 1)...))
	w.story("ord_3", "rejected")
	w.receive(1, "A")
	w.shortages([]Shortage{{"A", "ann", two.ID, 3}})
	w.must(cancelled("ord_2"))
	w.shortages([]Shortage{{"A", "ann", two.ID, 1}})
	three := w.count("A", "3", 1)
	w.shortages([]Shortage{{"A", "ann", three.ID, 2}})
	w.count("A", "4", 3)
	w.shortages(nil)
	w.must(cancelled("ord_1"))
	w.available("A", 3)
	w.told("A", "counted:7/8 counted:1/7 short:4 covered:1/3:stock covered:2/1:release "+
		"counted:1/2 short:2 counted:3/1 covered:2/0:stock")
	w.audit()
}

// shortages asserts what is open, on the dealer's list and on everybody's.
func (w *world) shortages(want []Shortage) {
	w.t.Helper()
	for _, ctx := range []context.Context{as(room.Dealer(), "ann"), as(room.Admin(), "adm")} {
		out, err := w.s.GetShortages(ctx, &GetShortagesIn{Limit: 20})
		if err != nil || !slices.Equal(out.Body.Items, want) {
			w.t.Errorf("shortages %+v, want %+v: %v", out, want, err)
		}
	}
}

// Goal: a parcel that left with units that were counted as missing waits for a person, and goes
// through once they are found. Method: dispatch it short, count again, deliver it again.
func TestParcelOfMissingUnits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(5, "A")
	leaves := dispatched("ord_1", 1, items("A", 4)...)
	w.must(created("ord_1", items("A", 4)...), placed("ord_1"))
	w.count("A", "1", 3)
	if err := w.deliver(leaves); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("a parcel of more than was counted: %v", err)
	}
	w.count("A", "2", 4)
	w.must(leaves, leaves)
	w.level("A", 0, 0)
	w.shortages(nil)
	w.audit()
}

// Goal: an order of many SKUs that all have a care is held, and given back, in commits that the
// store takes. Method: 200 SKUs, all watched, all made low by one order; then a release that began
// before any of them had a care.
func TestManySKUsWithCare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	skus := names(200)
	w.receive(3, skus...)
	w.must(created("ord_0", each(1, skus)...))
	for _, sku := range skus {
		w.rule(string(sku), 0, 0)
	}
	w.must(created("ord_1", each(2, skus)...))
	w.story("ord_1", "gathered held")
	w.told(string(skus[7]), "ruled:1 low:0")
	w.must(cancelled("ord_0"))
	w.story("ord_0", "gathered held released")
	w.told(string(skus[199]), "ruled:1 low:0 recovered:1")
	w.must(cancelled("ord_1"))
	w.level(skus[5], 3, 0)
	w.audit()
}

// Goal: stock in allotments has neither rules nor stock-takes, and what has a care is not split:
// also when both are asked at once. Method: each after the other, and the one between the other's
// reading and commit.
func TestCareAndAllotmentsExclude(t *testing.T) {
	t.Parallel()
	w, ann := newWorld(t), as(room.Dealer(), "ann")
	w.receive(9, "A", "B", "C")
	w.rule("A", 1, -1)
	if err := w.s.Allot(ann, "mov_a", "A", 3); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("splitting what has rules: %v", err)
	}
	if err := w.s.Allot(ann, "mov_b", "B", 3); err != nil {
		t.Fatal(err)
	}
	in := &PutRulesIn{SKU: "B", Body: Rules{Safety: 1}}
	if _, err := w.s.PutRules(ann, in); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("rules for what is split: %v", err)
	}
	between := func() { w.rule("C", 1, -1) }
	w.store.interlude.Store(&between)
	if err := w.s.Allot(ann, "mov_c", "C", 3); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("splitting what gets rules meanwhile: %v", err)
	}
	w.audit()
}

// Goal: a release, and a delivery, that did not know of a care do not pass it by. Method: the first
// rules of a SKU come between their reading and their commit.
func TestCareAmongBlindChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(3, "A", "B")
	w.must(created("ord_1", items("A", 3)...), created("ord_2", items("B", 3)...))
	between := func() { w.rule("A", 0, 1) }
	w.store.interlude.Store(&between)
	w.must(cancelled("ord_1"))
	w.told("A", "ruled:0 recovered:3")
	between = func() { w.rule("B", 0, 1) }
	w.store.interlude.Store(&between)
	w.receive(2, "B")
	w.told("B", "ruled:0 recovered:2")
	w.audit()
}
