package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	"github.com/souk-commerce/souk/shop/inventory"
)

// Goal: nothing is found where nothing is wrong, in whatever order the log is. Method: a town on
// the embedded platform in which everything happens at once lives its life; at several moments its
// history is read in many orders that keep each subject's, every time in another.
func TestNothingIsFoundInAnyOrder(t *testing.T) {
	t.Parallel()
	orders, seeds := 150, 12
	if testing.Short() {
		orders, seeds = 60, 3
	}
	d := newTown(t, 160, 3)
	contracts, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	stages := 0
	d.live(orders, func(when string) {
		if stages++; stages%3 != 1 {
			return
		}
		for seed := range seeds {
			in := verify.Input{
				History: d.w.Raw.History(), Delivery: d.w.Raw.Delivery(), Rooms: d.app.Rooms(),
				Catalogue: d.w.Catalogue, Contracts: contracts, Quiescent: true,
				Provider: entries(d.provider.Ledger), Payouts: paidOut(d.payer.Ledger),
			}
			shuffle(&in, seed)
			r, err := verify.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Clean() || r.Open() > 0 || !lessIsSaid(r) {
				t.Errorf("when %s, seed %d:\n%s", when, seed, r)
			}
			for _, i := range r.Invariants {
				if i.Checked == 0 && stages > 3 && !triedApart(i.ID) {
					t.Errorf("when %s, %s %s was never put to the test", when, i.ID, i.Name)
				}
			}
		}
	})
}

// Goal: what is broken is caught and named without an order too. Method: every corruption, read in
// several orders; those that only the order of the commits would show are listed.
func TestEveryCorruptionIsCaughtInAnyOrder(t *testing.T) {
	t.Parallel()
	tp, seeds := recorded(t, 58), 2
	if testing.Short() {
		seeds = 1
	}
	unseen := unseenWithoutOrder()
	for n, c := range corruptions() {
		name := c.law + " " + c.name
		t.Run(name, func(t *testing.T) {
			bad := tp.copy()
			c.change(bad)
			missed := 0
			for seed := range seeds {
				seed += n // all styles of order have their turn
				r := bad.verify(t, func(in *verify.Input) { shuffle(in, seed) })
				if broken(r, c.law) {
					continue
				}
				if missed++; unseen[name] == "" {
					t.Errorf("not caught, seed %d:\n%s", seed, r)
				}
			}
			if missed == 0 && unseen[name] != "" {
				t.Errorf("it is caught after all: take it off the list")
			}
		})
	}
}

// unseenWithoutOrder lists the corruptions that only the order of the commits would show.
func unseenWithoutOrder() map[string]string {
	return map[string]string{
		"I1 positions are lost":   "there are no positions",
		"I1 positions come again": "there are no positions",
		"I20 the market takes more than a dealer's terms say": "terms are about no order, so " +
			"nothing puts them before one",
		"I50 it was told to be low by another level": "the level at that moment is not known",
		"I14 less was found than is promised, and nobody was told": "units came before the end, " +
			"and I51 says it",
		"I28 a parcel leaves on hold": "the clock stood still meanwhile, see TestClocksTell",
	}
}

// Goal: what the order does not tell, clocks tell if the moments are far apart, and only then.
// Method: a parcel leaves while its order is on hold. All facts are recorded at moments that follow
// each other in the order of the commits, at once or by minutes.
func TestClocksTell(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 58)
	for _, c := range []struct {
		apart  time.Duration
		caught bool
	}{{10 * time.Minute, true}, {time.Millisecond, false}} {
		bad := tp.copy()
		for i := range bad.events {
			bad.events[i].Time = bad.events[i].Time.Add(time.Duration(i) * c.apart)
		}
		for seed := range 6 {
			r := bad.verify(t, func(in *verify.Input) { shuffle(in, seed) })
			if broken(r, "I1") || broken(r, "I7") || broken(r, "I28") { // I32 knows the deadlines
				t.Errorf("nothing is wrong, %s apart, seed %d:\n%s", c.apart, seed, r)
			}
		}
		drop(bad, func(f *event.ParcelsResumed) bool {
			return has(bad, func(d *event.ShipmentDispatched) bool { return d.Order == f.Order })
		})
		for seed := range 6 {
			r := bad.verify(t, func(in *verify.Input) { shuffle(in, seed) })
			if broken(r, "I28") != c.caught {
				t.Errorf("%s apart, seed %d:\n%s", c.apart, seed, r)
			}
		}
	}
}

// Goal: causes are judged by what a log without an order shows: by the clocks, by a cause's own
// subject, and by where they lead. Method: a cause is made later in each of these ways.
func TestCausesInAnyOrder(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36)
	at, placed := find[*event.OrderPlaced](tp, nil)
	_, done := find(tp, func(f *event.OrderCompleted, _ platform.Event) bool {
		return f.Order == placed.Order
	})
	for what, change := range map[string]func(bad *tape){
		"what caused this comes later in its own subject": func(bad *tape) {
			last, _ := find(bad, func(f *event.OrderCompleted, _ platform.Event) bool {
				return f.Order == done.Order
			})
			bad.events[at].Causation = bad.events[last].ID
		},
		"causes and sequences go round in a circle": func(bad *tape) {
			last, _ := find(bad, func(f *event.StockCommitted, _ platform.Event) bool {
				return f.Order == placed.Order
			})
			bad.events[at].Causation = bad.events[last].ID
		},
		"what caused this was recorded after it": func(bad *tape) {
			for i := range bad.events {
				if bad.events[i].ID == bad.events[at].Causation {
					bad.events[i].Time = bad.events[i].Time.Add(2 * time.Minute)
				}
			}
		},
	} {
		bad := tp.copy()
		change(bad)
		for seed := range 6 {
			r := bad.verify(t, func(in *verify.Input) { shuffle(in, seed) })
			if !slices.ContainsFunc(r.Findings(), func(f verify.Finding) bool {
				return f.Invariant == "I7" && f.Message == what
			}) {
				t.Errorf("%s, seed %d:\n%s", what, seed, r)
			}
		}
	}
}

