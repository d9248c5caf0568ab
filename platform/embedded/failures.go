package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// failure is what is stored of an event that a subscription could not handle at once.
type failure struct {
	Subscription string    `json:"subscription"`
	Pos          uint64    `json:"pos"`
	Attempts     int       `json:"attempts"`
	Parked       int       `json:"parked"` // times it was too early
	FirstError   string    `json:"firstError"`
	LastError    string    `json:"lastError"`
	FirstAt      time.Time `json:"firstAt"`
	LastAt       time.Time `json:"lastAt"`
	Next         time.Time `json:"next"` // when it is tried again
}

// maxError bounds the text of an error that is kept.
const maxError = 500

// failAttempt decides what follows from a failed attempt: wait, or give up. The decision is stored
// before the cursor may pass the event.
func (s *subscription) failAttempt(it *item, cause error) {
	f := s.note(it, cause)
	table, gone := byte(tableException), byte(0)
	if f.Attempts >= s.retry.Attempts {
		table, gone = tableDead, tableException
	} else {
		f.Next = f.LastAt.Add(s.backoff(f))
	}
	if err := s.d.p.storeFailure(s.ctx, table, gone, f); err != nil {
		// Not stored: keep it open in memory. The cursor stays below it, so a restart finds it too.
		s.d.p.log.Error("a failed delivery could not be stored; it stays in memory",
			"subscription", s.name, "error", err)
		if table == tableDead {
			f.Attempts = s.retry.Attempts - 1
			f.Next = f.LastAt.Add(s.retry.Most)
		}
		s.wait(it, f, false)
		return
	}
	if table == tableDead {
		s.d.p.log.Error("dead letter: a subscription gave up on an event",
			"subscription", s.name, "type", it.event.Type, "id", it.event.ID,
			"attempts", f.Attempts, "error", f.LastError)
		s.finish(it, false)
		return
	}
	s.wait(it, f, true)
}

// note adds an attempt's error to what is known of the event's failures.
func (s *subscription) note(it *item, cause error) *failure {
	now := s.d.p.clock.Now().UTC()
	f := failure{Subscription: s.name, Pos: it.pos, FirstError: clip(cause.Error()), FirstAt: now}
	if it.fail != nil {
		f = *it.fail
		if f.FirstError == "" {
			f.FirstError, f.FirstAt = clip(cause.Error()), now
		}
	}
	f.LastError, f.LastAt = clip(cause.Error()), now
	if errors.Is(cause, platform.ErrNotYet) && now.Sub(f.FirstAt) < s.retry.NotYet {
		f.Parked++
		return &f
	}
	f.Attempts++
	s.mu.Lock()
	s.failed++
	s.mu.Unlock()
	return &f
}

// backoff is full jitter: anything between nothing and the bound of this attempt.
func (s *subscription) backoff(f *failure) time.Duration {
	most := s.retry.Base << min(f.Attempts+f.Parked, 20)
	if most <= 0 || most > s.retry.Most {
		most = s.retry.Most
	}
	if most <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(most))) // chance decides only when, never what
}

// wait parks an item until f.Next. stored lets the cursor pass it.
func (s *subscription) wait(it *item, f *failure, stored bool) {
	s.mu.Lock()
	it.fail, it.queued = f, false
	s.waiting[it.pos] = it
	if stored {
		s.passLocked(it)
	}
	s.soonerLocked(f.Next)
	s.mu.Unlock()
	s.d.p.wakeScheduler()
}

func (s *subscription) soonerLocked(next time.Time) {
	if s.nextRetry.IsZero() || next.Before(s.nextRetry) {
		s.nextRetry = next
	}
}

// retryDue queues every waiting item that is due, and returns how long until the next one is.
func (s *subscription) retryDue(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nextRetry.IsZero() {
		return idleWait
	}
	if wait := s.nextRetry.Sub(now); wait > 0 {
		return wait
	}
	s.nextRetry = time.Time{}
	for _, it := range s.waiting {
		switch {
		case it.queued:
		case it.fail.Next.After(now):
			s.soonerLocked(it.fail.Next)
		default:
			it.queued = true
			s.queue.push(it)
			s.count(1)
		}
	}
	s.workLocked()
	if s.nextRetry.IsZero() {
		return idleWait
	}
	return s.nextRetry.Sub(now)
}

