package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Depth implements platform.Queue. Under load the numbers are those of slightly different moments.
// Oldest is the age of the oldest among those that are next in their lane.
func (q *queue) Depth(ctx context.Context) (platform.QueueDepth, error) {
	depth, err := q.depth(ctx, q.clock.Now().UTC())
	if err != nil {
		return platform.QueueDepth{}, fmt.Errorf("depth of queue %s: %w", q.name, err)
	}
	return depth, nil
}

func (q *queue) depth(ctx context.Context, now time.Time) (depth platform.QueueDepth, err error) {
	if err := q.bury(ctx, now); err != nil {
		return depth, err
	}
	if err := q.purge(ctx, now); err != nil {
		return depth, err
	}
	count, err := q.store.Get(ctx, countKey(q.name))
	if err != nil && !errors.Is(err, platform.ErrNotFound) {
		return depth, err
	}
	for _, l := range [...]lane{laneDue, laneLast} {
		hidden, err := q.countAfter(ctx, l, now.UnixNano())
		if err != nil {
			return depth, err
		}
		age, err := q.firstAge(ctx, l, now)
		if err != nil {
			return depth, err
		}
		depth.Hidden += hidden
		depth.Oldest = max(depth.Oldest, age)
	}
	depth.Visible = max(0, int(count.Counters[counterHeld])-depth.Hidden)
	depth.Dead = int(count.Counters[counterDead])
	return depth, nil
}

// countAfter counts the entries of a lane after a moment: those are hidden.
func (q *queue) countAfter(ctx context.Context, l lane, now int64) (int, error) {
	after, n := entryTime(now+1), 0
	for {
		page, err := q.store.List(ctx, platform.Query{
			Part: lanePart(q.name, l), After: after, Limit: platform.MaxList,
		})
		if err != nil {
			return 0, err
		}
		n += len(page)
		if len(page) < platform.MaxList {
			return n, nil
		}
		after = page[len(page)-1].Key.Sort
	}
}

// firstAge is the age of the first message in a lane.
func (q *queue) firstAge(ctx context.Context, l lane, now time.Time) (time.Duration, error) {
	h := q.head(l)
	page, err := q.store.List(ctx, platform.Query{
		Part: lanePart(q.name, l), After: entryTime(h.start()), Limit: 1,
	})
	if err != nil || len(page) == 0 {
		return 0, err
	}
	_, id, err := parseEntry(page[0].Key.Sort)
	if err != nil {
		return 0, err
	}
	m, err := q.load(ctx, id)
	if errors.Is(err, platform.ErrNotFound) {
		return 0, nil // received and deleted meanwhile
	}
	if err != nil {
		return 0, err
	}
	return max(0, now.Sub(m.sent)), nil
}

// Dead implements platform.Queue. It lists those that died first, at most limit (1 to MaxList).
func (q *queue) Dead(ctx context.Context, limit int) ([]platform.Received, error) {
	if err := q.bury(ctx, q.clock.Now().UTC()); err != nil {
		return nil, fmt.Errorf("dead letters of queue %s: %w", q.name, err)
	}
	page, err := q.store.List(ctx, platform.Query{
		Part: lanePart(q.name, laneDead), Limit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("dead letters of queue %s: %w", q.name, err)
	}
	list := make([]platform.Received, 0, len(page))
	for _, rec := range page {
		_, id, err := parseEntry(rec.Key.Sort)
		if err != nil {
			return nil, err
		}
		m, err := q.load(ctx, id)
		if errors.Is(err, platform.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.lane == laneDead {
			list = append(list, m.received(m.standing))
		}
	}
	return list, nil
}

// Redrive implements platform.Queue. The retention starts again. ErrNotFound if no such message is
// dead.
func (q *queue) Redrive(ctx context.Context, id string) error {
	for range maxQueueRounds {
		now := q.clock.Now().UTC()
		if err := q.bury(ctx, now); err != nil {
			return fmt.Errorf("redrive in queue %s: %w", q.name, err)
		}
		m, err := q.load(ctx, id)
		if err != nil {
			return fmt.Errorf("redrive in queue %s: %w", q.name, err)
		}
		if m.lane != laneDead {
			return fmt.Errorf("redrive in queue %s: message %s is not dead: %w",
				q.name, id, platform.ErrNotFound)
		}
		next := m.standing
		next.lane, next.at, next.attempts = laneDue, now.UnixNano(), 0
		next.expires = now.Add(q.policy.Retention).UnixNano()
		e := q.edit()
		e.move(m, next)
		err = q.commit(ctx, e)
		if errors.Is(err, platform.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("redrive in queue %s: %w", q.name, err)
		}
		q.broadcast()
		return nil
	}
	return fmt.Errorf("redrive in queue %s: %w", q.name, platform.ErrThrottled)
}

// bury moves the messages whose last receipt has timed out to the dead ones.
func (q *queue) bury(ctx context.Context, now time.Time) error {
	q.burying.Lock()
	defer q.burying.Unlock()
	return q.sweep(ctx, laneLast, q.last, now, func(e *edit, m *queued) {
		next := m.standing
		next.lane, next.at = laneDead, now.UnixNano()
		e.move(m, next)
	})
}

// purge drops visible messages past their retention, as far as they stand first.
func (q *queue) purge(ctx context.Context, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sweep(ctx, laneDue, q.due, now, func(e *edit, m *queued) {
		if m.expires <= now.UnixNano() {
			e.remove(m)
		}
	})
}

// sweep lets fn edit the first messages of a lane that are due, a chunk a commit, until it leaves
// one as it is. The caller sees to it that one scan of the lane runs at a time.
func (q *queue) sweep(
	ctx context.Context, l lane, h *head, now time.Time, fn func(*edit, *queued),
) error {
	for range maxQueueRounds {
		var ids []string
		_, err := q.scan(ctx, l, h, now.UnixNano(), func(_ int64, id string) bool {
			ids = append(ids, id)
			return len(ids) < queueChunk
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		e, edited := q.edit(), 0
		for _, id := range ids {
			m, err := q.load(ctx, id)
			if errors.Is(err, platform.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if m.lane != l || m.at > now.UnixNano() {
				continue
			}
			before := len(e.writes)
			if fn(e, m); len(e.writes) > before {
				edited++
			}
		}
		err = q.commit(ctx, e)
		if err != nil && !errors.Is(err, platform.ErrConflict) {
			return err
		}
		if edited < len(ids) && err == nil {
			return nil
		}
	}
	return nil
}

// scan calls fn for the entries of a lane up to now, in order, until fn says no, and keeps the
// lane's head. It returns the time of the first entry after now, or noEntry; nothing meaningful
// when fn broke off.
func (q *queue) scan(
	ctx context.Context, l lane, h *head, now int64, fn func(at int64, id string) bool,
) (next int64, err error) {
	floor := h.begin()
	if floor > now {
		return floor, nil
	}
	first, after := noEntry, entryTime(floor)
	for {
		page, err := q.store.List(ctx, platform.Query{
			Part: lanePart(q.name, l), After: after, Limit: queuePage,
		})
		if err != nil {
			return 0, err
		}
		for _, rec := range page {
			at, id, err := parseEntry(rec.Key.Sort)
			if err != nil {
				return 0, err
			}
			first = min(first, at)
			if at > now || !fn(at, id) {
				h.end(first)
				return at, nil
			}
		}
		if len(page) < queuePage {
			h.end(first)
			return noEntry, nil
		}
		after = page[len(page)-1].Key.Sort
	}
}
