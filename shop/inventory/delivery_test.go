package inventory

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: behind the real delivery, with doubled, repeated, shuffled events and lost or hidden
// commits, every order comes to its end and the fold is the state. Method: 60 orders over scarce
// stock, two of them of 200 lines, announced as their rooms would; then the books are counted.
func TestDeliveredUnderFaults(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	s := New(w.Desk("inventory"), owners{})
	w.Start(t, s)
	skus := names(200)
	for i, sku := range skus {
		n := int64(30)
		if i == 3 {
			n = 10
		}
		id := shop.ID(fmt.Sprintf("mov_%d", i))
		if err := s.Receive(t.Context(), id, sku, n); err != nil {
			t.Fatal(err)
		}
	}
	orders := make([]*event.OrderCreated, 60)
	for i := range orders {
		want := items(string(skus[3]), 1, string(skus[i+5]), 2)
		if i%30 == 7 {
			want = each(1, skus)
		}
		orders[i] = created(shop.ID(fmt.Sprintf("ord_%d", i)), want...)
		w.Announce(t, orders[i])
		if i%10 == 4 {
			w.Announce(t, cancelled(orders[i].Order))
		}
	}
	w.Settle(t)
	held := roomtest.FactsOf[*event.StockHeld](t, w)
	for i, f := range held {
		w.Announce(t, placed(f.Order))
		if i%3 == 0 {
			w.Announce(t, cancelled(f.Order))
		}
	}
	w.Settle(t)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	open := int64(0)
	for _, f := range roomtest.FactsOf[*event.StockCommitted](t, w) {
		open += keptOf(t, w, f.Order, skus[3])
	}
	l, err := s.Level(t.Context(), skus[3])
	if err != nil || l.OnHand != 10 || l.Reserved != open || l.Available != 10-open {
		t.Errorf("%+v with %d in open holds: %v", l, open, err)
	}
}

// keptOf returns how much of a SKU an order keeps, by its facts.
func keptOf(t *testing.T, w *roomtest.World, order shop.ID, sku shop.SKU) int64 {
	t.Helper()
	b := newBooks()
	for _, e := range w.EventsOf(t, "hold/"+string(order)) {
		b.enter(e.Fact)
	}
	return b.open[sku]
}

// Goal: the same facts in any order, any of them twice, come to the same end. Method: random
// permutations of an order's facts with repetitions; what is too early is delivered again later.
func TestAnyOrderOfDeliveryIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.receive(5, "A", "B")
		all := []event.Fact{
			created("ord_1", items("A", 2, "B", 3)...), placed("ord_1"),
			dispatched("ord_1", 1, items("A", 2)...), dispatched("ord_1", 2, items("B", 3)...),
		}
		h := &history{t: rt, w: w, pool: append(all, all...)}
		h.pool = rapid.Permutation(h.pool).Draw(rt, "order")
		h.finish()
		if got := w.state("ord_1"); got != Consumed() {
			rt.Errorf("the hold is %s", got)
		}
		w.level("A", 3, 0)
		w.level("B", 2, 0)
		w.story("ord_1", "held committed consumed")
	})
}
