package inventory_test

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/room"
)

// anyone answers for the catalogue.
type anyone struct{}

func (anyone) Owner(context.Context, shop.SKU) (shop.ID, error) { return "dealer_ann", nil }

// Five units come in, an order is held, and three are left for everybody else.
func Example() {
	ctx := context.Background()
	p, err := embedded.Open(embedded.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	stock := inventory.New(&room.Desk{
		Store: p.Store("inventory"), History: p.History(), Keys: p.Keys(),
		Clock: platformtest.RealClock{}, Catalogue: event.NewCatalogue(),
	}, anyone{})

	if err := stock.Receive(ctx, "mov_delivery_1", "TEAPOT", 5); err != nil {
		fmt.Println(err)
	}
	order := &event.OrderCreated{
		Order: "ord_1", Lines: []event.OrderLine{{SKU: "TEAPOT", Quantity: 2}},
	}
	hold := stock.Reactions()[0]
	for range 2 { // a redelivery changes nothing
		if err := hold.Handle(ctx, order, room.Cause{}); err != nil {
			fmt.Println(err)
		}
	}
	level, err := stock.Level(ctx, "TEAPOT")
	fmt.Println(hold.Name, level.OnHand, level.Reserved, level.Available, err)
	// Output: inventory.hold-on-order-created 5 2 3 <nil>
}
