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

// placing makes an order that is answered when it is placed.
func (m *market) placing(chance *rand.Rand) call {
	c := m.order(chance)
	c.prefer = "wait=20"
	return c
}

// browse makes a visitor's next look: a page of the catalogue or of a dealer, a product, or its
// stock.
func (m *market) browse(chance *rand.Rand) call {
	sku := "SKU-" + fmt.Sprintf("%04d", chance.IntN(m.skus))
	paths := [...]string{
		"/v1/products", "/v1/products?limit=10&dealer=dlr_" + strconv.Itoa(chance.IntN(m.dealers)),
		"/v1/products/" + sku, "/v1/stock/" + sku,
	}
	return call{method: "GET", path: paths[chance.IntN(len(paths))]}
}

// outcome is what a load met. Requests are counted when they are answered.
type outcome struct {
	began    time.Time
	every    int64 // of the accepted orders, one in so many is kept for the stages; 0: none
	mu       sync.Mutex
	accepted int64
	shed     int64
	failed   int64
	worst    string                  // an answer that was neither
	latency  *hdrhistogram.Histogram // of accepted requests, in microseconds
	seen     []sighting              // at most maxSightings
	slices   []slice                 // since it began
}

// slice is what was answered within a tenth of a second.
type slice struct{ accepted, shed int64 }

const sliceTime = 100 * time.Millisecond

// newOutcome begins. Of about that many orders it keeps an even sample; of 0, none.
func newOutcome(orders int64) *outcome {
	o := &outcome{
		began:   time.Now(),
		latency: hdrhistogram.New(1, int64(2*callTimeout/time.Microsecond), 3),
	}
	if orders > 0 {
		o.every = max(1, orders/maxSightings)
	}
	return o
}

// note counts an answer to a request that arrived at a moment, and returns how many there are.
func (o *outcome) note(status int, body []byte, err error, arrived time.Time) (answers int64) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for int(now.Sub(o.began)/sliceTime) >= len(o.slices) {
		o.slices = append(o.slices, slice{})
	}
	in := &o.slices[len(o.slices)-1]
	switch {
	case err == nil && status/100 == 2:
		in.accepted++
		if o.every > 0 && o.accepted%o.every == 0 && len(o.seen) < maxSightings {
			o.seen = append(o.seen, sightingOf(body, arrived, now))
		}
		o.accepted++
		took := int64(now.Sub(arrived) / time.Microsecond)
		_ = o.latency.RecordValue(took) // beyond the bound is a time-out
	case err == nil && (status == 429 || status == 503):
		in.shed++
		o.shed++
	default:
		o.failed++
		o.worst = fmt.Sprintf("%d %s %v", status, body, err)
	}
	return o.accepted + o.shed + o.failed
}

// saturate keeps every connection busy until n orders were sent. Each tenth of the way it calls
// tenth, which may be nil.
func (m *market) saturate(
	ctx context.Context, c *child, connections int, n int64, tenth func(o *outcome) error,
) (*outcome, error) {
	o := newOutcome(n)
	var left atomic.Int64
	left.Store(n)
	err := m.crew(c, connections, func(l *lean, chance *rand.Rand) error {
		for left.Add(-1) >= 0 && ctx.Err() == nil {
			began := time.Now()
			status, body, err := l.do(m.order(chance))
			answers := o.note(status, body, err, began)
			if err != nil {
				return err
			}
			if tenth == nil || n < 10 || answers%(n/10) != 0 || answers/(n/10) > 9 {
				continue
			}
			if err := tenth(o); err != nil {
				return err
			}
		}
		return nil
	})
	return o, err
}

func (o *outcome) soFar() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

// load is a stream of requests that arrive at random, with a given rate.
type load struct {
	rate        float64 // a second
	last        time.Duration
	connections int // at most
	ask         func(chance *rand.Rand) call
	sampled     bool   // it is orders, of which some are kept for the stages
	seed        uint64 // of the arrivals
}

// arrivals sends requests when they arrive, whether or not earlier ones were answered. Latency
// counts from the moment of arrival, so a slow server cannot hide its queue. Connections are opened
// as they are needed.
func (m *market) arrivals(ctx context.Context, c *child, ld load) (*outcome, error) {
	o := newOutcome(0)
	if ld.sampled {
		o = newOutcome(int64(ld.rate * ld.last.Seconds()))
	}
	due := make(chan time.Time)
	errs := make(chan error, ld.connections)
	chance := rand.New(rand.NewPCG(1, ld.seed))
	open := 0
	for at := o.began; at.Sub(o.began) < ld.last && ctx.Err() == nil; {
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait)
		}
		select {
		case due <- at:
		default: // nobody is idle
			if open < ld.connections {
				open++
				number := uint64(open)
				go func() { errs <- m.visit(c, o, ld, number, due) }() // ends with due
			}
			due <- at
		}
		at = at.Add(time.Duration(chance.ExpFloat64() / ld.rate * float64(time.Second)))
	}
	close(due)
	var first error
	for range open {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return o, first
}

// visit answers for one connection of a load. After an error it goes on taking arrivals, so that
// nobody waits for it, and counts them as failed.
func (m *market) visit(
	c *child, o *outcome, ld load, number uint64, due <-chan time.Time,
) (failed error) {
	chance := rand.New(rand.NewPCG(number, 7+ld.seed))
	l, failed := dial(c.api)
	if failed == nil {
		defer l.close()
	}
	for at := range due {
		if failed != nil {
			o.note(0, nil, failed, at)
			continue
		}
		status, body, err := l.do(ld.ask(chance))
		o.note(status, body, err, at)
		failed = err
	}
	return failed
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
