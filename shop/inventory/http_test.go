package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

func as(role room.Role, id shop.ID) context.Context {
	return room.WithCaller(context.Background(), room.Caller{ID: id, Role: role})
}

func put(sku, key string, onHand int64) *PutStockIn {
	return &PutStockIn{SKU: sku, IdempotencyKey: key, Body: CountBody{OnHand: onHand}}
}

// Goal: only who may count counts, and every refusal has its code and no effect. Method: a table of
// callers and bodies against a shelf with 3 of 5 units reserved.
func TestPutStockRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(5, "A")
	w.must(created("ord_1", items("A", 3)...))
	tests := map[string]struct {
		ctx  context.Context
		in   *PutStockIn
		want shop.Code
	}{
		"nobody":           {context.Background(), put("A", "k", 9), shop.Unauthorised},
		"a customer":       {as(room.Customer(), "cus"), put("A", "k", 9), shop.Forbidden},
		"another dealer":   {as(room.Dealer(), "bob"), put("A", "k", 9), shop.NotFound},
		"not listed":       {as(room.Admin(), "adm"), put("unlisted", "k", 9), shop.UnknownSKU},
		"a bad SKU":        {as(room.Admin(), "adm"), put("a/b", "k", 9), shop.Invalid},
		"no key":           {as(room.Dealer(), "ann"), put("A", "", 9), shop.KeyMissing},
		"negative":         {as(room.Dealer(), "ann"), put("A", "k", -1), shop.Invalid},
		"too many":         {as(room.Dealer(), "ann"), put("A", "k", MaxUnits+1), shop.Invalid},
		"less than orders": {as(room.Dealer(), "ann"), put("A", "k", 2), shop.Conflict},
	}
	for name, tt := range tests {
		if _, err := w.s.PutStock(tt.ctx, tt.in); shop.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	w.level("A", 5, 3)
	w.audit()
}

// Goal: a count sets what is on hand, once a key, for split stock too. Method: counts up, down, to
// the same, repeated, and with another body under a used key.
func TestPutStockCounts(t *testing.T) {
	t.Parallel()
	w, ann := newWorld(t), as(room.Dealer(), "ann")
	count := func(sku, key string, onHand, reserved int64) {
		t.Helper()
		for range 2 {
			out, err := w.s.PutStock(ann, put(sku, key, onHand))
			if err != nil {
				t.Fatal(err)
			}
			var l Level
			if err := json.Unmarshal(out.Body, &l); err != nil || out.Status != 200 ||
				l.OnHand != onHand || l.Available != onHand-reserved || l.Reserved != reserved {
				t.Errorf("%s %s: %s %v", sku, key, out.Body, err)
			}
		}
		w.level(shop.SKU(sku), onHand, reserved)
	}
	count("A", "1", 12, 0)
	w.must(created("ord_1", items("A", 5)...))
	count("A", "2", 7, 5)
	if _, err := w.s.PutStock(ann, put("A", "2", 8)); shop.CodeOf(err) != shop.KeyReused {
		t.Errorf("another body under a used key: %v", err)
	}
	count("A", "3", 7, 5)
	if err := w.s.Allot(context.Background(), "mov_split", "A", 3); err != nil {
		t.Fatal(err)
	}
	count("A", "4", 20, 5)
	count("A", "5", 5, 5)
	count("B", "6", 0, 0)
	w.audit()
}

// Goal: a count is exact also when units come between its reading and its commit. Method: a
// delivery in between, for stock in one record and in three.
func TestPutStockAmongMovements(t *testing.T) {
	t.Parallel()
	w, ann := newWorld(t), as(room.Dealer(), "ann")
	w.receive(9, "A", "B")
	if err := w.s.Allot(ann, "mov_split", "B", 3); err != nil {
		t.Fatal(err)
	}
	for _, sku := range []shop.SKU{"A", "B"} {
		between := func() { w.receive(7, sku) }
		w.store.interlude.Store(&between)
		out, err := w.s.PutStock(ann, put(string(sku), "count "+string(sku), 12))
		if err != nil {
			t.Fatal(err)
		}
		w.level(sku, 12, 0)
		events, err := w.p.History().Subject(ann, "movement/"+movementOf(t, w, sku), 0, 1)
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %s, %v %v", sku, out.Body, events, err)
		}
	}
	w.audit()
}

// movementOf names the last count of a SKU.
func movementOf(t *testing.T, w *world, sku shop.SKU) string {
	t.Helper()
	c, err := room.Get[counted](t.Context(), w.s.desk.Begin(room.Cause{}), StockKey(sku, 0))
	if err != nil || c == nil {
		t.Fatalf("%s was not counted: %v", sku, err)
	}
	return string(c.Movement)
}

// Goal: counts and orders at once leave the books in order. Method: 100 parcels leave while the
// shelf is counted ten times; the audit finds any difference between counters and facts.
func TestPutStockAmongOrders(t *testing.T) {
	t.Parallel()
	w, ann := newWorld(t), as(room.Dealer(), "ann")
	w.receive(500, "A")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 25 {
				id := shop.ID(fmt.Sprintf("ord_%d_%d", g, i))
				line := items("A", 1)
				for _, f := range []event.Fact{
					created(id, line...), placed(id), dispatched(id, 1, line...),
				} {
					if err := w.deliver(f); err != nil {
						t.Errorf("%s of %s: %v", f.Type(), id, err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 10 {
			key := fmt.Sprint(i)
			_, err := w.s.PutStock(ann, put("A", key, 500))
			if err != nil && shop.CodeOf(err) != shop.Busy {
				t.Errorf("count %s: %v", key, err)
			}
		}
	})
	wg.Wait()
	w.audit()
}

// Goal: anybody may ask what is available. Method: a received, a listed and an unlisted SKU.
func TestGetStock(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	w.receive(5, "A")
	w.must(created("ord_1", items("A", 3)...))
	for sku, want := range map[string]int64{"A": 2, "B": 0} {
		out, err := w.s.GetStock(ctx, &GetStockIn{SKU: sku})
		if err != nil || out.Body.Available != want {
			t.Errorf("%s: %v %v", sku, out, err)
		}
	}
	_, err := w.s.GetStock(ctx, &GetStockIn{SKU: "unlisted"})
	if shop.CodeOf(err) != shop.UnknownSKU {
		t.Errorf("%v", err)
	}
}
