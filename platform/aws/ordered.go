package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// lease is the row of one subject of an ordered subscription: how far it was handled, and who is at
// it. A message is only a wake-up: who holds the lease reads the subject's history after the cursor
// and handles it in order, so that order does not depend on any queue.
type lease struct {
	Last    int64     `json:"last"`              // everything up to here is handled or given up
	All     bool      `json:"all,omitempty"`     // a replay asked also for what is older than Born
	Trouble bool      `json:"trouble,omitempty"` // the event after Last may have a row of trouble
	From    int64     `json:"from,omitempty"`    // what a replay asked for again while it was held
	Holder  string    `json:"holder,omitempty"`
	Until   time.Time `json:"until"` // when the holder's time is over

	version int64
}

// heed moves the cursor back to what a replay asked for. Whoever holds the lease is ahead of the
// cursor that is stored, so only the holder, or the next one, can tell how far back that is.
func (l *lease) heed() {
	if l.From > 0 {
		l.Last, l.From = min(l.Last, l.From-1), 0
	}
}

const (
	orderedPart = "~platform/ordered/"
	orderedPage = 100
	// leaseBusy is when a message looks again whose subject another process is at.
	leaseBusy = 2 * time.Second
)

func (w *Worker) orderedPart() string { return orderedPart + w.s.Name }

// inOrder works on the subject of a message. What an operator asked for again, and what is outside
// any sequence, is handled by itself, yet not beside another event of its subject.
func (w *Worker) inOrder(ctx, stop context.Context, it *held) (fate, error) {
	unlock, ok := w.lockSubject(stop, it.event.Subject)
	if !ok {
		return halted, nil
	}
	defer unlock()
	if err := w.born(ctx, it.event.Time); err != nil {
		return back, err
	}
	l, what, err := w.takeLease(ctx, it)
	if l == nil || err != nil {
		return what, err
	}
	for {
		if it.again || it.event.Sequence == 0 {
			what, err = w.try(ctx, stop, it)
		} else {
			what, err = w.walk(ctx, stop, it, l)
		}
		rewound, leaseErr := w.endLease(context.WithoutCancel(ctx), it.event.Subject, l)
		if err = errors.Join(err, leaseErr); err != nil || !rewound || what != settled {
			return what, err
		}
	}
}

// lockSubject keeps the messages of one subject apart within this process. It reports false when
// the process stops first.
func (w *Worker) lockSubject(stop context.Context, subject string) (unlock func(), ok bool) {
	for {
		w.mu.Lock()
		held := w.busy[subject]
		if held == nil {
			held = make(chan struct{})
			w.busy[subject] = held
			w.mu.Unlock()
			return func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				delete(w.busy, subject)
				close(held)
			}, true
		}
		w.mu.Unlock()
		select {
		case <-held:
		case <-stop.Done():
			return nil, false
		}
	}
}

// takeLease makes this process the one that is at a subject, for as long as it has the message. It
// returns nil and what to do with the message if there is nothing to do, or somebody else is at it.
func (w *Worker) takeLease(ctx context.Context, it *held) (*lease, fate, error) {
	for range queueRounds {
		l, err := w.readLease(ctx, it.event.Subject)
		if err != nil {
			return nil, back, err
		}
		l.heed()
		now := w.d.o.Clock.Now()
		switch {
		case !it.again && it.event.Sequence > 0 && it.event.Sequence <= l.Last:
			return nil, settled, nil
		case l.Holder != "" && l.Holder != w.me && now.Before(l.Until):
			it.next = now.Add(min(leaseBusy, l.Until.Sub(now)))
			return nil, back, nil
		}
		l.Holder, l.Until = w.me, it.until.UTC()
		err = w.writeLease(ctx, it.event.Subject, l)
		if errors.Is(err, platform.ErrConflict) {
			continue
		}
		return l, settled, err
	}
	return nil, back, platform.ErrThrottled
}

