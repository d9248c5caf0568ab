package aws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/interest"
)

// Worker hands one subscription's messages to its handler. It is the core of the function that the
// subscription's queue drives, and of the loop in a long-lived process. What succeeds at once costs
// no row. Safe for concurrent use.
type Worker struct {
	d     *delivery
	s     platform.Subscription
	match *interest.Interest
	me    string // names this process in leases

	done, failed atomic.Int64
	polled       atomic.Bool // a poller of this process feeds it, not a function's event source

	mu      sync.Mutex
	place   place          // under mu until located, then fixed
	located bool           // under mu
	known   existence      // under mu: the subscription's row as it was read last
	knownAt time.Time      // under mu; zero: never read
	changed chan struct{}  // under mu: closed and replaced when known changes
	hand    map[*held]bool // under mu: what is being worked on
	busy    map[string]chan struct{}

	running chan struct{} // one for each handler that is at work
	holding chan struct{} // one for each message that a poller has in hand
}

// held is one message in hand.
type held struct {
	message types.Message
	event   platform.Event
	again   bool
	trouble *trouble
	until   time.Time // until then nobody else is given the message
	next    time.Time // when the message is to come again, if it goes back
	waits   bool      // for its next attempt; under Worker.mu
}

// fate is what became of an attempt, or of several.
type fate int

const (
	settled fate = iota // handled or given up: the message may go
	back                // the message goes back to its queue, until later
	halted              // the process stops: the message goes back at once
)

const (
	defaultVisibility = 6 * handlerTimeout
	// shortWait is the longest wait for which a worker keeps a message in hand: SQS counts in whole
	// seconds, and a message that goes back costs three requests and a row.
	shortWait = time.Second
)

func newWorker(d *delivery, s platform.Subscription, match *interest.Interest) *Worker {
	w := &Worker{
		d: d, s: s, match: match, me: newHolder(), changed: make(chan struct{}),
		hand: make(map[*held]bool), busy: make(map[string]chan struct{}),
	}
	n := map[platform.Class]int{platform.Critical: 64, platform.Standard: 32}[s.Class]
	w.running = make(chan struct{}, max(n, 16))
	w.holding = make(chan struct{}, 2*max(n, 16))
	return w
}

// locate finds the subscription's queue, once.
func (w *Worker) locate(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.located {
		return nil
	}
	p, err := w.d.o.Place(ctx, w.s)
	if err != nil {
		return fmt.Errorf("find the queue of %s: %w", w.s.Name, err)
	}
	if p.Visibility == 0 {
		p.Visibility = defaultVisibility
	}
	w.place, w.located = p, true
	return nil
}

// Handle hands a batch of messages to the handler, all at once, and returns the ids of those that
// are to come again; when that is, is the worker's affair. The others may be deleted.
func (w *Worker) Handle(ctx context.Context, batch []types.Message) (failedIDs []string) {
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for _, m := range batch {
		all.Go(func() {
			if w.one(ctx, ctx, m) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			failedIDs = append(failedIDs, aws.ToString(m.MessageId))
		})
	}
	all.Wait()
	return failedIDs
}

// one works on a message until it is settled, or goes back. stop ends waiting, ctx ends the handler
// too.
func (w *Worker) one(ctx, stop context.Context, m types.Message) bool {
	it := &held{message: m, until: w.d.o.Clock.Now().Add(w.place.Visibility)}
	known, err := w.read(ctx)
	if err == nil && known.Paused {
		wait := pausedReturn
		if w.polled.Load() {
			wait = 0 // the poller has stopped too
		}
		w.putBack(ctx, it, wait)
		return false
	}
	if err == nil {
		it.event, it.again, err = unpackEvent(ctx, w.d.o.Files, aws.ToString(m.Body))
	}
	if err == nil && receiveCount(m) > 1 {
		it.trouble, err = w.loadTrouble(ctx, it.event.ID)
	}
	if err != nil {
		return w.cannot(ctx, it, err)
	}
	if !it.again && it.event.Time.Before(known.Born) {
		return true // it was committed before the subscription existed
	}
	if w.match.Narrow() && !w.match.In(&it.event) {
		return true // no bus can look into an event's data
	}
	w.enter(it)
	defer w.leave(it)
	var what fate
	if w.s.Ordered {
		what, err = w.inOrder(ctx, stop, it)
	} else {
		what, err = w.try(ctx, stop, it)
	}
	switch {
	case err != nil:
		return w.cannot(ctx, it, err)
	case what == back:
		w.putBack(ctx, it, it.next.Sub(w.d.o.Clock.Now()))
	case what == halted:
		w.putBack(ctx, it, 0)
	}
	return what == settled
}

// cannot sends a message back because something else than its handler failed. That is no attempt.
func (w *Worker) cannot(ctx context.Context, it *held, err error) bool {
	wait := jitter(time.Second, time.Minute, receiveCount(it.message))
	if ctx.Err() != nil || w.d.o.Closed() != nil {
		wait = 0
	} else {
		w.d.o.Log.Error("a message could not be worked on; it comes again",
			"subscription", w.s.Name, "event", it.event.ID, "error", err)
	}
	w.putBack(ctx, it, wait)
	return false
}

// putBack lets a message come again after a time, which SQS takes in whole seconds. If that fails,
// it comes again when its visibility time-out has passed.
func (w *Worker) putBack(ctx context.Context, it *held, wait time.Duration) {
	wait = max(0, min(wait, maxVisibility))
	_, err := w.d.o.SQS.ChangeMessageVisibility(context.WithoutCancel(ctx),
		&sqs.ChangeMessageVisibilityInput{
			QueueUrl:          aws.String(w.place.URL),
			ReceiptHandle:     it.message.ReceiptHandle,
			VisibilityTimeout: int32(wait / time.Second),
		})
	if err != nil {
		w.d.o.Log.Warn("a message comes again only after its visibility time-out",
			"subscription", w.s.Name, "event", it.event.ID, "error", err)
	}
}

// try attempts an event until it is settled or has to wait for longer than a worker keeps it.
func (w *Worker) try(ctx, stop context.Context, it *held) (fate, error) {
	if it.trouble != nil {
		if what, err := w.await(ctx, stop, it); what != settled || err != nil {
			return what, err
		}
	}
	for {
		ran, cause := w.attempt(ctx, stop, it)
		switch {
		case !ran:
			return w.halt(ctx, it)
		case cause == nil:
			if err := w.endTrouble(ctx, it.event.ID, it.trouble); err != nil {
				return back, err
			}
			w.done.Add(1)
			return settled, nil
		case ctx.Err() != nil || errors.Is(cause, platform.ErrClosed):
			return w.halt(ctx, it)
		}
		it.trouble = w.note(it.trouble, it.event, cause)
		if it.trouble.Attempts >= w.s.Retry.Attempts {
			return settled, w.giveUp(ctx, it.event, it.trouble)
		}
		if what, err := w.await(ctx, stop, it); what != settled || err != nil {
			return what, err
		}
	}
}

// halt ends work on an event because the process stops, or because its time in these hands is over.
func (w *Worker) halt(ctx context.Context, it *held) (fate, error) {
	if it.trouble == nil {
		return halted, nil
	}
	return halted, w.saveTrouble(context.WithoutCancel(ctx), it.event.ID, it.trouble)
}

// await waits for an event's next attempt with the message in hand, if that is soon; settled says
// that it has come. Otherwise what is known is stored and the message is to go back.
func (w *Worker) await(ctx, stop context.Context, it *held) (fate, error) {
	for {
		wait := it.trouble.Next.Sub(w.d.o.Clock.Now())
		if wait <= 0 {
			return settled, nil
		}
		if wait >= shortWait || !w.mayStay(ctx, it, wait) {
			it.next = it.trouble.Next
			return back, w.saveTrouble(ctx, it.event.ID, it.trouble)
		}
		w.setWaits(it, true)
		select {
		case <-w.d.o.Clock.After(wait):
			w.setWaits(it, false)
		case <-stop.Done():
			return w.halt(ctx, it)
		}
	}
}

// mayStay reports whether an attempt after a wait would end while the message is still hidden from
// others, and before the function's own time is up.
func (w *Worker) mayStay(ctx context.Context, it *held, wait time.Duration) bool {
	if w.d.o.Clock.Now().Add(wait + w.d.o.Timeout).After(it.until) {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > wait+w.d.o.Timeout
}

// attempt calls the handler once, and turns a panic into an error. ran is false if it was not
// called, because the process stops or the message's time in these hands is over.
func (w *Worker) attempt(ctx, stop context.Context, it *held) (ran bool, err error) {
	select {
	case w.running <- struct{}{}:
	case <-stop.Done():
		return false, nil
	}
	defer func() { <-w.running }()
	if stop.Err() != nil || w.d.o.Clock.Now().Add(w.d.o.Timeout).After(it.until) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.d.o.Timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			ran, err = true, fmt.Errorf("the handler panicked: %v", r)
		}
	}()
	return true, w.s.Handle(ctx, it.event)
}

func (w *Worker) enter(it *held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hand[it] = true
}

func (w *Worker) leave(it *held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.hand, it)
}

func (w *Worker) setWaits(it *held, waits bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	it.waits = waits
}

// read returns the subscription's row, at most pauseMemory old. Where no process called Start there
// may be none: then the subscription exists since its rule does, and gets whatever comes.
func (w *Worker) read(ctx context.Context) (existence, error) {
	w.mu.Lock()
	known, fresh := w.known, !w.knownAt.IsZero() &&
		w.d.o.Clock.Now().Sub(w.knownAt) < pauseMemory
	w.mu.Unlock()
	if fresh {
		return known, nil
	}
	known, _, err := w.existence(ctx)
	if err == nil {
		w.learn(known)
	}
	return known, err
}

// learn keeps what was read or written of the subscription's row.
func (w *Worker) learn(e existence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e != w.known {
		close(w.changed)
		w.changed = make(chan struct{})
	}
	w.known, w.knownAt = e, w.d.o.Clock.Now()
}
