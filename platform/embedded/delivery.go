package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/interest"
)

// How many handlers of one subscription run at once, by class, and how many events wait in memory.
// What does not fit waits in the log.
const (
	runCritical   = 512
	runStandard   = 256
	runBackground = 64
	runBehind     = 4      // of a lower class, while critical work is behind
	maxQueued     = 4096   // events of one subscription in memory
	maxWaiting    = 10_000 // parked or between attempts; beyond it nothing new is taken

	// criticalBehind is the number of critical events that wait for a handler from which on lower
	// classes give way.
	criticalBehind = 2048

	// itemsPerWorker is how many events wait for each worker of a pure subscription before another
	// worker helps.
	itemsPerWorker = 16

	handlerTimeout = 30 * time.Second
)

// delivery brings events from the log to subscriptions. The log is the queue: a subscription is a
// durable cursor, below which everything is done, and its exceptions: what failed or is parked.
type delivery struct {
	p          *Platform
	subs       []*subscription
	byName     map[string]*subscription
	byType     map[string][]*subscription
	exceptions []failure // found at opening, until Start gives them to their subscriptions

	published atomic.Uint64 // everything up to here is on disk and was offered
	backlog   atomic.Int64  // critical events that wait for a handler
	loaded    atomic.Bool   // the subscriptions know their cursors
	wake      chan struct{} // the scheduler looks again
	crew      *crew

	mu      sync.Mutex
	sealed  bool // no more subscriptions
	started bool // events are offered
	cancel  context.CancelFunc
	ended   sync.WaitGroup // scheduler, catch-ups and handlers
	shutOne sync.Once
}

var _ platform.Delivery = (*delivery)(nil)

func newDelivery(p *Platform) *delivery {
	return &delivery{
		p: p, byName: make(map[string]*subscription), byType: make(map[string][]*subscription),
		wake: make(chan struct{}, 1), crew: newCrew(),
	}
}

func (d *delivery) recovered(head uint64) { d.published.Store(head) }

// Subscribe implements platform.Delivery.
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
	sub := newSubscription(d, s, match)
	d.subs = append(d.subs, sub)
	d.byName[s.Name] = sub
	for _, typ := range s.Types {
		d.byType[typ] = append(d.byType[typ], sub)
	}
	return nil
}

// Start implements platform.Delivery.
func (d *delivery) Start(ctx context.Context) error {
	d.mu.Lock()
	if d.sealed || d.p.readOnly {
		d.mu.Unlock()
		return fmt.Errorf("delivery is started already, or read-only: %w", platform.ErrInvalid)
	}
	d.sealed = true // from here on the subscriptions do not change
	d.mu.Unlock()
	if err := d.loadCursors(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, d.cancel = context.WithCancel(ctx)
	for _, s := range d.subs {
		s.ctx = ctx
	}
	for _, f := range d.exceptions {
		if s := d.byName[f.Subscription]; s != nil {
			if err := s.resume(f); err != nil {
				return err
			}
		}
	}
	d.exceptions = nil
	d.started = true
	for _, s := range d.subs {
		s.begin()
	}
	d.ended.Add(1)
	go d.runScheduler(ctx)
	return nil
}

// loadCursors finds where each subscription was. One that is new begins at the end of the log, and
// that is made durable at once so that nothing after it can be missed.
func (d *delivery) loadCursors(ctx context.Context) error {
	head := d.published.Load()
	fresh := false
	for _, s := range d.subs {
		c, ok, err := d.p.loadCursor(s.name)
		if err != nil {
			return err
		}
		if !ok {
			c = cursor{pos: head}
			fresh = true
		}
		s.paused, s.last, s.saved = c.paused, c.pos, c
		s.unsaved = !ok
	}
	d.loaded.Store(true)
	if !fresh {
		return nil
	}
	return d.p.flushCursors(ctx)
}

// publish offers durable events, in the order of the log, to the subscriptions that match. Only the
// committer calls it.
func (p *Platform) publish(events []logged) {
	if len(events) == 0 {
		return
	}
	d := p.delivery
	last := events[len(events)-1].pos
	d.mu.Lock()
	if !d.started { // the cursors will find these events in the log
		d.published.Store(last)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	for i := range events {
		for _, s := range d.byType[events[i].event.Type] {
			if !s.match.Narrow() || s.match.In(&events[i].event) {
				s.offer(&events[i])
			}
		}
	}
	d.published.Store(last)
}

// shut stops everything that delivery runs and waits for it.
func (d *delivery) shut() {
	d.shutOne.Do(func() {
		d.mu.Lock()
		cancel := d.cancel
		d.mu.Unlock()
		for _, s := range d.subs {
			s.close()
		}
		if cancel == nil {
			return
		}
		for _, s := range d.subs {
			s.drain()
		}
		cancel()
		d.ended.Wait()
		d.crew.dismiss()
	})
}

// runScheduler fires timers and gives parked and failed events another try, each when it is due.
func (d *delivery) runScheduler(ctx context.Context) {
	defer d.ended.Done()
	for ctx.Err() == nil {
		began := d.p.clock.Now()
		wait, err := d.p.fireTimers(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, platform.ErrReadOnly) {
			d.p.log.Error("timers were not fired; trying again", "error", err)
		}
		now := d.p.clock.Now()
		for _, s := range d.subs {
			wait = min(wait, s.retryDue(now))
		}
		wait = min(wait, idleWait)
		d.p.checkDisk()
		d.p.saveIdle()
		due := d.p.clock.After(wait)
		if d.p.clock.Now().Sub(began) >= wait {
			continue // a clock that is moved before it is asked counts from where it is then
		}
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-due:
		}
	}
}

func (p *Platform) wakeScheduler() {
	select {
	case p.delivery.wake <- struct{}{}:
	default:
	}
}

// Backlog is the number of critical events that wait for a handler.
func (p *Platform) Backlog() int64 { return p.delivery.backlog.Load() }

// OldestCritical is the age of the oldest critical event that waits for its handler; those that are
// being handled, parked or tried again do not count. Admission is bounded by it. It is cheap.
func (p *Platform) OldestCritical() time.Duration {
	now := p.clock.Now()
	var oldest time.Duration
	for _, s := range p.delivery.subs {
		if s.class == platform.Critical {
			oldest = max(oldest, s.oldest(now))
		}
	}
	return oldest
}
