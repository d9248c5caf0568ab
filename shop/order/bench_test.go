package order_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// BenchmarkCheckout is the use case alone, two lines an order, on the embedded platform in
// memory.
func BenchmarkCheckout(b *testing.B) {
	s := newStage(b, roomtest.Calm(), roomtest.RealClock())
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c := basket(shop.ID(fmt.Sprintf("ord_%d", n.Add(1))))
			c.Customer = shop.ID(fmt.Sprintf("cus_%d", n.Load()%100))
			if _, err := s.orders.Checkout(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPostOrder is the same through the door's handler: key, token, stored answer.
func BenchmarkPostOrder(b *testing.B) {
	s := newStage(b, roomtest.Calm(), roomtest.RealClock())
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			ctx := s.As(b, shop.ID(fmt.Sprintf("cus_%d", i%100)), room.Customer())
			if _, err := s.orders.PostOrder(ctx, post(fmt.Sprint("key_", i))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPlace is the reaction to an authorisation.
func BenchmarkPlace(b *testing.B) {
	s := newStage(b, roomtest.Calm(), roomtest.RealClock())
	facts := make([]event.Fact, b.N)
	for i := range facts {
		id := shop.ID(fmt.Sprintf("ord_%d", i))
		c := basket(id)
		c.Customer = shop.ID(fmt.Sprintf("cus_%d", i%100))
		if _, err := s.orders.Checkout(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		facts[i] = authorized(id)
	}
	reactions := s.orders.Reactions()
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := react(b.Context(), reactions, facts[n.Add(1)-1]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
