// Package settings reads what an operator decides of the shop from a function's environment. Every
// function of a deployment is given the same: the API prices an order, and a worker ends its return
// window.
//
// It promises to collect everything that is wrong in the Env it is given; what it returns then
// means nothing. Only function binaries import it.
package settings

import (
	"net/http"
	"strings"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/payment/stripe"
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

// callTimeout bounds one call to the provider by the connection; the room bounds it as well.
const callTimeout = 15 * time.Second

// Payment is the providers, and what webhooks may be signed with. The sandbox is in a process of
// its own, since functions share it; Stripe is there if it has a key. SOUK_PAYMENT_PROVIDER says
// whose tokens are meant when an order names no provider: with stripe the sandbox takes no orders.
func Payment(e *function.Env) payment.Options {
	first := e.Text("SOUK_PAYMENT_PROVIDER", sandbox.Name)
	card := theirs(e)
	switch {
	case first != sandbox.Name && first != stripe.Name:
		e.Wrong("SOUK_PAYMENT_PROVIDER", "is %q: set it to sandbox or stripe", first)
	case first == stripe.Name && card.Provider == nil:
		e.Wrong("SOUK_STRIPE_KEY", "is not set: set it to the account's secret key")
	case first == stripe.Name:
		return payment.Options{
			Name: card.Name, Provider: card.Provider, Describe: card.Describe,
			Listener: card.Listener, Apart: true,
		}
	}
	opt := box(e)
	if card.Provider != nil {
		opt.Others = []payment.Other{card}
	}
	return opt
}

// theirs is Stripe, if it has a key.
func theirs(e *function.Env) payment.Other {
	key := e.Text("SOUK_STRIPE_KEY", "")
	if key == "" {
		return payment.Other{}
	}
	p, err := stripe.New(stripe.Options{
		Key: key, Return: e.Text("SOUK_STRIPE_RETURN", ""),
		Secrets: strings.Fields(e.Text("SOUK_STRIPE_WEBHOOK_SECRETS", "")),
		Client:  &http.Client{Timeout: callTimeout},
	})
	if err != nil {
		e.Wrong("SOUK_STRIPE_KEY", "is of no use: %v", err)
		return payment.Other{}
	}
	return payment.Other{Name: stripe.Name, Provider: p, Describe: stripe.Describe, Listener: p}
}

// box is the sandbox.
func box(e *function.Env) payment.Options {
	url := e.Need("SOUK_SANDBOX_URL", "the address of the payment sandbox, as in http://host:port")
	if url != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		e.Wrong("SOUK_SANDBOX_URL", "does not begin with http:// or https://")
	}
	opt := payment.Options{
		Name: sandbox.Name, Describe: sandbox.Describe, Apart: true,
		Provider: sandbox.NewDistant(url, &http.Client{Timeout: callTimeout}),
	}
	for _, secret := range strings.Fields(e.Text("SOUK_WEBHOOK_SECRETS", "")) {
		if len(secret) < 16 {
			e.Wrong("SOUK_WEBHOOK_SECRETS", "holds a secret of less than 16 bytes: "+
				"make one with openssl rand -base64 32; several are separated by spaces")
			break
		}
		opt.Secrets = append(opt.Secrets, []byte(secret))
	}
	return opt
}
