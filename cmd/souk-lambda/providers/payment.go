// Package providers says who takes money, who pays it out and who carries parcels where functions
// run: Stripe, and the sandboxes of all three, which are in a process of their own that functions
// share.
//
// It promises to collect everything that is wrong in the Env it is given; what it returns then
// means nothing. It calls nobody. Of the function binaries only the doors and the workers import
// it: whoever takes purchases, carries events or fires timers asks no vendor.
package providers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/payment/stripe"
)

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

// theirs is Stripe, if it has a key. A door that is told only in which secret the key is, keeps
// tokens for the functions that have it, and asks nobody.
func theirs(e *function.Env) payment.Other {
	key := e.Text("SOUK_STRIPE_KEY", "")
	switch {
	case key == "" && e.Text("SOUK_STRIPE_SECRET", "") == "":
		return payment.Other{}
	case key == "":
		return payment.Other{
			Name: stripe.Name, Provider: keyless{}, Describe: stripe.Describe,
		}
	}
	p, err := stripe.New(stripe.Options{
		Key: key, Return: e.Text("SOUK_STRIPE_RETURN", ""),
		Secrets: strings.Fields(e.Text("SOUK_STRIPE_WEBHOOK_SECRETS", "")),
		Client:  client(),
	})
	if err != nil {
		e.Wrong("SOUK_STRIPE_KEY", "is of no use: %v", err)
		return payment.Other{}
	}
	return payment.Other{Name: stripe.Name, Provider: p, Describe: stripe.Describe, Listener: p}
}

// errKeyless is what a function says that was to ask Stripe and has no key.
var errKeyless = errors.New("this function has no key of Stripe's; nothing was sent")

// keyless stands where nobody is asked for money.
type keyless struct{}

// Do implements payment.Provider.
func (keyless) Do(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, errKeyless
}

// Status implements payment.Provider.
func (keyless) Status(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, errKeyless
}

// box is the sandbox.
func box(e *function.Env) payment.Options {
	e.Need(sandboxURL, "the address of the payment sandbox, as in http://host:port")
	url, _ := playground(e)
	opt := payment.Options{
		Name: sandbox.Name, Describe: sandbox.Describe, Apart: true,
		Provider: sandbox.NewDistant(url, client()),
	}
	opt.Secrets = secrets(e, "SOUK_WEBHOOK_SECRETS")
	return opt
}

// sandboxURL names where all sandboxes are served.
const sandboxURL = "SOUK_SANDBOX_URL"

// playground is where the sandboxes are served, if they are.
func playground(e *function.Env) (url string, ok bool) {
	url = e.Text(sandboxURL, "")
	if url != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		e.Wrong(sandboxURL, "does not begin with http:// or https://")
	}
	return strings.TrimSuffix(url, "/"), url != ""
}

func client() *http.Client { return &http.Client{Timeout: callTimeout} }

// secrets reads what webhooks may be signed with, newest first.
func secrets(e *function.Env, name string) (all [][]byte) {
	for _, secret := range strings.Fields(e.Text(name, "")) {
		if len(secret) < 16 {
			e.Wrong(name, "holds a secret of less than 16 bytes: "+
				"make one with openssl rand -base64 32; several are separated by spaces")
			break
		}
		all = append(all, []byte(secret))
	}
	return all
}
