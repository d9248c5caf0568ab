package demo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	quietLimit = 2 * time.Minute
	quietEvery = 50 * time.Millisecond
)

// quiet waits until nothing moves any more: every order is decided, every lost answer is known, and
// every event was handled by everybody whom it concerns.
func (d *demo) quiet(ctx context.Context) error {
	over := time.Now().Add(quietLimit)
	before := int64(-1)
	for {
		if err := d.watch.look(ctx); err != nil {
			return err
		}
		still, events := d.watch.open()
		moving, err := d.undelivered(ctx)
		if err != nil {
			return err
		}
		still = append(still, moving...)
		if len(still) == 0 && events == before {
			return nil
		}
		before = events
		if time.Now().After(over) {
			return fmt.Errorf("it is not quiet after %s: %s", quietLimit, strings.Join(still, ", "))
		}
		if err := pause(ctx, quietEvery); err != nil {
			return err
		}
	}
}

// open lists what the log has begun and not ended, and how long the log is.
func (w *watch) open() (still []string, events int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.tally.orders.count[pending]; n > 0 {
		still = append(still, fmt.Sprintf("%d orders are not decided", n))
	}
	if n := len(w.tally.lost); n > 0 {
		still = append(still, fmt.Sprintf("%d answers of the provider are missing", n))
	}
	return still, w.tally.events
}

// undelivered lists the subscriptions that have something to do.
func (d *demo) undelivered(ctx context.Context) (still []string, err error) {
	status, err := d.cfg.Platform.Delivery().Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the state of deliveries: %w", err)
	}
	for _, s := range status {
		if n := s.Pending + s.Waiting; n > 0 {
			still = append(still, fmt.Sprintf("%s has %d events to handle", s.Name, n))
		}
	}
	return still, nil
}
