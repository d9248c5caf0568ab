package catalog_test

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room in ten lines: a dealer lists a thing and reprices it, and somebody asks what it costs.
func Example() {
	world, err := embedded.Open(embedded.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = world.Close() }()
	listings := catalog.New(&room.Desk{
		Store: world.Store("catalog"), Clock: platformtest.RealClock{},
		Catalogue: event.NewCatalogue(),
	}, catalog.DefaultPolicy())

	ctx := room.WithCaller(context.Background(), room.Caller{ID: "dlr_1", Role: room.Dealer()})
	l, made, err := listings.List(ctx, catalog.NewListing{
		SKU: "85123A", Title: "hanging heart", Price: shop.Money{Amount: 255, Currency: "GBP"},
	})
	fmt.Println(l.SKU, l.Price, made, err)
	_, err = listings.Reprice(ctx, "85123A", shop.Money{Amount: 295, Currency: "GBP"})
	fmt.Println(err)
	now, err := listings.Prices(ctx, []shop.SKU{"85123A"})
	fmt.Println(now[0].Price, err)
	_, err = listings.Prices(ctx, []shop.SKU{"85123A", "NONE"})
	fmt.Println(err)
	// Output:
	// 85123A 255 GBP true <nil>
	// <nil>
	// 295 GBP <nil>
	// there is no product "NONE" for sale
}
