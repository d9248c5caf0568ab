package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// cursorEvery is how often cursors ride along with a group. What was handled since the last time is
// delivered again after a crash, which every handler must bear anyway.
const cursorEvery = 100 * time.Millisecond

// cursor is what is stored of a subscription.
type cursor struct {
	pos    uint64
	paused bool
}

func (c cursor) encode() []byte {
	raw := be64(nil, c.pos)
	if c.paused {
		return append(raw, 1)
	}
	return append(raw, 0)
}

func (p *Platform) loadCursor(name string) (cursor, bool, error) {
	raw, closer, err := p.db.Get(cursorKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return cursor{}, false, nil
	}
	if err != nil {
		return cursor{}, false, fmt.Errorf("read the cursor of %s: %w", name, explain(err))
	}
	defer func() { _ = closer.Close() }()
	if len(raw) != 9 {
		return cursor{}, false, fmt.Errorf("the cursor of %s: %w", name, platform.ErrCorrupt)
	}
	return cursor{pos: decode64(raw), paused: raw[8] == 1}, true, nil
}

// saveCursors puts cursors that moved into a group that is being taken. The caller holds mu.
func (p *Platform) saveCursors(g *group) {
	now := p.now()
	if now.Sub(p.cursorsAt) < cursorEvery {
		return
	}
	p.cursorsAt = now
	p.putCursors(g.batch)
}

func (p *Platform) putCursors(b *pebble.Batch) {
	for _, s := range p.delivery.running() {
		if c, changed := s.cursor(); changed {
			_ = b.Set(cursorKey(s.name), c.encode(), nil) // a batch in memory cannot fail
		}
	}
}

// running returns the subscriptions whose cursors are loaded.
func (d *delivery) running() []*subscription {
	if !d.loaded.Load() {
		return nil
	}
	return d.subs
}

// flushCursors writes all cursors that moved and waits for the disk.
func (p *Platform) flushCursors(ctx context.Context) error {
	p.mu.Lock()
	if err := p.writable(); err != nil {
		p.mu.Unlock()
		return err
	}
	g := p.collect()
	p.cursorsAt = time.Time{}
	p.mu.Unlock()
	return g.wait(ctx)
}

// saveIdle writes the cursors when nothing else is being written, so that a crash after a quiet
// time repeats nothing.
func (p *Platform) saveIdle() {
	p.mu.Lock()
	idle := p.open == nil && p.writing == nil && p.now().Sub(p.cursorsAt) > idleWait
	ok := idle && p.writable() == nil && p.delivery.moved()
	if ok {
		p.collect()
	}
	p.mu.Unlock()
}

// moved reports whether any cursor differs from what is stored.
func (d *delivery) moved() bool {
	for _, s := range d.running() {
		s.mu.Lock()
		moved := s.unsaved || s.saved != cursor{pos: s.positionLocked(), paused: s.paused}
		s.mu.Unlock()
		if moved {
			return true
		}
	}
	return false
}

// saveAll writes the cursors at closing, when the committer has ended.
func (d *delivery) saveAll() error {
	b := d.p.db.NewBatch()
	d.p.putCursors(b)
	if b.Empty() {
		return b.Close()
	}
	return d.p.guard(func() error { return b.Commit(pebble.Sync) })
}
