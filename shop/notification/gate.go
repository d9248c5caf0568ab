package notification

import (
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// gate keeps the endpoints of one process apart: each has so many requests at once and no more, so
// that one which does not answer holds up itself alone. The zero gate is open.
type gate struct {
	mu    sync.Mutex
	lanes map[shop.ID]*lane
}

// lane is what is under way to one endpoint.
type lane struct {
	running  int
	proven   bool             // it took something since this process knows it
	busy     map[shop.ID]bool // webhooks that somebody is at
	waiting  []waiting        // for a slot, oldest first
	draining bool
	timer    time.Time // of the last timer that this process set
}

// waiting is a webhook for which there was no slot, and why it is to be sent.
type waiting struct {
	hook  shop.ID
	cause room.Cause
}

// maxWaiting bounds what one process remembers to be waiting; the rest is in the queue as well.
const maxWaiting = 4096

func (g *gate) lane(endpoint shop.ID) *lane {
	if g.lanes == nil {
		g.lanes = make(map[shop.ID]*lane)
	}
	l := g.lanes[endpoint]
	if l == nil {
		l = &lane{busy: make(map[shop.ID]bool)}
		g.lanes[endpoint] = l
	}
	return l
}

// enter gives a webhook a slot, or has it wait for who holds one and reports false. An endpoint of
// which nothing is known has one slot: it may be dead.
func (g *gate) enter(endpoint, hook shop.ID, c room.Cause, slots int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(endpoint)
	if !l.proven {
		slots = 1
	}
	switch {
	case l.busy[hook]:
		return false
	case l.running >= slots:
		if len(l.waiting) < maxWaiting {
			l.waiting = append(l.waiting, waiting{hook, c})
		}
		return false
	}
	l.running++
	l.busy[hook] = true
	return true
}

// next ends a webhook that was taken and passes its slot on to one that waits; without one the slot
// is free.
func (g *gate) next(endpoint, hook shop.ID) (waiting, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(endpoint)
	l.proven = true
	delete(l.busy, hook)
	for len(l.waiting) > 0 {
		w := l.waiting[0]
		l.waiting = l.waiting[1:]
		if !l.busy[w.hook] {
			l.busy[w.hook] = true
			return w, true
		}
	}
	l.running--
	return waiting{}, false
}

// take gives a webhook a slot over the bound, unless somebody is at it.
func (g *gate) take(endpoint, hook shop.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(endpoint)
	if l.busy[hook] {
		return false
	}
	l.running++
	l.busy[hook] = true
	return true
}

// leave gives a slot back. After something that was not taken, what waits is left to the queue.
func (g *gate) leave(endpoint, hook shop.ID, well bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(endpoint)
	l.running--
	delete(l.busy, hook)
	if !well {
		l.waiting = nil
	}
}

// drain reports whether nobody else works through the endpoint's queue, and holds it until drained.
func (g *gate) drain(endpoint shop.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(endpoint)
	if l.draining {
		return false
	}
	l.draining = true
	return true
}

func (g *gate) drained(endpoint shop.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lane(endpoint).draining = false
}

// awaits reports whether this process set a timer of the endpoint that is still to come, and not
// much later than due.
func (g *gate) awaits(endpoint shop.ID, now, due time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.lane(endpoint).timer
	return t.After(now) && !t.After(due.Add(wakeStep))
}

func (g *gate) await(endpoint shop.ID, due time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lane(endpoint).timer = due
}
