package embedded_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
)

// BenchmarkCommit measures durable commits of one small record, its event and one move of a
// counter, from 256 committers, on disk: over many counters, and over one.
func BenchmarkCommit(b *testing.B) {
	for _, hot := range []bool{false, true} {
		b.Run(fmt.Sprintf("hot=%v", hot), func(b *testing.B) {
			p, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := p.Close(); err != nil {
					b.Error(err)
				}
			}()
			var handled, n atomic.Int64
			err = p.Delivery().Subscribe(platform.Subscription{
				Name: "bench.count", Types: []string{"souk.bench.done.v1"},
				Retry:  platform.DefaultRetry(),
				Handle: func(context.Context, platform.Event) error { handled.Add(1); return nil },
			})
			if err == nil {
				err = p.Delivery().Start(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
			store := p.Store("bench")
			value := make([]byte, 400)
			b.SetParallelism(128)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					id, counter := fmt.Sprintf("o%012d", i), fmt.Sprintf("c%d", i%10_000)
					if hot {
						counter = "c"
					}
					err := store.Commit(b.Context(), platform.Batch{
						Writes: []platform.Write{
							{Kind: platform.Put, Key: platform.Key{Part: id}, Value: value},
							{
								Kind: platform.Add, Key: platform.Key{Part: counter},
								Expect: platform.Any,
								Moves:  []platform.Move{{Counter: "n", Delta: 1}},
							},
						},
						Events: []platform.Event{{
							ID: id, Type: "souk.bench.done.v1", Subject: id, Sequence: 1,
							Data: value,
						}},
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			m := p.Metrics()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(m["souk_store_commits_total"]/m["souk_store_fsyncs_total"],
				"commits/fsync")
		})
	}
}
