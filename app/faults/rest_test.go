package faults_test

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform/platformtest"
)

const (
	// tick is the pace of looking whether the market has come to rest.
	tick = 50 * time.Microsecond
	// looks bounds how often it is looked, so that a market that hangs fails the test.
	looks = 400_000
	// stalled is after how many looks without any progress a handler is taken to wait for the
	// clock.
	stalled = 200
	// step is the longest way that the clock is moved at once.
	step = 31 * time.Second
	// calm is how often in a row nothing must be left to do.
	calm = 3
)

// settle waits until every event is handled. When all that is left waits for its next attempt, it
// moves the clock there. The clock moves a few seconds in any case: a scheduler that is busy with
// timers shows by not waiting for it.
func (m *market) settle() error {
	m.t.Helper()
	var was pulse
	idle, quiet := 0, 0
	for range looks {
		select {
		case <-m.p.Failed():
			return errDied
		case <-platformtest.RealClock{}.After(tick):
		}
		waits := m.clock.WaitedFor(time.Second) // asked first: what it fired counts in the pulse
		now, err := m.pulse()
		if err != nil {
			return errDied
		}
		if idle++; now != was {
			idle, quiet = 0, 0
		}
		was = now
		switch {
		case now.pending == 0 && now.waiting == 0:
			if quiet >= calm && waits {
				return nil // the last move's timers have fired, and the scheduler waits again
			}
			if m.clock.AdvanceToNext(time.Second) {
				quiet++
			}
		case now.pending == 0 || idle > stalled:
			m.clock.AdvanceToNext(step)
			idle = 0
		}
	}
	m.t.Errorf("the market does not come to rest: %+v", was)
	return errDied
}

// pass lets time pass, in steps, with a rest after each.
func (m *market) pass(d, by time.Duration) error {
	for until := m.clock.Now().Add(d); m.clock.Now().Before(until); {
		m.clock.Advance(by)
		if err := m.settle(); err != nil {
			return err
		}
	}
	return nil
}

// pulse is one look at how busy deliveries are.
type pulse struct {
	pending, waiting, dead int
	done, failed           int64
	busy                   string
}

func (m *market) pulse() (pulse, error) {
	all, err := m.p.Delivery().Status(context.Background())
	if err != nil {
		return pulse{}, err
	}
	var p pulse
	for _, s := range all {
		p.pending += s.Pending
		p.waiting += s.Waiting
		p.dead += s.DeadLetters
		p.done += s.Done
		p.failed += s.Failed
		if s.Pending+s.Waiting > 0 {
			p.busy += fmt.Sprintf(" %s %d+%d", s.Name, s.Pending, s.Waiting)
		}
	}
	return p, nil
}
