package inventory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: only who may count may set rules, take stock and see shortages, and every refusal has its
// code and no effect. Method: tables of callers and bodies.
func TestCareRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(5, "A")
	most := MaxUnits + 1
	ann, bob := as(room.Dealer(), "ann"), as(room.Dealer(), "bob")
	tests := map[string]struct {
		ctx  context.Context
		sku  string
		body Rules
		want shop.Code
	}{
		"nobody":         {context.Background(), "A", Rules{Safety: 1}, shop.Unauthorised},
		"a customer":     {as(room.Customer(), "cus"), "A", Rules{Safety: 1}, shop.Forbidden},
		"another dealer": {bob, "A", Rules{Safety: 1}, shop.NotFound},
		"not listed":     {as(room.Admin(), "adm"), "unlisted", Rules{Safety: 1}, shop.UnknownSKU},
		"a bad SKU":      {ann, "a/b", Rules{Safety: 1}, shop.Invalid},
		"negative":       {ann, "A", Rules{Safety: -1}, shop.Invalid},
		"too many":       {ann, "A", Rules{LowAt: &most}, shop.Invalid},
	}
	for name, tt := range tests {
		_, err := w.s.PutRules(tt.ctx, &PutRulesIn{SKU: tt.sku, Body: tt.body})
		if shop.CodeOf(err) != tt.want {
			t.Errorf("rules, %s: %v, want %s", name, err, tt.want)
		}
		if tt.want == shop.Invalid && tt.sku == "A" {
			continue
		}
		_, err = w.s.PostCount(tt.ctx, &PostCountIn{SKU: tt.sku, IdempotencyKey: "k"})
		if shop.CodeOf(err) != tt.want {
			t.Errorf("count, %s: %v, want %s", name, err, tt.want)
		}
		_, err = w.s.GetRules(tt.ctx, &GetRulesIn{SKU: tt.sku})
		if shop.CodeOf(err) != tt.want {
			t.Errorf("seeing rules, %s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := w.s.PostCount(ann, &PostCountIn{SKU: "A"}); shop.CodeOf(err) != shop.KeyMissing {
		t.Errorf("a count without a key: %v", err)
	}
	w.count("A", "used", 5)
	used := &PostCountIn{SKU: "A", IdempotencyKey: "used", Body: TakeBody{Counted: 4}}
	if _, err := w.s.PostCount(ann, used); shop.CodeOf(err) != shop.KeyReused {
		t.Errorf("another count under a used key: %v", err)
	}
	for who, want := range map[context.Context]shop.Code{
		bob: "", ann: shop.NotFound, as(room.Customer(), "c"): shop.Forbidden,
	} {
		_, err := w.s.GetShortages(who, &GetShortagesIn{Dealer: "bob", Limit: 1})
		if err == nil != (want == "") || err != nil && shop.CodeOf(err) != want {
			t.Errorf("shortages of bob: %v, want %s", err, want)
		}
	}
	w.level("A", 5, 0)
	w.told("A", "counted:5/5")
	w.audit()
}

// Goal: a SKU with rules is still one number that reservations take from one at a time, and nobody
// is refused while there was enough of what is not kept back. Method: eight clients at once, the
// history checked by porcupine; afterwards low and recovered came by turns.
func TestCaredShelfIsLinearizable(t *testing.T) {
	t.Parallel()
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			w, r := newWorld(t), &recorder{}
			for _, sku := range []shop.SKU{"X", "Y"} {
				call := r.clock.Add(1)
				w.receive(9, sku)
				r.done(0, call, shelfOp{sku: sku, delta: 9})
			}
			call := r.clock.Add(1)
			w.rule("X", 2, 3)
			r.done(0, call, shelfOp{sku: "X", delta: -2})
			var wg sync.WaitGroup
			for client := range 8 {
				wg.Go(func() {
					chance := rand.New(rand.NewPCG(uint64(round), uint64(client)))
					if err := w.shopper(r, client, chance); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if !porcupine.CheckOperations(shelf(), r.ops) {
				t.Errorf("%d operations are not linearizable", len(r.ops))
			}
			w.turns("X")
			w.audit()
		})
	}
}

// turns asserts that a SKU was told to be low and not to be low by turns.
func (w *world) turns(sku string) {
	w.t.Helper()
	low := false
	err := w.p.History().Log(context.Background(), "", func(_ string, e platform.Event) error {
		if e.Subject != "stock/"+sku || strings.Contains(e.Type, "ruled") {
			return nil
		}
		if now := strings.Contains(e.Type, ".low."); now == low {
			return fmt.Errorf("%s twice: %s", e.Type, e.ID)
		}
		low = !low
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// Goal: an order of a plain SKU costs what it did before there were cares, and one of a watched SKU
// of which there is enough costs the same. Method: reads, commits and events of each step of an
// order, counted.
func TestCareCostsPlainOrdersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(100, "A", "B")
	w.rule("B", 5, 10)
	w.must(created("ord_0", items("A", 1)...)) // the list of split SKUs is read once
	for order, sku := range map[shop.ID]string{"ord_1": "A", "ord_2": "B"} {
		for _, f := range []event.Fact{
			created(order, items(sku, 2)...), placed(order), dispatched(order, 1, items(sku, 1)...),
		} {
			reads, commits := w.store.reads.Load(), w.store.commits.Load()
			w.must(f)
			want := int64(1) // the hold
			if strings.Contains(f.Type(), "dispatched") {
				want = 2 // and the shipment
			}
			if got := w.store.reads.Load() - reads; got != want {
				t.Errorf("%s of %s: %d reads, want %d", f.Type(), sku, got, want)
			}
			if got := w.store.commits.Load() - commits; got != 1 {
				t.Errorf("%s of %s: %d commits, want 1", f.Type(), sku, got)
			}
		}
		w.story(order, "held committed consumed")
	}
	reads, commits := w.store.reads.Load(), w.store.commits.Load()
	w.must(cancelled("ord_1"))
	if got := w.store.reads.Load() - reads; got != 1 {
		t.Errorf("a release of a plain SKU: %d reads, want 1", got)
	}
	if got := w.store.commits.Load() - commits; got != 1 {
		t.Errorf("a release of a plain SKU: %d commits, want 1", got)
	}
	w.told("B", "ruled:16")
	w.audit()
}
