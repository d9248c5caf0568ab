package platformtest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/platformtest"
)

// received returns what a channel of the clock holds, or false.
func received(ch <-chan time.Time) (time.Time, bool) {
	select {
	case at := <-ch:
		return at, true
	default:
		return time.Time{}, false
	}
}

// Goal: the clock stands still, moves only forward, and wakes exactly those whose moment has come.
// Method: waits set in no order, looked at around every movement.
func TestClock(t *testing.T) {
	t.Parallel()
	c := platformtest.NewClock(platformtest.Start())
	if !c.Now().Equal(platformtest.Start()) {
		t.Fatalf("the clock shows %s", c.Now())
	}
	for _, d := range []time.Duration{0, -time.Second} {
		if at, ok := received(c.After(d)); !ok || !at.Equal(c.Now()) {
			t.Errorf("after %s: %s, %t; want at once", d, at, ok)
		}
	}
	three, one, two := c.After(3*time.Second), c.After(time.Second), c.After(2*time.Second)
	if c.Waiting() != 3 {
		t.Errorf("%d wait, want 3", c.Waiting())
	}
	c.Advance(-time.Hour)
	c.Advance(time.Second - 1)
	if _, ok := received(one); ok {
		t.Error("woke a nanosecond early")
	}
	c.Advance(1)
	if at, ok := received(one); !ok || !at.Equal(platformtest.Start().Add(time.Second)) {
		t.Errorf("after a second: %s, %t", at, ok)
	}
	if _, ok := received(two); ok {
		t.Error("woke a second early")
	}
	if c.AdvanceToNext(time.Second-1) || !c.AdvanceToNext(time.Second) {
		t.Error("moved farther than allowed, or not as far")
	}
	if _, ok := received(two); !ok {
		t.Error("was not woken at the next moment")
	}
	c.Advance(time.Hour)
	if _, ok := received(three); !ok || c.Waiting() != 0 {
		t.Errorf("was not woken by a long step, or %d still wait", c.Waiting())
	}
	if c.AdvanceToNext(time.Hour) {
		t.Error("moved although nobody waits")
	}
}

// Goal: a test can wait until somebody waits. Method: sleepers that each sleep several times, woken
// only after the clock has been told that they are asleep; then a wait that is given up.
func TestClockAwait(t *testing.T) {
	t.Parallel()
	c := platformtest.NewClock(platformtest.Start())
	const sleepers, rounds = 8, 50
	var wg sync.WaitGroup
	for range sleepers {
		wg.Go(func() {
			for range rounds {
				<-c.After(time.Minute)
			}
		})
	}
	for range rounds {
		if err := c.AwaitWaiting(t.Context(), sleepers); err != nil {
			t.Fatal(err)
		}
		if err := c.AwaitUntil(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Minute)
	}
	wg.Wait()
	if want := platformtest.Start().Add(rounds * time.Minute); !c.Now().Equal(want) {
		t.Errorf("the clock shows %s, want %s", c.Now(), want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.AwaitWaiting(ctx, 1); err == nil {
		t.Error("waited for nobody")
	}
}
