// Package world opens what a function stands on: one function for each role, so that a binary links
// the services that its role uses and no others.
//
// Which world it is, is decided when the binary is built. It promises no more than the ports that
// it returns do. Only function binaries import it.
package world

import (
	"context"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/platform"
)

// Relay is what a relay stands on.
type Relay struct {
	// Decode tells what a stream record holds; ok is false for one that is no event.
	Decode func(r batch.Record) (e platform.Event, ok bool, err error)
	// Carry brings events to the archive and the bus, in order. It returns how many, from the
	// first, are safe there, and why the next is not.
	Carry func(ctx context.Context, events []platform.Event) (done int, err error)
	Close func() error
}

// Sweeper is what a sweeper stands on.
type Sweeper struct {
	// Sweep commits the events of some timers that are due, and removes them. It returns how many.
	Sweep func(ctx context.Context) (fired int, err error)
	Close func() error
}

// Work runs messages of a subscription's queue through its handler, and returns the ids of those
// that must come again. An error says that all must.
type Work func(ctx context.Context, messages []batch.Message) (failed []string, err error)
