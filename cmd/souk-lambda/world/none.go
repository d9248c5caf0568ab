//go:build !souk_remote

package world

import (
	"context"
	"errors"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/platform"
)

// errNone is the answer of a binary that was built for no world.
var errNone = errors.New("this binary was built without a world to stand on: " +
	"build it with -tags souk_remote for the tests")

// OpenPlatform opens the ports for the API, a worker or the purchase queue's.
func OpenPlatform(
	context.Context, function.Start, func(platform.Event) error,
) (platform.Platform, error) {
	return nil, errNone
}

// OpenRelay opens what a relay needs.
func OpenRelay(context.Context, function.Start) (Relay, error) { return Relay{}, errNone }

// OpenSweeper opens what a sweeper needs.
func OpenSweeper(context.Context, function.Start) (Sweeper, error) { return Sweeper{}, errNone }

// OpenWork has messages handled by a subscription.
func OpenWork(
	context.Context, function.Start, platform.Platform, platform.Subscription,
) (Work, error) {
	return nil, errNone
}

// OpenPurchases tells how a message of the purchase queue is read.
func OpenPurchases(
	context.Context, function.Start, platform.Platform,
) (func(batch.Message) (platform.Received, error), error) {
	return nil, errNone
}
