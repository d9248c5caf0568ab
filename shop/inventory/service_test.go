package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// way is one way of a small order: its facts, what is left of B, and what its hold tells.
type way struct {
	name               string
	facts              []event.Fact
	onHandB, reservedB int64
	state              State
	story              string
}

// ways lists them. B is on two lines of the order.
func ways() []way {
	begin := created("ord_1", items("B", 2, "A", 1, "B", 1)...)
	first := dispatched("ord_1", 1, items("B", 2)...)
	second := dispatched("ord_1", 2, items("B", 1, "A", 1)...)
	whole := dispatched("ord_1", 1, items("A", 1, "B", 3)...)
	place, cancel := placed("ord_1"), cancelled("ord_1")
	return []way{
		{"held", []event.Fact{begin}, 5, 3, Held(), "held"},
		{
			"short", []event.Fact{created("ord_1", items("A", 1, "B", 6)...)},
			5, 0, Rejected(), "rejected",
		},
		{
			"never received", []event.Fact{created("ord_1", items("A", 1, "C", 1)...)},
			5, 0, Rejected(), "rejected",
		},
		{"expired", []event.Fact{begin, expired("ord_1")}, 5, 0, Released(), "held released"},
		{"placed", []event.Fact{begin, place}, 5, 3, Committed(), "held committed"},
		{
			"placed and cancelled", []event.Fact{begin, place, cancel},
			5, 0, Released(), "held committed released",
		},
		{
			"the cancellation overtakes the placing", []event.Fact{begin, cancel, place},
			5, 0, Released(), "held released",
		},
		{
			"the cancellation overtakes the order", []event.Fact{cancel, begin},
			5, 0, Released(), "released",
		},
		{
			"shipped in two parcels", []event.Fact{begin, place, first, second, cancel},
			2, 0, Consumed(), "held committed consumed",
		},
		{
			"cancelled when one of two parcels had left",
			[]event.Fact{begin, place, first, cancel},
			3, 0, Released(), "held committed consumed released",
		},
		{
			"the parcel left although the order was cancelled",
			[]event.Fact{begin, place, cancel, whole},
			2, 0, Released(), "held committed released",
		},
	}
}

// Goal: the ways of a small order, each with exactly its facts. Method: deliver facts by hand,
// every one three times, and look at the shelf and at the hold's history.
func TestSmallOrders(t *testing.T) {
	t.Parallel()
	for _, tt := range ways() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.receive(5, "A", "B")
			for _, f := range tt.facts {
				w.must(f, f)
			}
			w.must(tt.facts...)
			w.level("B", tt.onHandB, tt.reservedB)
			if got := w.state("ord_1"); got != tt.state {
				t.Errorf("the hold is %s, want %s", got, tt.state)
			}
			w.story("ord_1", tt.story)
			w.audit()
		})
	}
}

// Goal: what comes too early waits, and what cannot be is refused loudly. Method: deliver facts
// before those that they need.
func TestTooEarlyOrImpossible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(5, "A")
	early := func(f event.Fact) {
		t.Helper()
		if err := w.deliver(f); !errors.Is(err, platform.ErrNotYet) {
			t.Errorf("%s: %v, want ErrNotYet", f.Type(), err)
		}
	}
	early(placed("ord_1"))
	early(dispatched("ord_1", 1, items("A", 1)...))
	w.must(created("ord_1", items("A", 1)...))
	early(dispatched("ord_1", 1, items("A", 1)...))
	w.must(placed("ord_1"))
	tooMuch := dispatched("ord_1", 1, items("A", 2)...)
	if err := w.deliver(tooMuch); shop.CodeOf(err) != shop.Internal {
		t.Errorf("more left than was kept: %v", err)
	}
	w.must(created("ord_2", items("A", 9)...))
	if err := w.deliver(placed("ord_2")); shop.CodeOf(err) != shop.Internal {
		t.Errorf("a rejected order was placed: %v", err)
	}
	w.level("A", 5, 1)
	w.audit()
}

