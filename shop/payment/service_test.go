package payment_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// owed answers for orders that are always open, of 1,000, with the method of their number.
type owed struct {
	mu   sync.Mutex
	dues map[shop.ID]payment.Due
}

func (o *owed) Due(_ context.Context, order shop.ID) (payment.Due, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d, ok := o.dues[order]
	if !ok {
		return d, shop.Errorf(shop.NotFound, "there is no order %s", order)
	}
	return d, nil
}

func (o *owed) set(order shop.ID, d payment.Due) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dues[order] = d
}

// world is the room on the embedded platform.
func world(t roomtest.T, opts ...roomtest.Option) (
	*roomtest.World, *payment.Service, *sandbox.Sandbox, *owed,
) {
	t.Helper()
	w := roomtest.New(t, opts...)
	box, err := sandbox.Open(sandbox.Options{
		Clock: w.Clock, Wait: func(context.Context, time.Duration) bool { return true },
	})
	if err != nil {
		t.Fatalf("open the sandbox: %v", err)
	}
	dues := &owed{dues: make(map[shop.ID]payment.Due)}
	s := payment.New(w.Desk("payment"), dues, payment.Options{
		Name: sandbox.Name, Provider: box, Describe: sandbox.Describe,
	})
	return w, s, box, dues
}

func held(order shop.ID) *event.StockHeld {
	return &event.StockHeld{Order: order, Items: []event.StockItem{{SKU: "A", Quantity: 1}}}
}

// owe vaults a token and makes its order due.
func owe(
	t roomtest.T, w *roomtest.World, s *payment.Service, dues *owed, order shop.ID, token string,
) {
	t.Helper()
	var m payment.Method
	err := w.Persist(func() (err error) {
		m, err = s.Vault(t.Context(), "cus_1", string(order), token)
		return err
	})
	if err != nil {
		t.Fatalf("vault: %v", err)
	}
	dues.set(order, payment.Due{Customer: "cus_1", Method: m.ID, Amount: gbp(1000), Open: true})
}

// Goal: on a kind platform a payment is two commits and says exactly what happened.
func TestHappyPath(t *testing.T) {
	t.Parallel()
	w, s, _, dues := world(t, roomtest.Calm())
	w.Start(t, s)
	owe(t, w, s, dues, "ord_1", "tok_visa")
	w.Announce(t, held("ord_1"))
	w.Settle(t)
	w.Announce(t, &event.ShipmentPacked{
		Shipment: "shp_1_1", Order: "ord_1", Payment: "pay_1", Amount: gbp(1000),
	})
	w.Settle(t)
	w.ExpectTypes(t,
		"souk.payment.intended.v1 payment/pay_1", "souk.payment.authorized.v1 payment/pay_1",
		"souk.payment.intended.v1 payment/pay_1", "souk.payment.captured.v1 payment/pay_1")
	if n := s.Numbers(); n.Calls != 2 || n.Questions != 0 || n.Unanswered != 0 {
		t.Errorf("an undisturbed payment took %+v", n)
	}
	if timers := w.Timers(t); len(timers) != 0 {
		t.Errorf("timers are left: %+v", timers)
	}
	w.FoldEqualsState(t, s)
}

// Goal: on the unkind platform every order is authorised and captured once, or its money is free
// again, whatever token it is paid with.
// Method: the default faults, two orders of each of several tokens, one of the two cancelled.
func TestUnkindPlatform(t *testing.T) {
	t.Parallel()
	w, s, box, dues := world(t)
	w.Start(t, s)
	tokens := []string{
		"tok_visa", "tok_charge_then_timeout", "tok_timeout", "tok_lying_status", "tok_forgets_key",
		"tok_try_again", "tok_500_after_charge",
	}
	for i, token := range tokens {
		for j := range 2 {
			order := shop.ID(fmt.Sprintf("ord_%d%d", i, j))
			owe(t, w, s, dues, order, token)
			w.Announce(t, held(order))
			if j == 1 {
				w.Announce(t, &event.OrderCancelled{
					Order: order, Customer: "cus_1", Reason: "customer",
				})
			}
		}
	}
	for range 10 {
		w.Advance(t, time.Minute)
	}
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	charged, freed := map[shop.ID]int{}, map[shop.ID]int{}
	if err := box.Ledger(func(e sandbox.Entry) error {
		switch e.Kind {
		case "authorise":
			charged[e.Payment]++
		case "void":
			freed[e.Payment]++
		default:
			return errors.New("unexpected " + e.Kind)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for i, token := range tokens {
		for j := range 2 {
			id := shop.ID(fmt.Sprintf("pay_%d%d", i, j))
			if charged[id] > 1 || freed[id] > 1 || j == 0 && (charged[id] != 1 || freed[id] != 0) ||
				j == 1 && charged[id] != freed[id] {
				t.Errorf("%s with %s: authorised %d times, voided %d",
					id, token, charged[id], freed[id])
			}
		}
	}
}

// BenchmarkAuthorise measures the room's whole work for one order, vault included: three commits.
func BenchmarkAuthorise(b *testing.B) {
	w, s, _, dues := world(b, roomtest.Calm(), roomtest.RealClock())
	var on sync.WaitGroup
	w.Start(b, s)
	err := error(nil)
	b.ReportAllocs()
	b.ResetTimer()
	lanes := 64
	for lane := range lanes {
		on.Go(func() {
			for i := lane; i < b.N; i += lanes {
				order := shop.ID(fmt.Sprintf("ord_%08d", i))
				customer := shop.ID(fmt.Sprint("cus_", i%1000))
				m, e := s.Vault(b.Context(), customer, string(order), "tok_visa")
				if e != nil {
					err = e
					return
				}
				dues.set(order, payment.Due{
					Customer: customer, Method: m.ID, Amount: gbp(10), Open: true,
				})
				announce(b, w, held(order))
			}
		})
	}
	on.Wait()
	for s.Numbers().Calls < int64(b.N) && err == nil {
		<-w.Clock.After(time.Millisecond)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// announce commits a fact of the inventory's.
func announce(b *testing.B, w *roomtest.World, f event.Fact) {
	data, err := room.Encode(f)
	if err != nil {
		b.Error(err)
	}
	if err := w.Raw.Store("inventory").Commit(b.Context(), platform.Batch{Events: []platform.Event{{
		ID: f.Subject(), Type: f.Type(), Subject: f.Subject(), Sequence: 1, Data: data, Value: f,
	}}}); err != nil {
		b.Error(err)
	}
}
