package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// market is what the bench sells, and to whom.
type market struct {
	dealers, skus, customers int
	tokens                   []string // of customers
	hot                      bool     // everybody wants the first SKU
	run                      string   // makes idempotency keys of this run its own
	n                        atomic.Int64
}

// stockEach is what every SKU has on the shelf: more than any run sells.
const stockEach = 500_000_000

// seed lists and stocks everything over HTTP and makes the customers' tokens.
func (m *market) seed(ctx context.Context, c *child) error {
	for d := range m.dealers {
		token, err := c.token(ctx, shop.ID(fmt.Sprintf("dlr_%d", d)), room.Dealer())
		if err != nil {
			return err
		}
		for s := d; s < m.skus; s += m.dealers {
			if err := m.list(c, token, s); err != nil {
				return err
			}
		}
	}
	m.tokens = make([]string, m.customers)
	for i := range m.tokens {
		var err error
		m.tokens[i], err = c.token(ctx, shop.ID(fmt.Sprintf("cus_%05d", i)), room.Customer())
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *market) list(c *child, token string, s int) error {
	sku := fmt.Sprintf("SKU-%04d", s)
	body := fmt.Sprintf(`{"sku":%q,"title":"Thing number %d","price":{"amount":%d,"currency":"GBP"}}`,
		sku, s, 100+s)
	status, answer, err := c.lean.do(call{
		method: "POST", path: "/v1/products", token: token, key: "list-" + sku, body: []byte(body),
	})
	if err != nil || status/100 != 2 {
		return fmt.Errorf("list %s: %d %s %w", sku, status, answer, err)
	}
	status, answer, err = c.lean.do(call{
		method: "PUT", path: "/v1/stock/" + sku, token: token, key: "stock-" + sku,
		body: fmt.Appendf(nil, `{"onHand":%d}`, stockEach),
	})
	if err != nil || status/100 != 2 {
		return fmt.Errorf("stock %s: %d %s %w", sku, status, answer, err)
	}
	return nil
}

// order makes the n-th order: half have one line, three in ten two, the rest three; seven in ten
// are of one dealer.
func (m *market) order(chance *rand.Rand) call {
	lines := 1
	switch x := chance.IntN(10); {
	case x >= 8:
		lines = 3
	case x >= 5:
		lines = 2
	}
	first := chance.IntN(m.skus)
	oneDealer := chance.IntN(10) < 7
	b := append(make([]byte, 0, 400), `{"items":[`...)
	for i := range lines {
		s := first
		switch {
		case m.hot && i == 0:
			s = 0
		case i > 0 && oneDealer:
			s = (first + i*m.dealers) % m.skus
		case i > 0:
			s = (first + i) % m.skus
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"sku":"SKU-%04d","quantity":%d}`, s, 1+chance.IntN(3))
	}
	b = append(b, `],"payment":{"token":"tok_visa"},"email":"shopper@example.com","shipTo":`+
		`{"name":"Sam Shopper","line1":"1 Bench Lane","city":"London","postalCode":"N1","country":"GB"}}`...)
	n := m.n.Add(1)
	return call{
		method: "POST", path: "/v1/orders", token: m.tokens[chance.IntN(len(m.tokens))],
		key: m.run + strconv.FormatInt(n, 36), body: b,
	}
}

// outcome is what a load met.
type outcome struct {
	mu       sync.Mutex
	accepted int64
	shed     int64
	failed   int64
	worst    string                  // an answer that was neither
	latency  *hdrhistogram.Histogram // of accepted requests, in microseconds
}

func newOutcome() *outcome {
	return &outcome{latency: hdrhistogram.New(1, int64(2*callTimeout/time.Microsecond), 3)}
}

func (o *outcome) note(status int, body []byte, err error, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && status/100 == 2:
		o.accepted++
		_ = o.latency.RecordValue(int64(took / time.Microsecond)) // beyond the bound is a time-out
	case err == nil && (status == 429 || status == 503):
		o.shed++
	default:
		o.failed++
		o.worst = fmt.Sprintf("%d %s %v", status, body, err)
	}
}

// saturate keeps every connection busy until n orders were sent.
func (m *market) saturate(
	ctx context.Context, c *child, connections int, n int64,
) (*outcome, error) {
	o := newOutcome()
	var left atomic.Int64
	left.Store(n)
	err := m.crew(c, connections, func(l *lean, chance *rand.Rand) error {
		for left.Add(-1) >= 0 && ctx.Err() == nil {
			began := time.Now()
			status, body, err := l.do(m.order(chance))
			o.note(status, body, err, time.Since(began))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return o, err
}

// arrivals sends orders when they arrive, at random with the given rate, whether or not earlier
// ones were answered. Latency counts from the moment of arrival, so a slow server cannot hide its
// queue.
func (m *market) arrivals(
	ctx context.Context, c *child, connections int, rate float64, d time.Duration, prefer string,
) (*outcome, error) {
	o := newOutcome()
	due := make(chan time.Time, 1<<16)
	go func() { // ends when the time is over
		defer close(due)
		chance := rand.New(rand.NewPCG(1, 2))
		end := time.Now().Add(d)
		for at := time.Now(); at.Before(end) && ctx.Err() == nil; {
			if wait := time.Until(at); wait > 0 {
				time.Sleep(wait)
			}
			due <- at
			at = at.Add(time.Duration(chance.ExpFloat64() / rate * float64(time.Second)))
		}
	}()
	err := m.crew(c, connections, func(l *lean, chance *rand.Rand) error {
		for at := range due {
			request := m.order(chance)
			request.prefer = prefer
			status, body, err := l.do(request)
			o.note(status, body, err, time.Since(at))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return o, err
}

// crew runs work on several connections at once and waits for all.
func (m *market) crew(c *child, n int, work func(l *lean, chance *rand.Rand) error) error {
	errs := make(chan error, n)
	for i := range n {
		l, err := dial(c.api)
		if err != nil {
			return err
		}
		go func() { // ends with its work; the loop below waits for it
			defer l.close()
			errs <- work(l, rand.New(rand.NewPCG(uint64(i), 7)))
		}()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
