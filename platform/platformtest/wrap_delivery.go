package platformtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/souk-commerce/souk/platform"
)

// faultyDelivery doubles, repeats and holds back deliveries. It answers ErrNotYet where it wants an
// event to come again, so no attempt of the subscription is burnt and no order that was promised is
// broken.
type faultyDelivery struct {
	platform.Delivery
	w        *Faulty
	activity atomic.Int64
	running  atomic.Int64
}

// Subscribe implements platform.Delivery.
func (d *faultyDelivery) Subscribe(s platform.Subscription) error {
	if s.Handle == nil {
		return d.Delivery.Subscribe(s)
	}
	h := &faultyHandler{
		d: d, name: s.Name, next: s.Handle, patient: s.Retry.NotYet > 0, ordered: s.Ordered,
		held: make(map[string]bool), repeated: make(map[string]bool),
	}
	s.Handle = h.handle
	return d.Delivery.Subscribe(s)
}

type faultyHandler struct {
	d       *faultyDelivery
	name    string
	next    func(ctx context.Context, e platform.Event) error
	patient bool // the subscription lets ErrNotYet park an event
	ordered bool

	mu       sync.Mutex
	held     map[string]bool // events that were held back before
	repeated map[string]bool // events that were handled and then asked for again
}

func (h *faultyHandler) handle(ctx context.Context, e platform.Event) error {
	h.d.running.Add(1)
	h.d.activity.Add(1)
	defer func() {
		h.d.running.Add(-1)
		h.d.activity.Add(1)
	}()
	f, dice := h.d.w.faults, h.d.w.dice
	if h.first(h.held, e.ID) && dice.roll(holdBack, f.HoldBack, h.name, e.ID) {
		return fmt.Errorf("%w: %w", ErrInjected, platform.ErrNotYet)
	}
	ctx = context.WithValue(ctx, deliveredKey{}, true)
	err := h.call(ctx, e, dice.roll(double, f.Double, h.name, e.ID))
	if err == nil && h.first(h.repeated, e.ID) && dice.roll(again, f.Again, h.name, e.ID) {
		return fmt.Errorf("%w: %w", ErrInjected, platform.ErrNotYet)
	}
	return err
}

// call hands the event over once, or twice: at the same time, unless the subscription was promised
// one at a time. The first error counts.
func (h *faultyHandler) call(ctx context.Context, e platform.Event, twice bool) error {
	if twice && h.ordered {
		if err := h.next(ctx, e); err != nil {
			return err
		}
	}
	if !twice || h.ordered {
		return h.next(ctx, e)
	}
	second := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				second <- fmt.Errorf("handler panicked: %v", r)
			}
		}()
		second <- h.next(ctx, e)
	}()
	first := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("handler panicked: %v", r)
			}
		}()
		return h.next(ctx, e)
	}()
	if err := <-second; first == nil {
		return err
	}
	return first
}

// first reports whether the event was not in the set, and puts it there. What an impatient
// subscription gets is never sent back, since that would cost it an attempt.
func (h *faultyHandler) first(set map[string]bool, id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.patient || set[id] || len(set) >= maxAsked {
		return false
	}
	set[id] = true
	return true
}
