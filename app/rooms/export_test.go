package rooms

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
)

// ViewOf is the store that the asker of a seam has.
func ViewOf(cfg Config, s Seam) platform.Store { return (&Row{cfg: cfg}).view(s).Store }

// PricesOf asks what the order room of r asks.
func PricesOf(ctx context.Context, r *Row, sku shop.SKU) ([]order.Offer, error) {
	return prices{r.catalogFor(seamPrices()), r.ledgerFor(seamTerms())}.Prices(ctx, []shop.SKU{sku})
}
