package providers

import (
	"strings"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
	"github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
)

// Payouts is who pays dealers: the sandbox where there is one, or nobody.
func Payouts(e *function.Env) ledger.Options {
	opt := ledger.Options{Policy: ledger.Policy{
		Minimum: e.Number("SOUK_MIN_PAYOUT", ledger.DefaultPolicy().Minimum, 1, 1_000_000_000),
	}}
	if url, ok := playground(e); ok {
		opt.Name, opt.Describe = payer.Name, payer.Describe
		opt.Provider = payer.NewDistant(url, client())
	}
	return opt
}

// Parcels is who carries parcels: the sandbox where there is one, or nobody but the dealers.
func Parcels(e *function.Env) fulfilment.Options {
	opt := fulfilment.Options{Depot: depot(e), Secrets: secrets(e, "SOUK_CARRIER_SECRETS")}
	if url, ok := playground(e); ok {
		opt.Carrier = post.New(url, client())
	}
	return opt
}

// usualDepot is that of a market that has no address of its own yet.
const usualDepot = "Souk Depot; Unit 9, Canal Wharf; Leeds; LS1 4AP; GB"

// depot is where parcels begin, and returns end.
func depot(e *function.Env) shop.Address {
	const name = "SOUK_DEPOT"
	parts := strings.Split(e.Text(name, usualDepot), ";")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	if len(parts) != 5 {
		e.Wrong(name, "has %d parts: set it to name; street; city; postal code; country",
			len(parts))
		return shop.Address{}
	}
	a := shop.Address{Name: parts[0], Line1: parts[1], City: parts[2], PostalCode: parts[3],
		Country: parts[4]}
	if err := a.Check(); err != nil {
		e.Wrong(name, "is no address: %v", err)
	}
	return a
}
