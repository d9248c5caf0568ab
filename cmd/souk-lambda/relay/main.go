// Command relay is the function that carries committed events from the table's stream to the
// archive and the bus. It opens no room, and links none.
package main

import (
	"context"
	"os"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/world"
)

func main() { os.Exit(function.Main(function.Relay, os.Getenv, os.Stderr, open)) }

func open(ctx context.Context, s function.Start) (function.Opened, error) {
	w, err := world.OpenRelay(ctx, s)
	if err != nil {
		return function.Opened{}, err
	}
	return function.Opened{
		Handle: func(ctx context.Context, payload []byte) ([]byte, error) {
			return batch.Stream(ctx, payload, w.Decode, w.Carry, func(msg string, args ...any) {
				s.Log.ErrorContext(ctx, msg, args...)
			})
		},
		Close: w.Close,
	}, nil
}
