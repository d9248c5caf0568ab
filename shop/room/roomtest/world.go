package roomtest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// T is the part of *testing.T that this package needs; *rapid.T has it as well.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	Cleanup(f func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// World is a platform with rooms on it. Its methods are safe for concurrent use, except Start.
type World struct {
	Platform  *platformtest.Faulty // what the rooms stand on
	Raw       platform.Platform    // the same without faults, for looking
	Clock     platform.Clock
	Manual    *platformtest.Clock // the same as Clock; nil under RealClock
	IDs       shop.IDs
	Catalogue *event.Catalogue

	desk platform.Clock

	mu     sync.Mutex
	rooms  map[string]room.Room
	cursor string          // of the log, as far as it was read
	log    []Announced     // what was read
	asked  int             // how much of log ExpectEvents has dealt with
	own    map[string]bool // ids of the events that the test itself committed
	rung   int
}

// Announced is an event of the log with its fact, in the newest version.
type Announced struct {
	platform.Event
	Fact event.Fact
}

// New opens a world that ends with the test. Without options it has default faults, seeded by the
// test's name, and a clock that stands still at platformtest.Start.
func New(t T, opts ...Option) *World {
	t.Helper()
	s := settings{seed: seedOf(t.Name()), start: platformtest.Start(), open: openEmbedded}
	for _, opt := range opts {
		opt(&s)
	}
	w := &World{
		Catalogue: event.NewCatalogue(), IDs: &countedIDs{next: make(map[string]int)},
		rooms: make(map[string]room.Room), own: make(map[string]bool),
	}
	if s.real {
		w.Clock = platformtest.RealClock{}
		w.desk = w.Clock
	} else {
		w.Manual = platformtest.NewClock(s.start)
		w.Clock, w.desk = w.Manual, brisk{w.Manual}
	}
	raw, err := s.open(w.Clock, w.Check)
	if err != nil {
		t.Fatalf("open a platform: %v", err)
	}
	if s.faults == nil {
		f := platformtest.DefaultFaults(s.seed)
		s.faults = &f
	}
	w.Raw, w.Platform = raw, platformtest.Wrap(raw, *s.faults)
	t.Cleanup(func() {
		t.Logf("seed %d, injected %+v", s.seed, w.Platform.Counts())
		if err := w.Platform.Close(); err != nil {
			t.Errorf("close the platform: %v", err)
		}
	})
	return w
}

// Check refuses an event that breaks its contract. It is what the platform is opened with.
func (w *World) Check(e platform.Event) error {
	f, ok := e.Value.(event.Fact)
	if !ok {
		k, known := w.Catalogue.Kind(e.Type)
		if !known {
			return fmt.Errorf("no contract for event type %q", e.Type)
		}
		f = k.New()
		if err := room.Decode(e.Data, f); err != nil {
			return fmt.Errorf("decode %s: %w", e.Type, err)
		}
	}
	return w.Catalogue.Check(f)
}

// Desk makes a desk for the room of that name. Its Apply finds the room that Start was given, so a
// service may be made before Start; a service that sets Apply itself is not disturbed.
func (w *World) Desk(name string) *room.Desk {
	return &room.Desk{
		Store: w.Platform.Store(name), History: w.Platform.History(), Keys: w.Platform.Keys(),
		Clock: w.desk, IDs: w.IDs, Catalogue: w.Catalogue,
		Apply: func(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
			r := w.room(name)
			if r == nil {
				return fmt.Errorf("the room %q is not in this world: give it to Start", name)
			}
			return r.Apply(ctx, tx, f, m)
		},
	}
}

// Start subscribes every reaction of the rooms and begins to deliver. It is called once, after the
// services are made and before the first fact.
func (w *World) Start(t T, rooms ...room.Room) {
	t.Helper()
	for _, r := range rooms {
		w.mu.Lock()
		w.rooms[r.Name()] = r
		w.mu.Unlock()
		for _, reaction := range r.Reactions() {
			err := w.Platform.Delivery().Subscribe(reaction.Subscription(w.Catalogue))
			if err != nil {
				t.Fatalf("subscribe %s: %v", reaction.Name, err)
			}
		}
	}
	if err := w.Platform.Delivery().Start(t.Context()); err != nil {
		t.Fatalf("start to deliver: %v", err)
	}
}

// As returns a context in which somebody asks, with a cause of their own.
func (w *World) As(t T, id shop.ID, role room.Role) context.Context {
	ctx := room.WithCaller(t.Context(), room.Caller{ID: id, Role: role})
	return room.WithCause(ctx, room.Cause{Correlation: string(w.IDs.NewID("req"))})
}

// Persist does what a good client does: it calls again with the same input, at most 30 times, while
// the answer is that the outcome is unknown or that a read failed by an injected fault. It returns
// the first other answer.
func (w *World) Persist(call func() error) error {
	var err error
	for range 30 {
		err = call()
		if !errors.Is(err, platformtest.ErrInjected) && shop.CodeOf(err) != shop.Unknown {
			return err
		}
	}
	return err
}

func (w *World) room(name string) room.Room {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rooms[name]
}

// brisk lets the short pauses between two attempts of a unit of work pass in real time, since
// nobody would move the still clock for them.
type brisk struct{ *platformtest.Clock }

// After implements platform.Clock.
func (b brisk) After(d time.Duration) <-chan time.Time {
	if d <= 25*time.Millisecond {
		return platformtest.RealClock{}.After(d)
	}
	return b.Clock.After(d)
}

// countedIDs makes ids that a reader can follow: "ord_0001", "ord_0002".
type countedIDs struct {
	mu   sync.Mutex
	next map[string]int
}

// NewID implements shop.IDs.
func (c *countedIDs) NewID(prefix string) shop.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next[prefix]++
	return shop.ID(fmt.Sprintf("%s_%04d", prefix, c.next[prefix]))
}

func seedOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
