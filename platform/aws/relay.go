package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// source yields committed events, at least once, each subject's in order.
type source interface {
	// read blocks until there are events, or ctx ends, and returns them with what acknowledges
	// them. What is not acknowledged comes again.
	read(ctx context.Context) (events []platform.Event, ack func(context.Context) error, err error)
}

// lagger is what a source may tell as well: every event that was committed and is not acknowledged.
// Status counts them; of a source that cannot tell, it counts only what has reached the queues.
type lagger interface {
	lag(ctx context.Context) ([]platform.Event, error)
}

// relayOptions makes a relay.
type relayOptions struct {
	Bus bus
	// Archive brings what the streams show into the archive, before Handle publishes it. What run
	// publishes is from the archive.
	Archive func(ctx context.Context) error
	Files   platform.Files
	Clock   platform.Clock
	Log     *slog.Logger
}

// Relay brings committed events to the archive and then to the bus. It is the core of the function
// that a table's stream drives, and of the loop in a long-lived process. Safe for concurrent use.
type Relay struct {
	o relayOptions

	// gate is held for reading while a call to the bus is under way, so that a status that holds it
	// for writing finds each event either behind or on the bus, not half on it.
	gate sync.RWMutex
	mu   sync.Mutex
	sent map[string]bool // under mu: ids of the loop's batch that are on the bus; nil: no loop
}

const (
	relayTries = 5 // calls for an entry that the bus refuses, before the stream brings it again
	relayBase  = 20 * time.Millisecond
	relayMost  = 5 * time.Second
)

func newRelay(o relayOptions) *Relay { return &Relay{o: o} }

// Handle publishes a batch of a stream, after it has archived what the streams show: that includes
// the batch. It returns the indexes of the events that are not on the bus after several tries, in
// order, and the last reason; the caller reports them to the stream, which brings them again.
// Entries that were refused are tried again alone.
func (r *Relay) Handle(ctx context.Context, events []platform.Event) (failed []int, err error) {
	if err := r.archive(ctx, len(events)); err != nil {
		for i := range events {
			failed = append(failed, i)
		}
		return failed, err
	}
	return r.publish(ctx, events, relayTries)
}

func (r *Relay) archive(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	if err := r.o.Archive(ctx); err != nil {
		return fmt.Errorf("archive %d events; none was published: %w", n, err)
	}
	return nil
}

// publish tries until every event is on the bus, at most tries times.
func (r *Relay) publish(
	ctx context.Context, events []platform.Event, tries int,
) (failed []int, err error) {
	failed = make([]int, len(events))
	for i := range events {
		failed[i] = i
	}
	for n := range tries {
		if failed, err = r.once(ctx, events, failed); len(failed) == 0 || n == tries-1 {
			break
		}
		select {
		case <-r.o.Clock.After(jitter(relayBase, relayMost, n)):
		case <-ctx.Done():
			return failed, errors.Join(err, ctx.Err())
		}
	}
	if len(failed) == 0 {
		return nil, nil
	}
	return failed, fmt.Errorf("%d of %d events are not on the bus: %w",
		len(failed), len(events), err)
}

// once publishes the events with these indexes and returns those that the bus did not take.
func (r *Relay) once(
	ctx context.Context, events []platform.Event, at []int,
) (failed []int, err error) {
	var list []busMessage
	var from []int // index of each in events
	for _, i := range at {
		wire, packErr := packEvent(ctx, r.o.Files, events[i], false)
		if packErr != nil {
			failed, err = append(failed, i), packErr
			continue
		}
		list = append(list, busMessage{events[i].Type, wire, events[i].Time})
		from = append(from, i)
	}
	if len(list) == 0 {
		return failed, err
	}
	r.gate.RLock()
	defer r.gate.RUnlock()
	refused, busErr := r.o.Bus.publish(ctx, list)
	if busErr != nil {
		err = busErr
	}
	refusedAt := make(map[int]bool, len(refused))
	for _, n := range refused {
		failed = append(failed, from[n])
		refusedAt[n] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range list {
		if r.sent != nil && !refusedAt[n] {
			r.sent[events[from[n]].ID] = true
		}
	}
	return failed, err
}

// run relays from a source until ctx ends. A batch is acknowledged when all of it is on the bus;
// until then nothing after it is read, as in a shard of a stream.
func (r *Relay) run(ctx context.Context, s source) {
	r.mu.Lock()
	r.sent = make(map[string]bool)
	r.mu.Unlock()
	for n := 0; ctx.Err() == nil; n++ {
		err := r.batch(ctx, s)
		if err == nil {
			n = -1
			continue
		}
		if ctx.Err() == nil {
			r.o.Log.Error("events were not relayed; they come again", "error", err)
		}
		select {
		case <-r.o.Clock.After(jitter(relayBase, relayMost, n)):
		case <-ctx.Done():
		}
	}
}

// batch relays one batch of a source, however long that takes.
func (r *Relay) batch(ctx context.Context, s source) error {
	events, ack, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("read committed events: %w", err)
	}
	for rest := events; len(rest) > 0; {
		failed, err := r.publish(ctx, rest, relayTries)
		if ctx.Err() != nil && len(failed) > 0 {
			return err
		}
		next := make([]platform.Event, len(failed))
		for i, at := range failed {
			next[i] = rest[at]
		}
		if rest = next; len(rest) > 0 {
			r.o.Log.Error("the bus does not take events; trying again", "error", err)
		}
	}
	return r.acknowledge(ctx, ack)
}

// acknowledge ends a batch. It holds the gate, since what was sent is forgotten with it.
func (r *Relay) acknowledge(ctx context.Context, ack func(context.Context) error) error {
	r.gate.RLock()
	defer r.gate.RUnlock()
	// What is on the bus is acknowledged also when the process stops, or it would be sent again.
	if err := ack(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("acknowledge a batch: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sent)
	return nil
}

// behind returns what is committed and not on the bus. The caller holds the gate for writing.
func (r *Relay) behind(ctx context.Context, l lagger) ([]platform.Event, error) {
	events, err := l.lag(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask how far the relay is behind: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var rest []platform.Event
	for _, e := range events {
		if !r.sent[e.ID] {
			rest = append(rest, e)
		}
	}
	return rest, nil
}

// jitter is full jitter: anything between nothing and min(base << n, most). Chance decides only
// when, never what.
func jitter(base, most time.Duration, n int) time.Duration {
	bound := base << min(n, 20)
	if bound <= 0 || bound > most {
		bound = most
	}
	if bound <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(bound)))
}
