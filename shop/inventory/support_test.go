package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// world is the room on an embedded platform in memory.
type world struct {
	t     testing.TB
	p     *embedded.Platform
	store *tap
	s     *Service
	most  int // Service.most
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{
		Check: func(e platform.Event) error { return cat.Check(e.Value.(event.Fact)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, p: p, store: &tap{Store: p.Store("inventory")}, most: maxTakes}
	w.restart()
	return w
}

// restart opens the room anew, as a process does that begins after a crash.
func (w *world) restart() {
	w.s = New(&room.Desk{
		Store: w.store, History: w.p.History(), Keys: w.p.Keys(), Clock: platformtest.RealClock{},
		IDs: &counter{}, Catalogue: event.NewCatalogue(),
	}, owners{})
	w.s.most = w.most
}

// counter makes ids that do not repeat within a test, whichever counter makes them.
type counter struct{ n atomic.Int64 }

func (c *counter) NewID(prefix string) shop.ID {
	return shop.ID(fmt.Sprintf("%s_%p_%d", prefix, c, c.n.Add(1)))
}

// owners says that every SKU is of the dealer "ann", except those that begin with "unlisted".
type owners struct{}

func (owners) Owner(_ context.Context, sku shop.SKU) (shop.ID, error) {
	if strings.HasPrefix(string(sku), "unlisted") {
		return "", shop.Errorf(shop.UnknownSKU, "there is no listing %s", sku)
	}
	return "ann", nil
}

// errCrash is what a unit of work sees of a commit during which the process dies.
var errCrash = errors.New("crash")

// tap is a store that can crash at a commit, with or without the commit's effect.
type tap struct {
	platform.Store
	commits atomic.Int64
	reads   atomic.Int64
	crashAt atomic.Int64 // the commit at which it crashes; 0 never
	effect  atomic.Bool  // the commit happens all the same
	// interlude is done once, between what the next unit of work read and its commit.
	interlude atomic.Pointer[func()]
}

func (t *tap) Commit(ctx context.Context, b platform.Batch) error {
	if do := t.interlude.Swap(nil); do != nil {
		(*do)()
	}
	if t.commits.Add(1) != t.crashAt.Load() {
		return t.Store.Commit(ctx, b)
	}
	if t.effect.Load() {
		if err := t.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return errCrash
}

func (t *tap) Get(ctx context.Context, key platform.Key) (platform.Record, error) {
	t.reads.Add(1)
	return t.Store.Get(ctx, key)
}

func (t *tap) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	t.reads.Add(1)
	return t.Store.List(ctx, q)
}

// arm makes the nth commit from now crash; 0 disarms.
func (t *tap) arm(n int64, effect bool) {
	t.effect.Store(effect)
	if n > 0 {
		n += t.commits.Load()
	}
	t.crashAt.Store(n)
}

// deliver hands a fact to the reaction that listens to it.
func (w *world) deliver(f event.Fact) error {
	for _, r := range w.s.Reactions() {
		if r.Fact.Type() == f.Type() {
			return r.Handle(context.Background(), f, room.Cause{Correlation: f.Subject()})
		}
	}
	return fmt.Errorf("nobody listens to %s", f.Type())
}

// must delivers facts that all are expected to succeed.
func (w *world) must(facts ...event.Fact) {
	w.t.Helper()
	for _, f := range facts {
		if err := w.deliver(f); err != nil {
			w.t.Fatalf("%s of %s: %v", f.Type(), f.Subject(), err)
		}
	}
}

// receive puts n units of each SKU on the shelf.
func (w *world) receive(n int64, skus ...shop.SKU) {
	w.t.Helper()
	for _, sku := range skus {
		id := shop.ID(fmt.Sprintf("mov_%d_%s", w.store.commits.Load(), sku))
		if err := w.s.Receive(context.Background(), id, sku, n); err != nil {
			w.t.Fatal(err)
		}
	}
}

// level asserts what there is of a SKU.
func (w *world) level(sku shop.SKU, onHand, reserved int64) {
	w.t.Helper()
	l, err := w.s.Level(context.Background(), sku)
	if err != nil {
		w.t.Fatal(err)
	}
	if l.OnHand != onHand || l.Reserved != reserved || l.Available != onHand-reserved {
		w.t.Errorf("%s: %d on hand, %d reserved, %d available; want %d, %d, %d", sku,
			l.OnHand, l.Reserved, l.Available, onHand, reserved, onHand-reserved)
	}
}

// state returns the state of an order's hold.
func (w *world) state(order shop.ID) State {
	w.t.Helper()
	h, err := room.Get[Hold](context.Background(), w.s.desk.Begin(room.Cause{}), HoldKey(order))
	if err != nil {
		w.t.Fatal(err)
	}
	if h == nil {
		return State{}
	}
	return h.State
}

// story asserts exactly which facts an order's hold has, in order; a run of the same fact is one
// word.
func (w *world) story(order shop.ID, want string) {
	w.t.Helper()
	events, err := w.p.History().Subject(context.Background(), "hold/"+string(order), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var words []string
	for _, e := range events {
		word := strings.TrimSuffix(strings.TrimPrefix(e.Type, "souk.inventory."), ".v1")
		if n := len(words); n == 0 || words[n-1] != word {
			words = append(words, word)
		}
	}
	if got := strings.Join(words, " "); got != want {
		w.t.Errorf("%s: %q, want %q", order, got, want)
	}
}

// items makes a list of wanted items: SKU, quantity, SKU, quantity …
func items(of ...any) []event.StockItem {
	var list []event.StockItem
	for i := 0; i < len(of); i += 2 {
		list = append(list, event.StockItem{
			SKU: shop.SKU(of[i].(string)), Quantity: int64(of[i+1].(int)),
		})
	}
	return list
}

// each wants n units of every SKU.
func each(n int64, skus []shop.SKU) []event.StockItem {
	list := make([]event.StockItem, len(skus))
	for i, sku := range skus {
		list[i] = event.StockItem{SKU: sku, Quantity: n}
	}
	return list
}

// names makes n SKUs.
func names(n int) []shop.SKU {
	list := make([]shop.SKU, n)
	for i := range list {
		list[i] = shop.SKU(fmt.Sprintf("SKU%04d", i))
	}
	return list
}

func created(order shop.ID, want ...event.StockItem) *event.OrderCreated {
	f := &event.OrderCreated{Order: order, Customer: "cus_1", Currency: "GBP"}
	for _, w := range want {
		f.Lines = append(f.Lines, event.OrderLine{SKU: w.SKU, Dealer: "ann", Quantity: w.Quantity})
	}
	return f
}

func placed(order shop.ID) *event.OrderPlaced {
	return &event.OrderPlaced{Order: order, Currency: "GBP", Parcels: []event.Parcel{
		{Dealer: "ann", Lines: []event.ParcelLine{{SKU: "A", Quantity: 1}}},
	}}
}

func cancelled(order shop.ID) *event.OrderCancelled { return &event.OrderCancelled{Order: order} }

func expired(order shop.ID) *event.OrderExpired { return &event.OrderExpired{Order: order} }

func dispatched(order shop.ID, n int, lines ...event.StockItem) *event.ShipmentDispatched {
	id := strings.Replace(string(order), "ord", "shp", 1)
	f := &event.ShipmentDispatched{
		Order: order, Shipment: shop.ID(fmt.Sprintf("%s_%d", id, n)),
	}
	for _, l := range lines {
		f.Lines = append(f.Lines, event.ParcelLine{SKU: l.SKU, Quantity: l.Quantity})
	}
	return f
}
