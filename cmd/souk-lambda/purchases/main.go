// Command purchases is the function that takes orders from the purchase queue. It opens the room
// in which a purchase becomes an order.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/settings"
	"github.com/souk-commerce/souk/cmd/souk-lambda/world"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

func main() { os.Exit(function.Main(function.Purchases, os.Getenv, os.Stderr, open)) }

func open(ctx context.Context, s function.Start) (function.Opened, error) {
	cat := event.NewCatalogue()
	cfg := app.Config{
		Rooms: []string{app.IntakeRoom}, Unwatched: true,
		Catalogue: cat, Clock: function.Clock{}, Log: s.Log,
		IDs: shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Policy: app.Policy{
			Issuer: settings.Issuer, Catalog: settings.Catalog(s.Env), Order: settings.Order(s.Env),
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
	decode, err := world.OpenPurchases(ctx, s, p)
	if err != nil {
		return function.Opened{}, err
	}
	return function.Opened{
		Handle: func(ctx context.Context, payload []byte) ([]byte, error) {
			return batch.Messages(ctx, payload, taker(a, s, decode))
		},
		Close: p.Close,
	}, nil
}

// taker takes one purchase after the other. One that cannot be read comes again until it is a dead
// letter, where an operator sees it.
func taker(
	a *app.App, s function.Start, decode func(batch.Message) (platform.Received, error),
) world.Work {
	return func(ctx context.Context, messages []batch.Message) (failed []string, err error) {
		for _, m := range messages {
			done := false
			r, err := decode(m)
			if err == nil {
				done, err = a.TakePurchase(ctx, r)
			}
			if err != nil {
				s.Log.ErrorContext(ctx, "a purchase was not taken", "message", m.ID, "cause", err)
			}
			if !done {
				failed = append(failed, m.ID)
			}
		}
		return failed, nil
	}
}
