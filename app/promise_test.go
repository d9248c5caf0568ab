package app_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// faulty is a platform that loses what is on its way into a queue, as a process does that dies
// there: at is after which step, and "" is never.
type faulty struct {
	platform.Platform
	at *atomic.Value // string
}

// The steps of a purchase on its way into the queue.
const (
	promised = "promised" // and no more
	noted    = "noted"    // has its row
	sent     = "sent"     // is in the queue, and nobody was told
)

var errDied = errors.New("the process died here")

func (f faulty) Store(name string) platform.Store { return faultyStore{f.Platform.Store(name), f} }

func (f faulty) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	q, err := f.Platform.Queue(name, p)
	return faultyQueue{q, f}, err
}

type faultyStore struct {
	platform.Store
	f faulty
}

func (s faultyStore) Commit(ctx context.Context, b platform.Batch) error {
	for _, w := range b.Writes {
		if s.f.at.Load() == promised && strings.HasPrefix(w.Key.Part, "~purchase/") {
			return errors.Join(platform.ErrReadOnly, errDied)
		}
	}
	return s.Store.Commit(ctx, b)
}

type faultyQueue struct {
	platform.Queue
	f faulty
}

func (q faultyQueue) Send(ctx context.Context, m platform.Message, delay time.Duration) error {
	switch q.f.at.Load() {
	case noted:
		return errDied
	case sent:
		return errors.Join(errDied, q.Queue.Send(ctx, m, delay))
	}
	return q.Queue.Send(ctx, m, delay)
}

// lossy opens a shop on a faulty platform.
func lossy(t *testing.T, change func(c *app.Config)) (*stage, *atomic.Value) {
	t.Helper()
	at := &atomic.Value{}
	at.Store("")
	s := openWith(t, func(c *app.Config) {
		c.Platform = faulty{c.Platform, at}
		change(c)
	})
	s.list("dlr_1", "a", 100)
	return s, at
}

// Goal: a purchase that was promised and never came into the queue is there as soon as the promise
// is given again, and is one order. Method: the way into the queue ends after each of its steps;
// the same key again, to be done later or at once, naming things or a cart.
func TestPromiseIsKept(t *testing.T) {
	t.Parallel()
	for _, step := range []string{promised, noted, sent} {
		for _, prefer := range []string{"respond-async", "", "wait=1"} {
			for _, how := range []string{"things", "cart"} {
				t.Run(step+" "+prefer+" "+how, func(t *testing.T) {
					t.Parallel()
					keepPromise(t, step, prefer, how == "cart")
				})
			}
		}
	}
}

func keepPromise(t *testing.T, step, prefer string, cart bool) {
	t.Helper()
	s, at := lossy(t, func(*app.Config) {})
	buyer, body := s.token("cus_1", room.Customer()), checkout("a", 1, "tok_visa")
	if cart {
		put := s.ask("PUT", "/v1/carts/c1", buyer, `{"items":[{"sku":"a","quantity":1}]}`)
		if put.status != 200 {
			t.Fatalf("the cart: %d %s", put.status, put.body)
		}
		body = strings.Replace(body, `"items":[{"sku":"a","quantity":1}]`, `"cartId":"c1"`, 1)
	}
	ask := func(prefer string) answer {
		return s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", "k", "Prefer", prefer)
	}
	at.Store(step)
	if a := ask("respond-async"); a.status < 500 {
		t.Fatalf("died: %d %s", a.status, a.body)
	}
	at.Store("")
	again := ask(prefer)
	var o struct{ ID, Status string }
	again.decode(t, &o)
	if again.status != 202 || o.Status != "queued" {
		t.Fatalf("again: %d %s", again.status, again.body)
	}
	s.until("it is an order", func() bool {
		status, _ := s.became(buyer, o.ID)
		return status == "ordered"
	})
	for _, prefer := range []string{"respond-async", "", "wait=1"} {
		if a := ask(prefer); a.status != 202 || string(a.body) != string(again.body) {
			t.Errorf("once more, %q: %d %s", prefer, a.status, a.body)
		}
	}
	s.until("it is placed", func() bool { return s.count("souk.order.placed") == 1 })
	if n := s.count("souk.order.created"); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// shifted is the machine's clock, moved.
type shifted struct {
	machine
	by *atomic.Int64
}

func (c shifted) Now() time.Time { return c.machine.Now().Add(time.Duration(c.by.Load())) }

// Goal: a promise that is given again needs no other seat than the one it has, and takes one like
// everybody if that was given away meanwhile. Method: a purchase dies before it has its row; others
// take all seats but its own; it is sent again, now and when its seat is gone.
func TestPromiseKeepsItsSeat(t *testing.T) {
	t.Parallel()
	const most = 8
	for _, late := range []bool{false, true} {
		free, by := make(chan struct{}), &atomic.Int64{}
		s, at := lossy(t, func(c *app.Config) {
			c.Platform = jammed{c.Platform, free}
			c.Clock = shifted{by: by}
		})
		buyer := s.token("cus_1", room.Customer())
		ask := func(key string) answer {
			return s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"),
				"Idempotency-Key", key, "Prefer", "respond-async")
		}
		at.Store(promised)
		if a := ask("first"); a.status < 500 {
			t.Fatalf("died: %d %s", a.status, a.body)
		}
		at.Store("")
		want, others := 202, most-1
		if late {
			by.Store(int64(app.MaxRequest + time.Second))
			want, others = 429, most
		}
		for i := range others {
			if a := ask(string(idOf("other", i))); a.status != 202 {
				t.Fatalf("other %d: %d %s", i, a.status, a.body)
			}
		}
		if a := ask("first"); a.status != want {
			t.Errorf("late %v: %d %s, not %d", late, a.status, a.body, want)
		}
		close(free)
		s.until("it is taken", func() bool { return ask("first").status == 202 })
		s.until("all are placed", func() bool { return s.count("souk.order.placed") == others+1 })
	}
}
