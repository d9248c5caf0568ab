package importer_test

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app/importer"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// baseline is what an import leaves that nobody disturbed.
func baseline(t *testing.T) map[string]int {
	t.Helper()
	s := open(t, world{})
	defer s.close()
	s.mustRun(s.config(small))
	return s.facts()
}

// expectWhole imports the rest and expects what an undisturbed import leaves: the same report, and
// as many facts of each type, so nothing was done twice and nothing is missing.
func (s *stage) expectWhole(t *testing.T, want map[string]int) {
	t.Helper()
	same(t, s.mustRun(s.config(small)), smallReport())
	if got := s.facts(); !maps.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

// Goal: the power may fail at any write, and the import is resumed to the same shop and the same
// report. Method: keep what a crash leaves at moments spread over a whole import, with none or some
// of what was not synced, and import again on each. The payment provider does not crash.
func TestResumeAfterCrash(t *testing.T) {
	t.Parallel()
	want := baseline(t)
	provider := newProvider(t, sandbox.Options{})
	o := crashtest.Options{Every: 60, Offset: 7, Percents: []int{0, 50}, Seed: 1}
	crashtest.Everywhere(t, o, func(fs vfs.FS, _ *crashtest.Log) {
		s := open(t, world{fs: fs, provider: provider})
		s.mustRun(s.config(small))
		s.close()
	}, func(t *testing.T, c crashtest.Crash) {
		s := open(t, world{fs: c.FS, provider: provider})
		defer s.close()
		s.expectWhole(t, want)
	})
}

// Goal: whoever stops an import may do so at any moment, more than once. Method: end the context at
// an event, for events spread over a whole import, end the next import somewhat later, and then let
// one finish.
func TestResumeAfterStop(t *testing.T) {
	t.Parallel()
	want := baseline(t)
	total := 0
	for _, n := range want {
		total += n
	}
	for first := 1; first < total; first += total / 16 {
		var left atomic.Int64
		var stop atomic.Pointer[context.CancelFunc]
		s := open(t, world{check: func(platform.Event) error {
			if left.Add(-1) == 0 {
				(*stop.Load())()
			}
			return nil
		}})
		for _, n := range []int{first, 1 + first/3} {
			ctx, cancel := context.WithCancel(t.Context())
			stop.Store(&cancel)
			left.Store(int64(n))
			_, err := importer.New(s.config(small)).Run(ctx)
			if err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			cancel()
		}
		s.expectWhole(t, want)
		s.close()
		if t.Failed() {
			t.Fatalf("after a stop at event %d", first)
		}
	}
}
