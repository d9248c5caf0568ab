package inventory

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

func states() []State {
	return []State{
		{}, Gathering(), Held(), Committed(), Consumed(), Releasing(), Released(), Rejected(),
	}
}

// Goal: a hold moves only along the table, and terminal states never change. Method: all pairs.
func TestTransitions(t *testing.T) {
	t.Parallel()
	table := map[State][]State{
		{}:          {Gathering(), Held(), Released(), Rejected()},
		Gathering(): {Gathering(), Held(), Releasing(), Released()},
		Held():      {Committed(), Releasing(), Released()},
		Committed(): {Committed(), Consumed(), Releasing(), Released()},
		Releasing(): {Releasing(), Released(), Rejected()},
	}
	for _, from := range states() {
		for _, to := range states() {
			if got := from.may(to); got != slices.Contains(table[from], to) {
				t.Errorf("%q to %q: %t", from, to, got)
			}
			if from.Ended() && from.may(to) {
				t.Errorf("%q has ended, but becomes %q", from, to)
			}
		}
	}
}

// Goal: a state survives its encoding, and a foreign name is refused. Method: all states as JSON.
func TestStateEncoding(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back State
		if err := json.Unmarshal(raw, &back); err != nil || back != s {
			t.Errorf("%s became %q: %v", raw, back, err)
		}
	}
	var s State
	if err := json.Unmarshal([]byte(`"sold"`), &s); err == nil {
		t.Error("an unknown state was accepted")
	}
}

// Goal: a hold refuses facts that cannot follow, as they would stand in a corrupt log. Method:
// facts that break one rule each.
func TestHoldRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	one := items("A", 1)
	tests := map[string]func(h *Hold) error{
		"a chunk out of turn": func(h *Hold) error {
			return h.gathered(&event.StockGathered{Chunk: 1, Items: one})
		},
		"an empty chunk": func(h *Hold) error { return h.gathered(&event.StockGathered{}) },
		"chunks that were not gathered": func(h *Hold) error {
			return h.held(&event.StockHeld{Chunks: 2})
		},
		"a last release that leaves units": func(h *Hold) error {
			return errors.Join(h.held(&event.StockHeld{Items: items("A", 2)}),
				h.released(&event.StockReleased{Items: one, Last: true}))
		},
		"a consumption before it was placed": func(h *Hold) error {
			return errors.Join(h.held(&event.StockHeld{Items: one}),
				h.consumed(&event.StockConsumed{Items: one, Last: true}))
		},
		"a rejection of what is held": func(h *Hold) error {
			return errors.Join(h.held(&event.StockHeld{Items: one}), h.rejected())
		},
		"placed after the end": func(h *Hold) error {
			return errors.Join(h.rejected(), h.committed())
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := do(Begin("ord_1")); shop.CodeOf(err) != shop.Illegal {
				t.Errorf("%v, want illegal", err)
			}
		})
	}
}

// Goal: demand is summed per SKU, sorted, and never wraps round. Method: a table.
func TestDemand(t *testing.T) {
	t.Parallel()
	same := func(i event.StockItem) event.StockItem { return i }
	got := demand(items("B", 2, "A", 1, "B", 3), same)
	if !slices.Equal(got, items("A", 1, "B", 5)) {
		t.Errorf("%v", got)
	}
	got = demand(items("A", math.MaxInt64, "A", 1), same)
	if len(got) != 1 || got[0].Quantity != math.MaxInt64 {
		t.Errorf("%v", got)
	}
}

// Goal: gathering takes every SKU once, in chunks within the bound, whatever the allotments are.
// Method: random wants with random shares; apply each decision to the hold and go on to the flip.
func TestGatheringTakesEverythingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := each(rapid.Int64Range(1, 40).Draw(t, "units"),
			names(rapid.IntRange(1, 30).Draw(t, "skus")))
		allotments := rapid.IntRange(1, 4).Draw(t, "allotments")
		most := rapid.IntRange(4, 12).Draw(t, "most")
		var h *Hold
		var taken []event.StockItem
		for h == nil || h.State == Gathering() {
			weight := func(_ shop.SKU, parts int) int { return parts }
			share := func(i event.StockItem) []event.StockItem {
				parts, _ := shareOut(i, 1%allotments, spreadEvenly(i.Quantity, allotments))
				return parts
			}
			f := nextGather(h, "ord_1", want, most, weight, share)
			if h == nil {
				h = Begin("ord_1")
			}
			var err error
			switch f := f.(type) {
			case *event.StockHeld:
				taken, err = append(taken, f.Items...), h.held(f)
			case *event.StockGathered:
				if len(f.Items) > most {
					t.Fatalf("%d takes in a commit", len(f.Items))
				}
				taken, err = append(taken, f.Items...), h.gathered(f)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		whole := demand(taken, func(i event.StockItem) event.StockItem {
			return event.StockItem{SKU: i.SKU, Quantity: i.Quantity}
		})
		if !slices.Equal(whole, want) || h.Units != units(want) {
			t.Fatalf("took %v, wanted %v", whole, want)
		}
	})
}

// Goal: what is spread over allotments adds up and takes from none more than it has. Method: random
// stocks and demands.
func TestSharesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		available := rapid.SliceOfN(rapid.Int64Range(0, 9), 1, 5).Draw(t, "available")
		n := rapid.Int64Range(1, 40).Draw(t, "wanted")
		own := rapid.IntRange(0, len(available)-1).Draw(t, "own")
		enough := sum(available) >= n
		parts, ok := shareOut(event.StockItem{SKU: "A", Quantity: n}, own, available)
		if ok != enough || ok && units(parts) != n {
			t.Fatalf("%d of %v: %v %t", n, available, parts, ok)
		}
		for _, p := range parts {
			if p.Quantity < 1 || p.Quantity > available[p.Allotment] {
				t.Fatalf("%d of %v: %v", n, available, parts)
			}
		}
		lost, ok := takeOut(n, available)
		if ok != enough || ok && sum(lost) != -n {
			t.Fatalf("%d out of %v: %v %t", n, available, lost, ok)
		}
		if got := sum(spreadEvenly(n, len(available))); got != n {
			t.Fatalf("%d spread is %d", n, got)
		}
	})
}

// Goal: orders spread evenly enough over allotments, and one order always has the same one. Method:
// 1,000 orders over 4.
func TestOwnAllotment(t *testing.T) {
	t.Parallel()
	var count [4]int
	for _, name := range names(1000) {
		at := ownAllotment(shop.ID(name), 4)
		if at != ownAllotment(shop.ID(name), 4) {
			t.Fatalf("%s moved", name)
		}
		count[at]++
	}
	for i, n := range count {
		if n < 150 || n > 350 {
			t.Errorf("allotment %d has %d orders of 1,000", i, n)
		}
	}
}

// Goal: what an order.placed means is decided from the hold alone. Method: every state.
func TestDecideCommit(t *testing.T) {
	t.Parallel()
	for _, s := range states()[1:] {
		f, err := decideCommit(&Hold{Order: "ord_1", State: s, Short: s == Rejected()}, "ord_1")
		early := errors.Is(err, platform.ErrNotYet)
		if (f != nil) != (s == Held()) || early != (s == Gathering()) ||
			(shop.CodeOf(err) == shop.Internal && err != nil && !early) != (s == Rejected()) {
			t.Errorf("%s: %v %v", s, f, err)
		}
	}
}
