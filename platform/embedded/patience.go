package embedded

import (
	"context"
	"sync"
	"time"
)

// patience is a context with a deadline that costs a timer only if somebody waits on it: most
// handlers only commit, and never do.
type patience struct {
	context.Context
	deadline time.Time
	pledge   *pledge // nil: commits wait for the disk

	mu     sync.Mutex
	timed  context.Context
	cancel context.CancelFunc
}

func newPatience(parent context.Context, d time.Duration) *patience {
	return &patience{Context: parent, deadline: time.Now().Add(d)}
}

// pledge is a handler's promise to have no effect but its commits. They need not wait for the disk:
// last is the newest group with one of them, and what matters is when that is durable.
type pledge struct{ last *group }

type pledgeKey struct{}

// pledgeOf returns the pledge of the handler that ctx belongs to, or nil.
func pledgeOf(ctx context.Context) *pledge {
	w, _ := ctx.Value(pledgeKey{}).(*pledge)
	return w
}

// kept waits until everything that was committed under a pledge, which may be nil, is durable.
func (w *pledge) kept(ctx context.Context) error {
	if w == nil || w.last == nil {
		return nil
	}
	return w.last.wait(ctx)
}

// Value implements context.Context.
func (p *patience) Value(key any) any {
	if _, ok := key.(pledgeKey); ok && p.pledge != nil {
		return p.pledge
	}
	return p.Context.Value(key)
}

// Deadline implements context.Context.
func (p *patience) Deadline() (time.Time, bool) { return p.deadline, true }

// Done implements context.Context.
func (p *patience) Done() <-chan struct{} { return p.real().Done() }

// Err implements context.Context.
func (p *patience) Err() error {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed != nil {
		return timed.Err()
	}
	if err := p.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(p.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// real makes the context that the timer ends.
func (p *patience) real() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.cancel = context.WithDeadline(p.Context, p.deadline)
	}
	return p.timed
}

// end releases the timer, if there is one.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
}
