package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// trouble is what is known of an event that a subscription could not handle at once. It is in
// memory while the worker keeps the message in hand, and in a row when the message goes back.
type trouble struct {
	Attempts   int       `json:"attempts"`
	Parked     int       `json:"parked"` // times it was too early
	FirstError string    `json:"firstError"`
	LastError  string    `json:"lastError"`
	FirstAt    time.Time `json:"firstAt"`
	LastAt     time.Time `json:"lastAt"`
	Next       time.Time `json:"next"`  // when it is tried again
	Event      time.Time `json:"event"` // when the event was committed

	stored bool
}

const (
	troublePart = "~platform/trouble/"
	maxError    = 500 // bytes of an error that are kept
	// troubleKept is how long the row of a message that vanished is kept: longer than any queue
	// keeps a message.
	troubleKept = 15 * 24 * time.Hour
)

func (w *Worker) troublePart() string { return troublePart + w.s.Name }

// loadTrouble returns what is stored of an event, or nil.
func (w *Worker) loadTrouble(ctx context.Context, id string) (*trouble, error) {
	r, err := w.d.o.Table.getRow(ctx, w.troublePart(), id)
	if errors.Is(err, platform.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the trouble with event %s: %w", id, err)
	}
	t := &trouble{stored: true}
	if err := json.Unmarshal(r.Value, t); err != nil {
		return nil, fmt.Errorf("the trouble with event %s: %w", id, platform.ErrCorrupt)
	}
	return t, nil
}

// saveTrouble stores what is known, so that whoever gets the message next goes on from there.
func (w *Worker) saveTrouble(ctx context.Context, id string, t *trouble) error {
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	err = w.d.o.Table.putRow(ctx, row{
		PK: w.troublePart(), SK: id, Value: value, Expires: t.LastAt.Add(troubleKept),
	}, platform.Any)
	if err != nil {
		return fmt.Errorf("store the trouble with event %s: %w", id, err)
	}
	t.stored = true
	return nil
}

// endTrouble removes the row, if there is one.
func (w *Worker) endTrouble(ctx context.Context, id string, t *trouble) error {
	if t == nil || !t.stored {
		return nil
	}
	if err := w.d.o.Table.deleteRow(ctx, w.troublePart(), id, platform.Any); err != nil {
		return fmt.Errorf("end the trouble with event %s: %w", id, err)
	}
	t.stored = false
	return nil
}

// note adds an attempt's error to what is known, and says when to try again. What was too early for
// less than Retry.NotYet burns no attempt.
func (w *Worker) note(t *trouble, e platform.Event, cause error) *trouble {
	now, text := w.d.o.Clock.Now().UTC(), clipError(cause)
	if t == nil {
		t = &trouble{FirstError: text, FirstAt: now, Event: e.Time}
	}
	t.LastError, t.LastAt = text, now
	if errors.Is(cause, platform.ErrNotYet) && now.Sub(t.FirstAt) < w.s.Retry.NotYet {
		t.Parked++
	} else {
		t.Attempts++
		w.failed.Add(1)
	}
	t.Next = now.Add(jitter(w.s.Retry.Base, w.s.Retry.Most, t.Attempts+t.Parked))
	return t
}

func clipError(err error) string {
	s := err.Error()
	if len(s) > maxError {
		return s[:maxError] + "…"
	}
	return s
}

// status tells the state of the subscription, of whose messages SQS counts n.
func (w *Worker) status(
	ctx context.Context, now time.Time, n int,
) (st platform.SubscriptionStatus, err error) {
	st = platform.SubscriptionStatus{
		Name: w.s.Name, Class: w.s.Class, Done: w.done.Load(), Failed: w.failed.Load(),
	}
	e, _, err := w.existence(ctx)
	if err != nil {
		return st, err
	}
	st.Paused = e.Paused
	waiting := make(map[string]bool)
	w.mu.Lock()
	for it := range w.hand {
		st.Oldest = max(st.Oldest, now.Sub(it.event.Time))
		if it.waits {
			waiting[it.event.ID] = true
		}
	}
	w.mu.Unlock()
	err = w.eachRow(ctx, w.troublePart(), func(r row) error {
		var t trouble
		if err := json.Unmarshal(r.Value, &t); err != nil {
			return fmt.Errorf("the trouble with event %s: %w", r.SK, platform.ErrCorrupt)
		}
		waiting[r.SK] = true
		st.Oldest = max(st.Oldest, now.Sub(t.Event))
		return nil
	})
	if err != nil {
		return st, err
	}
	err = w.eachRow(ctx, w.deadPart(), func(row) error {
		st.DeadLetters++
		return nil
	})
	st.Waiting = len(waiting)
	st.Pending = max(0, n-st.Waiting)
	return st, err
}

// eachRow calls fn for the rows of a partition, at most rowPage times maxAged of them.
func (w *Worker) eachRow(ctx context.Context, pk string, fn func(r row) error) error {
	after := ""
	for range maxAged {
		page, err := w.d.o.Table.listRows(ctx, pk, "", after, rowPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r); err != nil {
				return err
			}
			after = r.SK
		}
		if len(page) < rowPage {
			break
		}
	}
	return nil
}
