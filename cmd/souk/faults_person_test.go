package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// call is one request and what is known of it. It is what a client's history consists of.
type call struct {
	token, method, path, key, body, prefer string
	answer                                 answer // the first; a status of 0 is none
}

// answer is what came back.
type answer struct {
	status int
	code   string // of a problem
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// final reports whether a refusal stands: asking again must not turn it into a success that nobody
// asked for, but may, since the market has moved on.
func (a answer) final() bool {
	return a.status >= 400 && a.status < 500 && a.status != 429 && a.code != "key_in_flight"
}

// person is one client: a buyer, and the dealer that they buy from. It remembers everything.
type person struct {
	t        *testing.T
	v        *victim
	n        int
	chance   *rand.Rand
	http     *http.Client
	buyer    string // tokens
	dealer   string
	calls    []*call
	orders   []shop.ID
	progress atomic.Int64
}

func newPerson(t *testing.T, v *victim, n int, seed uint64) *person {
	t.Helper()
	wires := &http.Transport{MaxIdleConnsPerHost: 32}
	return &person{
		t: t, v: v, n: n, chance: rand.New(rand.NewPCG(seed, 2)),
		http:   &http.Client{Timeout: time.Minute, Transport: wires},
		buyer:  v.token(shop.ID(fmt.Sprintf("cus_%d", n)), room.Customer()),
		dealer: v.token(shop.ID(fmt.Sprintf("dlr_%d", n)), room.Dealer()),
	}
}

const things = 4 // that each dealer sells

func thing(dealer, i int) string { return fmt.Sprintf("thing-%d-%d", dealer, i) }

// listAll offers the things of all dealers; the last of each soon runs out.
func (p *person) listAll() {
	p.t.Helper()
	for d := range clients {
		dealer := p.v.token(shop.ID(fmt.Sprintf("dlr_%d", d)), room.Dealer())
		for i := range things {
			sku, units := thing(d, i), 100_000
			if i == things-1 {
				units = 20
			}
			list := &call{
				token: dealer, method: "POST", path: "/v1/products", key: "list-" + sku,
				body: fmt.Sprintf(
					`{"sku":%q,"title":"A thing","price":{"amount":%d,"currency":"GBP"}}`,
					sku, 100+i),
			}
			stock := &call{
				token: dealer, method: "PUT", path: "/v1/stock/" + sku, key: "count-" + sku,
				body: fmt.Sprintf(`{"onHand":%d}`, units),
			}
			for _, c := range []*call{list, stock} {
				if p.do(c); !c.answer.ok() {
					p.t.Fatalf("%s: %d %s", c.path, c.answer.status, c.answer.body)
				}
			}
		}
	}
}

// live shops and sells until stop is closed or the server is gone.
func (p *person) live(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		c := p.next()
		if !p.do(c) {
			return
		}
		if c.answer.ok() && c.path == "/v1/orders" {
			var o struct{ ID shop.ID }
			if json.Unmarshal(c.answer.body, &o) == nil {
				p.orders = append(p.orders, o.ID)
			}
		}
		p.progress.Add(1)
	}
}

// next decides what to do.
func (p *person) next() *call {
	key := fmt.Sprintf("k-%d", len(p.calls))
	if len(p.orders) == 0 || p.chance.IntN(2) == 0 {
		return p.checkout(key, "")
	}
	order := string(pick(p.chance, p.orders[max(0, len(p.orders)-10):]))
	if p.chance.IntN(5) == 0 {
		return &call{
			token: p.buyer, method: "POST", path: "/v1/orders/" + order + "/cancel", key: key,
		}
	}
	verb := pick(p.chance, []string{"pack", "pack", "dispatch", "deliver"})
	return &call{
		token: p.dealer, method: "POST", key: key,
		path: "/v1/shipments/shp_" + strings.TrimPrefix(order, "ord_") + "_1/" + verb,
	}
}

