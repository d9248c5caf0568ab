package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// dam holds every authorisation back until it is opened.
type dam struct {
	*sandbox.Sandbox
	open chan struct{}
	held atomic.Int64 // calls that were held back
}

// Do implements payment.Provider.
func (d *dam) Do(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Operation == sandbox.Authorise {
		d.held.Add(1)
		select {
		case <-d.open:
		case <-ctx.Done():
			return payment.Outcome{}, ctx.Err()
		}
	}
	return d.Sandbox.Do(ctx, r)
}

// patience is the age of critical work at which the market under test sheds.
const patience = 250 * time.Millisecond

// crowd is a market that has more to do than it can: its provider has stopped answering.
type crowd struct {
	*client
	dam *dam
	old shop.ID // an order from before, placed
}

func newCrowd(t *testing.T, w world) *crowd {
	t.Helper()
	w.clock = platformtest.NewClock(platformtest.Start())
	w.bank = openBank(t, w.clock)
	d := &dam{Sandbox: w.bank, open: make(chan struct{})}
	w.provider = d
	m, err := openMarket(t, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	return &crowd{client: &client{t: t, m: m}, dam: d}
}

// fill opens the dam for one order, closes it again, and orders until no more is taken. It returns
// the orders that were accepted.
func (c *crowd) fill(most int) (accepted []string, refused answer) {
	c.t.Helper()
	for i := range most {
		a := c.m.ask(request{
			who: buyer, verb: "POST /v1/orders", key: fmt.Sprint("order-", i),
			body: checkout("tok_visa", []item{{"lamp", 1}}),
		})
		if !a.ok() {
			return accepted, a
		}
		var o struct{ ID string }
		a.decode(c.t, &o)
		accepted = append(accepted, o.ID)
		c.m.clock.Advance(time.Millisecond)
	}
	return accepted, answer{}
}

// Goal: work that has got too old is protected from new work: browsing is shed first, checkout
// next, with 503 and Retry-After and no effect; whatever moves an order that exists is never shed;
// everything that was accepted is completed. Method: a provider that stops answering, checkouts
// until they are refused, every kind of request then; then the provider answers.
func TestShedding(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, world{policy: app.Policy{Patience: patience}})
	if err := c.list("lamp", 10_000); err != nil {
		t.Fatal(err)
	}
	c.before(t)
	accepted, refused := c.fill(5000)
	wantShed(t, "a checkout", refused)
	browse := c.m.ask(request{who: buyer, verb: "GET /v1/products"})
	wantShed(t, "browsing", browse)
	c.wantCarried(t)
	t.Logf("%d checkouts were accepted before one was shed", len(accepted))
	close(c.dam.open)
	if err := c.m.settle(); err != nil {
		t.Fatal(err)
	}
	for _, id := range accepted {
		var o struct{ Status string }
		c.m.ask(request{who: buyer, verb: "GET /v1/orders/" + id}).decode(t, &o)
		if o.Status != "placed" {
			t.Errorf("%s was accepted and is %s", id, o.Status)
		}
	}
	if a := c.m.ask(request{who: buyer, verb: "GET /v1/products"}); !a.ok() {
		t.Errorf("browsing afterwards: %d %s", a.status, a.body)
	}
	if n := len(ledgerOf(t, c.m.bank)); n != len(accepted)+3 { // the order before: three effects
		t.Errorf("%d accepted orders have %d effects", len(accepted), n)
	}
	c.m.audit()
}

// before sells something while all is well.
func (c *crowd) before(t *testing.T) {
	t.Helper()
	close(c.dam.open)
	id, err := c.order("before", "tok_visa", item{"lamp", 1})
	if err != nil {
		t.Fatal(err)
	}
	c.old = id
	c.dam.open = make(chan struct{})
}

// wantCarried does everything that must never be shed to the order from before.
func (c *crowd) wantCarried(t *testing.T) {
	t.Helper()
	old := string(c.old)
	for _, r := range []request{
		{who: buyer, verb: "GET /v1/orders/" + old},
		{who: dealer, verb: "POST /v1/shipments/" + shipment(c.old, 1) + "/pack", key: "pack"},
		{who: buyer, verb: "POST /v1/orders/" + old + "/cancel", key: "cancel"},
		{who: admin, verb: "GET /v1/payments/" + paymentOf(c.old)},
		{who: admin, verb: "GET /v1/ops/subscriptions"},
		{who: admin, verb: "GET /healthz"},
		{who: admin, verb: "GET /metrics"},
	} {
		if a := c.m.ask(r); !a.ok() {
			t.Errorf("%s is shed: %d %s", r.verb, a.status, a.body)
		}
	}
}

func wantShed(t *testing.T, what string, a answer) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests ||
		a.head.Get("Retry-After") == "" || a.code() == "" {
		t.Errorf("%s is answered with %d %v %s", what, a.status, a.head, a.body)
	}
}

// Goal: the number of requests at once is bounded: what is over the bound is told to come back, and
// what is inside is finished. Method: checkouts that wait for a decision until the bound is
// reached, one more, and then the decision.
func TestRequestsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	const most = 8
	c := newCrowd(t, world{policy: app.Policy{Patience: -1, Requests: most}})
	if err := c.list("lamp", 100); err != nil {
		t.Fatal(err)
	}
	c.before(t)
	var all sync.WaitGroup
	for i := range most {
		all.Go(func() {
			a := c.m.ask(request{
				who: buyer, verb: "POST /v1/orders", key: fmt.Sprint("wait-", i),
				body:   checkout("tok_visa", []item{{"lamp", 1}}),
				header: [2]string{"Prefer", "wait=30"},
			})
			var o struct{ Status string }
			if a.status != http.StatusCreated || json.Unmarshal(a.body, &o) != nil ||
				o.Status != "placed" {
				t.Errorf("a checkout that was let in ends with %d %s", a.status, a.body)
			}
		})
	}
	c.until(func() bool { return c.dam.held.Load() == most+1 })
	one := request{
		who: buyer, verb: "POST /v1/orders", key: "one too many",
		body: checkout("tok_visa", []item{{"lamp", 1}}),
	}
	wantShed(t, "one more", c.m.ask(one))
	c.wantCarried(t)
	close(c.dam.open)
	all.Wait()
	if _, err := c.do("one too many", one); err != nil {
		t.Error(err)
	}
	if err := c.m.settle(); err != nil {
		t.Fatal(err)
	}
	c.m.audit()
}

// until waits for something that other goroutines do.
func (c *crowd) until(done func() bool) {
	c.t.Helper()
	platformtest.Poll(c.t, done, func() string { return "it does not happen" })
}
