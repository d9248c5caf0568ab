package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// queue is platform.Queue on records of a store. There is one for a name: it knows which messages
// are being received, so that concurrent receivers do not run into each other, and where its lanes
// begin. Whatever it knows is only a help; what decides is the version of a message's record.
//
// A message whose last receipt has timed out is moved to the dead ones by the next call that could
// notice. A message past its retention is dropped by the next call that meets it; dead ones are
// kept until they are redriven or deleted. A dead message is still in the queue: its id is not sent
// again.
type queue struct {
	store  platform.Store
	clock  platform.Clock
	name   string
	policy platform.QueuePolicy
	due    *head
	last   *head

	mu      sync.Mutex          // held for a scan of lane "due"
	claimed map[string]struct{} // under mu: ids that a receiver is about to hide
	burying sync.Mutex          // held while lane "last" is swept

	wakeMu sync.Mutex
	wake   chan struct{} // under wakeMu: closed and replaced when something may be visible
	once   sync.Once
	closed chan struct{}
}

var _ platform.Queue = (*queue)(nil)

const (
	maxQueueName   = 80
	maxMessageID   = platform.MaxSubjectBytes
	maxReceive     = 10
	maxReceives    = 1000
	maxRetention   = 14 * 24 * time.Hour
	maxVisibility  = 12 * time.Hour
	queuePage      = 64
	queueChunk     = 30   // messages moved by one commit of a sweep: three writes each
	maxQueueRounds = 1000 // commits of one sweep, or attempts of one receiver
)

// newQueue opens a queue. Its name is 1 to 80 of a-z, 0-9, "-" and ".". ErrInvalid for another name
// or a policy outside the bounds of platform.QueuePolicy.
func newQueue(
	store platform.Store, clock platform.Clock, name string, p platform.QueuePolicy,
) (*queue, error) {
	if !isQueueName(name) {
		return nil, fmt.Errorf("%.80q is not a name for a queue: %w", name, platform.ErrInvalid)
	}
	if p.MaxReceives < 1 || p.MaxReceives > maxReceives ||
		p.Retention <= 0 || p.Retention > maxRetention {
		return nil, fmt.Errorf("queue %s: %d receives and %v retention are out of bounds: %w",
			name, p.MaxReceives, p.Retention, platform.ErrInvalid)
	}
	return &queue{
		store: store, clock: clock, name: name, policy: p, due: newHead(), last: newHead(),
		claimed: make(map[string]struct{}), wake: make(chan struct{}), closed: make(chan struct{}),
	}, nil
}

// Send implements platform.Queue. The time it was sent is the queue's, whatever m says.
func (q *queue) Send(ctx context.Context, m platform.Message, delay time.Duration) error {
	if err := checkMessage(&m, delay); err != nil {
		return fmt.Errorf("send to queue %s: %w", q.name, err)
	}
	for range maxQueueRounds {
		now := q.clock.Now().UTC()
		e := q.edit()
		e.add(&queued{id: m.ID, sent: now, body: m.Body, standing: standing{
			lane: laneDue, at: now.Add(delay).UnixNano(),
			expires: now.Add(q.policy.Retention).UnixNano(),
		}})
		err := q.commit(ctx, e)
		if err == nil {
			q.broadcast()
			return nil
		}
		if !errors.Is(err, platform.ErrConflict) {
			return fmt.Errorf("send to queue %s: %w", q.name, err)
		}
		there, err := q.stillThere(ctx, m.ID, now)
		if there || err != nil {
			return err
		}
	}
	return fmt.Errorf("send to queue %s: %w", q.name, platform.ErrThrottled)
}