// checkout buys something with some card.
func (p *person) checkout(key, card string) *call {
	if card == "" {
		card = pick(p.chance, []string{
			"tok_visa", "tok_visa", "tok_visa", "tok_mastercard", "tok_declined", "tok_try_again",
			"tok_timeout", "tok_charge_then_timeout", "tok_500_after_charge", "tok_malformed",
			"tok_forgets_key", "tok_requires_action",
		})
	}
	prefer := ""
	switch p.chance.IntN(8) {
	case 0:
		prefer = "wait=1"
	case 1:
		prefer = "respond-async"
	}
	return &call{
		token: p.buyer, method: "POST", path: "/v1/orders", key: key, prefer: prefer,
		body: fmt.Sprintf(`{"items":[{"sku":%q,"quantity":%d},{"sku":%q,"quantity":1}],`+
			`"payment":{"token":%q},"shipTo":{"name":"A. Buyer","line1":"1 Road","city":"Leeds",`+
			`"country":"GB"}}`,
			thing(p.n, p.chance.IntN(things-1)), 1+p.chance.IntN(3),
			thing(p.n, things-1-p.chance.IntN(20)/19), card),
	}
}

// do sends a request, with its place in the history taken before. It returns false if no answer
// came.
func (p *person) do(c *call) bool {
	p.calls = append(p.calls, c)
	a, err := p.ask(c)
	if err != nil {
		return false
	}
	c.answer = a
	return true
}

// ask sends a request once.
func (p *person) ask(c *call) (answer, error) {
	req, err := http.NewRequestWithContext(
		p.t.Context(), c.method, "http://"+p.v.api+c.path, strings.NewReader(c.body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	if c.prefer != "" {
		req.Header.Set("Prefer", c.prefer)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, body: body}
	var problem struct{ Code string }
	if !a.ok() && json.Unmarshal(body, &problem) == nil {
		a.code = problem.Code
	}
	return a, nil
}

// askAgain sends requests of the history again until each is answered for good. What was a success
// must be the same, byte for byte. It returns how many there were.
func (p *person) askAgain(calls []*call) int {
	p.t.Helper()
	for _, c := range calls {
		a, err := p.insist(c)
		switch was := c.answer; {
		case err != nil:
			p.t.Errorf("%s %s: %v", c.method, c.path, err)
			return 0
		case was.ok() && (a.status != was.status || !bytes.Equal(a.body, was.body)):
			p.t.Errorf("%s %s key %s was answered\n  %d %s\nand now\n  %d %s", c.method, c.path,
				c.key, was.status, was.body, a.status, a.body)
		case !was.ok() && !was.final():
			c.answer = a
		}
	}
	return len(calls)
}

// insist asks until the answer is a success or a refusal that stands.
func (p *person) insist(c *call) (answer, error) {
	var a answer
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
		var err error
		if a, err = p.ask(c); err != nil {
			return a, err
		}
		if a.ok() || a.final() {
			return a, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return a, fmt.Errorf("it is never answered: %d %s", a.status, a.body)
}

// acked counts the successes of the history.
func (p *person) acked() (n int) {
	for _, c := range p.calls {
		if c.answer.ok() {
			n++
		}
	}
	return n
}

// cutOff counts the requests since a place in the history that had no answer.
func (p *person) cutOff(from int) (n int) {
	for _, c := range p.calls[from:] {
		if c.answer.status == 0 {
			n++
		}
	}
	return n
}

// waitForNothing sends checkouts that wait for the customer's bank, and returns when all of them
// are in flight. The function that it returns waits for their answers.
func (p *person) waitForNothing(t *testing.T, n int) (statuses func() []int) {
	t.Helper()
	var all sync.WaitGroup
	got := make([]int, n)
	for i := range n {
		c := p.checkout(fmt.Sprintf("w-%d", i), "tok_requires_action")
		c.prefer = "wait=5"
		all.Go(func() {
			a, err := p.ask(c)
			if err != nil {
				t.Errorf("a request in flight was cut off: %v", err)
			}
			got[i] = a.status
		})
	}
	for there := 0; there < n; {
		var page struct {
			Items []struct{ PaymentStatus string }
		}
		a, err := p.ask(&call{token: p.buyer, method: "GET", path: "/v1/orders?limit=100"})
		if err != nil || json.Unmarshal(a.body, &page) != nil {
			t.Fatalf("list the orders: %v %d", err, a.status)
		}
		there = 0
		for _, o := range page.Items {
			if o.PaymentStatus == "requires_action" {
				there++
			}
		}
	}
	return func() []int {
		all.Wait()
		return got
	}
}
