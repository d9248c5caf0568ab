package inventory

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/shop"
)

// BenchmarkHold measures the reaction to order.created for an order of one line, 256 orders at
// once, on the embedded platform in memory: over 1,000 SKUs, on one hot SKU, and on one in 8
// allotments.
func BenchmarkHold(b *testing.B) {
	for _, bb := range []struct {
		name       string
		skus       int
		allotments int
	}{{"many", 1000, 1}, {"hot", 1, 1}, {"hot split", 1, 8}} {
		b.Run(bb.name, func(b *testing.B) {
			w := newWorld(b)
			skus := names(bb.skus)
			w.receive(MaxUnits, skus...)
			if bb.allotments > 1 {
				err := w.s.Allot(b.Context(), "mov_split", skus[0], bb.allotments)
				if err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Int64
			b.SetParallelism(128)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					f := created(shop.ID(fmt.Sprintf("ord_%d", i)),
						each(1, skus[i%int64(len(skus)):][:1])...)
					if err := w.deliver(f); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "holds/s")
		})
	}
}

// BenchmarkLongestOrder measures holding and releasing an order of 1,110 lines.
func BenchmarkLongestOrder(b *testing.B) {
	w := newWorld(b)
	skus := names(longest)
	w.receive(1000, skus...)
	b.ResetTimer()
	for i := range b.N {
		id := shop.ID(fmt.Sprintf("ord_%d", i))
		w.must(created(id, each(1, skus)...), cancelled(id))
	}
}
