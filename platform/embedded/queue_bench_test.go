package embedded

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// BenchmarkQueue measures the whole life of a small message on disk, sent, received ten at a time
// and deleted, with 64 senders and as many messages before it as the name says.
func BenchmarkQueue(b *testing.B) {
	for _, backlog := range []int{0, 20_000} {
		b.Run(fmt.Sprint("backlog=", backlog), func(b *testing.B) { benchmarkQueue(b, backlog) })
	}
}

func benchmarkQueue(b *testing.B, backlog int) {
	p, ctx, body := openTest(b, Options{Dir: b.TempDir()}), context.Background(), make([]byte, 500)
	q, err := p.Queue("orders", testPolicy())
	if err != nil {
		b.Fatal(err)
	}
	fill := func(n int, prefix string) {
		var wg sync.WaitGroup
		for s := range 64 {
			wg.Go(func() {
				for i := s; i < n; i += 64 {
					id := fmt.Sprint(prefix, i)
					if err := q.Send(ctx, platform.Message{ID: id, Body: body}, 0); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	fill(backlog, "before")
	b.ResetTimer()
	var wg sync.WaitGroup
	wg.Go(func() { fill(b.N, "during") })
	var left atomic.Int64
	left.Store(int64(b.N))
	for range 8 {
		wg.Go(func() {
			for left.Load() > 0 {
				got, err := q.Receive(ctx, 10, time.Minute, 10*time.Millisecond)
				if err != nil {
					b.Error(err)
					return
				}
				for _, m := range got {
					wg.Go(func() {
						if err := q.Delete(ctx, m.Receipt); err != nil {
							b.Error(err)
						}
					})
				}
				left.Add(-int64(len(got)))
			}
		})
	}
	wg.Wait()
}
