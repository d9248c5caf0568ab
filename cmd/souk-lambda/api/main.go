// Command api is the function that answers HTTP: every door of the shop behind an HTTP API.
package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/gateway"
	"github.com/souk-commerce/souk/cmd/souk-lambda/providers"
	"github.com/souk-commerce/souk/cmd/souk-lambda/settings"
	"github.com/souk-commerce/souk/cmd/souk-lambda/world"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/webhook"
)

func main() { os.Exit(function.Main(function.API, os.Getenv, os.Stderr, open)) }

// open opens all rooms: the table of routes needs all.
func open(ctx context.Context, s function.Start) (function.Opened, error) {
	edge := s.Env.Need("SOUK_EDGE_KEY", "the word that the front says with every request")
	cat := event.NewCatalogue()
	parcels := providers.Parcels(s.Env)
	parcels.Printer = paper.Printer{}
	cfg := app.Config{
		Catalogue: cat, Clock: function.Clock{}, Log: s.Log, Unwatched: true,
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Payment: providers.Payment(s.Env), Payouts: providers.Payouts(s.Env),
		Fulfilment: parcels, SignIn: signIn(s.Env),
		// Here it only says which addresses webhooks could be posted to.
		Notification: notification.Options{Poster: webhook.New(webhook.Options{})},
		Policy: app.Policy{
			Issuer: settings.Issuer, Catalog: settings.Catalog(s.Env),
			Order: settings.Order(s.Env), Patience: -1, // the gateway and the account's limits shed
		},
	}
	p, err := world.OpenPlatform(ctx, s, app.Check(cat))
	if err != nil {
		return function.Opened{}, err
	}
	cfg.Platform = p
	a, err := app.Open(cfg)
	if err != nil {
		return function.Opened{}, err
	}
	doors := gateway.Behind(edge, a.Handler())
	return function.Opened{
		Handle: func(ctx context.Context, payload []byte) ([]byte, error) {
			return gateway.Serve(ctx, doors, payload, function.MaxPayload, func(h http.Header) {
				if h.Get("X-Correlation-Id") == "" { // so that our logs and the service's agree
					h.Set("X-Correlation-Id", function.Invocation(ctx))
				}
			})
		},
		Close: p.Close,
	}, nil
}
