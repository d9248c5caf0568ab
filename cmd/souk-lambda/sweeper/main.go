// Command sweeper is the function that fires the timers that are due. A schedule invokes it. It
// opens no room, and links none: what a timer announces was checked when it was set.
package main

import (
	"context"
	"os"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/world"
)

func main() { os.Exit(function.Main(function.Sweeper, os.Getenv, os.Stderr, open)) }

func open(ctx context.Context, s function.Start) (function.Opened, error) {
	w, err := world.OpenSweeper(ctx, s)
	if err != nil {
		return function.Opened{}, err
	}
	return function.Opened{
		Handle: func(ctx context.Context, _ []byte) ([]byte, error) {
			return batch.Sweep(ctx, time.Now, w.Sweep)
		},
		Close: w.Close,
	}, nil
}
