package machines_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	"github.com/souk-commerce/souk/shop/fulfilment"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// outside is what the death of the shop's process leaves alone.
type outside struct {
	clock   *platformtest.Clock
	bank    *sandbox.Sandbox
	carrier *post.Sandbox
}

func newOutside(t *testing.T, now time.Time, books []sandbox.Entry, plan plans) *outside {
	t.Helper()
	o := &outside{clock: platformtest.NewClock(now)}
	o.carrier = post.New(o.clock, secret())
	file := filepath.Join(t.TempDir(), "ledger")
	var lines []byte
	for _, e := range books {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	o.bank, err = sandbox.Open(sandbox.Options{
		Clock: o.clock, Path: file, Secret: secret(), Plan: plan,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.bank.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// plans decides what the bank does with a call; nil is as the token says.
type plans = func(operation, token string, n int) sandbox.Plan

func (o *outside) books(t *testing.T) []sandbox.Entry {
	t.Helper()
	var all []sandbox.Entry
	if err := o.bank.Ledger(func(e sandbox.Entry) error {
		all = append(all, e)
		return nil
	}); err != nil {
		t.Error(err)
	}
	return all
}

func secret() []byte { return []byte("a secret of at least 32 bytes, as it must be") }

// market is the whole shop on one file system, as long as its process lives.
type market struct {
	*outside
	t   *testing.T
	p   *embedded.Platform
	app *app.App
	cat *event.Catalogue
}

// ticking is a still clock that shows no moment twice, and lets short pauses pass by themselves.
type ticking struct {
	*platformtest.Clock
	n *atomic.Int64
}

// Now implements platform.Clock.
func (c ticking) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.n.Add(1))) }

// After implements platform.Clock.
func (c ticking) After(d time.Duration) <-chan time.Time {
	if d <= 25*time.Millisecond {
		return platformtest.RealClock{}.After(d)
	}
	return c.Clock.After(d)
}

// openMarket opens the shop and lets events flow, behind faults if there are any.
func openMarket(t *testing.T, o *outside, fs vfs.FS, f *platformtest.Faults) (*market, error) {
	t.Helper()
	m := &market{outside: o, t: t, cat: event.NewCatalogue()}
	now := ticking{o.clock, &atomic.Int64{}}
	dir := "/souk"
	if fs == nil {
		dir = ""
	}
	var err error
	m.p, err = embedded.Open(embedded.Options{
		Dir: dir, FS: fs, Clock: now, Check: app.Check(m.cat), CacheSize: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	var p platform.Platform = m.p
	if f != nil {
		p = platformtest.Wrap(p, *f)
	}
	m.app, err = app.Open(app.Config{
		Platform: p, Catalogue: m.cat, Clock: now, Machines: true,
		Policy: app.Policy{Patience: -1, Workers: 1, Order: patient()},
		Payment: payment.Options{
			Name: sandbox.Name, Provider: o.bank, Describe: sandbox.Describe,
			Secrets: [][]byte{secret()},
		},
		IDs: shop.RandomIDs{Now: now.Now, Chance: rand.Reader},
		Log: slog.New(slog.DiscardHandler),
		Fulfilment: fulfilment.Options{
			Carrier: o.carrier, Secrets: [][]byte{secret()},
			Depot: shop.Address{Name: "Depot", Line1: "1 Quay", City: "Leeds", Country: "GB"},
		},
	})
	if err == nil {
		err = m.app.Start(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, m.p.Close())
	}
	return m, nil
}

// patient is a policy under which no order lapses while a slow machine lets the time pass.
func patient() order.Policy {
	p := order.DefaultPolicy()
	p.TTL = 60 * 24 * time.Hour
	return p
}

func (m *market) close() {
	m.t.Helper()
	if err := errors.Join(m.app.Close(context.Background()), m.p.Close()); err != nil {
		m.t.Errorf("close: %v", err)
	}
}

// answer is what came back from a door.
type answer struct {
	status int
	body   []byte
}

// ask sends one request through the doors as somebody.
func (m *market) ask(who shop.ID, verb, key, body string) answer {
	m.t.Helper()
	role := map[string]room.Role{"cus": room.Customer(), "dlr": room.Dealer()}[string(who[:3])]
	if role == (room.Role{}) {
		role = room.Admin()
	}
	token, err := m.app.Identity.Issue(context.Background(), room.Caller{ID: who, Role: role},
		time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	method, path, _ := strings.Cut(verb, " ")
	req := httptest.NewRequestWithContext(context.Background(), method, path,
		strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	rec := httptest.NewRecorder()
	m.app.Handler().ServeHTTP(rec, req)
	return answer{rec.Code, rec.Body.Bytes()}
}

func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
}

// until waits until something is so. Time moves a little, for those who wait for their next
// attempt.
func (m *market) until(what string, done func() bool) {
	m.t.Helper()
	m.look(what, done, func(int) { m.clock.AdvanceToNext(time.Minute) })
}

// through is until for what takes hours: the carrier speaks, and time moves on.
func (m *market) through(what string, done func() bool) {
	m.t.Helper()
	m.look(what, done, func(looks int) {
		m.carrier.Deliver(m.t.Context(), func(ctx context.Context, h post.Webhook) error {
			return m.app.Fulfilment.Hear(ctx, post.Name, h.Signed)
		})
		if !m.clock.AdvanceToNext(time.Hour) || looks%50 == 0 {
			m.clock.Advance(time.Hour)
		}
	})
}

// look looks whether something is so, and now and then has the time moved.
func (m *market) look(what string, done func() bool, move func(looks int)) {
	m.t.Helper()
	looks := 0
	platformtest.Poll(m.t, func() bool {
		if done() {
			return true
		}
		if looks++; looks%5 == 0 {
			move(looks)
		}
		return false
	}, func() string { return what })
}

// rest lets everything that was announced be handled.
func (m *market) rest() {
	m.t.Helper()
	m.look("the shop comes to rest", func() bool {
		all, err := m.p.Delivery().Status(m.t.Context())
		if err != nil {
			return false
		}
		for _, s := range all {
			if s.Pending+s.Waiting > 0 {
				return false
			}
		}
		return true
	}, func(int) { m.clock.AdvanceToNext(time.Minute) })
}

// verify runs the checker over the whole history; nothing may be wrong, and nobody have to look.
func (m *market) verify() {
	m.t.Helper()
	m.rest()
	report, err := verify.Run(context.Background(), verify.Input{
		History: m.p.History(), Delivery: m.p.Delivery(), Rooms: m.app.Rooms(),
		Catalogue: m.cat, Quiescent: true, LedgerOf: sandbox.Name,
		Provider: func(fn func(verify.Effect) error) error {
			return m.bank.Ledger(func(e sandbox.Entry) error {
				return fn(verify.Effect{
					Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind,
					Amount: e.Amount, Currency: e.Currency, At: e.At, Ref: e.Ref,
				})
			})
		},
	})
	if err != nil {
		m.t.Errorf("verify: %v", err)
		return
	}
	if !report.Clean() || report.Open() > 0 {
		m.t.Errorf("%s", report)
	}
}

// dispatched sells one lamp for 5.10 to a city, and has it leave with the carrier. It returns the
// parcel.
func (m *market) dispatched(city string) (parcel string) {
	m.t.Helper()
	m.ask("dlr_1", "POST /v1/products", "list",
		`{"sku":"lamp","title":"A lamp","price":{"amount":510,"currency":"GBP"}}`)
	m.ask("dlr_1", "PUT /v1/stock/lamp", "count", `{"onHand":10}`)
	var o struct{ ID string }
	m.until("the order is taken", func() bool {
		a := m.ask("cus_1", "POST /v1/orders", "order", fmt.Sprintf(
			`{"items":[{"sku":"lamp","quantity":1}],"payment":{"token":"tok_visa"},"shipTo":`+
				`{"name":"A. Buyer","line1":"1 Road","city":%q,"country":"GB"}}`, city))
		if a.status != 201 {
			return false
		}
		a.decode(m.t, &o)
		return true
	})
	parcel = "shp_" + strings.TrimPrefix(o.ID, "ord_") + "_1"
	m.until("the label is bought", func() bool {
		m.ask("dlr_1", "POST /v1/shipments/"+parcel+"/label", "label", "")
		return m.parcel(parcel).Label.State == "bought"
	})
	m.until("the parcel is packed", func() bool {
		return m.ask("dlr_1", "POST /v1/shipments/"+parcel+"/pack", "pack", "").status == 200
	})
	m.until("the parcel is cleared", func() bool { // no hour passes before: facts wait minutes only
		return m.parcel(parcel).State != "packed"
	})
	m.through("the parcel has left", func() bool {
		return m.parcel(parcel).State == "dispatched"
	})
	return parcel
}

// shown is a parcel as its dealer sees it.
type shown struct {
	State    string
	TurnedUp time.Time
	Label    struct{ State, Status string }
}

func (m *market) parcel(id string) (v shown) {
	m.t.Helper()
	if a := m.ask("dlr_1", "GET /v1/shipments/"+id, "", ""); a.status == 200 {
		a.decode(m.t, &v)
	}
	return v
}
