package roomtest

import (
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// Option changes the world that New opens.
type Option func(*settings)

type settings struct {
	seed   uint64
	faults *platformtest.Faults
	real   bool
	start  time.Time
	open   Opener
}

// Opener opens an empty platform that lives by the clock and has every event checked.
type Opener func(c platform.Clock, check func(platform.Event) error) (platform.Platform, error)

// Calm opens a world without faults.
func Calm() Option { return Faults(platformtest.Faults{}) }

// Seed has the default faults fall as they did in the world of that seed.
func Seed(seed uint64) Option { return func(s *settings) { s.seed = seed } }

// Faults replaces the default faults.
func Faults(f platformtest.Faults) Option { return func(s *settings) { s.faults = &f } }

// Direct gives the world the default faults of that seed, and lets them hit the test's own calls as
// well. Make those through Persist.
func Direct(seed uint64) Option {
	f := platformtest.DefaultFaults(seed)
	f.Direct = true
	return Faults(f)
}

// RealClock gives the world the machine's clock.
func RealClock() Option { return func(s *settings) { s.real = true } }

// StartAt has the still clock begin elsewhere.
func StartAt(at time.Time) Option { return func(s *settings) { s.start = at } }

// On stands the world on another platform than the embedded one in memory.
func On(open Opener) Option { return func(s *settings) { s.open = open } }
