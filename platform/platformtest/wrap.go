package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// ErrInjected is in the chain of every error that Wrap made up, except throttling.
var ErrInjected = errors.New("injected fault")

// Faulty is a platform behind a wall of faults. Safe for concurrent use.
type Faulty struct {
	platform.Platform
	faults   Faults
	dice     *dice
	delivery *faultyDelivery
	timers   timerBook
}

// Wrap puts faults in front of every port of p. Closing the result closes p.
func Wrap(p platform.Platform, f Faults) *Faulty {
	w := &Faulty{Platform: p, faults: f, dice: newDice(f.Seed)}
	w.timers.set = make(map[string]PendingTimer)
	w.delivery = &faultyDelivery{Delivery: p.Delivery(), w: w}
	return w
}

// Counts tells how many faults were injected so far.
func (w *Faulty) Counts() Counts { return w.dice.counts() }

// Activity grows whenever a handler is entered or left.
func (w *Faulty) Activity() int64 { return w.delivery.activity.Load() }

// Running counts the handlers that are at work.
func (w *Faulty) Running() int64 { return w.delivery.running.Load() }

// PendingTimer is a timer that was set through the wrapper and has been neither cancelled nor
// replaced. The wrapper cannot see that one has fired.
type PendingTimer struct {
	Room string
	platform.Timer
}

// Timers lists the pending timers by due, room and key.
func (w *Faulty) Timers() []PendingTimer { return w.timers.list() }

// Forget drops a timer from Timers, because it was seen to fire.
func (w *Faulty) Forget(t PendingTimer) { w.timers.forget(t) }

// Store implements platform.Platform.
func (w *Faulty) Store(room string) platform.Store {
	return &faultyStore{Store: w.Platform.Store(room), room: room, w: w}
}

// History implements platform.Platform.
func (w *Faulty) History() platform.History {
	return &faultyHistory{History: w.Platform.History(), w: w}
}

// Delivery implements platform.Platform.
func (w *Faulty) Delivery() platform.Delivery { return w.delivery }

// Queue implements platform.Platform.
func (w *Faulty) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	q, err := w.Platform.Queue(name, p)
	if err != nil {
		return nil, err
	}
	return newFaultyQueue(q, name, w), nil
}

// Files implements platform.Platform.
func (w *Faulty) Files() platform.Files { return &faultyFiles{Files: w.Platform.Files(), w: w} }

// Keys implements platform.Platform.
func (w *Faulty) Keys() platform.Keys { return &faultyKeys{Keys: w.Platform.Keys(), w: w} }

type deliveredKey struct{}

// hits reports whether a fault that its caller must handle happens to a call under ctx.
func (w *Faulty) hits(ctx context.Context, f fault, probability float64, names ...string) bool {
	if !w.faults.Direct && ctx.Value(deliveredKey{}) == nil {
		return false
	}
	return w.dice.roll(f, probability, names...)
}

type faultyStore struct {
	platform.Store
	room string
	w    *Faulty
}

// Get implements platform.Store.
func (s *faultyStore) Get(ctx context.Context, key platform.Key) (platform.Record, error) {
	if s.w.hits(ctx, read, s.w.faults.Read, s.room, key.Part, key.Sort) {
		return platform.Record{}, fmt.Errorf("read %s/%s: %w", key.Part, key.Sort, ErrInjected)
	}
	return s.Store.Get(ctx, key)
}

// List implements platform.Store.
func (s *faultyStore) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	if s.w.hits(ctx, read, s.w.faults.Read, s.room, q.Part) {
		return nil, fmt.Errorf("list %s: %w", q.Part, ErrInjected)
	}
	return s.Store.List(ctx, q)
}

