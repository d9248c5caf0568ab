package app

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
)

// The seams: what one room asks of another, answered by calling it. Where rooms run apart, these
// are the only lines that change.

// owners answers inventory with the catalogue.
type owners struct{ catalog *catalog.Service }

// Owner implements inventory.Owners.
func (o owners) Owner(ctx context.Context, sku shop.SKU) (shop.ID, error) {
	l, err := o.catalog.Get(ctx, sku)
	if shop.CodeOf(err) == shop.NotFound {
		return "", shop.Errorf(shop.UnknownSKU, "there is no product %q", sku)
	}
	return l.Dealer, err
}

// watcher answers order with the app's watch.
type watcher struct{ watch *watch }

// Watch implements order.Watcher. When too many wait already the channel never receives, and
// whoever asked falls back to looking by itself.
func (w watcher) Watch(id shop.ID) (<-chan struct{}, func()) {
	moved, leave, err := w.watch.Join(id)
	if err != nil {
		return nil, func() {}
	}
	return moved, leave
}