// walk handles what follows the cursor, up to the end of what is committed.
func (w *Worker) walk(ctx, stop context.Context, it *held, l *lease) (fate, error) {
	born, err := w.read(ctx)
	if err != nil {
		return back, err
	}
	for more, first := true, true; more; {
		page, err := w.d.o.History.follow(ctx, it.event, l.Last, orderedPage)
		if err != nil {
			return back, fmt.Errorf("read the history of %s: %w", it.event.Subject, err)
		}
		for _, e := range page {
			if w.match.In(&e) && (l.All || !e.Time.Before(born.Born)) {
				if !first && !w.mayStay(ctx, it, 0) {
					return halted, nil // the rest is for whoever gets the message next
				}
				first = false
				what, err := w.step(ctx, stop, it, e, l)
				if what != settled || err != nil {
					return what, err
				}
			}
			l.Last, l.Trouble = e.Sequence, false
		}
		more = len(page) == orderedPage
	}
	if l.Last < it.event.Sequence {
		return back, fmt.Errorf("the history of %s ends at %d, before the event %s that was sent",
			it.event.Subject, l.Last, it.event.ID)
	}
	return settled, nil
}

// step handles one event of a walk with the message that began the walk.
func (w *Worker) step(
	ctx, stop context.Context, it *held, e platform.Event, l *lease,
) (fate, error) {
	next := &held{message: it.message, event: e, until: it.until}
	if l.Trouble {
		var err error
		if next.trouble, err = w.loadTrouble(ctx, e.ID); err != nil {
			return back, err
		}
	}
	w.enter(next)
	defer w.leave(next)
	what, err := w.try(ctx, stop, next)
	l.Trouble, it.next = next.trouble != nil && next.trouble.stored, next.next
	return what, err
}

func (w *Worker) readLease(ctx context.Context, subject string) (*lease, error) {
	r, err := w.d.o.Table.getRow(ctx, w.orderedPart(), subject)
	if errors.Is(err, platform.ErrNotFound) {
		return &lease{}, nil
	}
	l := &lease{version: r.Version}
	if err == nil && json.Unmarshal(r.Value, l) != nil {
		err = platform.ErrCorrupt
	}
	if err != nil {
		return nil, fmt.Errorf("the cursor of %s at %s: %w", w.s.Name, subject, err)
	}
	return l, nil
}

func (w *Worker) writeLease(ctx context.Context, subject string, l *lease) error {
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	r := row{PK: w.orderedPart(), SK: subject, Value: value}
	if err := w.d.o.Table.putRow(ctx, r, l.version); err != nil {
		return fmt.Errorf("move the cursor of %s at %s: %w", w.s.Name, subject, err)
	}
	l.version++
	return nil
}

// endLease stores the cursor and lets the subject go. rewound says that a replay moved the cursor
// back meanwhile: the lease is then still held, and there is more to do.
func (w *Worker) endLease(ctx context.Context, subject string, l *lease) (rewound bool, err error) {
	l.Holder, l.Until = "", time.Time{}
	err = w.writeLease(ctx, subject, l)
	if !errors.Is(err, platform.ErrConflict) {
		return false, err
	}
	now, err := w.readLease(ctx, subject)
	if err != nil {
		return false, err
	}
	if now.Holder != w.me {
		return false, fmt.Errorf("the lease of %s at %s was over before the work was",
			w.s.Name, subject)
	}
	now.Last = max(now.Last, l.Last) // what is stored is where the walk began
	now.heed()
	*l = *now
	return true, nil
}

// rewind asks that a subject's events come again from a sequence number on.
func (w *Worker) rewind(ctx context.Context, subject string, before int64) error {
	for range queueRounds {
		l, err := w.readLease(ctx, subject)
		if err != nil {
			return err
		}
		if l.version == 0 {
			l.Last = before - 1
		}
		if l.From == 0 || before < l.From {
			l.From = before
		}
		l.All, l.Trouble = true, true
		err = w.writeLease(ctx, subject, l)
		if !errors.Is(err, platform.ErrConflict) {
			return err
		}
	}
	return platform.ErrThrottled
}
