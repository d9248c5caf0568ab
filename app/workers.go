package app

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// How the purchase queue is worked on.
const (
	handOver  = time.Minute      // a message that a worker has taken is hidden for so long
	idle      = 20 * time.Second // a worker waits so long for a message before it asks again
	atOnce    = 10               // messages that one worker takes
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Minute
)

// IntakeRoom is the room that a process opens which takes purchases from the queue.
const IntakeRoom = "order"

// intakePolicy lets a purchase be tried for about half an hour before an operator is needed.
func intakePolicy() platform.QueuePolicy {
	return platform.QueuePolicy{MaxReceives: 15, Retention: 4 * 24 * time.Hour}
}

// workers take purchases from the queue until they are stopped.
type workers struct {
	purchases *purchases
	log       *slog.Logger
	count     int
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// start runs the workers until stop is called or ctx ends.
func (w *workers) start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	for range w.count {
		w.done.Go(func() { w.run(ctx) })
	}
}

func (w *workers) run(ctx context.Context) {
	for ctx.Err() == nil {
		taken, err := w.purchases.queue.Receive(ctx, atOnce, handOver, idle)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, platform.ErrClosed) {
				return
			}
			w.log.Warn("the purchase queue does not answer", "cause", err)
			if !w.rest(ctx, time.Second) {
				return
			}
		}
		for _, m := range taken {
			w.take(ctx, m)
		}
	}
}

// take works on one message, or hands it back at once when the worker is being stopped.
func (w *workers) take(ctx context.Context, m platform.Received) {
	whole := context.WithoutCancel(ctx) // what was begun is finished
	if ctx.Err() == nil {
		w.purchases.work(whole, w.log, m)
		return
	}
	if err := w.purchases.queue.Release(whole, m.Receipt, 0); err != nil {
		w.log.Warn("it comes back by itself later", "order", m.ID, "cause", err)
	}
}

// rest waits, unless the worker is stopped.
func (w *workers) rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.purchases.desk.Clock.After(d):
		return true
	}
}

// Intake is the queue of purchases, for who receives from it by other means than Receive; nil in a
// process that does not take any.
func (a *App) Intake() platform.Queue {
	if a.purchases == nil {
		return nil
	}
	return a.purchases.queue
}

// TakePurchase takes one purchase that was received from the queue through its checkout, as the
// app's own workers do after Start, for a process that is handed messages instead of asking for
// them. It reports whether the message is done and out of the queue; otherwise it comes again.
// Unavailable without the order room.
func (a *App) TakePurchase(ctx context.Context, m platform.Received) (done bool, err error) {
	if a.purchases == nil {
		return false, shop.Errorf(shop.Unavailable,
			"no purchase can be taken without the order room; nothing was done")
	}
	return a.purchases.work(ctx, a.cfg.Log, m), nil
}

// work takes one purchase to its end, or gives it back to the queue.
func (p *purchases) work(
	ctx context.Context, log *slog.Logger, m platform.Received,
) (done bool) {
	ctx, cancel := context.WithTimeout(ctx, handOver/atOnce)
	defer cancel()
	var msg purchase
	err := room.Decode(m.Body, &msg)
	if err == nil {
		err = p.checkout(ctx, msg)
	}
	if err == nil {
		err = p.queue.Delete(ctx, m.Receipt)
	}
	if err == nil || errors.Is(err, platform.ErrNotFound) {
		return true // or somebody else has it since the hand-over passed
	}
	wait := min(firstWait<<min(m.Attempts, 20), lastWait)
	log.Warn("a purchase goes back to the queue",
		"order", m.ID, "attempt", m.Attempts, "cause", err)
	if err := p.queue.Release(ctx, m.Receipt, rand.N(wait)+1); err != nil {
		log.Warn("it comes back by itself later", "order", m.ID, "cause", err)
	}
	return false
}

// checkout makes the order of a purchase and keeps what became of it. A refusal that stands is an
// outcome like any other; the error is for what another attempt may change. A purchase of which
// something became is left alone: whoever asks again may send it when it has just left the queue.
func (p *purchases) checkout(ctx context.Context, msg purchase) error {
	before, err := room.Get[row](ctx, p.desk.Begin(msg.Cause), rowKey(msg.Order))
	if err != nil || before != nil && before.State.Status != "queued" {
		return err
	}
	state := PurchaseBody{ID: msg.Order, Status: "ordered"}
	ctx = room.WithCause(ctx, msg.Cause)
	person, err := msg.Person.Open(ctx, p.desk.Keys)
	if err == nil {
		_, err = p.order.Checkout(ctx, order.Basket{
			Order: msg.Order, Customer: msg.Customer, Items: msg.Items, Cart: msg.Cart,
			Method: msg.Method, ShipTo: person.ShipTo, Email: person.Email, Phone: person.Phone,
			Expected: msg.Expected,
			Origin:   "queue", At: msg.At,
		})
	}
	switch {
	case err == nil:
	case errors.Is(err, platform.ErrErased):
		state.Status, state.Code, state.Detail = "refused", "erased", "the person was erased"
	case stands(err):
		problem := problemOf(err)
		state.Status, state.Code, state.Detail = "refused", problem.Code, problem.Detail
	default:
		return err
	}
	return p.desk.Do(ctx, msg.Cause, func(ctx context.Context, tx *room.Tx) error {
		have, err := room.Get[row](ctx, tx, rowKey(msg.Order))
		if err != nil || have == nil {
			return err
		}
		// Of two workers at once, the one that made the order is right.
		if have.State.Status != "queued" && state.Status != "ordered" {
			return nil
		}
		have.State = state
		room.Put(tx, rowKey(msg.Order), have)
		return nil
	})
}

// stands says that asking again cannot change a refusal.
func stands(err error) bool {
	switch shop.CodeOf(err) {
	case shop.Internal, shop.Unknown, shop.Busy, shop.Unavailable, shop.KeyInFlight:
		return false
	}
	return true
}