// resume takes over an exception that was found at opening.
func (s *subscription) resume(f failure) error {
	e, err := s.d.p.event(f.Pos)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	it := &item{pos: f.Pos, event: &e, epoch: s.epoch, fail: &f}
	s.waiting[f.Pos] = it
	if s.order {
		if behind := s.busy[e.Subject]; behind != nil { // another event of the subject is at work
			it.queued = true
			behind.push(it)
			return nil
		}
		s.busy[e.Subject] = &fifo[*item]{}
	}
	s.soonerLocked(f.Next)
	return nil
}

// storeFailure writes a failure into one table and removes it from another (0: none), and waits.
func (p *Platform) storeFailure(ctx context.Context, table, gone byte, f *failure) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if err := p.writable(); err != nil {
		p.mu.Unlock()
		return err
	}
	g := p.collect()
	_ = g.batch.Set(failureKey(table, f.Subscription, f.Pos), raw, nil) // memory cannot fail
	if gone != 0 {
		_ = g.batch.Delete(failureKey(gone, f.Subscription, f.Pos), nil)
	}
	p.mu.Unlock()
	return g.wait(ctx)
}

// forgetFailure removes an exception with whatever is written next. If that is lost the event is
// delivered once more, which is allowed.
func (p *Platform) forgetFailure(table byte, name string, pos uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writable() == nil {
		_ = p.collect().batch.Delete(failureKey(table, name, pos), nil) // memory cannot fail
	}
}

// loadFailures reads a whole table of failures.
func (p *Platform) loadFailures(table byte) ([]failure, error) {
	return p.failures(context.Background(), []byte{table}, nil, 0)
}

// failures reads stored failures under a prefix, after a key, at most limit (0: all).
func (p *Platform) failures(
	ctx context.Context, prefix, after []byte, limit int,
) ([]failure, error) {
	var list []failure
	lower := prefix
	if after != nil {
		lower = append(after, 0)
	}
	err := p.scan(ctx, lower, tableEnd(prefix), false, func(key, raw []byte) (bool, error) {
		var f failure
		if err := json.Unmarshal(raw, &f); err != nil {
			return false, fmt.Errorf("stored failure %x: %w: %w", key, platform.ErrCorrupt, err)
		}
		list = append(list, f)
		return limit == 0 || len(list) < limit, nil
	})
	return list, err
}

func clip(s string) string {
	if len(s) > maxError {
		return s[:maxError] + "…"
	}
	return s
}

// DeadLetters implements platform.Delivery. A dead letter's id is its position in the log.
func (d *delivery) DeadLetters(
	ctx context.Context, subscription, after string, limit int,
) ([]platform.DeadLetter, error) {
	if limit < 1 || limit > platform.MaxList {
		return nil, fmt.Errorf("a list of %d dead letters: %w", limit, platform.ErrInvalid)
	}
	prefix := appendEscaped([]byte{tableDead}, subscription)
	var from []byte
	if after != "" {
		pos, err := parseCursor(after)
		if err != nil {
			return nil, err
		}
		from = failureKey(tableDead, subscription, pos)
	}
	found, err := d.p.failures(ctx, prefix, from, limit)
	if err != nil {
		return nil, err
	}
	letters := make([]platform.DeadLetter, len(found))
	for i, f := range found {
		e, err := d.p.event(f.Pos)
		if err != nil {
			return nil, err
		}
		letters[i] = platform.DeadLetter{
			ID: strconv.FormatUint(f.Pos, 10), Subscription: subscription, Event: e,
			Attempts: f.Attempts, FirstError: f.FirstError, LastError: f.LastError,
			FirstAt: f.FirstAt, LastAt: f.LastAt,
		}
	}
	return letters, nil
}

// Redrive implements platform.Delivery.
func (d *delivery) Redrive(ctx context.Context, subscription, id string) error {
	pos, err := parseCursor(id)
	if err != nil {
		return err
	}
	s := d.byName[subscription]
	key := failureKey(tableDead, subscription, pos)
	found, err := d.p.failures(ctx, key, nil, 1)
	if err != nil {
		return err
	}
	if s == nil || len(found) == 0 {
		return fmt.Errorf("dead letter %s of %s: %w", id, subscription, platform.ErrNotFound)
	}
	f := failure{Subscription: subscription, Pos: pos, Next: d.p.clock.Now().UTC()}
	if err := d.p.storeFailure(ctx, tableException, tableDead, &f); err != nil {
		return err
	}
	if err := s.resume(f); err != nil {
		return err
	}
	d.p.wakeScheduler()
	return nil
}
