package fulfilment_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
)

// A parcel is packed before it may leave, and its money is taken in between.
func Example() {
	sh := &fulfilment.Shipment{
		ID: fulfilment.ID("ord_7", 1), Order: "ord_7", State: fulfilment.Requested(),
		Amount: shop.Money{Amount: 1020, Currency: "GBP"},
	}
	_, err := sh.Dispatch(fulfilment.Stop{}, "")
	fmt.Println(err)
	facts, _ := sh.Pack(fulfilment.Stop{})
	fmt.Println(facts[0].Type(), facts[0].Subject())
	// Output:
	// shipment shp_7_1 is requested and cannot be dispatched; nothing was done
	// souk.fulfilment.packed.v1 shipment/shp_7_1
}
