// Package settings reads what an operator decides of the shop from a function's environment. Every
// function of a deployment is given the same: the API prices an order, and a worker ends its return
// window.
//
// It promises to collect everything that is wrong in the Env it is given; what it returns then
// means nothing. Only function binaries import it.
package settings

import (
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/order"
)

// Issuer is who signs the tokens of a deployment, as everywhere.
const Issuer = "souk"

// Catalog is the catalogue's policy. Nothing is remembered between requests: other processes change
// prices.
func Catalog(e *function.Env) catalog.Policy {
	return catalog.Policy{CommissionBPS: e.Number("SOUK_COMMISSION_BPS",
		catalog.DefaultPolicy().CommissionBPS, 1, 10_000)}
}

// Order is the order room's policy.
func Order(e *function.Env) order.Policy {
	p := order.DefaultPolicy()
	p.TTL = e.Span("SOUK_DEADLINE", p.TTL, time.Minute, 24*time.Hour)
	p.ReturnWindow = e.Span("SOUK_RETURNS", p.ReturnWindow, time.Minute, 400*24*time.Hour)
	p.Charges = order.Charges{
		ShippingPerParcel: e.Number("SOUK_SHIPPING", 0, 0, 1_000_000),
		TaxBPS:            e.Number("SOUK_TAX_BPS", 0, 0, 10_000),
	}
	return p
}
