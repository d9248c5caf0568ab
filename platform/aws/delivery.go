package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/interest"
)

// messages is the part of SQS that queues and workers need; *sqs.Client has it.
type messages interface {
	SendMessage(
		ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options),
	) (*sqs.SendMessageOutput, error)
	SendMessageBatch(
		ctx context.Context, in *sqs.SendMessageBatchInput, opts ...func(*sqs.Options),
	) (*sqs.SendMessageBatchOutput, error)
	ReceiveMessage(
		ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options),
	) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(
		ctx context.Context, in *sqs.DeleteMessageInput, opts ...func(*sqs.Options),
	) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(
		ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityOutput, error)
	GetQueueAttributes(
		ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
}

// table is what delivery, queues and keys need of the store for rows of their own, whose partitions
// begin with "~platform/".
type table interface {
	getRow(ctx context.Context, pk, sk string) (row, error) // platform.ErrNotFound
	// putRow writes a row if its version is as expected, like a platform.Write; a ConflictError
	// otherwise. The version then is one more.
	putRow(ctx context.Context, r row, expect int64) error
	deleteRow(ctx context.Context, pk, sk string, expect int64) error
	// listRows returns rows of a partition in the order of sk.
	listRows(ctx context.Context, pk, prefix, after string, limit int) ([]row, error)
}

// chronicle is what delivery reads of what was committed.
type chronicle interface {
	// follow returns events of the subject of an event, in the order of their sequence numbers.
	follow(
		ctx context.Context, e platform.Event, after int64, limit int,
	) ([]platform.Event, error)
	Log(
		ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
	) error
	Seek(ctx context.Context, t time.Time) (string, error)
}

// place is where a subscription's messages wait.
type place struct {
	URL        string
	DeadURL    string        // of the queue that its redrive policy names; "" if it has none
	Visibility time.Duration // of the queue: several times what a handler may take
}

// deliveryOptions makes a delivery.
type deliveryOptions struct {
	SQS     messages
	Table   table
	History chronicle
	Files   platform.Files // for events that no message can carry
	Clock   platform.Clock
	Log     *slog.Logger
	// Place finds a subscription's queue; where nobody has deployed it, Place makes it, and the
	// rule or filter that feeds it.
	Place func(ctx context.Context, s platform.Subscription) (place, error)
	// Relay and Source are run by Start; Source may be nil where a function relays.
	Relay  *Relay
	Source source
	// Sweep fires timers until ctx ends; it is run by Start and may be nil.
	Sweep   func(ctx context.Context)
	Timeout time.Duration // of a handler; 0 is 30 seconds
	Poll    time.Duration // how long a receive waits for messages; 0 is the most, 20 seconds
	// Grace is how much longer a receive may go on that is under way when delivery stops. Given up
	// at once, it may have hidden messages for their visibility time-out.
	Grace  time.Duration
	Closed func() error // why nothing may be used any more

	Functions bool // others run relay, sweep and workers: Start runs nothing
}

// delivery is platform.Delivery: it joins the relay, one worker a subscription, and their rows. In
// a long-lived process Start runs all of it; functions take a Worker or the Relay by themselves.
type delivery struct {
	o      deliveryOptions
	byName map[string]*Worker
	list   []*Worker

	mu     sync.Mutex
	sealed bool               // no more subscriptions
	stop   context.CancelFunc // ends the polling; nil before Start
	cancel context.CancelFunc // ends the handlers too
	loops  sync.WaitGroup     // relay, sweeper and pollers
	once   sync.Once
}

var _ platform.Delivery = (*delivery)(nil)

const handlerTimeout = 30 * time.Second

func newDelivery(o deliveryOptions) *delivery {
	if o.Timeout == 0 {
		o.Timeout = handlerTimeout
	}
	if o.Poll == 0 {
		o.Poll = maxPoll
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &delivery{o: o, byName: make(map[string]*Worker)}
}

// Subscribe implements platform.Delivery. Pure is not needed here: every commit returns durable.
func (d *delivery) Subscribe(s platform.Subscription) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.sealed:
		return fmt.Errorf("subscribe %s after start: %w", s.Name, platform.ErrInvalid)
	case d.byName[s.Name] != nil:
		return fmt.Errorf("subscription %q is declared twice: %w", s.Name, platform.ErrInvalid)
	}
	if err := platform.CheckSubscription(&s); err != nil {
		return err
	}
	match, err := interest.Of(s)
	if err != nil {
		return err
	}
	w := newWorker(d, s, match)
	d.byName[s.Name] = w
	d.list = append(d.list, w)
	return nil
}

// worker returns the worker of a declared subscription, for a function that serves it alone.
func (d *delivery) worker(ctx context.Context, name string) (*Worker, error) {
	w := d.byName[name]
	if w == nil {
		return nil, fmt.Errorf("subscription %q: %w", name, platform.ErrNotFound)
	}
	return w, w.locate(ctx)
}

// Start implements platform.Delivery. Where functions do the work it only makes what they miss: the
// subscriptions' rows.
func (d *delivery) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed {
		return fmt.Errorf("delivery is started already: %w", platform.ErrInvalid)
	}
	d.sealed = true
	for _, w := range d.list {
		if err := w.born(ctx, d.o.Clock.Now()); err != nil {
			return err
		}
		if err := w.locate(ctx); err != nil {
			return err
		}
	}
	if d.o.Functions {
		return nil
	}
	run, cancel := context.WithCancel(ctx)
	poll, stop := context.WithCancel(run)
	d.stop, d.cancel = stop, cancel
	if d.o.Source != nil {
		d.loops.Go(func() { d.o.Relay.run(poll, d.o.Source) })
	}
	if d.o.Sweep != nil {
		d.loops.Go(func() { d.o.Sweep(poll) })
	}
	for _, w := range d.list {
		d.loops.Go(func() { w.poll(poll, run) })
		if w.place.DeadURL != "" {
			d.loops.Go(func() { w.pollDead(poll) })
		}
	}
	return nil
}

