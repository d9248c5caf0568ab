package platformtest

import (
	"time"

	"github.com/souk-commerce/souk/platform"
)

// RealClock is the machine's clock.
type RealClock struct{}

var _ platform.Clock = RealClock{}

// Now implements platform.Clock.
func (RealClock) Now() time.Time { return time.Now() }

// After implements platform.Clock.
func (RealClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// patience is how long Poll goes on: long enough for a slow, shared machine.
const patience = 30 * time.Second

// Poll asks done until it says yes, and fails the test with what why says when half a minute has
// passed. It yields between two questions; how often it asks decides nothing.
func Poll(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, done func() bool, why func() string,
) {
	t.Helper()
	poll(t, patience, 100*time.Microsecond, done, why)
}

// poll is Poll with other times.
func poll(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, patience, every time.Duration, done func() bool, why func() string,
) {
	t.Helper()
	giveUp := time.After(patience)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("gave up after %s: %s", patience, why())
		}
	}
}
