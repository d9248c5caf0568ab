package verify_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
)

// BenchmarkRun measures a whole verification on the embedded platform in memory: of everything, of
// the structure only, and of everything as if the log had no order across subjects. One operation
// is one run over the whole log.
func BenchmarkRun(b *testing.B) {
	d := newTown(b, 160, 3)
	d.live(3000, nil)
	ways := []struct {
		name       string
		structural bool
		features   *platform.Features // nil: the log is in the order of the commits
	}{
		{"everything", false, nil}, {"structural", true, nil},
		{"unordered", false, &platform.Features{}},
	}
	for _, how := range ways {
		b.Run(how.name, func(b *testing.B) {
			var events int64
			cpu := used()
			for b.Loop() {
				r, err := verify.Run(b.Context(), verify.Input{
					History: d.w.Raw.History(), Delivery: d.w.Raw.Delivery(), Rooms: d.app.Rooms(),
					Catalogue: d.w.Catalogue, Quiescent: true, Structural: how.structural,
					Features: how.features, Provider: entries(d.provider.Ledger),
					Payouts: paidOut(d.payer.Ledger),
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
