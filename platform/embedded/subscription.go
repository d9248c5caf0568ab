package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/interest"
)

// subscription is the running half of a platform.Subscription.
type subscription struct {
	d      *delivery
	name   string
	class  platform.Class
	order  bool
	pure   bool // its handler has no effect but its commits
	retry  platform.Retry
	match  *interest.Interest
	handle func(ctx context.Context, e platform.Event) error
	ctx    context.Context

	mu      sync.Mutex
	idle    sync.Cond               // signalled when running falls to 0
	queue   fifo[*item]             // to be handled, oldest first
	open    fifo[*item]             // what was taken from the log, from the cursor on, oldest first
	busy    map[string]*fifo[*item] // Ordered: subjects at work, with what waits behind
	waiting map[uint64]*item        // parked or between attempts, by position
	running int
	last    uint64 // position of the last event taken from the log
	skipped uint64 // position of the last event that was offered while behind
	behind  bool   // events are read from the log; offers are skipped
	reading bool   // a catch-up runs
	paused  bool
	closed  bool
	epoch   int // grows when the cursor is moved back; older items no longer count

	nextRetry time.Time // no waiting item is due before it; zero: none waits
	saved     cursor
	unsaved   bool // the cursor must be written even if it did not move
	done      int64
	failed    int64
}

// item is one event on its way through a subscription.
type item struct {
	pos    uint64
	event  *platform.Event // shared by all subscriptions
	epoch  int
	done   bool     // the cursor may pass it
	queued bool     // in the queue again, or with its handler, after having waited
	fail   *failure // what happened so far; nil on the first attempt
}

func newSubscription(
	d *delivery, s platform.Subscription, match *interest.Interest,
) *subscription {
	sub := &subscription{
		d: d, name: s.Name, class: s.Class, order: s.Ordered, pure: s.Pure,
		retry: s.Retry, handle: s.Handle,
		match: match, waiting: make(map[uint64]*item),
		busy: make(map[string]*fifo[*item]),
	}
	sub.idle.L = &sub.mu
	return sub
}

// begin reads on from the cursor.
func (s *subscription) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = true
	s.catchUpLocked()
	s.workLocked()
}

// offer takes a durable event, or leaves it in the log when there is no room.
func (s *subscription) offer(e *logged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.pos <= s.last {
		return // a catch-up was faster
	}
	if s.behind || s.queue.len() >= maxQueued {
		s.behind, s.skipped = true, e.pos
		s.catchUpLocked()
		return
	}
	s.takeLocked(e)
	s.workLocked()
}

// takeLocked makes an event of the log the subscription's business.
func (s *subscription) takeLocked(e *logged) {
	it := &item{pos: e.pos, event: &e.event, epoch: s.epoch}
	s.last = e.pos
	if s.waiting[e.pos] != nil {
		return // its failure was found at opening, and the cursor need not wait for it
	}
	s.open.push(it)
	s.enqueueLocked(it)
}

func (s *subscription) enqueueLocked(it *item) {
	if s.order {
		if behind := s.busy[it.event.Subject]; behind != nil {
			behind.push(it)
			return
		}
		s.busy[it.event.Subject] = &fifo[*item]{}
	}
	s.queue.push(it)
	s.count(1)
}

// count keeps the number of critical events that wait for a handler.
func (s *subscription) count(n int64) {
	if s.class == platform.Critical {
		s.d.backlog.Add(n)
	}
}

// limit is how many handlers may run now.
func (s *subscription) limit() int {
	switch {
	case s.paused || s.closed || len(s.waiting) > maxWaiting:
		return 0
	case s.class == platform.Critical:
		return runCritical
	case s.d.backlog.Load() > criticalBehind:
		return runBehind
	case s.class == platform.Standard:
		return runStandard
	}
	return runBackground
}

// workLocked starts as many workers as there is work and room for.
func (s *subscription) workLocked() {
	for s.queue.len() > 0 && s.running < s.limit() && !s.enough() {
		it := s.queue.pop()
		s.count(-1)
		s.running++
		s.d.crew.do(func() { s.work(it) })
	}
}

// enough says that the workers of handlers that never wait will do: more would only take turns.
func (s *subscription) enough() bool {
	return s.pure && s.running > 0 && s.queue.len() < s.running*itemsPerWorker
}

