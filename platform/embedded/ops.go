package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// maxDeadCounted bounds the work of counting dead letters for a status.
const maxDeadCounted = 10_000

// Status implements platform.Delivery. Before Start, and where nothing can be started, it tells
// what is stored: everything after a cursor is pending, also what was handled just before a crash.
func (d *delivery) Status(ctx context.Context) ([]platform.SubscriptionStatus, error) {
	now := d.p.clock.Now()
	list := make([]platform.SubscriptionStatus, 0, len(d.subs))
	d.mu.Lock()
	started, exceptions := d.started, d.exceptions
	d.mu.Unlock()
	var rest map[string]*platform.SubscriptionStatus
	if !started {
		var err error
		if rest, err = d.atRest(ctx, now, exceptions); err != nil {
			return nil, err
		}
	}
	for _, s := range d.subs {
		prefix := appendEscaped([]byte{tableDead}, s.name)
		dead, err := d.p.failures(ctx, prefix, nil, maxDeadCounted)
		if err != nil {
			return nil, err
		}
		st := s.status(now)
		if stored := rest[s.name]; stored != nil {
			st = *stored
		}
		st.DeadLetters = len(dead)
		list = append(list, st)
	}
	return list, nil
}

// atRest reads the state of every subscription from what is stored of it.
func (d *delivery) atRest(
	ctx context.Context, now time.Time, exceptions []failure,
) (map[string]*platform.SubscriptionStatus, error) {
	head := d.published.Load()
	from, at := head, make(map[string]uint64)
	rest := make(map[string]*platform.SubscriptionStatus)
	for _, s := range d.subs {
		c, ok, err := d.p.storedCursor(s.name)
		if err != nil {
			return nil, err
		}
		if !ok {
			c.pos = head // it would begin at the end
		}
		at[s.name], from = c.pos, min(from, c.pos)
		rest[s.name] = &platform.SubscriptionStatus{
			Name: s.name, Class: s.class, Paused: c.paused,
		}
	}
	waits := make(map[string]map[uint64]bool)
	for _, f := range exceptions {
		if rest[f.Subscription] == nil {
			continue
		}
		if waits[f.Subscription] == nil {
			waits[f.Subscription] = make(map[uint64]bool)
		}
		waits[f.Subscription][f.Pos] = true
		rest[f.Subscription].Waiting++
		e, err := d.p.event(f.Pos)
		if err != nil {
			return nil, err
		}
		rest[f.Subscription].Oldest = max(rest[f.Subscription].Oldest, now.Sub(e.Time))
	}
	err := d.p.scanLog(ctx, from, head, func(pos uint64, e platform.Event) error {
		for _, s := range d.byType[e.Type] {
			if pos > at[s.name] && !waits[s.name][pos] && s.match.In(&e) {
				rest[s.name].Pending++
				rest[s.name].Oldest = max(rest[s.name].Oldest, now.Sub(e.Time))
			}
		}
		return nil
	})
	return rest, err
}

// storedCursor is loadCursor for whoever may come after Close.
func (p *Platform) storedCursor(name string) (cursor, bool, error) {
	if !p.enter() {
		return cursor{}, false, platform.ErrClosed
	}
	defer p.leave()
	return p.loadCursor(name)
}

func (s *subscription) status(now time.Time) platform.SubscriptionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := platform.SubscriptionStatus{
		Name: s.name, Class: s.class, Paused: s.paused, Waiting: len(s.waiting),
		Done: s.done, Failed: s.failed,
	}
	for _, it := range s.open.list[s.open.head:] {
		if !it.done && s.waiting[it.pos] == nil {
			st.Pending++
		}
	}
	if s.behind { // what is still in the log counts as one, since it is not known how much matches
		st.Pending++
	}
	if s.open.len() > 0 {
		st.Oldest = now.Sub(s.open.front().event.Time)
	}
	for _, it := range s.waiting {
		if it.queued {
			st.Pending, st.Waiting = st.Pending+1, st.Waiting-1
		}
		st.Oldest = max(st.Oldest, now.Sub(it.event.Time))
	}
	return st
}

// Pause implements platform.Delivery.
func (d *delivery) Pause(ctx context.Context, subscription string, paused bool) error {
	s := d.byName[subscription]
	if s == nil {
		return fmt.Errorf("subscription %q: %w", subscription, platform.ErrNotFound)
	}
	s.mu.Lock()
	s.paused = paused
	s.workLocked()
	s.mu.Unlock()
	return d.p.flushCursors(ctx)
}

// Replay implements platform.Delivery. It moves the cursor back: what follows is delivered again,
// and survives a restart.
func (d *delivery) Replay(
	ctx context.Context, subscription string, from time.Time, dry bool,
) (int, error) {
	s := d.byName[subscription]
	if s == nil {
		return 0, fmt.Errorf("subscription %q: %w", subscription, platform.ErrNotFound)
	}
	at, err := history{d.p}.Seek(ctx, from)
	if err != nil {
		return 0, err
	}
	pos, err := parseCursor(at)
	if err != nil {
		return 0, err
	}
	n := 0
	err = d.p.scanLog(ctx, pos, d.published.Load(), func(_ uint64, e platform.Event) error {
		if s.match.In(&e) {
			n++
		}
		return nil
	})
	if err != nil || dry {
		return n, err
	}
	s.rewind(pos)
	return n, d.p.flushCursors(ctx)
}

// rewind moves the cursor back to pos. Handlers that run finish, but no longer count.
func (s *subscription) rewind(pos uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pos >= s.last {
		return
	}
	s.count(-int64(s.queue.len()))
	for s.queue.len() > 0 {
		s.queue.pop().queued = false
	}
	for _, it := range s.waiting { // those that were queued again must be found again
		s.soonerLocked(it.fail.Next)
	}
	s.open, s.busy = fifo[*item]{}, make(map[string]*fifo[*item])
	s.epoch++
	s.last, s.behind, s.unsaved = pos, true, true
	s.catchUpLocked()
}
