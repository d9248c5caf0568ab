package verify_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
)

// BenchmarkRun measures a whole verification on the embedded platform in memory: of everything, and
// of the structure only. One operation is one run over the whole log.
func BenchmarkRun(b *testing.B) {
	d := newTown(b, 160, 3)
	d.live(3000, nil)
	for _, structural := range []bool{false, true} {
		b.Run(fmt.Sprintf("structural=%t", structural), func(b *testing.B) {
			var events int64
			cpu := used()
			for b.Loop() {
				r, err := verify.Run(b.Context(), verify.Input{
					History: d.w.Raw.History(), Delivery: d.w.Raw.Delivery(), Rooms: d.app.Rooms(),
					Catalogue: d.w.Catalogue, Quiescent: true, Structural: structural,
					Provider: entries(d.provider.Ledger),
				})
				if err != nil || !r.Clean() {
					b.Fatal(err, r)
				}
				events += r.Events
			}
			spent := (used() - cpu).Seconds()
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(events)/spent*float64(runtime.GOMAXPROCS(0)), "events/s-by-cpu")
			b.ReportMetric(float64(events)/float64(b.N), "events")
		})
	}
}

// used is the processor time of this process so far: what counts on a machine that others use too.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
