package platformtest

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Clock is a platform.Clock that stands still until Advance moves it. Safe for concurrent use. A
// channel that After returned and nobody reads any more stays in the clock's list until its moment
// is passed.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	waits   []wait // sorted by due, then by the order in which they came
	changed chan struct{}
}

type wait struct {
	due time.Time
	ch  chan time.Time
}

var _ platform.Clock = (*Clock)(nil)

// NewClock returns a clock that shows start, in UTC.
func NewClock(start time.Time) *Clock {
	return &Clock{now: start.UTC().Round(0), changed: make(chan struct{})}
}

// Start is the moment at which tests begin that do not care.
func Start() time.Time { return time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC) }

// Now implements platform.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After implements platform.Clock. With d of 0 or less the channel holds the time already.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- c.now
		return ch
	}
	w := wait{due: c.now.Add(d), ch: ch}
	at := sort.Search(len(c.waits), func(i int) bool { return c.waits[i].due.After(w.due) })
	c.waits = append(c.waits, wait{})
	copy(c.waits[at+1:], c.waits[at:])
	c.waits[at] = w
	c.announce()
	return ch
}

// Advance moves the clock by d and wakes everybody whose moment has come, earliest first. It does
// not wait for what they then do. A negative d does nothing: the clock never goes back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advanceTo(c.now.Add(d))
}

// AdvanceToNext moves the clock to the earliest moment that somebody waits for, if that is at most
// most away, and reports whether it did.
func (c *Clock) AdvanceToNext(most time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waits) == 0 || c.waits[0].due.After(c.now.Add(most)) {
		return false
	}
	c.advanceTo(c.waits[0].due)
	return true
}

// WaitedFor reports whether somebody waits for a moment that is at most most away.
func (c *Clock) WaitedFor(most time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waits) > 0 && !c.waits[0].due.After(c.now.Add(most))
}

// Waiting counts the channels that have not received yet.
func (c *Clock) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waits)
}

// AwaitWaiting blocks until at least n channels have not received yet, or until ctx ends, and then
// returns its cause.
func (c *Clock) AwaitWaiting(ctx context.Context, n int) error {
	return c.await(ctx, func() bool { return len(c.waits) >= n })
}

// AwaitUntil blocks until somebody waits for a moment that is at most d away, or until ctx ends,
// and then returns its cause.
func (c *Clock) AwaitUntil(ctx context.Context, d time.Duration) error {
	return c.await(ctx, func() bool {
		return len(c.waits) > 0 && !c.waits[0].due.After(c.now.Add(d))
	})
}

func (c *Clock) await(ctx context.Context, done func() bool) error {
	for {
		c.mu.Lock()
		ok, changed := done(), c.changed
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// advanceTo is called with the lock held.
func (c *Clock) advanceTo(t time.Time) {
	if t.After(c.now) {
		c.now = t
	}
	n := 0
	for n < len(c.waits) && !c.waits[n].due.After(c.now) {
		c.waits[n].ch <- c.now // has room for its one value
		n++
	}
	c.waits = append([]wait(nil), c.waits[n:]...)
	if n > 0 {
		c.announce()
	}
}

// announce wakes those who watch the list. It is called with the lock held.
func (c *Clock) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}
