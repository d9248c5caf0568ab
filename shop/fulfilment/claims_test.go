package fulfilment

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// yard is a delivered parcel and everything that its returns have come to, by their facts alone.
type yard struct {
	sh      *Shipment
	shares  []int64
	claims  *Claims
	returns []*Return
	paid    int64 // minor units that inspections promised
}

func newYard(t *rapid.T) *yard {
	n := rapid.IntRange(1, 4).Draw(t, "skus")
	y := &yard{claims: &Claims{}, sh: &Shipment{
		ID: "shp_x_1", Order: "ord_x", Dealer: "dlr_1", State: Delivered(),
		Arrived: time.Unix(0, 0).UTC(),
		Amount: shop.Money{
			Amount: rapid.Int64Range(0, 100_000).Draw(t, "amount"), Currency: "GBP",
		},
	}}
	var lines []Priced
	for i := range n {
		sku := shop.SKU(fmt.Sprint("SKU-", i))
		y.sh.Lines = append(y.sh.Lines, event.ParcelLine{
			SKU: sku, Quantity: rapid.Int64Range(1, 7).Draw(t, "units"),
		})
		lines = append(lines, Priced{
			SKU: sku, Dealer: "dlr_1", Units: y.sh.Lines[i].Quantity,
			Amount: rapid.Int64Range(0, 5000).Draw(t, "price"),
		})
	}
	var err error
	if y.shares, err = y.sh.shares(lines); err != nil {
		t.Fatal(err)
	}
	return y
}

// apply lets facts of a return happen.
func (y *yard) apply(r *Return, facts []event.Fact) {
	for _, f := range facts {
		if asked, ok := f.(*event.ReturnRequested); ok {
			r = begin(asked)
			y.returns = append(y.returns, r)
		}
		y.claims.follow(r, f)
		r.follow(f)
		if i, ok := f.(*event.ReturnInspected); ok {
			y.paid += i.Amount.Amount
		}
	}
}

// act does something at random; what is refused happens not at all.
func (y *yard) act(t *rapid.T) {
	count := rapid.Int64Range(0, 8)
	sku := y.sh.Lines[rapid.IntRange(0, len(y.sh.Lines)-1).Draw(t, "sku")].SKU
	if len(y.returns) == 0 || rapid.IntRange(0, 3).Draw(t, "ask") == 0 {
		f, err := y.sh.ask(y.claims, shop.ID(fmt.Sprint("ret_", len(y.returns))), []Wish{
			{SKU: sku, Quantity: count.Draw(t, "wish"), Reason: "other"},
		}, y.shares, time.Unix(1, 0), DefaultPolicy())
		if err == nil {
			y.apply(nil, []event.Fact{f})
		}
		return
	}
	r := y.returns[rapid.IntRange(0, len(y.returns)-1).Draw(t, "return")]
	var facts []event.Fact
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		facts, _ = r.approve("dlr_1", time.Unix(2, 0), DefaultPolicy())
	case 1:
		facts, _ = r.withdraw("cus_1")
	case 2:
		facts, _ = r.receive("dlr_1", []event.ParcelLine{{
			SKU: r.Lines[0].SKU, Quantity: count.Draw(t, "received"),
		}})
	case 3:
		facts, _ = r.judge(y.claims, "dlr_1", []event.InspectedUnits{{
			SKU: r.Lines[0].SKU, Quantity: count.Draw(t, "inspected"),
			Verdict: rapid.SampledFrom(event.Verdicts()).Draw(t, "verdict"),
		}})
	case 4:
		facts = r.lapse()
	case 5:
		for i := range r.Refunds {
			facts = append(facts, r.paid(r.Refunds[i].ID, shop.Money{
				Amount: r.Refunds[i].Amount, Currency: "GBP",
			})...)
		}
	}
	y.apply(r, facts)
	y.apply(r, r.end())
}

// Goal: whatever customers and dealers do, no unit comes back twice, no more money goes back than
// was paid, and exactly that when everything is back. Method: random parcels, prices and deeds; the
// sums by the facts, after each deed.
func TestReturnsNeverGiveMoreThanThereWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		y := newYard(t)
		for range rapid.IntRange(1, 60).Draw(t, "deeds") {
			y.act(t)
			whole := true
			for i, l := range y.sh.Lines {
				var claimed, received, inspected, worth int64
				for _, r := range y.returns {
					line := r.line(l.SKU)
					if line == nil {
						continue
					}
					received, inspected = received+line.Received, inspected+line.inspected()
					if claimed += line.Received; !r.Stage.Over() {
						claimed += line.awaited()
					}
				}
				worth = portion(y.shares[i], inspected, l.Quantity)
				got := y.claims.of(l.SKU)
				if claimed != got.Claimed || claimed > l.Quantity || inspected > received ||
					got.Paid != inspected || worth < 0 {
					t.Fatalf("%s: %d claimed (%+v), %d received, %d inspected of %d",
						l.SKU, claimed, got, received, inspected, l.Quantity)
				}
				whole = whole && inspected == l.Quantity
			}
			if y.paid > y.sh.Amount.Amount || whole && y.paid != y.sh.Amount.Amount {
				t.Fatalf("%d of %d went back, all is back: %v", y.paid, y.sh.Amount.Amount, whole)
			}
		}
	})
}

// Goal: a customer who sends the rest back after a loss is not short of a cent. Method: three units
// for 100, one by one and all at once.
func TestPortionsAddUp(t *testing.T) {
	t.Parallel()
	var sum int64
	for i := int64(0); i < 3; i++ {
		sum += portion(100, i+1, 3) - portion(100, i, 3)
	}
	if sum != 100 || portion(100, 3, 3) != 100 || portion(100, 1, 3) != 33 {
		t.Errorf("one by one %d, at once %d, the first %d", sum, portion(100, 3, 3),
			portion(100, 1, 3))
	}
	if huge := portion(shop.MaxAmount, 999_999_999, 1_000_000_000); huge <= 0 ||
		huge >= shop.MaxAmount {
		t.Errorf("the greatest amount overflows: %d", huge)
	}
}