// stillThere reports whether a message of this id is in the queue; one past its retention is
// dropped.
func (q *queue) stillThere(ctx context.Context, id string, now time.Time) (bool, error) {
	old, err := q.load(ctx, id)
	if errors.Is(err, platform.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if old.lane == laneDead || old.expires > now.UnixNano() {
		return true, nil
	}
	e := q.edit()
	e.remove(old)
	if err := q.commit(ctx, e); err != nil && !errors.Is(err, platform.ErrConflict) {
		return false, fmt.Errorf("drop message %s: %w", id, err)
	}
	return false, nil
}

// Receive implements platform.Queue. The visibility time-out is more than 0 and at most 12 hours.
func (q *queue) Receive(
	ctx context.Context, limit int, visibility, wait time.Duration,
) ([]platform.Received, error) {
	if limit < 1 || limit > maxReceive ||
		visibility <= 0 || visibility > maxVisibility || wait < 0 {
		return nil, fmt.Errorf("receive %d messages for %v, waiting %v: %w",
			limit, visibility, wait, platform.ErrInvalid)
	}
	end := q.clock.Now().Add(wait)
	for {
		wake := q.waker() // before looking, so that nothing slips in between
		got, next, err := q.take(ctx, limit, visibility)
		if err != nil {
			return nil, fmt.Errorf("receive from queue %s: %w", q.name, err)
		}
		now := q.clock.Now()
		if len(got) > 0 || !now.Before(end) {
			return got, nil
		}
		until := end
		if next != noEntry {
			until = earlier(end, time.Unix(0, next))
		}
		alarm := q.clock.After(until.Sub(now))
		if !q.clock.Now().Before(until) {
			continue // the clock was moved before the alarm was set
		}
		select {
		case <-wake:
		case <-alarm:
		case <-q.closed:
			return nil, platform.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take hides and returns what is visible now, or says when the next message will be.
func (q *queue) take(
	ctx context.Context, limit int, visibility time.Duration,
) (got []platform.Received, next int64, err error) {
	n := limit
	for range maxQueueRounds {
		now := q.clock.Now().UTC()
		if err := q.bury(ctx, now); err != nil {
			return nil, 0, err
		}
		ids, next, err := q.claim(ctx, n, now.UnixNano())
		if err != nil || len(ids) == 0 {
			return nil, next, err
		}
		got, err := q.hide(ctx, ids, limit, visibility, now)
		q.release(ids)
		switch {
		case errors.Is(err, platform.ErrConflict):
			n = limit // somebody deleted one of them meanwhile: look again
		case err != nil || len(got) > 0:
			return got, 0, err
		default:
			n = queueChunk // all were too old: more of the same are likely to follow
		}
	}
	return nil, q.clock.Now().UnixNano(), nil
}

// claim returns up to n visible messages that no other receiver is after, and when there are none,
// the time at which the next will be visible.
func (q *queue) claim(ctx context.Context, n int, now int64) (ids []string, next int64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next, err = q.scan(ctx, laneDue, q.due, now, func(_ int64, id string) bool {
		if _, taken := q.claimed[id]; !taken {
			q.claimed[id] = struct{}{}
			ids = append(ids, id)
		}
		return len(ids) < n
	})
	if err != nil {
		for _, id := range ids {
			delete(q.claimed, id)
		}
		return nil, 0, err
	}
	return ids, next, nil
}

// release gives claims back and lets others look again.
func (q *queue) release(ids []string) {
	q.mu.Lock()
	for _, id := range ids {
		delete(q.claimed, id)
	}
	q.mu.Unlock()
	q.broadcast()
}

// hide makes up to limit of the messages invisible in one commit, which also drops those past their
// retention.
func (q *queue) hide(
	ctx context.Context, ids []string, limit int, visibility time.Duration, now time.Time,
) ([]platform.Received, error) {
	e := q.edit()
	var got []platform.Received
	for _, id := range ids {
		m, err := q.load(ctx, id)
		if errors.Is(err, platform.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		switch {
		case m.lane != laneDue || m.at > now.UnixNano():
			// Released or received again since the lane was read.
		case m.expires <= now.UnixNano():
			e.remove(m)
		case len(got) < limit:
			next := m.standing
			next.attempts++
			next.at = now.Add(visibility).UnixNano()
			next.receipt = newReceipt()
			if next.attempts >= int64(q.policy.MaxReceives) {
				next.lane = laneLast
			}
			e.move(m, next)
			got = append(got, m.received(next))
		}
	}
	if err := q.commit(ctx, e); err != nil {
		return nil, err
	}
	return got, nil
}

// Delete implements platform.Queue. It also discards a dead message, by the receipt that Dead
// shows.
func (q *queue) Delete(ctx context.Context, receipt string) error {
	err := q.change(ctx, receipt, func(e *edit, m *queued) { e.remove(m) })
	if err != nil {
		return fmt.Errorf("delete from queue %s: %w", q.name, err)
	}
	return nil
}

// Release implements platform.Queue. A message that has no receipt left is dead at once.
func (q *queue) Release(ctx context.Context, receipt string, delay time.Duration) error {
	if delay < 0 || delay > platform.MaxQueueDelay {
		return fmt.Errorf("release after %v: %w", delay, platform.ErrInvalid)
	}
	err := q.change(ctx, receipt, func(e *edit, m *queued) {
		now, next := q.clock.Now(), m.standing
		switch m.lane {
		case laneDue:
			next.at = now.Add(delay).UnixNano()
		case laneLast:
			next.lane, next.at = laneDead, now.UnixNano()
		case laneDead:
		}
		e.move(m, next)
	})
	if err != nil {
		return fmt.Errorf("release to queue %s: %w", q.name, err)
	}
	q.broadcast()
	return nil
}

// change edits the message of a receipt, again if somebody else was faster.
func (q *queue) change(ctx context.Context, receipt string, fn func(*edit, *queued)) error {
	number, id, err := parseReceipt(receipt)
	if err != nil {
		return err
	}
	for range maxQueueRounds {
		m, err := q.load(ctx, id)
		if err != nil {
			return err
		}
		if m.receipt != number {
			return fmt.Errorf("message %s was received again since: %w", id, platform.ErrNotFound)
		}
		e := q.edit()
		fn(e, m)
		if err = q.commit(ctx, e); !errors.Is(err, platform.ErrConflict) {
			return err
		}
	}
	return platform.ErrThrottled
}

// load reads a message.
func (q *queue) load(ctx context.Context, id string) (*queued, error) {
	rec, err := q.store.Get(ctx, messageKey(q.name, id))
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", id, err)
	}
	return decodeQueued(rec)
}

func (q *queue) edit() *edit { return &edit{name: q.name} }

// commit applies an edit, telling the heads of lanes about new entries first. An entry whose
// outcome is unknown stays announced: it may yet appear.
func (q *queue) commit(ctx context.Context, e *edit) error {
	if len(e.writes) == 0 {
		return nil
	}
	for _, n := range e.entries {
		if h := q.head(n.lane); h != nil {
			h.announce(n.at)
		}
	}
	err := q.store.Commit(ctx, e.batch())
	if err != nil && !platform.Known(err) {
		return err
	}
	for _, n := range e.entries {
		if h := q.head(n.lane); h != nil {
			h.settle(n.at)
		}
	}
	return err
}

func (q *queue) head(l lane) *head {
	switch l {
	case laneDue:
		return q.due
	case laneLast:
		return q.last
	case laneDead:
	}
	return nil
}

// waker returns what is closed when something may have become visible.
func (q *queue) waker() <-chan struct{} {
	q.wakeMu.Lock()
	defer q.wakeMu.Unlock()
	return q.wake
}

func (q *queue) broadcast() {
	q.wakeMu.Lock()
	defer q.wakeMu.Unlock()
	close(q.wake)
	q.wake = make(chan struct{})
}

// close ends every waiting Receive with ErrClosed.
func (q *queue) close() { q.once.Do(func() { close(q.closed) }) }

func (m *queued) received(s standing) platform.Received {
	return platform.Received{
		Message:  platform.Message{ID: m.id, Body: bytes.Clone(m.body), Sent: m.sent},
		Receipt:  formatReceipt(s.receipt, m.id),
		Attempts: int(s.attempts),
	}
}

// newReceipt draws a number that no other receipt of a message will have.
func newReceipt() int64 {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return int64(binary.BigEndian.Uint64(raw[:])>>2) | 1
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
