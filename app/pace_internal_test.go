package app

import (
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop/event"
)

// told is a platform that tells what it is told to.
type told struct {
	platform.Platform
	oldest  time.Duration
	backlog int64
}

func (p *told) OldestCritical() time.Duration { return p.oldest }

func (p *told) Backlog() int64 { return p.backlog }

// Goal: the shop knows how far it is behind. Method: orders at work, at rest, waiting as events and
// decided, on a still clock.
func TestPace(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	w := &told{oldest: 7 * time.Millisecond}
	p := newPace(clock, w)
	want := func(what string, behind time.Duration) {
		t.Helper()
		if have := p.behind(); have != behind {
			t.Errorf("%s: %s behind, want %s", what, have, behind)
		}
	}
	ends := make([]func(), seats)
	for i := range ends {
		ends[i] = p.begin()
	}
	want("every seat taken", w.oldest)
	w.backlog = 136
	want("an unknown pace", 200*time.Second)
	for range 500 {
		p.moved((&event.OrderPlaced{}).Type())
		p.moved((&event.OrderCreated{}).Type())
	}
	clock.Advance(500 * time.Millisecond)
	want("200 orders at 1,000 a second", 200*time.Millisecond)
	clock.Advance(paceEvery / 2)
	want("too early to look again", 200*time.Millisecond)
	clock.Advance(paceEvery)
	want("a slower moment", 250*time.Millisecond)
	w.oldest = time.Second
	want("an old event", time.Second)
	w.oldest = 0
	wake := p.rest()
	want("one waits for its order", 248750*time.Microsecond)
	wake()
	w.backlog = 0
	want("no more than the seats", 0)
	for _, end := range ends {
		end()
	}
	if n := p.begun.Load(); n != 0 {
		t.Errorf("%d orders are at work, want none", n)
	}
}