// Commit implements platform.Store.
func (s *faultyStore) Commit(ctx context.Context, b platform.Batch) error {
	w, name := s.w, nameOf(b)
	switch {
	case w.dice.roll(commitThrottle, w.faults.CommitThrottle, s.room, name):
		return fmt.Errorf("commit %s: %w", name, platform.ErrThrottled)
	case w.hits(ctx, commitLost, w.faults.CommitLost, s.room, name):
		return fmt.Errorf("commit %s: connection lost: %w", name, ErrInjected)
	}
	recorded := w.timers.begin(s.room, b)
	err := s.Store.Commit(ctx, b)
	recorded(err == nil)
	if err == nil && w.hits(ctx, commitUnknown, w.faults.CommitUnknown, s.room, name) {
		return fmt.Errorf("commit %s: %w: %w", name, ErrInjected, context.DeadlineExceeded)
	}
	return err
}

// nameOf identifies what a batch does.
func nameOf(b platform.Batch) string {
	switch {
	case len(b.Events) > 0:
		return b.Events[0].ID
	case len(b.Writes) > 0:
		return b.Writes[0].Key.Part + "/" + b.Writes[0].Key.Sort
	case len(b.Timers) > 0:
		return b.Timers[0].Key
	}
	return ""
}

type faultyHistory struct {
	platform.History
	w *Faulty
}

// Subject implements platform.History.
func (h *faultyHistory) Subject(
	ctx context.Context, subject string, after int64, limit int,
) ([]platform.Event, error) {
	if h.w.hits(ctx, read, h.w.faults.Read, subject) {
		return nil, fmt.Errorf("read the history of %s: %w", subject, ErrInjected)
	}
	return h.History.Subject(ctx, subject, after, limit)
}

// Log implements platform.History.
func (h *faultyHistory) Log(
	ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
) error {
	if h.w.hits(ctx, read, h.w.faults.Read, "log", after) {
		return fmt.Errorf("read the log: %w", ErrInjected)
	}
	return h.History.Log(ctx, after, fn)
}

// timerBook knows which timers were set. Batches with timers are committed one after the other, so
// that the book sees them in the order in which they took effect. A timer that is due at once may
// be seen to fire before its own commit has returned, so the book is told of a batch beforehand.
type timerBook struct {
	commit sync.Mutex
	mu     sync.Mutex
	set    map[string]PendingTimer
	next   map[string]PendingTimer // of the batch that is being committed, as far as not fired
}

// begin notes what a batch is about to set. The function that it returns ends that.
func (b *timerBook) begin(room string, batch platform.Batch) (end func(committed bool)) {
	if len(batch.Timers)+len(batch.Cancel) == 0 {
		return func(bool) {}
	}
	b.commit.Lock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = make(map[string]PendingTimer, len(batch.Timers))
	for _, t := range batch.Timers {
		b.next[room+"/"+t.Key] = PendingTimer{Room: room, Timer: t}
	}
	return func(committed bool) {
		defer b.commit.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		if committed {
			for _, key := range batch.Cancel {
				delete(b.set, room+"/"+key)
			}
			for _, t := range batch.Timers {
				delete(b.set, room+"/"+t.Key)
			}
			maps.Copy(b.set, b.next)
		}
		b.next = nil
	}
}

func (b *timerBook) forget(t PendingTimer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, in := range []map[string]PendingTimer{b.next, b.set} {
		have, ok := in[t.Room+"/"+t.Key]
		if ok && have.Due.Equal(t.Due) && bytes.Equal(have.Event.Data, t.Event.Data) {
			delete(in, t.Room+"/"+t.Key)
			return
		}
	}
}

func (b *timerBook) list() []PendingTimer {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.AppendSeq(make([]PendingTimer, 0, len(b.set)+len(b.next)), maps.Values(b.set))
	all = slices.AppendSeq(all, maps.Values(b.next))
	sort.Slice(all, func(i, j int) bool {
		if c := all[i].Due.Compare(all[j].Due); c != 0 {
			return c < 0
		}
		return all[i].Room+"/"+all[i].Key < all[j].Room+"/"+all[j].Key
	})
	return all
}

// Due lists the pending timers whose moment is not after now.
func Due(timers []PendingTimer, now time.Time) []PendingTimer {
	n := sort.Search(len(timers), func(i int) bool { return timers[i].Due.After(now) })
	return timers[:n]
}
