package app

import (
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/payment"
)

// blueprint is a platform on which a shop can be opened and nothing can be done: it notes what is
// asked of it. Its methods are called by one goroutine.
type blueprint struct {
	noDelivery
	stores        []string
	subscriptions []platform.Subscription
	queues        []DeclaredQueue
}

// Store implements platform.Platform.
func (b *blueprint) Store(name string) platform.Store {
	if !slices.Contains(b.stores, name) {
		b.stores = append(b.stores, name)
	}
	return nil
}

// Queue implements platform.Platform.
func (b *blueprint) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	b.queues = append(b.queues, DeclaredQueue{
		Name: name, Room: theApp, Policy: p, Hidden: handOver, Opens: takersOpen(name),
	})
	return nil, nil
}

// Subscribe implements platform.Delivery.
func (b *blueprint) Subscribe(s platform.Subscription) error {
	b.subscriptions = append(b.subscriptions, s)
	return nil
}

func (b *blueprint) Delivery() platform.Delivery { return b }
func (b *blueprint) History() platform.History   { return nil }
func (b *blueprint) Files() platform.Files       { return nil }
func (b *blueprint) Keys() platform.Keys         { return nil }
func (b *blueprint) Close() error                { return nil }

// Now implements platform.Clock.
func (b *blueprint) Now() time.Time { return time.Time{} }

// After implements platform.Clock: nothing ever comes.
func (b *blueprint) After(time.Duration) <-chan time.Time { return nil }

// noDelivery delivers nothing.
type noDelivery struct{ platform.Delivery }

// noProvider is where money would be asked for.
type noProvider struct{ payment.Provider }

// noPoster is where a webhook would.
type noPoster struct{ notification.Poster }

// noCarrier is where a message would leave the system.
type noCarrier struct{ notification.Carrier }
