package webhook_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/webhook"
	"github.com/souk-commerce/souk/shop/room"
)

const (
	alive     = 10               // endpoints that answer
	perSecond = 110              // facts, each a webhook for every endpoint
	lasts     = 20 * time.Second // of the load: longer than a request may take
)

// load is a room on a disk, and what its endpoints received.
type load struct {
	b     *testing.B
	p     *embedded.Platform
	s     *notification.Service
	began time.Time

	sent []atomic.Int64 // nanoseconds since began, of each fact
	mu   sync.Mutex
	late []time.Duration // from a fact's commit to its webhook's arrival, at the endpoints alive
}

// BenchmarkOneDead sends 1,100 webhooks a second to ten endpoints, alone and with an eleventh that
// takes every connection and never answers, and reports what arrived and how late.
func BenchmarkOneDead(b *testing.B) {
	for _, dead := range []int{0, 1} {
		b.Run(fmt.Sprintf("dead=%d", dead), func(b *testing.B) {
			for range b.N {
				l := openLoad(b, dead)
				took := l.pace(perSecond, lasts)
				l.report(took)
			}
		})
	}
}

// BenchmarkFlood commits facts as fast as it can and reports how fast their webhooks arrive.
func BenchmarkFlood(b *testing.B) {
	for _, dead := range []int{0, 1} {
		b.Run(fmt.Sprintf("dead=%d", dead), func(b *testing.B) {
			for range b.N {
				l := openLoad(b, dead)
				took := l.pace(1_000_000, 20*time.Millisecond)
				l.report(took)
			}
		})
	}
}

func openLoad(b *testing.B, dead int) *load {
	b.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{
		Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler),
		Check: func(platform.Event) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	clock := embedded.SystemClock{}
	l := &load{b: b, p: p, sent: make([]atomic.Int64, 20_000)}
	l.s = notification.New(&room.Desk{
		Store: p.Store("notification"), History: p.History(), Keys: p.Keys(), Clock: clock,
		IDs: shop.RandomIDs{Now: time.Now, Chance: rand.Reader}, Catalogue: cat,
	}, notification.Options{Poster: webhook.New(webhook.Options{Private: true})})
	for _, r := range l.s.Reactions() {
		if err := p.Delivery().Subscribe(r.Subscription(cat)); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	if err := p.Delivery().Start(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	})
	for range alive {
		s := httptest.NewServer(http.HandlerFunc(l.receive))
		b.Cleanup(s.Close)
		l.register(s.URL)
	}
	for range dead {
		l.register("http://" + deadEnd(b))
	}
	return l
}

// deadEnd is a listener that takes connections and says nothing on them.
func deadEnd(b *testing.B) string {
	b.Helper()
	end, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = end.Close() })
	go func() { // ends with Close
		for {
			c, err := end.Accept()
			if err != nil {
				return
			}
			b.Cleanup(func() { _ = c.Close() })
		}
	}()
	return end.Addr().String()
}

func (l *load) register(url string) {
	l.b.Helper()
	ctx := room.WithCaller(l.b.Context(), room.Caller{ID: "adm_1", Role: room.Admin()})
	in := &notification.PostEndpointIn{Key: url}
	in.Body.URL = url
	if _, err := l.s.PostEndpoint(ctx, in); err != nil {
		l.b.Fatal(err)
	}
}

func (l *load) receive(_ http.ResponseWriter, r *http.Request) {
	now := time.Since(l.began)
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var body struct{ Data struct{ Round int } }
	if err := json.Unmarshal(raw, &body); err != nil {
		return
	}
	late := now - time.Duration(l.sent[body.Data.Round].Load())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = append(l.late, late)
}

func (l *load) arrived() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.late)
}

// pace announces facts at a rate, and returns how long it took until the endpoints alive were told
// of all of them.
func (l *load) pace(rate int, lasts time.Duration) time.Duration {
	l.b.Helper()
	l.began = time.Now()
	n := min(rate*int(lasts/time.Millisecond)/1000, len(l.sent)-1, 3000)
	var all sync.WaitGroup
	for i := range n {
		due := time.Duration(i) * time.Second / time.Duration(rate)
		if wait := due - time.Since(l.began); wait > 0 {
			time.Sleep(wait)
		}
		all.Go(func() { l.announce(i + 1) })
	}
	all.Wait()
	for limit := time.Now().Add(time.Minute); l.arrived() < n*alive; {
		if time.Now().After(limit) {
			l.b.Fatalf("%d of %d webhooks arrived", l.arrived(), n*alive)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(l.began)
}

func (l *load) announce(i int) {
	f := &event.OrderHeld{Order: shop.ID(fmt.Sprintf("ord_%d", i)), Reason: "x", Round: int64(i)}
	data, err := json.Marshal(f)
	if err != nil {
		l.b.Error(err)
		return
	}
	l.sent[i].Store(int64(time.Since(l.began)))
	err = l.p.Store("order").Commit(context.WithoutCancel(l.b.Context()), platform.Batch{
		Events: []platform.Event{{
			ID: f.Subject() + "/1", Type: f.Type(), Subject: f.Subject(), Sequence: 1, Data: data,
			Value: f,
		}},
	})
	if err != nil {
		l.b.Error(err)
	}
}

func (l *load) report(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.late)
	at := func(part float64) float64 {
		return float64(l.late[int(part*float64(len(l.late)-1))]) / float64(time.Millisecond)
	}
	n := l.s.Numbers()
	l.b.ReportMetric(float64(len(l.late))/took.Seconds(), "webhooks/s")
	l.b.ReportMetric(at(0.5), "p50-ms")
	l.b.ReportMetric(at(0.95), "p95-ms")
	l.b.ReportMetric(at(0.99), "p99-ms")
	l.b.ReportMetric(at(1), "max-ms")
	l.b.ReportMetric(float64(n.HooksFailed), "failed")
	l.b.ReportMetric(0, "ns/op")
	if strings.HasSuffix(l.b.Name(), "dead=0") && n.HooksFailed != 0 {
		l.b.Errorf("%d attempts failed at endpoints that live", n.HooksFailed)
	}
}
