package analytics

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: a fact counts the same however it is cut: each record once, no counter twice in a record,
// and the sums those of the order.
// Method: random orders with products that repeat over lines and parcels.
func TestTallyOfAPlacedOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := &event.OrderPlaced{Order: "ord_x", Currency: "GBP"}
		var wantUnits int64
		skus := map[shop.SKU]bool{}
		for d := range rapid.IntRange(1, 3).Draw(t, "parcels") {
			p := event.Parcel{Dealer: shop.ID(fmt.Sprintf("dlr_%d", d)), Tax: 20, Amount: 120}
			for range rapid.IntRange(1, 5).Draw(t, "lines") {
				l := event.ParcelLine{
					SKU:      shop.SKU(rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "sku")),
					Quantity: rapid.Int64Range(1, 9).Draw(t, "quantity"),
				}
				skus[l.SKU] = true
				wantUnits += l.Quantity
				p.Lines = append(p.Lines, l)
			}
			f.Parcels = append(f.Parcels, p)
			f.Total += p.Amount
		}
		sums := map[string]int64{}
		seen := map[platform.Key]bool{}
		for _, c := range tally(f) {
			if seen[c.key] {
				t.Fatalf("%v stands twice", c.key)
			}
			seen[c.key] = true
			names := map[string]bool{}
			for _, m := range c.moves {
				if names[m.Counter] {
					t.Fatalf("%s of %v stands twice", m.Counter, c.key)
				}
				names[m.Counter] = true
				sums[m.Counter] += m.Delta
			}
		}
		want := map[string]int64{
			placed: 1, ordered: f.Total, parcels: int64(len(f.Parcels)),
			revenue: 100 * int64(len(f.Parcels)), units: wantUnits, orders: int64(len(skus)),
		}
		for name, n := range want {
			if sums[name] != n {
				t.Fatalf("%s is %d, want %d", name, sums[name], n)
			}
		}
	})
}

// Goal: the best come first, no more than TopSize of them, whatever the order in which they are
// met.
// Method: random lists against sorting all.
func TestKeepTop(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 30).Draw(t, "units")
		var top []Product
		for i, n := range amounts {
			top = keepTop(top, Product{SKU: shop.SKU(fmt.Sprintf("S%02d", i)), Units: n}, mostUnits)
		}
		if len(top) != min(TopSize, len(amounts)) {
			t.Fatalf("%d of %d are kept", len(top), len(amounts))
		}
		for i := 1; i < len(top); i++ {
			if mostUnits(top[i-1], top[i]) >= 0 {
				t.Fatalf("%+v stands before %+v", top[i-1], top[i])
			}
		}
		better := 0
		for _, n := range amounts {
			if len(top) > 0 && n > top[len(top)-1].Units {
				better++
			}
		}
		if better >= TopSize && len(top) == TopSize {
			t.Fatalf("%d are better than the last of %d", better, len(top))
		}
	})
}
