package main

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/payment/stripe"
)

// providerFlags choose who takes the money.
type providerFlags struct {
	First   string `name:"payment-provider" default:"sandbox" enum:"sandbox,stripe" help:"Whose tokens are meant when an order names no provider. With stripe the sandbox takes no orders."`
	Key     string `name:"stripe-key-file" help:"File with Stripe's secret key; without it there is no Stripe." type:"path"`
	Secrets string `name:"stripe-webhook-secret-file" help:"File with the secrets of Stripe's webhook endpoint, one a line, newest first; none refuses its webhooks." type:"path"`
	Return  string `name:"stripe-return-url" help:"Where banks send customers who have confirmed: the shop's own page."`
}

// providers is how the payment room is opened: with the sandbox, with Stripe, or with both.
func (f providerFlags) providers(box payment.Options) (payment.Options, error) {
	if f.Key == "" {
		if f.First == stripe.Name {
			return box, shop.Errorf(shop.Invalid, "Stripe has no key; nothing was started").
				WithHint("name a file that holds it with --stripe-key-file")
		}
		return box, nil
	}
	keys, err := secretLines(f.Key)
	if err != nil {
		return box, err
	}
	opt := stripe.Options{Key: keys[0], Return: f.Return}
	if f.Secrets != "" {
		if opt.Secrets, err = secretLines(f.Secrets); err != nil {
			return box, err
		}
	}
	provider, err := stripe.New(opt)
	if err != nil {
		return box, err
	}
	if f.First == stripe.Name {
		return payment.Options{
			Name: stripe.Name, Provider: provider, Describe: stripe.Describe, Listener: provider,
			Policy: box.Policy,
		}, nil
	}
	box.Name = sandbox.Name
	box.Others = []payment.Other{{
		Name: stripe.Name, Provider: provider, Describe: stripe.Describe, Listener: provider,
	}}
	return box, nil
}