// work handles one item after the other until there is none. It is owned by the subscription: drain
// waits for it.
func (s *subscription) work(it *item) {
	for it != nil {
		g, err := s.attempt(it)
		if err != nil || !s.d.p.follow(g, handled{s, it}) {
			s.settle(it, err)
		}
		s.mu.Lock()
		it = nil
		if s.queue.len() > 0 && s.running <= s.limit() {
			it = s.queue.pop()
			s.count(-1)
		} else if s.running--; s.running == 0 {
			s.idle.Broadcast()
		}
		if s.behind && s.queue.len() < maxQueued/2 {
			s.catchUpLocked()
		}
		s.mu.Unlock()
	}
}

// attempt calls the handler once, and turns a panic into an error. It returns the group that the
// handler's last commit is in, if that was not waited for.
func (s *subscription) attempt(it *item) (g *group, err error) {
	ctx := newPatience(s.ctx, handlerTimeout)
	defer ctx.end()
	var w pledge
	if s.pure {
		ctx.pledge = &w
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the handler panicked: %v", r)
		}
	}()
	err = s.handle(ctx, *it.event)
	return w.last, err
}

// follow has an event finished when a group, which may be nil, is durable; false if it is already.
func (p *Platform) follow(g *group, h handled) bool {
	if g == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.settled {
		return false
	}
	g.handled = append(g.handled, h)
	return true
}

// settle decides what an attempt's outcome means.
func (s *subscription) settle(it *item, err error) {
	switch {
	case err == nil:
		s.finish(it, true)
	case s.ctx.Err() != nil || errors.Is(err, platform.ErrClosed):
		// Stopping: the cursor has not passed it, or its exception is stored, so it comes again.
	default:
		s.failAttempt(it, err)
	}
}

// finish lets the cursor pass an item and starts what waited behind it. handled says that the
// handler succeeded, as opposed to giving up.
func (s *subscription) finish(it *item, handled bool) {
	if it.fail != nil && handled {
		s.d.p.forgetFailure(tableException, s.name, it.pos)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, it.pos)
	if handled {
		s.done++
	}
	s.passLocked(it)
	if it.epoch == s.epoch && s.order {
		s.releaseLocked(it.event.Subject)
	}
	s.workLocked()
}

// passLocked marks an item and moves the cursor over everything that is done.
func (s *subscription) passLocked(it *item) {
	it.done = true
	for s.open.len() > 0 && s.open.front().done {
		s.open.pop()
	}
}

// releaseLocked lets the next event of a subject go.
func (s *subscription) releaseLocked(subject string) {
	behind := s.busy[subject]
	if behind == nil {
		return
	}
	if behind.len() == 0 {
		delete(s.busy, subject)
		return
	}
	s.queue.push(behind.pop())
	s.count(1)
}

// positionLocked is the cursor: everything up to it is done or stored as an exception.
func (s *subscription) positionLocked() uint64 {
	switch {
	case s.open.len() > 0:
		return s.open.front().pos - 1
	case s.behind:
		return s.last
	}
	return max(s.last, s.d.published.Load()) // nothing of what was offered is open
}

// cursor returns what should be stored, and whether it differs from what is.
func (s *subscription) cursor() (cursor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := cursor{pos: s.positionLocked(), paused: s.paused}
	changed := c != s.saved || s.unsaved
	s.saved, s.unsaved = c, false
	return c, changed
}

// oldest is the age of the first event that waits for a handler for the first time. One that is in
// its handler is not the system being behind: it may wait for a card.
func (s *subscription) oldest(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.len() == 0 || s.queue.front().fail != nil {
		return 0
	}
	return now.Sub(s.queue.front().event.Time)
}

func (s *subscription) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// drain waits until no handler runs. Handlers have their own time-out.
func (s *subscription) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running > 0 {
		s.idle.Wait()
	}
}

// fifo is a queue that reuses its memory.
type fifo[T any] struct {
	list []T
	head int
}

func (q *fifo[T]) len() int { return len(q.list) - q.head }

func (q *fifo[T]) push(v T) { q.list = append(q.list, v) }

func (q *fifo[T]) front() T { return q.list[q.head] }

func (q *fifo[T]) pop() T {
	var zero T
	v := q.list[q.head]
	q.list[q.head] = zero
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	} else if q.head > 1024 && q.head > len(q.list)/2 {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return v
}
