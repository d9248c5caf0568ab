package payment_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// stage is a world in which the test decides every step: which event is delivered next, and how
// often; when time passes; when the process dies, before or after a commit or a call. It keeps
// records, events and timers as the port says; it runs on one goroutine.
type stage struct {
	t       failer
	now     time.Time
	records map[platform.Key]platform.Record
	seqs    map[string]int64
	log     []platform.Event
	queue   []platform.Event // to be delivered
	timers  map[string]platform.Timer
	cat     *event.Catalogue
	orders  map[shop.ID]*payment.Due
	sandbox *sandbox.Sandbox
	plan    func(operation, key string, call int) sandbox.Plan
	live    *process
	fired   int
	lieFor  time.Duration // of the sandbox
	apart   bool          // lives share nothing but the store, from the next restart on
	calls   int           // of the provider, with questions
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// process is one life of the service. A dead one can do nothing any more.
type process struct {
	*stage
	service *payment.Service
	dead    bool
	crash   crash
}

// crash says where the process dies next.
type crash int

const (
	never crash = iota
	beforeCommit
	afterCommit
	beforeCall
	afterCall
)

var errDead = errors.New("the process died")

func newStage(t failer) *stage {
	st := &stage{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		records: make(map[platform.Key]platform.Record), seqs: make(map[string]int64),
		timers: make(map[string]platform.Timer), cat: event.NewCatalogue(),
		orders: make(map[shop.ID]*payment.Due),
	}
	st.openSandbox()
	st.restart()
	return st
}

func (st *stage) openSandbox() {
	var err error
	st.sandbox, err = sandbox.Open(sandbox.Options{
		Clock: st, Secret: []byte("secret"), LieFor: st.lieFor,
		Plan: func(operation, key string, call int) sandbox.Plan {
			if st.plan == nil {
				return 0
			}
			return st.plan(operation, key, call)
		},
		Sink: func(ctx context.Context, w sandbox.Webhook) error { return st.receive(ctx, w) },
		Wait: func(context.Context, time.Duration) bool { return true },
	})
	if err != nil {
		st.t.Fatalf("open the sandbox: %v", err)
	}
}

// restart begins a new life of the process, with everything in memory forgotten.
func (st *stage) restart() {
	if st.live != nil {
		st.live.dead = true
	}
	p := &process{stage: st}
	desk := &room.Desk{Store: p, Keys: keys{}, Clock: st, Catalogue: st.cat}
	p.service = payment.New(desk, st, payment.Options{
		Name: sandbox.Name, Provider: p, Describe: sandbox.Describe,
		Secrets: [][]byte{[]byte("secret")}, Apart: st.apart,
	})
	st.live = p
}

func (st *stage) Now() time.Time { return st.now }

func (st *stage) After(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- st.now
	return c
}

// Due implements payment.Dues.
func (st *stage) Due(_ context.Context, order shop.ID) (payment.Due, error) {
	d := st.orders[order]
	if d == nil {
		return payment.Due{}, shop.Errorf(shop.NotFound, "there is no order %s", order)
	}
	return *d, nil
}

// Do implements payment.Provider: the process may die on either side of the call.
func (p *process) Do(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if p.dead || p.crash == beforeCall {
		p.dead = true
		return payment.Outcome{}, errDead
	}
	p.calls++
	out, err := p.sandbox.Do(ctx, r)
	if p.crash == afterCall {
		p.dead = true
		return payment.Outcome{}, errDead
	}
	return out, err
}

func (p *process) Status(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	p.calls++
	return p.sandbox.Status(ctx, r)
}

// hear puts a fact of another room into the queue.
func (st *stage) hear(f event.Fact) {
	data, err := room.Encode(f)
	if err != nil {
		st.t.Fatalf("encode: %v", err)
	}
	st.fired++
	st.queue = append(st.queue, platform.Event{
		ID: fmt.Sprintf("e%d", st.fired), Type: f.Type(), Subject: f.Subject(), Data: data,
	})
}

// deliver hands an event to every reaction that listens to it. When the process dies in it, or the
// event is too early, the event stays in the queue.
func (st *stage) deliver(i int, how crash) {
	e := st.queue[i]
	st.live.crash = how
	keep := false
	for _, r := range st.live.service.Reactions() {
		if r.Fact.Type() != e.Type {
			continue
		}
		f, err := room.FactOf(st.cat, e)
		if err != nil {
			st.t.Fatalf("decode: %v", err)
		}
		err = r.Handle(context.Background(), f, room.CauseOf(e))
		switch {
		case err == nil:
		case errors.Is(err, platform.ErrNotYet), st.live.dead:
			keep = true
		default:
			st.t.Fatalf("%s on %s: %v", r.Name, e.Data, err)
		}
	}
	st.live.crash = never
	if st.live.dead {
		st.restart()
	}
	if !keep {
		st.queue = append(st.queue[:i], st.queue[i+1:]...)
	}
}

// again puts an event that was announced before back into the queue.
func (st *stage) again(i int) { st.queue = append(st.queue, st.log[i]) }

// pass lets time go by and fires the timers that are due.
func (st *stage) pass(d time.Duration) {
	st.now = st.now.Add(d)
	var due []string
	for k, t := range st.timers {
		if !t.Due.After(st.now) {
			due = append(due, k)
		}
	}
	sort.Strings(due)
	for _, k := range due {
		e := st.timers[k].Event
		delete(st.timers, k)
		st.fired++
		e.ID = fmt.Sprintf("t%d", st.fired)
		st.announced(e)
	}
}

func (st *stage) receive(ctx context.Context, w sandbox.Webhook) error {
	return st.live.service.Receive(ctx, sandbox.Name, w.Signed)
}

// rest delivers everything and lets time pass until nothing waits, or the time is over.
func (st *stage) rest(most time.Duration) {
	for until := st.now.Add(most); ; st.pass(time.Second) {
		for n := 2 * len(st.queue); len(st.queue) > 0 && n > 0; n-- {
			st.deliver(0, never)
			if len(st.queue) > 1 { // an event that is kept goes behind the others
				st.queue = append(st.queue[1:], st.queue[0])
			}
		}
		st.sandbox.Deliver(context.Background(), st.receive)
		if len(st.queue) == 0 && len(st.timers) == 0 || !st.now.Before(until) {
			return
		}
	}
}

// checkout makes an order that waits for its payment, and its method.
func (st *stage) checkout(order shop.ID, token string, amount int64) {
	m, err := st.live.service.Vault(context.Background(), "cus_1", string(order), token)
	if err != nil {
		st.t.Fatalf("vault: %v", err)
	}
	st.orders[order] = &payment.Due{
		Customer: "cus_1", Method: m.ID, Open: true, Amount: gbp(amount),
	}
	st.hear(&event.StockHeld{Order: order, Items: []event.StockItem{{SKU: "A", Quantity: 1}}})
}

// cancel ends an order.
func (st *stage) cancel(order shop.ID) {
	st.orders[order].Open = false
	st.hear(&event.OrderCancelled{Order: order, Customer: "cus_1", Reason: "customer"})
}

func (st *stage) pack(order, shipment shop.ID, amount int64) {
	st.hear(&event.ShipmentPacked{
		Shipment: shipment, Order: order, Payment: payment.Of(order), Amount: gbp(amount),
	})
}

func (st *stage) payment(order shop.ID) *payment.Payment {
	p, err := st.live.service.Payment(context.Background(), payment.Of(order))
	if err != nil {
		st.t.Fatalf("read the payment of %s: %v", order, err)
	}
	return p
}

// ledger reads the provider's books.
func (st *stage) ledger() []sandbox.Entry {
	var all []sandbox.Entry
	err := st.sandbox.Ledger(func(e sandbox.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		st.t.Fatalf("read the ledger: %v", err)
	}
	return all
}

// facts decodes the log of the room.
func (st *stage) facts() []event.Fact {
	all := make([]event.Fact, len(st.log))
	for i, e := range st.log {
		f, err := room.FactOf(st.cat, e)
		if err != nil {
			st.t.Fatalf("decode: %v", err)
		}
		all[i] = f
	}
	return all
}

// fold requires that the log makes the records.
func (st *stage) fold() {
	desk := &room.Desk{Catalogue: st.cat, Apply: st.live.service.Apply}
	state := room.NewState(desk)
	for _, e := range st.log {
		if err := state.Fold(context.Background(), e); err != nil {
			st.t.Fatalf("fold %s: %v", e.Type, err)
		}
	}
	stored := map[platform.Key]string{}
	for k, rec := range st.records {
		if k.Part[0] != room.AuxPrefix[0] {
			stored[k] = string(rec.Value)
		}
	}
	folded := map[platform.Key]string{}
	for _, k := range state.Keys() {
		rec, _, err := state.Record(k)
		if err != nil {
			st.t.Fatalf("fold: %v", err)
		}
		folded[k] = string(rec.Value)
	}
	if !reflect.DeepEqual(stored, folded) {
		st.t.Fatalf("stored %v\nfolded %v", stored, folded)
	}
}

func gbp(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }
