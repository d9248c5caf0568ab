package analytics_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/room"
)

// The room counts by reacting; this is everything that counts.
func Example() {
	for _, r := range analytics.New(&room.Desk{}).Reactions() {
		fmt.Println(r.Fact.Type())
	}
	// Output:
	// souk.order.created.v1
	// souk.order.placed.v2
	// souk.order.cancelled.v1
	// souk.order.expired.v1
	// souk.payment.captured.v1
	// souk.payment.refunded.v1
	// souk.fulfilment.delivered.v1
}
