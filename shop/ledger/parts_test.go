package ledger

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: a parcel that is captured in parts books exactly what was agreed for it, no share of any
// part is below zero, and no more is taken than was agreed. Method: random shares, divided at
// random; the parts in their numbers' order and in the opposite one.
func TestPartsBookWhatWasAgreed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tax := rapid.Int64Range(0, 500).Draw(t, "tax")
		commission := rapid.Int64Range(0, 500).Draw(t, "commission")
		earnings := rapid.Int64Range(0, 5000).Draw(t, "earned")
		auth := &Transaction{Order: "ord_x", Currency: "GBP", Splits: []event.ParcelSplit{
			{Shipment: "shp_x_1", Dealer: "dlr_1", Amount: 7},
			{Shipment: "shp_x_2", Dealer: "dlr_2", Amount: tax + commission + earnings, Tax: tax,
				Commission: commission},
		}}
		agreed := auth.Splits[1]
		var sum event.ParcelSplit
		for left, n := agreed.Amount, 2; left > 0; n += 2 {
			amount := left
			if n < 48 {
				amount = rapid.Int64Range(1, left).Draw(t, "part")
			}
			left -= amount
			f := &event.PaymentCaptured{
				Order: "ord_x", Shipment: shop.ID(fmt.Sprint("shp_x_", n)),
				Amount: shop.Money{Amount: amount, Currency: "GBP"},
			}
			posted, err := capture(auth, sum, f)
			if err != nil {
				t.Fatal(err)
			}
			got := posted.Splits[0]
			if got.Shipment != f.Shipment || got.Dealer != "dlr_2" || got.Amount != amount ||
				got.Tax < 0 || got.Commission < 0 || earned(got) < 0 {
				t.Fatalf("a part is booked as %+v", got)
			}
			sum = plus(sum, got)
		}
		if sum.Amount != agreed.Amount || sum.Tax != tax || sum.Commission != commission {
			t.Fatalf("%+v was booked of %+v", sum, agreed)
		}
		_, err := capture(auth, sum, &event.PaymentCaptured{
			Order: "ord_x", Shipment: "shp_x_50", Amount: shop.Money{Amount: 1, Currency: "GBP"},
		})
		if err == nil {
			t.Fatal("more was booked than was agreed")
		}
	})
}

// Goal: a capture of what is no parcel of the order is not booked. Method: names that cannot be.
func TestPartsOfNoParcel(t *testing.T) {
	t.Parallel()
	auth := &Transaction{Order: "ord_x", Currency: "GBP", Splits: []event.ParcelSplit{
		{Shipment: "shp_x_1", Dealer: "dlr_1", Amount: 7},
	}}
	for _, id := range []shop.ID{"shp_x_0", "shp_x_51", "shp_y_1", "shp_x_", "shp_x_01"} {
		if _, _, err := agreedFor(auth, id); shop.CodeOf(err) != shop.Illegal {
			t.Errorf("%s: %v", id, err)
		}
	}
}
