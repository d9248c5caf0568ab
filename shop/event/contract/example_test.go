package contract_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop/event/contract"
)

// A payload is checked by its type: first its shape, then what it means.
func ExampleChecker_Validate() {
	checker, err := contract.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	const typ = "souk.inventory.rejected.v1"
	for _, payload := range []string{
		`{"order":"ord_1","sku":"CUP","wanted":3,"available":1}`,
		`{"order":"ord_1","sku":"CUP","wanted":"3","available":1}`,
		`{"order":"ord_1","sku":"CUP","wanted":1,"available":3}`,
	} {
		fmt.Println(checker.Validate(typ, []byte(payload)))
	}
	// Output:
	// <nil>
	// souk.inventory.rejected.v1: at /wanted: got string, want number
	// souk.inventory.rejected.v1 breaks its invariant really_short: data.available < data.wanted
}

// Changes are compared with the last release, and a break says what to do.
func ExampleCheck() {
	released, err := contract.Current()
	if err != nil {
		fmt.Println(err)
		return
	}
	next, _ := contract.Current()
	delete(next["souk.order.completed.v1"].Properties, "customer")
	for _, b := range contract.Check(released, next) {
		fmt.Printf("%s %s: %s\n%s\n", b.Event, b.Field, b.What, b.Fix)
	}
	// Output:
	// souk.order.completed.v1 customer: it was removed
	// restore it, or announce souk.order.completed.v2 with an upcaster to it
}
