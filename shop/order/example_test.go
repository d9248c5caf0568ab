package order_test

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// counted makes ord_1, ord_2, …
type counted struct{ n int }

func (c *counted) NewID(prefix string) shop.ID {
	c.n++
	return shop.ID(fmt.Sprintf("%s_%d", prefix, c.n))
}

// The room in ten lines: a customer checks out, and cancels.
func Example() {
	world, err := embedded.Open(embedded.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = world.Close() }()
	orders := order.New(&room.Desk{
		Store: world.Store("order"), History: world.History(), Keys: world.Keys(),
		Clock: platformtest.RealClock{}, IDs: &counted{}, Catalogue: event.NewCatalogue(),
	}, order.Seams{Prices: newShelf(), Vault: &vault{}}, order.DefaultPolicy())

	ctx := room.WithCaller(context.Background(), room.Caller{ID: "cus_1", Role: room.Customer()})
	v, err := orders.Checkout(ctx, order.Basket{
		Customer: "cus_1", Method: "pm_1", ShipTo: address(), Origin: "import",
		Items: []order.Item{{SKU: "MUG", Quantity: 2}, {SKU: "POT", Quantity: 1}},
	})
	fmt.Println(v.ID, v.Status, v.Total, err)
	v, err = orders.Cancel(ctx, v.ID, "changed_mind")
	fmt.Println(v.ID, v.Status, v.Reason, err)
	_, err = orders.Cancel(ctx, v.ID, "changed_mind")
	fmt.Println(err)
	// Output:
	// ord_1 pending_payment 2250 GBP <nil>
	// ord_1 cancelled changed_mind <nil>
	// order ord_1 is cancelled (version 2): one cannot cancel it now
}
