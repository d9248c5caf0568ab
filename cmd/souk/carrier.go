package main

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
)

// postRound is how often the sandbox carrier's words are brought in.
const postRound = 10 * time.Second

// depot is where parcels begin and returns end in a market that has no address of its own yet.
func depot() shop.Address {
	return shop.Address{
		Name: "Souk Depot", Line1: "Unit 9, Canal Wharf", City: "Leeds", PostalCode: "LS1 4AP",
		Country: "GB",
	}
}

// carry brings the sandbox carrier's words to the doors of fulfilment, as its webhooks would, until
// ctx ends. What is refused comes again later.
func (w *world) carry(ctx context.Context) {
	clock := embedded.SystemClock{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.After(postRound):
			w.carrier.Deliver(ctx, func(ctx context.Context, h post.Webhook) error {
				return w.app.Fulfilment.Hear(ctx, post.Name, h.Signed)
			})
		}
	}
}