// shut stops everything that Start runs. Handlers at work are waited for, at most their time-out.
func (d *delivery) shut() {
	d.once.Do(func() {
		d.mu.Lock()
		d.sealed = true
		stop, cancel := d.stop, d.cancel
		d.mu.Unlock()
		if stop == nil {
			return
		}
		stop()
		d.loops.Wait()
		cancel()
	})
}

// counts is how many messages a queue holds.
type counts struct{ visible, hidden int }

// countOf asks SQS, which answers approximately. Delayed messages are hidden ones.
func countOf(ctx context.Context, q messages, url string) (c counts, err error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := q.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: names,
	})
	if err != nil {
		return c, mapThrottle(err)
	}
	var n [3]int
	for i, name := range names {
		if n[i], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return c, fmt.Errorf("attribute %s of a queue: %w", name, err)
		}
	}
	return counts{visible: n[0], hidden: n[1] + n[2]}, nil
}

// Status implements platform.Delivery. What waits in SQS is counted by SQS. Oldest knows the events
// that this process or the relay holds and those in trouble, but not the age of what waits in a
// queue unseen: that is the queue's own metric.
func (d *delivery) Status(ctx context.Context) ([]platform.SubscriptionStatus, error) {
	if err := d.o.Closed(); err != nil {
		return nil, err
	}
	behind, pending, err := d.pending(ctx)
	if err != nil {
		return nil, err
	}
	now := d.o.Clock.Now()
	list := make([]platform.SubscriptionStatus, 0, len(d.list))
	for i, w := range d.list {
		st, err := w.status(ctx, now, pending[i])
		if err != nil {
			return nil, fmt.Errorf("the status of %s: %w", w.s.Name, err)
		}
		for _, e := range behind {
			if w.match.In(&e) {
				st.Pending++
				st.Oldest = max(st.Oldest, now.Sub(e.Time))
			}
		}
		list = append(list, st)
	}
	return list, nil
}

// pending returns what is not on the bus and how many messages each queue holds, at one moment of
// this process's relay.
func (d *delivery) pending(ctx context.Context) (behind []platform.Event, n []int, err error) {
	if l, ok := d.o.Source.(lagger); ok {
		d.o.Relay.gate.Lock()
		defer d.o.Relay.gate.Unlock()
		if behind, err = d.o.Relay.behind(ctx, l); err != nil {
			return nil, nil, err
		}
	}
	for _, w := range d.list {
		if err := w.locate(ctx); err != nil {
			return nil, nil, err
		}
		c, err := countOf(ctx, d.o.SQS, w.place.URL)
		if err != nil {
			return nil, nil, fmt.Errorf("count the messages of %s: %w", w.s.Name, err)
		}
		n = append(n, c.visible+c.hidden)
	}
	return behind, n, nil
}

// existence is a subscription's own row.
type existence struct {
	Born   time.Time `json:"born"` // events that were committed before are none of its business
	Paused bool      `json:"paused"`
}

const (
	existencePart = "~platform/subscription"
	// bornBefore makes up for clocks that differ: nothing may be missed, so a little more is heard.
	bornBefore   = time.Minute
	pauseMemory  = 5 * time.Second // how long a worker believes what it read of its row
	pausedReturn = time.Minute     // when a message that came to a paused function comes again
)

// Pause implements platform.Delivery. Other processes notice within pauseMemory.
func (d *delivery) Pause(ctx context.Context, subscription string, paused bool) error {
	w := d.byName[subscription]
	if w == nil {
		return fmt.Errorf("subscription %q: %w", subscription, platform.ErrNotFound)
	}
	if err := d.o.Closed(); err != nil {
		return err
	}
	for range queueRounds {
		e, version, err := w.existence(ctx)
		if err != nil {
			return fmt.Errorf("pause %s: %w", subscription, err)
		}
		e.Paused = paused
		err = w.putExistence(ctx, e, version)
		if errors.Is(err, platform.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("pause %s: %w", subscription, err)
		}
		w.learn(e)
		return nil
	}
	return fmt.Errorf("pause %s: %w", subscription, platform.ErrThrottled)
}

// existence reads the subscription's row; one that is not there yet has version 0.
func (w *Worker) existence(ctx context.Context) (e existence, version int64, err error) {
	r, err := w.d.o.Table.getRow(ctx, existencePart, w.s.Name)
	if errors.Is(err, platform.ErrNotFound) {
		return e, platform.Absent, nil
	}
	if err == nil && json.Unmarshal(r.Value, &e) != nil {
		err = platform.ErrCorrupt
	}
	if err != nil {
		return e, 0, fmt.Errorf("the row of subscription %s: %w", w.s.Name, err)
	}
	return e, r.Version, nil
}

func (w *Worker) putExistence(ctx context.Context, e existence, expect int64) error {
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return w.d.o.Table.putRow(ctx, row{PK: existencePart, SK: w.s.Name, Value: value}, expect)
}

// born makes the subscription's row if there is none: everything from a little before now on is its
// business.
func (w *Worker) born(ctx context.Context, now time.Time) error {
	for range queueRounds {
		e, version, err := w.existence(ctx)
		if err != nil {
			return err
		}
		if e.Born.IsZero() {
			e.Born = now.UTC().Add(-bornBefore)
			err = w.putExistence(ctx, e, version)
		}
		if errors.Is(err, platform.ErrConflict) {
			continue
		}
		if err == nil {
			w.learn(e)
		}
		return err
	}
	return platform.ErrThrottled
}
