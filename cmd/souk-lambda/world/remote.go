//go:build souk_remote

package world

import (
	"context"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest/remote"
	"github.com/souk-commerce/souk/platform"
)

// dial names the platform of the test that started this process.
func dial(s function.Start) *remote.Platform {
	return remote.Dial(s.Env.Need("SOUK_REMOTE", "the address of the test's platform"))
}

// OpenPlatform opens the ports for the API, a worker or the purchase queue's. The far side checks
// every event itself.
func OpenPlatform(
	_ context.Context, s function.Start, _ func(platform.Event) error,
) (platform.Platform, error) {
	return dial(s), nil
}

// OpenRelay opens what a relay needs.
func OpenRelay(_ context.Context, s function.Start) (Relay, error) {
	p := dial(s)
	return Relay{Decode: remote.DecodeRecord, Carry: p.Carry, Close: p.Close}, nil
}

// OpenSweeper opens what a sweeper needs.
func OpenSweeper(_ context.Context, s function.Start) (Sweeper, error) {
	p := dial(s)
	return Sweeper{Sweep: p.Sweep, Close: p.Close}, nil
}

// OpenWork has messages handled by a subscription.
func OpenWork(
	_ context.Context, s function.Start, _ platform.Platform, sub platform.Subscription,
) (Work, error) {
	return remote.Work(sub, s.Log), nil
}

// OpenPurchases tells how a message of the purchase queue is read.
func OpenPurchases(
	_ context.Context, _ function.Start, _ platform.Platform,
) (func(batch.Message) (platform.Received, error), error) {
	return remote.DecodeMessage, nil
}
