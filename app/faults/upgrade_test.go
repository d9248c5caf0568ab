package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// older is the platform as an older Souk used it: it announced placed orders in the first form.
type older struct {
	platform.Platform
	t   testing.TB
	cat *event.Catalogue
	// deaf is a Souk that ends before anything that follows from a placed order is begun.
	deaf  bool
	lines sync.Map // by order: []event.OrderLine, as it was created
}

// Store implements platform.Platform.
func (o *older) Store(room string) platform.Store {
	if room != "order" {
		return o.Platform.Store(room)
	}
	return olderStore{o.Platform.Store(room), o}
}

// Delivery implements platform.Platform.
func (o *older) Delivery() platform.Delivery { return olderDelivery{o.Platform.Delivery(), o} }

type olderDelivery struct {
	platform.Delivery
	o *older
}

// Subscribe implements platform.Delivery.
func (d olderDelivery) Subscribe(s platform.Subscription) error {
	if d.o.deaf && strings.HasSuffix(s.Name, "-on-order-placed") {
		return nil
	}
	return d.Delivery.Subscribe(s)
}

type olderStore struct {
	platform.Store
	o *older
}

// Commit implements platform.Store.
func (s olderStore) Commit(ctx context.Context, b platform.Batch) error {
	b.Events = slices.Clone(b.Events)
	for i, e := range b.Events {
		fact, err := s.o.cat.Decode(e.Type, e.Data)
		if err != nil {
			return err
		}
		switch f := fact.(type) {
		case *event.OrderCreated:
			s.o.lines.Store(f.Order, f.Lines)
		case *event.OrderPlaced:
			v1 := s.o.first(f)
			e.Type, e.Data, e.Value = v1.Type(), encoded(s.o.t, v1), nil
			b.Events[i] = e
		}
	}
	return s.Store.Commit(ctx, b)
}

// first is the first form of a fact. Read today it must be the same fact.
func (o *older) first(f *event.OrderPlaced) *event.OrderPlacedV1 {
	o.t.Helper()
	lines, _ := o.lines.Load(f.Order)
	v1 := &event.OrderPlacedV1{
		Order: f.Order, Customer: f.Customer, Payment: f.Payment, Currency: f.Currency,
		Total: f.Total, Lines: lines.([]event.OrderLine), ShipTo: f.ShipTo, Contact: f.Contact,
	}
	if want, got := encoded(o.t, f), encoded(o.t, o.cat.Upcast(v1)); !bytes.Equal(want, got) {
		o.t.Errorf("the first form of\n%s\nis read as\n%s", want, got)
	}
	return v1
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return raw
}

// sold places an order.
func sold(c *client) error {
	_, err := c.order("order", "tok_visa", item{"lamp", 2})
	return err
}

// upgrade takes what was placed before to its completion.
func upgrade(c *client) error {
	if err := c.m.settle(); err != nil {
		return err
	}
	var page struct{ Items []struct{ ID shop.ID } }
	c.m.ask(request{who: buyer, verb: "GET /v1/orders"}).decode(c.t, &page)
	if len(page.Items) != 1 {
		return errors.New("the order is not there")
	}
	return c.complete(page.Items[0].ID)
}

