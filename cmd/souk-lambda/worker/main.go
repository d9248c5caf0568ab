// Command worker is the function that runs one subscription, or answers one task of state machines:
// it opens the room whose it is, and no other.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/carriers"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/providers"
	"github.com/souk-commerce/souk/cmd/souk-lambda/settings"
	"github.com/souk-commerce/souk/cmd/souk-lambda/world"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

func main() { os.Exit(function.Main(function.Worker, os.Getenv, os.Stderr, open)) }

func open(ctx context.Context, s function.Start) (function.Opened, error) {
	if task := s.Env.Text("SOUK_TASK", ""); task != "" {
		return openTask(ctx, s, task)
	}
	name := s.Env.Need("SOUK_SUBSCRIPTION", "the name of the subscription that this worker runs")
	if name == "" {
		return function.Opened{}, nil // the environment is wrong, and is reported as a whole
	}
	room, err := rooms.RoomOf(name)
	if err != nil {
		return function.Opened{}, misnamed(err)
	}
	row, p, err := openRoom(ctx, s, room)
	if err != nil {
		return function.Opened{}, err
	}
	sub, err := row.Subscription(name)
	if err != nil {
		return function.Opened{}, misnamed(err)
	}
	work, err := world.OpenWork(ctx, s, p, sub)
	if err != nil {
		return function.Opened{}, err
	}
	return function.Opened{
		Handle: func(ctx context.Context, payload []byte) ([]byte, error) {
			return batch.Messages(ctx, payload, work)
		},
		Close: p.Close,
	}, nil
}

// openRoom opens one room on the platform, with whom it calls.
func openRoom(
	ctx context.Context, s function.Start, room string,
) (*rooms.Row, platform.Platform, error) {
	var err error
	cfg := rooms.Config{
		Catalogue: event.NewCatalogue(), Clock: function.Clock{},
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Catalog: settings.Catalog(s.Env), Order: settings.Order(s.Env),
	}
	switch room {
	case "payment":
		cfg.Payment = providers.Payment(s.Env)
	case "ledger":
		cfg.Ledger = providers.Payouts(s.Env)
	case "fulfilment":
		cfg.Fulfilment = providers.Parcels(s.Env)
	case "notification":
		if cfg.Notification, err = carriers.Options(ctx, s.Env); err != nil {
			return nil, nil, err
		}
	}
	if cfg.Platform, err = world.OpenPlatform(ctx, s, rooms.Check(cfg.Catalogue)); err != nil {
		return nil, nil, err
	}
	row, err := rooms.Open(cfg, room)
	return row, cfg.Platform, err
}

// misnamed says what the subscription could be.
func misnamed(err error) error {
	hint := ""
	if e, ok := errors.AsType[*shop.Error](err); ok {
		hint = e.Hint
	}
	return fmt.Errorf("SOUK_SUBSCRIPTION: %w: %s", err, hint)
}
