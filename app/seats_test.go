package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// jammed is a platform whose queues hand nothing out before they are let.
type jammed struct {
	platform.Platform
	free chan struct{}
}

func (j jammed) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	q, err := j.Platform.Queue(name, p)
	return jam{q, j.free}, err
}

type jam struct {
	platform.Queue
	free chan struct{}
}

func (j jam) Receive(
	ctx context.Context, limit int, visibility, wait time.Duration,
) ([]platform.Received, error) {
	select {
	case <-j.free:
		return j.Queue.Receive(ctx, limit, visibility, wait)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Goal: one customer cannot fill the purchase queue, loses nothing by being refused, and may come
// again when there is room; others do not notice. Method: a queue that is jammed; more purchases of
// one customer at once than there are seats; what was taken and what was not sent again; then the
// queue flows.
func TestOneCustomerCannotFillTheQueue(t *testing.T) {
	t.Parallel()
	const senders, most = 24, 8
	free := make(chan struct{})
	s := openWith(t, func(c *app.Config) { c.Platform = jammed{c.Platform, free} })
	s.list("dlr_1", "a", 100)
	buyer, other := s.token("cus_1", room.Customer()), s.token("cus_2", room.Customer())
	later := func(token, key string) answer {
		return s.ask("POST", "/v1/orders", token, checkout("a", 1, "tok_visa"),
			"Idempotency-Key", key, "Prefer", "respond-async")
	}
	var mu sync.Mutex
	taken, refused := make(map[string]answer), make(map[string]answer)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			key := fmt.Sprint("k", i)
			a := later(buyer, key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.status == 202:
				taken[key] = a
			case a.status == 429 && a.code() == "busy" && a.head.Get("Retry-After") != "":
				refused[key] = a
			default:
				t.Errorf("%s: %d %s", key, a.status, a.body)
			}
		})
	}
	all.Wait()
	if len(taken) != most || len(refused) != senders-most {
		t.Fatalf("%d were taken, %d refused", len(taken), len(refused))
	}
	for key, first := range taken {
		if a := later(buyer, key); a.status != 202 || string(a.body) != string(first.body) {
			t.Errorf("%s again: %d %s", key, a.status, a.body)
		}
	}
	if a := later(other, "k0"); a.status != 202 {
		t.Errorf("another customer: %d %s", a.status, a.body)
	}
	till := s.token("till", room.ServiceRole())
	if a := s.ask("POST", "/v1/purchases", till, purchaseBody("ord_x", "a", 1)); a.status != 202 {
		t.Errorf("a machine, for the same customer: %d %s", a.status, a.body)
	}
	var keys []string
	for key := range refused {
		keys = append(keys, key)
	}
	a := s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"),
		"Idempotency-Key", keys[0])
	if a.status != 201 {
		t.Errorf("what was refused, not queued: %d %s", a.status, a.body)
	}
	close(free)
	for _, key := range keys[1:] {
		s.until("there is room again", func() bool { return later(buyer, key).status == 202 })
	}
	s.until("all are orders", func() bool {
		return s.count("souk.order.created") == senders+2
	})
}
