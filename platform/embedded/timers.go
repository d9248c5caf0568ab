package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// maxFire is the number of timers that one group commits.
const maxFire = 256

// setTimer writes a timer into the group, replacing one of the same key. The caller holds mu.
func (p *Platform) setTimer(g *group, prefix string, t *platform.Timer) error {
	key := prefix + t.Key
	if err := p.cancelTimer(g, key); err != nil {
		return err
	}
	due := keepable(t.Due)
	e := t.Event
	if e.ID == "" {
		// The end of the log tells apart timers that were set for one moment, fired, and set again.
		e.ID = fmt.Sprintf("%s@%d#%d", key, due.UnixNano(), p.head)
	}
	raw := be64(make([]byte, 0, 128+len(e.Data)), uint64(due.UnixNano()))
	raw = appendEvent(raw, &e)
	p.scratch = timerKey(p.scratch[:0], key)
	_ = g.batch.Set(p.scratch, raw, nil) // a batch in memory cannot fail
	p.known.add(p.scratch)
	p.overlayTimer(g, p.scratch, raw)
	p.scratch = dueKey(p.scratch[:0], due, key)
	_ = g.batch.Set(p.scratch, nil, nil)
	if p.nextDue.IsZero() || due.Before(p.nextDue) {
		p.nextDue = due
		p.wakeScheduler()
	}
	return nil
}

// keepable is the moment nearest to t that nanoseconds since 1970 can tell: a timer of the distant
// past is due at once, one of the distant future in 2262.
func keepable(t time.Time) time.Time {
	first, last := time.Unix(0, 0), time.Unix(0, math.MaxInt64)
	switch {
	case t.Before(first):
		t = first
	case t.After(last):
		t = last
	}
	return t.UTC()
}

// cancelTimer removes a timer, if it is set. The caller holds mu.
func (p *Platform) cancelTimer(g *group, key string) error {
	raw, err := p.timer(key)
	if err != nil || raw == nil {
		return err
	}
	due := timeOf(binary.BigEndian.Uint64(raw))
	p.scratch = dueKey(p.scratch[:0], due, key)
	_ = g.batch.Delete(p.scratch, nil)
	p.scratch = timerKey(p.scratch[:0], key)
	_ = g.batch.Delete(p.scratch, nil)
	p.overlayTimer(g, p.scratch, nil)
	return nil
}

// timer returns the newest decided value of a timer, or nil. The caller holds mu.
func (p *Platform) timer(key string) ([]byte, error) {
	p.scratch = timerKey(p.scratch[:0], key)
	if o := p.overlay.get(p.scratch); o != nil {
		return o.raw, nil
	}
	if p.known.absent(p.scratch) {
		return nil, nil
	}
	raw, closer, err := p.db.Get(p.scratch)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	defer func() { _ = closer.Close() }()
	if len(raw) < 16 {
		return nil, fmt.Errorf("timer %q: %w", key, platform.ErrCorrupt)
	}
	return append([]byte(nil), raw...), nil
}

func (p *Platform) overlayTimer(g *group, key, raw []byte) {
	old := p.overlay.get(key)
	if old == nil {
		old = &pending{}
	}
	p.overwrite(g, key, old, &pending{raw: raw})
}

// fireTimers commits the events of every timer that is due. It returns how long until the next.
func (p *Platform) fireTimers(ctx context.Context) (time.Duration, error) {
	for {
		now := p.clock.Now()
		p.mu.Lock()
		next := p.nextDue
		p.mu.Unlock()
		if next.IsZero() {
			return idleWait, nil
		}
		if wait := next.Sub(now); wait > 0 {
			return wait, nil
		}
		if err := p.fireDue(ctx, now); err != nil {
			return idleWait, err
		}
	}
}

// fireDue commits up to maxFire due timers in one group and finds the next.
func (p *Platform) fireDue(ctx context.Context, now time.Time) error {
	p.mu.Lock()
	g := p.writing
	if p.open != nil {
		g = p.open // it is durable after the one that is being written
	}
	p.nextDue = time.Time{} // whatever is set from here on lowers it again
	p.mu.Unlock()
	if g != nil {
		if err := g.wait(ctx); err != nil {
			return err
		}
	}
	var keys []string
	var next time.Time
	lower := []byte{tableDue}
	err := p.scan(ctx, lower, tableEnd(lower), false, func(key, _ []byte) (bool, error) {
		due := timeOf(binary.BigEndian.Uint64(key[1:]))
		if due.After(now) || len(keys) == maxFire {
			next = due
			return false, nil
		}
		keys = append(keys, string(key[9:]))
		return true, nil
	})
	if err != nil {
		return err
	}
	p.lowerDue(next)
	if len(keys) == 0 {
		return nil
	}
	return p.fire(ctx, keys, now)
}

func (p *Platform) lowerDue(due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !due.IsZero() && (p.nextDue.IsZero() || due.Before(p.nextDue)) {
		p.nextDue = due
	}
}

// fire appends the events of the named timers to the log and removes the timers, in one group. One
// that was cancelled or moved since it was found is left alone.
func (p *Platform) fire(ctx context.Context, keys []string, now time.Time) error {
	p.mu.Lock()
	if err := p.writable(); err != nil {
		p.nextDue = now.Add(time.Second)
		p.mu.Unlock()
		return err
	}
	g := p.collect()
	for _, key := range keys {
		raw, err := p.timer(key)
		if err == nil && (raw == nil || timeOf(binary.BigEndian.Uint64(raw)).After(now)) {
			continue
		}
		var e platform.Event
		if err == nil {
			e, err = decodeEvent(raw[8:])
		}
		if err == nil {
			err = p.cancelTimer(g, key)
		}
		if err != nil {
			err = p.fail(err)
			p.mu.Unlock()
			return err
		}
		p.appendEvents(g, []platform.Event{e})
	}
	p.mu.Unlock()
	return g.wait(ctx)
}
