package platformtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// quick is a retry policy whose waits a trial does not notice.
func quick(attempts int) platform.Retry {
	return platform.Retry{
		Attempts: attempts, Base: time.Millisecond, Most: 5 * time.Millisecond,
		NotYet: 24 * time.Hour,
	}
}

// inbox keeps what a subscription was given. Safe for concurrent use.
type inbox struct {
	mu     sync.Mutex
	events []platform.Event
	seen   map[string]int // deliveries, by event id
}

func newInbox() *inbox { return &inbox{seen: make(map[string]int)} }

// add keeps an event and returns how often it has come now.
func (i *inbox) add(e platform.Event) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.events = append(i.events, e)
	i.seen[e.ID]++
	return i.seen[e.ID]
}

// all returns every delivery, in the order in which they came.
func (i *inbox) all() []platform.Event {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]platform.Event(nil), i.events...)
}

// count is the number of different events.
func (i *inbox) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.seen)
}

// times is how often an event came.
func (i *inbox) times(id string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.seen[id]
}

// subscribe declares a subscription.
func (w *world) subscribe(t *testing.T, s platform.Subscription) {
	t.Helper()
	if err := w.p.Delivery().Subscribe(s); err != nil {
		t.Fatalf("subscribe %s: %v", s.Name, err)
	}
}

// collect declares a subscription that keeps what it is given and succeeds.
func (w *world) collect(t *testing.T, name string, r platform.Retry, types ...string) *inbox {
	t.Helper()
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: name, Types: types, Retry: r,
		Handle: func(_ context.Context, e platform.Event) error {
			in.add(e)
			return nil
		},
	})
	return in
}

// start begins to deliver.
func (w *world) start(t *testing.T) {
	t.Helper()
	if err := w.p.Delivery().Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
}

// status returns the state of one subscription.
func (w *world) status(t *testing.T, name string) platform.SubscriptionStatus {
	t.Helper()
	all, err := w.p.Delivery().Status(t.Context())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the status does not know %s", name)
	return platform.SubscriptionStatus{}
}

// dead returns up to 100 dead letters of a subscription.
func (w *world) dead(t *testing.T, name string) []platform.DeadLetter {
	t.Helper()
	letters, err := w.p.Delivery().DeadLetters(t.Context(), name, "", 100)
	if err != nil {
		t.Fatalf("dead letters: %v", err)
	}
	return letters
}

// untilIdle waits until the subscription has nothing left to do.
func (w *world) untilIdle(t *testing.T, name string) {
	t.Helper()
	w.until(t, name+" to be idle", func() bool {
		s := w.status(t, name)
		return s.Pending == 0 && s.Waiting == 0
	})
}

// gate holds handlers until it is opened. It opens by itself when the test ends.
func gate(t *testing.T) (wait func(ctx context.Context) error, open func()) {
	t.Helper()
	ch := make(chan struct{})
	var once sync.Once
	open = func() { once.Do(func() { close(ch) }) }
	t.Cleanup(open)
	return func(ctx context.Context) error {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, open
}
