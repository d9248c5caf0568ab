package app

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// pace knows how far the shop is behind: for how long a new order would wait for this machine. That
// is, by Little's law, the orders that the machine has on hand over those that it decides a second,
// or the age of the oldest critical event that nobody has begun to handle, if that is more. Orders
// that wait for something else, a provider or a customer, do not count. Safe for concurrent use.
type pace struct {
	clock   platform.Clock
	oldest  func() time.Duration
	backlog func() int64 // critical events that wait for a handler

	begun   atomic.Int64 // checkouts at work in their requests
	decided atomic.Int64 // orders placed, cancelled or expired so far

	mu    sync.Mutex
	since time.Time // when total was read
	total int64     // decided then
	rate  float64   // orders decided a second, lately at best
}

const (
	// seats is how many orders the machine always takes on, however slow it seems: when it is idle
	// nothing is known of its speed.
	seats = 64
	// paceEvery is how often the rate is measured, and paceFades what is left of a better one.
	paceEvery = 250 * time.Millisecond
	paceFades = 0.8
	// paceStill is the slowest rate that is told from none, in orders a second.
	paceStill = 1
)

// backlogger is what pace asks of a platform that can tell.
type backlogger interface {
	// OldestCritical is the age of the oldest critical event that waits for its handler.
	OldestCritical() time.Duration
	// Backlog is the number of critical events that wait for a handler.
	Backlog() int64
}

func newPace(clock platform.Clock, p platform.Platform) *pace {
	told := &pace{clock: clock, since: clock.Now(),
		oldest: func() time.Duration { return 0 }, backlog: func() int64 { return 0 }}
	if b, ok := p.(backlogger); ok {
		told.oldest, told.backlog = b.OldestCritical, b.Backlog
	}
	return told
}

// begin counts a checkout that is at work until end is called.
func (p *pace) begin() (end func()) {
	p.begun.Add(1)
	return func() { p.begun.Add(-1) }
}

// rest takes a checkout that waits for its order off the hands of the machine, until end is called.
func (p *pace) rest() (end func()) {
	p.begun.Add(-1)
	return func() { p.begun.Add(1) }
}

// moved is told the type of every event that moves an order.
func (p *pace) moved(typ string) {
	switch typ {
	case (&event.OrderPlaced{}).Type(), (&event.OrderCancelled{}).Type(),
		(&event.OrderExpired{}).Type():
		p.decided.Add(1)
	}
}

// behind is for how long a new order would wait for this machine.
func (p *pace) behind() time.Duration {
	late := p.oldest()
	onHand := p.begun.Load() + p.backlog()
	rate := p.measure() // also when few are at work: the rate must be known when many are
	if onHand <= seats {
		return late
	}
	return max(late, time.Duration(float64(onHand)/rate*float64(time.Second)))
}

// measure returns the rate, looking again if that was long ago.
func (p *pace) measure() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if d := now.Sub(p.since); d >= paceEvery {
		total := p.decided.Load()
		fresh := float64(total-p.total) / d.Seconds()
		p.rate = max(fresh, paceFades*p.rate)
		p.since, p.total = now, total
	}
	return max(p.rate, paceStill)
}
