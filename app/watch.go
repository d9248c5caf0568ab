package app

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// watch wakes those in this process who wait for an order to move: streams, and checkouts that
// answer when the order is placed. It tells them only to look again, so a signal that is lost,
// doubled or late can mislead nobody.
type watch struct {
	shards [shardCount]shard
	most   int64
	count  atomic.Int64
	moved  func(typ string) // counts; may be nil
}

const shardCount = 64

type shard struct {
	mu      sync.Mutex
	waiters map[shop.ID]map[chan struct{}]struct{}
}

// newWatch returns a watch that lets at most most wait at once.
func newWatch(most int, moved func(typ string)) *watch {
	w := &watch{most: int64(most), moved: moved}
	for i := range w.shards {
		w.shards[i].waiters = make(map[shop.ID]map[chan struct{}]struct{})
	}
	return w
}

// Watch returns a channel that receives after the order has moved, at least once for any number of
// moves since the last receive: for those in this process who wait for orders without HTTP. Watch
// first, then read the order, then wait. leave ends it and may be called once. Busy when too many
// wait already.
func (a *App) Watch(order shop.ID) (moved <-chan struct{}, leave func(), err error) {
	return a.watch.Join(order)
}

// Join returns a channel that receives after the order has moved, at least once for any number of
// moves since the last receive. Join first, then read the order, then wait. leave ends it and may
// be called once. Busy when too many wait already.
func (w *watch) Join(order shop.ID) (moved <-chan struct{}, leave func(), err error) {
	if w.count.Add(1) > w.most {
		w.count.Add(-1)
		return nil, nil, shop.Errorf(shop.Busy, "too many are waiting for orders at once")
	}
	ch := make(chan struct{}, 1)
	s := w.shard(order)
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.waiters[order]
	if set == nil {
		set = make(map[chan struct{}]struct{}, 1)
		s.waiters[order] = set
	}
	set[ch] = struct{}{}
	return ch, func() { w.leave(order, ch) }, nil
}

func (w *watch) leave(order shop.ID, ch chan struct{}) {
	w.count.Add(-1)
	s := w.shard(order)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiters[order], ch)
	if len(s.waiters[order]) == 0 {
		delete(s.waiters, order)
	}
}

func (w *watch) wake(order shop.ID) {
	s := w.shard(order)
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.waiters[order] {
		select {
		case ch <- struct{}{}:
		default: // it has a signal that it has not read yet
		}
	}
}

func (w *watch) shard(order shop.ID) *shard {
	var h uint32 = 2166136261 // FNV-1a
	for _, c := range []byte(order) {
		h = (h ^ uint32(c)) * 16777619
	}
	return &w.shards[h%shardCount]
}

// watcher answers order with the app's watch.
type watcher struct {
	watch *watch
	pace  *pace
}

// Watch implements order.Watcher. When too many wait already the channel never receives, and
// whoever asked falls back to looking by itself.
func (w watcher) Watch(id shop.ID) (<-chan struct{}, func()) {
	resume := w.pace.rest()
	moved, leave, err := w.watch.Join(id)
	if err != nil {
		return nil, resume
	}
	return moved, func() {
		leave()
		resume()
	}
}

// persons counts the streams of each person, so that one cannot take all that there are. Machines
// and administrators speak for many, and are not counted.
type persons struct {
	mu    sync.Mutex
	count map[shop.ID]int
}

// come lets a stream of c begin, and returns what ends it. Busy when c has too many.
func (p *persons) come(c room.Caller) (away func(), err error) {
	if c.May(room.Admin(), room.ServiceRole()) {
		return func() {}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == nil {
		p.count = make(map[shop.ID]int)
	}
	if p.count[c.ID] >= maxStreams {
		return nil, refusal(shop.Busy, "%d streams are open for you, which is the most", maxStreams)
	}
	p.count[c.ID]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.count[c.ID]--; p.count[c.ID] == 0 {
			delete(p.count, c.ID)
		}
	}, nil
}

// subscription listens to everything that moves an order. It never fails.
func (w *watch) subscription() platform.Subscription {
	return platform.Subscription{
		Name: "app.watch-orders", Class: platform.Critical, Retry: platform.DefaultRetry(),
		Pure: true, // whoever is woken reads what is durable
		Types: event.Types(
			&event.OrderCreated{}, &event.OrderPlacedV1{}, &event.OrderPlaced{},
			&event.OrderCancelled{}, &event.OrderExpired{}, &event.OrderHeld{},
			&event.OrderApproved{}, &event.OrderProgressed{}, &event.OrderReturnMoved{},
			&event.OrderTracked{}, &event.OrderCompleted{}, &event.OrderReduced{},
			&event.OrderEditBegun{}, &event.OrderEditClosed{}),
		Handle: func(_ context.Context, e platform.Event) error {
			if order, ok := strings.CutPrefix(e.Subject, "order/"); ok {
				w.wake(shop.ID(order))
			}
			if w.moved != nil {
				w.moved(e.Type)
			}
			return nil
		},
	}
}
