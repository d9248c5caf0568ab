package app

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
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

// prices answers order with the catalogue.
type prices struct{ catalog *catalog.Service }

// Prices implements order.Prices.
func (p prices) Prices(ctx context.Context, skus []shop.SKU) ([]order.Offer, error) {
	listings, err := p.catalog.Prices(ctx, skus)
	if err != nil {
		return nil, err
	}
	offers := make([]order.Offer, len(listings))
	for i, l := range listings {
		offers[i] = order.Offer{
			SKU: l.SKU, Dealer: l.Dealer, Title: l.Title, Price: l.Price,
			CommissionBPS: l.CommissionBPS,
		}
	}
	return offers, nil
}

// vault answers order with payment. Order is opened before payment, so it looks the room up when
// it is asked.
type vault struct{ app *App }

// Vault implements order.Vault.
func (v vault) Vault(
	ctx context.Context, customer shop.ID, requestKey, token string,
) (shop.ID, error) {
	m, err := v.app.Payment.Vault(ctx, customer, requestKey, token)
	return m.ID, err
}

// dues answers payment with order.
type dues struct{ order *order.Service }

// Due implements payment.Dues.
func (d dues) Due(ctx context.Context, id shop.ID) (payment.Due, error) {
	due, err := d.order.Due(ctx, id)
	if err != nil {
		return payment.Due{}, err
	}
	return payment.Due{
		Customer: due.Customer, Method: due.Method, Amount: due.Amount, Open: due.Pending,
	}, nil
}

// watcher answers order with the app's watch.
type watcher struct {
	watch *watch
	pace  *pace
}

// Watch implements order.Watcher. When too many wait already the channel never receives, and
// whoever asked falls back to looking by itself.
func (w watcher) Watch(id shop.ID) (<-chan struct{}, func()) {
	resume := w.pace.rest()
	moved, leave, err := w.watch.Join(id)
	if err != nil {
		return nil, resume
	}
	return moved, func() {
		leave()
		resume()
	}
}
