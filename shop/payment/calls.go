package payment

import (
	"context"
	"sync"

	"github.com/souk-commerce/souk/platform"
)

// calls knows, of every operation that this process has to do with, whether it was intended here
// and never asked for yet ("fresh"), so that its first call needs no question before it. It also
// keeps two deliveries of one operation apart. What it forgets, by a restart or because it is full,
// is asked about before anything is sent: slower, never wrong. Safe for concurrent use.
type calls struct {
	mu   sync.Mutex
	most int
	open map[string]*call
}

// call is one operation.
type call struct {
	committing int  // units of work that are trying to commit its intent
	committed  bool // one of them did
	spent      bool // the provider was called, or may have been
	busy       bool // a delivery is working on it
	changed    chan struct{}
}

// maxFresh bounds the operations that are remembered. At 5,000 a second it is 13 seconds of
// intents that nobody has called.
const maxFresh = 1 << 16

func newCalls() *calls { return &calls{most: maxFresh, open: make(map[string]*call)} }

// begin says that this process is about to commit the intent of key.
func (c *calls) begin(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.open[key]
	if o == nil {
		if len(c.open) >= c.most {
			return
		}
		o = &call{}
		c.open[key] = o
	}
	o.committing++
}

// end says whether that commit certainly happened. Of a doubtful one it must say no.
func (c *calls) end(key string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.open[key]
	if o == nil || o.committing == 0 {
		return
	}
	o.committing--
	o.committed = o.committed || ok
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	c.drop(key, o)
}

// enter takes key for one delivery and reports whether it is fresh. While somebody else has it the
// answer is ErrNotYet. An event can overtake the return of the commit that announced it, so enter
// waits for commits under way: only a commit of this very process makes an operation fresh.
func (c *calls) enter(ctx context.Context, key string) (fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		o := c.open[key]
		if o == nil {
			c.open[key] = &call{busy: true}
			return false, nil
		}
		if o.committed || o.committing == 0 {
			if o.busy {
				return false, platform.ErrNotYet
			}
			o.busy = true
			return o.committed && !o.spent, nil
		}
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
}

// spend says that the provider is about to be called. The caller has entered.
func (c *calls) spend(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[key].spent = true
}

// leave ends enter.
func (c *calls) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.open[key]
	o.busy = false
	c.drop(key, o)
}

// drop forgets an operation that nobody works on and that is not fresh.
func (c *calls) drop(key string, o *call) {
	if o.committing == 0 && !o.busy && (!o.committed || o.spent) {
		delete(c.open, key)
	}
}