// Goal: a log without an order is judged in parts as it is in one piece, and nothing is kept of an
// order that has ended. Method: every corruption of the log with the usual room and with little;
// its length is not known, so that it is read in parts shows only when there is no room.
func TestLongLogsInAnyOrder(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36)
	tp.verify(t, func(in *verify.Input) {
		shuffle(in, 0)
		kept, err := verify.Kept(t.Context(), *in)
		if err != nil || kept > 0 {
			t.Errorf("of %d orders something is kept for no reason, %v", kept, err)
		}
	})
	for _, c := range slices.Concat(corruptPositions(), corruptCauses(), corruptRecords()) {
		bad := tp.copy()
		c.change(bad)
		a := bad.verify(t, func(in *verify.Input) { shuffle(in, 1) })
		var b *verify.Report
		bad.verify(t, func(in *verify.Input) {
			shuffle(in, 1)
			var err error
			b, err = verify.RunWithin(t.Context(), *in, int64(len(tp.events)/4), 60)
			if err != nil {
				t.Fatal(err)
			}
		})
		laws := []string{"I1", "I7", "I32"}
		if c.law == "I5" { // where the log itself is broken, a fold depends on what comes first
			laws = append(laws, c.law)
		}
		if a, b := counts(a, laws), counts(b, laws); a != b {
			t.Errorf("%s %s:\n%s\nin parts:\n%s", c.law, c.name, a, b)
		}
	}
}

// counts is how much was found, without places: in every reading they are others.
func counts(r *verify.Report, laws []string) string {
	var b strings.Builder
	for _, i := range r.Invariants {
		if slices.Contains(laws, i.ID) {
			fmt.Fprintln(&b, i.ID, i.Checked, i.Broken)
		}
	}
	return b.String()
}

// Goal: what several subjects write says which of them was last, and nobody else knows. Method: a
// shelf is counted three times; its record names one count, then something else.
func TestAShelfCountedTwiceInAnyOrder(t *testing.T) {
	t.Parallel()
	d := newQuietTown(t, 84, 1)
	d.shop(8)
	for _, n := range []int64{500_000, 700_000, 600_000} {
		in := &inventory.PutStockIn{SKU: string(skuOf(4)), IdempotencyKey: fmt.Sprint(n)}
		in.Body.OnHand = n
		_, err := d.app.Inventory.PutStock(d.admin(), in)
		d.must(err)
	}
	tp := record(t, d)
	bad := tp.copy()
	bad.edits("inventory/stock/"+string(skuOf(4)), func(r *platform.Record) bool {
		return field(r, "counted", func(json.RawMessage) any { return "mov_x" })
	})
	for seed := range 9 {
		if r := tp.verify(t, func(in *verify.Input) { shuffle(in, seed) }); !r.Clean() {
			t.Errorf("nothing is wrong, seed %d:\n%s", seed, r)
		}
		r := bad.verify(t, func(in *verify.Input) { shuffle(in, seed) })
		if !broken(r, "I5") {
			t.Errorf("no count wrote this, seed %d:\n%s", seed, r)
		}
	}
}

// growing is a history to which somebody writes while it is read.
type growing struct {
	platform.History
	readings int
}

// Log implements platform.History.
func (h *growing) Log(
	ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
) error {
	h.readings++
	n := 0
	return h.History.Log(ctx, after, func(cursor string, e platform.Event) error {
		if n++; n > 500+h.readings {
			return nil
		}
		return fn(cursor, e)
	})
}

// Goal: where nothing shows one moment, a history that grows is not judged. Method: every reading
// of a log finds one event more.
func TestGrowingHistoryIsNotJudged(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36)
	for _, f := range []platform.Features{{}, {GlobalOrder: true}, {Snapshot: true}} {
		_, err := verify.Run(t.Context(), verify.Input{
			History: &growing{History: tp}, Rooms: tp.rooms, Catalogue: tp.catalogue,
			Contracts: tp.contracts, Features: &f,
		})
		if err == nil || !strings.Contains(err.Error(), "nothing was judged") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// Goal: what a platform promises is asked, not guessed. Method: one that declares it, one that does
// not.
func TestFeaturesOf(t *testing.T) {
	t.Parallel()
	p, err := embedded.Open(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if f := verify.FeaturesOf(p); !f.GlobalOrder || !f.Snapshot {
		t.Errorf("embedded promises %+v", f)
	}
	if f := verify.FeaturesOf(struct{ platform.Platform }{p}); f.GlobalOrder || f.Snapshot {
		t.Errorf("who declares nothing promises %+v", f)
	}
}
