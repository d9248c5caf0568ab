package notification_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
)

// The room tells by reacting; this is everything that it listens to.
func Example() {
	for _, r := range notification.New(&room.Desk{}, notification.Options{}).Reactions() {
		fmt.Println(r.Name)
	}
	// Output:
	// notification.tell-on-order-placed
	// notification.tell-on-order-cancelled
	// notification.tell-on-order-expired
	// notification.tell-on-fulfilment-dispatched
	// notification.tell-on-aftermath
	// notification.tell-market-on-fact
}