// oldBase is a market as an older Souk left it: it placed an order, announced in the first form,
// and ended before anything followed from that; and its store has the oldest format that can be
// opened.
func (s script) oldBase(t *testing.T) (*vfs.MemFS, []sandbox.Entry, time.Time) {
	t.Helper()
	mem, clock := vfs.NewCrashableMem(), platformtest.NewClock(platformtest.Start())
	bank := openBank(t, clock)
	for _, step := range []struct {
		deaf bool
		do   func(c *client) error
	}{{false, listed}, {true, s.prepare}} {
		m, err := openMarket(t, world{
			fs: mem, clock: clock, bank: bank,
			dress: func(p platform.Platform) platform.Platform {
				return &older{Platform: p, t: t, cat: event.NewCatalogue(), deaf: step.deaf}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(step.do(&client{t: t, m: m}), m.settle())
		if step.deaf {
			m.mustPend()
		}
		if err := errors.Join(err, m.close()); err != nil {
			t.Fatal(err)
		}
	}
	return inOldFormat(t, mem), ledgerOf(t, bank), clock.Now()
}

// mustPend checks that an order was placed in the first form and that nothing followed from it.
func (m *market) mustPend() {
	m.t.Helper()
	types := make(map[string]int)
	err := m.p.History().Log(context.Background(), "", func(_ string, e platform.Event) error {
		types[e.Type]++
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	v1, v2 := (&event.OrderPlacedV1{}).Type(), (&event.OrderPlaced{}).Type()
	if types[v1] != 1 || types[v2] != 0 || types[(&event.ShipmentRequested{}).Type()] != 0 {
		m.t.Fatalf("that is not what an older Souk leaves: %v", types)
	}
}

// likeNew checks that an upgrade leads where today's Souk alone would have led.
func likeNew(t *testing.T, want string) {
	t.Helper()
	for _, s := range scripts() {
		if s.name != "capture" {
			continue
		}
		base, books, now := s.base(t)
		c := &campaign{t: t, script: s, books: books, now: now}
		if fresh := c.calm(t, base); fresh != want {
			t.Errorf("the upgrade leads to\n%s\nand today's Souk alone to\n%s", want, fresh)
		}
		return
	}
	t.Error("there is no script to compare with")
}

// quiet is Pebble's log, of which only errors are worth reading.
type quiet struct{ t testing.TB }

func (quiet) Infof(string, ...any) {}

func (q quiet) Errorf(format string, args ...any) {
	q.t.Helper()
	q.t.Errorf(format, args...)
}

func (q quiet) Fatalf(format string, args ...any) {
	q.t.Helper()
	q.t.Fatalf(format, args...)
}

// storeDir is where Pebble lives in the data directory.
const storeDir = dataDir + "/db"

// inOldFormat copies a data directory: its files as they are, and key by key its store into one of
// the oldest format that Pebble still opens, with some of it in tables and some in its log.
func inOldFormat(t *testing.T, from *vfs.MemFS) *vfs.MemFS {
	t.Helper()
	to := vfs.NewCrashableMem()
	beside := vfs.CloneSkip(func(name string) bool { return name == storeDir })
	if _, err := vfs.Clone(from, to, dataDir, dataDir, vfs.CloneSync, beside); err != nil {
		t.Fatal(err)
	}
	a, err := pebble.Open(storeDir, &pebble.Options{
		FS: from, ReadOnly: true, FormatMajorVersion: pebble.FormatNewest, Logger: quiet{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := pebble.Open(storeDir, &pebble.Options{
		FS: to, FormatMajorVersion: pebble.FormatMinSupported, Logger: quiet{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(copyKeys(a, b), a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dataDir, path.Dir(dataDir)} {
		d, err := to.OpenDir(dir)
		if err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	left := to.CrashClone(vfs.CrashCloneCfg{})
	mustHaveFormat(t, left, pebble.FormatMinSupported)
	return left
}

func copyKeys(from, to *pebble.DB) error {
	it, err := from.NewIter(nil)
	if err != nil {
		return err
	}
	flushed := false
	for ok := it.First(); ok; ok = it.Next() {
		if it.Key()[0] >= 'r' && !flushed { // about the middle of them
			flushed = true
			err = errors.Join(err, to.Flush())
		}
		err = errors.Join(err, to.Set(it.Key(), it.Value(), pebble.Sync))
	}
	return errors.Join(err, it.Error(), it.Close())
}

// mustHaveFormat checks in which format a store was written.
func mustHaveFormat(t *testing.T, fs vfs.FS, want pebble.FormatMajorVersion) {
	t.Helper()
	have, err := pebble.Peek(storeDir, fs)
	if err != nil || have.FormatMajorVersion != want {
		t.Fatalf("the store's format is %+v (%v), not %v", have, err, want)
	}
}