// Goal: N buyers of k units make exactly k holds, also when the stock is split and when every order
// is delivered twice. Method: 32 goroutines deliver 1,000 orders, each twice.
func TestThousandBuyersOfTenUnits(t *testing.T) {
	t.Parallel()
	for _, split := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d allotments", split), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.receive(10, "HOT")
			if split > 1 {
				if err := w.s.Allot(t.Context(), "mov_split", "HOT", split); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			for g := range 32 {
				wg.Go(func() {
					for i := g / 2; i < 1000; i += 16 {
						f := created(shop.ID(fmt.Sprintf("ord_%d", i)), items("HOT", 1)...)
						if err := w.deliver(f); err != nil {
							t.Errorf("%s: %v", f.Order, err)
						}
					}
				})
			}
			wg.Wait()
			count := map[State]int{}
			for i := range 1000 {
				count[w.state(shop.ID(fmt.Sprintf("ord_%d", i)))]++
			}
			if count[Held()] != 10 || count[Rejected()] != 990 {
				t.Errorf("%v", count)
			}
			w.level("HOT", 10, 10)
			w.audit()
		})
	}
}

// Goal: an order larger than any allotment is had as long as all together have enough, and given
// back to where it came from. Method: 12 units in 4 allotments, orders of 10 and 3 units.
func TestAllotments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.receive(12, "HOT")
	for range 2 {
		if err := w.s.Allot(t.Context(), "mov_split", "HOT", 4); err != nil {
			t.Fatal(err)
		}
	}
	w.must(created("ord_1", items("HOT", 10)...), created("ord_2", items("HOT", 3)...))
	if w.state("ord_1") != Held() || w.state("ord_2") != Rejected() {
		t.Errorf("ord_1 is %s, ord_2 is %s", w.state("ord_1"), w.state("ord_2"))
	}
	w.must(placed("ord_1"), dispatched("ord_1", 1, items("HOT", 9)...), cancelled("ord_1"))
	w.level("HOT", 3, 0)
	if err := w.s.Adjust(t.Context(), "mov_lost", "HOT", -2); err != nil {
		t.Error(err)
	}
	if err := w.s.Adjust(t.Context(), "mov_more", "HOT", -2); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("took more than there is: %v", err)
	}
	w.receive(9, "HOT")
	w.restart() // it learns anew which SKUs are split
	w.must(created("ord_3", items("HOT", 10)...))
	w.level("HOT", 10, 10)
	for n, want := range map[int]shop.Code{
		1: shop.Invalid, MaxAllotments + 1: shop.Invalid, 3: shop.Conflict,
	} {
		id := shop.ID(fmt.Sprintf("mov_split_%d", n))
		if err := w.s.Allot(t.Context(), id, "HOT", n); shop.CodeOf(err) != want {
			t.Errorf("%d allotments: %v", n, err)
		}
	}
	w.audit()
}

// Goal: a parcel with a split SKU in it is consumed whole, in several commits. Method: commits of
// four stock records, a SKU from four allotments, and four other SKUs.
func TestParcelFromSeveralAllotments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.most = 5
	w.restart()
	w.receive(12, "1HOT", "A", "B", "C", "D")
	if err := w.s.Allot(t.Context(), "mov_split", "1HOT", 4); err != nil {
		t.Fatal(err)
	}
	all := items("1HOT", 12, "A", 1, "B", 1, "C", 1, "D", 1)
	w.must(created("ord_1", all...), placed("ord_1"), dispatched("ord_1", 1, all...))
	if got := w.state("ord_1"); got != Consumed() {
		t.Errorf("the hold is %s", got)
	}
	w.level("1HOT", 0, 0)
	w.level("A", 11, 0)
	w.level("D", 11, 0)
	w.audit()
}

// Goal: a movement happens once, under its bounds. Method: repeat and misuse movements.
func TestMovements(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	w.receive(5, "A")
	w.must(created("ord_1", items("A", 3)...))
	tests := []struct {
		id   shop.ID
		sku  shop.SKU
		n    int64
		want shop.Code
	}{
		{"mov_1", "A", -2, ""},
		{"mov_1", "A", -2, ""}, // again
		{"mov_1", "A", -1, shop.KeyReused},
		{"mov_1", "B", -2, shop.KeyReused},
		{"mov_2", "A", -1, shop.Conflict}, // the rest is reserved
		{"mov_3", "A", 0, shop.Invalid},
		{"mov_4", "A", MaxUnits + 1, shop.Invalid},
		{"mov_5", "A", 4, ""},
	}
	for _, tt := range tests {
		err := w.s.Adjust(ctx, tt.id, tt.sku, tt.n)
		if tt.want == "" && err != nil || tt.want != "" && shop.CodeOf(err) != tt.want {
			t.Errorf("%s %s %d: %v", tt.id, tt.sku, tt.n, err)
		}
	}
	w.level("A", 7, 3)
	w.audit()
}
