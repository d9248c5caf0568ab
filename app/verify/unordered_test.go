package verify_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
)

// Goal: nothing is found where nothing is wrong, in whatever order the log is. Method: a town on
// the embedded platform in which everything happens at once lives its life; at several moments its
// history is read in many orders that keep each subject's, every time in another.
func TestNothingIsFoundInAnyOrder(t *testing.T) {
	t.Parallel()
	orders, seeds := 300, 24
	if testing.Short() {
		orders, seeds = 100, 6
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
				Provider: entries(d.provider.Ledger),
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
				if i.Checked == 0 && stages > 3 {
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
	tp := recorded(t, 58)
	unseen := unseenWithoutOrder()
	for _, c := range corruptions() {
		name := c.law + " " + c.name
		t.Run(name, func(t *testing.T) {
			bad := tp.copy()
			c.change(bad)
			missed := 0
			for seed := range 6 {
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

func unseenWithoutOrder() map[string]string {
	return map[string]string{}
}

var _ = errors.New
var _ = slices.Contains[[]int]
var _ = strings.Cut
var _ time.Duration
var _ shop.ID
var _ *event.OrderCreated
var _ platform.Event
