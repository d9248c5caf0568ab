package function

import "time"

// Clock is the machine's time, as every platform's clock.
type Clock struct{}

// Now implements platform.Clock.
func (Clock) Now() time.Time { return time.Now() }

// After implements platform.Clock.
func (Clock) After(d time.Duration) <-chan time.Time { return time.After(d) }
