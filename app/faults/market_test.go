package faults_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	"github.com/souk-commerce/souk/shop/fulfilment"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// dataDir is where the market lives on its file system.
const dataDir = "/souk"

// errDied is what a market's client sees when the disk has failed under it.
var errDied = errors.New("the market's disk has failed")

// market is the whole shop on one file system, as long as its process lives. The provider and the
// clock belong to the world outside and outlive it.
type market struct {
	t     testing.TB
	p     *embedded.Platform
	app   *app.App
	cat   *event.Catalogue
	clock *platformtest.Clock
	bank  *sandbox.Sandbox
	payer *payer.Sandbox // of dealers
	dir   string

	contracts verify.Contracts // nil until it is verified
}

// world is what a market is opened in.
type world struct {
	fs       vfs.FS // nil is memory
	dir      string // "" is dataDir
	clock    *platformtest.Clock
	bank     *sandbox.Sandbox
	payer    *payer.Sandbox   // nil is one of its own
	provider payment.Provider // stands in front of the bank; nil is the bank itself
	policy   app.Policy
	minFree  uint64
	// pay changes how the payment room is opened; nil is not at all.
	pay func(*payment.Options)
	// dress stands in front of the platform; nil is the platform itself.
	dress func(platform.Platform) platform.Platform
	// contracts are those of whoever opens many markets; nil makes them when they are needed, which
	// takes longer than most stories.
	contracts verify.Contracts
}

// compiled are the contracts of this build.
func compiled(t testing.TB) verify.Contracts {
	t.Helper()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secret signs the bank's webhooks.
func secret() []byte { return []byte("whsec_of_the_tests") }

// openMarket opens the shop and lets events flow. It fails when the disk does.
func openMarket(t testing.TB, w world) (*market, error) {
	t.Helper()
	if w.payer == nil {
		w.payer = reopenPayer(t, w.clock, nil)
	}
	m := &market{
		t: t, cat: event.NewCatalogue(), clock: w.clock, bank: w.bank, payer: w.payer,
		contracts: w.contracts,
	}
	dir := w.dir
	if dir == "" && w.fs != nil {
		dir = dataDir
	}
	m.dir = dir
	var err error
	now := ticking{w.clock, &atomic.Int64{}}
	m.p, err = embedded.Open(embedded.Options{
		Dir: dir, FS: w.fs, Clock: now, Check: app.Check(m.cat), MinFree: w.minFree,
		CacheSize: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	if w.provider == nil {
		w.provider = w.bank
	}
	if w.policy.Patience == 0 {
		w.policy.Patience = -1 // a slow machine is not what is tested
	}
	w.policy.Workers = 1
	m.app, err = m.build(w, now)
	if err == nil {
		err = m.app.Start(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, m.p.Close())
	}
	return m, nil
}

// build makes the rooms on the platform.
func (m *market) build(w world, now ticking) (*app.App, error) {
	var p platform.Platform = m.p
	if w.dress != nil {
		p = w.dress(p)
	}
	pay := payment.Options{
		Name: sandbox.Name, Provider: w.provider, Describe: sandbox.Describe,
		Secrets: [][]byte{secret()},
	}
	if w.pay != nil {
		w.pay(&pay)
	}
	return app.Open(app.Config{
		Platform: p, Catalogue: m.cat, Clock: brisk{now}, Policy: w.policy, Payment: pay,
		IDs: shop.RandomIDs{Now: now.Now, Chance: rand.Reader},
		Log: slog.New(slog.DiscardHandler),
		Payouts: ledger.Options{
			Name: payer.Name, Provider: m.payer, Describe: payer.Describe,
		},
		Fulfilment: fulfilment.Options{Carrier: post.New(now, nil)},
	})
}

// offline makes the rooms on a platform only to fold with them: nothing is delivered.
func offline(t testing.TB, p *embedded.Platform) *market {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	m := &market{
		t: t, p: p, cat: event.NewCatalogue(), clock: clock, bank: openBank(t, clock),
		payer: reopenPayer(t, clock, nil),
	}
	var err error
	m.app, err = m.build(world{provider: m.bank}, ticking{clock, &atomic.Int64{}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// close ends the process in good order.
func (m *market) close() error {
	return errors.Join(m.app.Close(context.Background()), m.p.Close())
}

// ticking is a still clock that shows no moment twice, as a machine's does not.
type ticking struct {
	*platformtest.Clock
	n *atomic.Int64
}

// Now implements platform.Clock.
func (c ticking) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.n.Add(1))) }

// brisk lets the short pauses between two attempts of a commit pass in real time, since nobody
// would move the still clock for them.
type brisk struct{ ticking }

// After implements platform.Clock.
func (b brisk) After(d time.Duration) <-chan time.Time {
	if d <= 25*time.Millisecond {
		return platformtest.RealClock{}.After(d)
	}
	return b.ticking.After(d)
}

// openBank opens the provider with a ledger in memory.
func openBank(t testing.TB, clock *platformtest.Clock) *sandbox.Sandbox {
	t.Helper()
	bank, err := sandbox.Open(sandbox.Options{Clock: clock, Secret: secret()})
	if err != nil {
		t.Fatal(err)
	}
	return bank
}

// Who asks.
const (
	buyer  = "cus_1"
	dealer = "dlr_1"
	admin  = "root"
)

func roleOf(who shop.ID) room.Role {
	switch {
	case who == admin:
		return room.Admin()
	case strings.HasPrefix(string(who), "dlr_"):
		return room.Dealer()
	}
	return room.Customer()
}

// request is one request of somebody.
type request struct {
	who    shop.ID
	verb   string // method and path: "GET /v1/orders"
	key    string // Idempotency-Key; "" sends none
	body   string
	header [2]string // one more header
}

// answer is what came back; a status of 0 is nothing.
type answer struct {
	status int
	head   http.Header
	body   []byte
}

// ask sends one request through the doors.
func (m *market) ask(r request) answer {
	m.t.Helper()
	caller := room.Caller{ID: r.who, Role: roleOf(r.who)}
	token, err := m.app.Identity.Issue(context.Background(), caller, time.Hour)
	if err != nil {
		return answer{}
	}
	method, path, _ := strings.Cut(r.verb, " ")
	req := httptest.NewRequestWithContext(
		context.Background(), method, path, strings.NewReader(r.body))
	req.Header.Set("Authorization", "Bearer "+token)
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.header[0] != "" {
		req.Header.Set(r.header[0], r.header[1])
	}
	rec := httptest.NewRecorder()
	m.app.Handler().ServeHTTP(rec, req)
	return answer{status: rec.Code, head: rec.Header(), body: rec.Body.Bytes()}
}

// ok reports a success.
func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// code is the code of a problem, or "".
func (a answer) code() string {
	var p app.Problem
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Code
}

// decode reads a body of JSON.
func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
}
