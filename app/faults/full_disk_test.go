package faults_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
)

// narrow is a file system that says how much room there is.
type narrow struct {
	vfs.FS
	free atomic.Uint64
}

// GetDiskUsage implements vfs.FS.
func (n *narrow) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: n.free.Load(), TotalBytes: 1 << 30}, nil
}

// minFree is how much room the market under test wants to keep.
const minFree = 1 << 20

// Goal: a disk that is nearly full stops nothing but writing, and writing goes on by itself when
// there is room again: what was accepted is completed, what was refused had no effect. Method: a
// shop with an order whose payment is under way; the room goes; the payment succeeds and cannot be
// written down; every kind of request; the room comes back.
func TestDiskNearlyFull(t *testing.T) {
	t.Parallel()
	fs := &narrow{FS: vfs.NewMem()}
	fs.free.Store(2 * minFree)
	c := newCrowd(t, world{fs: fs, minFree: minFree, policy: app.Policy{Patience: -1}})
	if err := c.list("lamp", 10); err != nil {
		t.Fatal(err)
	}
	c.before(t)
	a, err := c.do("under way", request{
		who: buyer, verb: "POST /v1/orders", body: checkout("tok_visa", []item{{"lamp", 1}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until(func() bool { return c.dam.held.Load() == 2 })
	fs.free.Store(minFree / 2)
	c.untilFull()
	close(c.dam.open)
	c.readable()
	c.unwritable()
	c.idle(5 * time.Minute) // attempts are made in vain, and are not counted
	fs.free.Store(2 * minFree)
	c.untilRoom()
	if err := c.m.settle(); err != nil {
		t.Fatal(err)
	}
	var o struct{ ID, Status string }
	a.decode(t, &o)
	c.m.ask(request{who: buyer, verb: "GET /v1/orders/" + o.ID}).decode(t, &o)
	if o.Status != "placed" {
		t.Errorf("the order that was under way is %s", o.Status)
	}
	if n := len(c.m.orders()); n != 3 {
		t.Errorf("there are %d orders: before, under way, and after", n)
	}
	sameLines(t, []string{"authorise 510", "authorise 510", "authorise 510"}, c.m.effects())
	c.m.audit()
}

// untilFull counts the shelf again and again until nothing is written any more.
func (c *crowd) untilFull() {
	c.t.Helper()
	n := 0
	c.until(func() bool {
		c.m.clock.Advance(time.Second)
		n++
		a := c.m.ask(request{
			who: dealer, verb: "PUT /v1/stock/lamp", key: fmt.Sprint("again ", n),
			body: `{"onHand":10}`,
		})
		return a.status == http.StatusServiceUnavailable
	})
}

// untilRoom sends a checkout until it is taken.
func (c *crowd) untilRoom() {
	c.t.Helper()
	c.until(func() bool {
		c.m.clock.Advance(time.Second)
		return c.m.ask(request{
			who: buyer, verb: "POST /v1/orders", key: "after",
			body: checkout("tok_visa", []item{{"lamp", 1}}),
		}).ok()
	})
}

// idle lets time pass without a rest: there is none while nothing can be written.
func (c *crowd) idle(d time.Duration) {
	for until := c.m.clock.Now().Add(d); c.m.clock.Now().Before(until); {
		c.m.clock.Advance(time.Second)
		<-platformtest.RealClock{}.After(time.Millisecond)
	}
}

// readable does what needs no room.
func (c *crowd) readable() {
	c.t.Helper()
	id := string(c.old)
	for verb, who := range map[string]shop.ID{
		"GET /v1/products": buyer, "GET /v1/stock/lamp": buyer, "GET /v1/orders": buyer,
		"GET /v1/orders/" + id: buyer, "GET /v1/payments/" + paymentOf(c.old): admin,
		"GET /v1/shipments/" + shipment(c.old, 1): dealer, "GET /healthz": admin,
		"GET /v1/ops/subscriptions": admin, "GET /metrics": admin,
	} {
		if a := c.m.ask(request{who: who, verb: verb}); !a.ok() {
			c.t.Errorf("%s on a full disk: %d %s", verb, a.status, a.body)
		}
	}
}

// unwritable does what needs room, with keys that are never used again.
func (c *crowd) unwritable() {
	c.t.Helper()
	old := string(c.old)
	basket := checkout("tok_visa", []item{{"lamp", 1}})
	parcel := fmt.Sprintf(
		`{"shipment":%q,"amount":{"amount":510,"currency":"GBP"}}`, shipment(c.old, 1))
	for i, r := range []request{
		{who: buyer, verb: "POST /v1/orders", body: basket},
		{who: "cus_new", verb: "POST /v1/orders", body: basket},
		{who: buyer, verb: "POST /v1/orders", body: basket, header: [2]string{"Prefer", "wait=5"}},
		{who: buyer, verb: "POST /v1/orders", body: basket,
			header: [2]string{"Prefer", "respond-async"}},
		{who: dealer, verb: "PUT /v1/stock/lamp", body: `{"onHand":5}`},
		{who: dealer, verb: "POST /v1/products",
			body: `{"sku":"b","title":"B","price":{"amount":1,"currency":"GBP"}}`},
		{who: buyer, verb: "POST /v1/orders/" + old + "/cancel"},
		{who: dealer, verb: "POST /v1/shipments/" + shipment(c.old, 1) + "/pack"},
		{who: admin, verb: "POST /v1/payments/" + paymentOf(c.old) + "/capture", body: parcel},
	} {
		r.key = fmt.Sprint("in vain ", i)
		a := c.m.ask(r)
		if a.status != http.StatusServiceUnavailable || a.code() != "unavailable" ||
			a.head.Get("Retry-After") == "" {
			c.t.Errorf("%s on a full disk: %d %v %s", r.verb, a.status, a.head, a.body)
		}
	}
}

// Goal: a disk that runs full without a warning stops the shop for good, loses nothing, and lets a
// new process go on once there is room. Method: from some moment on every write fails with ENOSPC;
// requests; then a new process on what the old one left.
func TestDiskFullWithoutWarning(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	bank := openBank(t, clock)
	mem := vfs.NewCrashableMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	m, err := openMarket(t, world{fs: fs, clock: clock, bank: bank})
	if err != nil {
		t.Fatal(err)
	}
	var acked []string
	c := &client{t: t, m: m, ack: func(name string, a answer) {
		acked = append(acked, a.encode(name))
	}}
	if err := place(c); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	basket := checkout("tok_visa", []item{{"lamp", 1}})
	for i := range 3 {
		a := m.ask(request{who: buyer, verb: "POST /v1/orders", key: "cut off", body: basket})
		if a.status != http.StatusServiceUnavailable && (i > 0 || a.code() != "unknown") {
			t.Errorf("attempt %d on a full disk: %d %s", i, a.status, a.body)
		}
	}
	select {
	case <-m.p.Failed():
	default:
		t.Error("the process does not know that its disk has failed")
	}
	_ = m.close() // it cannot save anything any more
	full.Store(false)
	m, err = openMarket(t, world{fs: mem.CrashClone(vfs.CrashCloneCfg{}), clock: clock, bank: bank})
	if err != nil {
		t.Fatal(err)
	}
	c = &client{t: t, m: m, had: remember(t, acked)}
	if err := place(c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.order("cut off", "tok_visa", item{"lamp", 1}); err != nil {
		t.Fatal(err)
	}
	sameLines(t, []string{"authorise 1020", "authorise 510"}, m.effects())
	m.audit()
	if err := m.close(); err != nil {
		t.Error(err)
	}
}
