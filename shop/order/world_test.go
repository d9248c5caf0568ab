package order_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// shelf is a catalogue that never changes unless the test changes it.
type shelf struct {
	mu     sync.Mutex
	offers map[shop.SKU]order.Offer
}

func newShelf() *shelf {
	s := &shelf{offers: make(map[shop.SKU]order.Offer)}
	s.set("MUG", "dlr_a", 500)
	s.set("POT", "dlr_b", 1250)
	s.set("CUP", "dlr_a", 333)
	return s
}

func (s *shelf) set(sku shop.SKU, dealer shop.ID, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers[sku] = order.Offer{
		SKU: sku, Dealer: dealer, Title: "a " + string(sku),
		Price: shop.Money{Amount: amount, Currency: "GBP"}, CommissionBPS: 1000,
	}
}

func (s *shelf) Prices(_ context.Context, skus []shop.SKU) ([]order.Offer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offers := make([]order.Offer, len(skus))
	for i, sku := range skus {
		o, ok := s.offers[sku]
		if !ok {
			return nil, shop.Errorf(shop.UnknownSKU, "there is no product %q for sale", sku)
		}
		offers[i] = o
	}
	return offers, nil
}

// vault gives the reference that follows from the request key, and remembers what it was shown.
type vault struct {
	mu   sync.Mutex
	seen []string
}

func (v *vault) Vault(_ context.Context, _ shop.ID, key, _, token string) (shop.ID, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, token)
	if token == "tok_refused" {
		return "", shop.Errorf(shop.Invalid, "this is not a token")
	}
	return shop.ID("pm_" + key), nil
}

// pager is a Watcher whose signals the test gives, or withholds.
type pager struct {
	watching chan shop.ID
	wake     chan struct{}
}

func newPager() *pager {
	return &pager{watching: make(chan shop.ID, 100), wake: make(chan struct{}, 100)}
}

func (p *pager) Watch(id shop.ID) (<-chan struct{}, func()) {
	p.watching <- id
	return p.wake, func() {}
}

// stage is a world with the order room alone in it; the test plays the other rooms.
type stage struct {
	*roomtest.World
	orders *order.Service
	shelf  *shelf
	vault  *vault
	pager  *pager
}

func newStage(t roomtest.T, opts ...roomtest.Option) *stage {
	t.Helper()
	s := &stage{
		World: roomtest.New(t, opts...), shelf: newShelf(), vault: &vault{}, pager: newPager(),
	}
	s.orders = order.New(s.Desk("order"), order.Seams{
		Prices: s.shelf, Vault: s.vault, Watcher: s.pager,
	}, policy())
	s.Start(t, s.orders)
	return s
}

func policy() order.Policy {
	p := order.DefaultPolicy()
	p.Charges = order.Charges{ShippingPerParcel: 300, TaxBPS: 2000}
	return p
}

func address() shop.Address {
	return shop.Address{Name: "Ada", Line1: "1 Engine Row", City: "London", Country: "GB"}
}

func basket(id shop.ID) order.Basket {
	return order.Basket{
		Order: id, Customer: "cus_1", Method: "pm_1", ShipTo: address(), Email: "ada@example.org",
		Items:  []order.Item{{SKU: "MUG", Quantity: 2}, {SKU: "POT", Quantity: 1}},
		Origin: "import",
	}
}

// total of basket: goods 2250, two parcels 600, tax a fifth of both 570.
const total = 3420

func gbp(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }

// checkout makes the order, as a good client does: until it knows.
func (s *stage) checkout(t roomtest.T, b order.Basket) order.View {
	t.Helper()
	var v order.View
	if err := s.Persist(func() (err error) {
		v, err = s.orders.Checkout(t.Context(), b)
		return err
	}); err != nil {
		t.Fatalf("check out %s: %v", b.Order, err)
	}
	return v
}

// get reads an order as an administrator.
func (s *stage) get(t roomtest.T, id shop.ID) order.View {
	t.Helper()
	var v order.View
	if err := s.Persist(func() (err error) {
		v, err = s.orders.Get(s.As(t, "adm_1", room.Admin()), id)
		return err
	}); err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	return v
}

// place checks out and lets payment authorise.
func (s *stage) place(t roomtest.T, id shop.ID) {
	t.Helper()
	s.checkout(t, basket(id))
	s.Announce(t, authorized(id))
	s.Settle(t)
}

func (s *stage) expectStatus(t roomtest.T, id shop.ID, status, payment, fulfilment string) {
	t.Helper()
	v := s.get(t, id)
	have := [3]string{v.Status, v.PaymentStatus, v.FulfilmentStatus}
	if want := [3]string{status, payment, fulfilment}; have != want {
		t.Errorf("order %s is %v, want %v", id, have, want)
	}
}

func of(id shop.ID, kind string) shop.ID { return shop.ID(kind + string(id[3:])) }

func parcel(id shop.ID, n int) shop.ID { return shop.ID(fmt.Sprintf("%s_%d", of(id, "shp"), n)) }

func authorized(id shop.ID) *event.PaymentAuthorized {
	return &event.PaymentAuthorized{
		Payment: of(id, "pay"), Order: id, Attempt: 1, Amount: gbp(total), Reference: "auth",
	}
}

// The parcels of basket: MUG 1000 + 300 + 260 of tax, POT 1250 + 300 + 310 of tax.
func captured(id shop.ID, n int) *event.PaymentCaptured {
	amount := []int64{0, 1560, 1860}[n]
	return &event.PaymentCaptured{
		Payment: of(id, "pay"), Order: id, Shipment: parcel(id, n), Amount: gbp(amount),
		Key: fmt.Sprint("cap", n), Reference: "cap",
	}
}

func refunded(id shop.ID, refund shop.ID, n int, amount int64) *event.PaymentRefunded {
	return &event.PaymentRefunded{
		Payment: of(id, "pay"), Order: id, Refund: refund, Shipment: parcel(id, n),
		Amount: gbp(amount), Key: string(refund), Reason: "return", Reference: "ref",
	}
}

func dispatched(id shop.ID, n int) *event.ShipmentDispatched {
	return &event.ShipmentDispatched{
		Shipment: parcel(id, n), Order: id, Lines: []event.ParcelLine{{SKU: "MUG", Quantity: 1}},
	}
}

func delivered(id shop.ID, n int) *event.ShipmentDelivered {
	return &event.ShipmentDelivered{Shipment: parcel(id, n), Order: id, Dealer: "dlr_a"}
}

func lost(id shop.ID, n int) *event.ShipmentLost {
	return &event.ShipmentLost{
		Shipment: parcel(id, n), Order: id, Dealer: "dlr_a", By: "adm_1",
	}
}

func captureFailed(id shop.ID, n int) *event.PaymentCaptureFailed {
	return &event.PaymentCaptureFailed{
		Payment: of(id, "pay"), Order: id, Shipment: parcel(id, n), Key: fmt.Sprint("cap", n),
		Reason: "lapsed",
	}
}

func failed(id shop.ID, final bool) *event.PaymentFailed {
	return &event.PaymentFailed{
		Payment: of(id, "pay"), Order: id, Attempt: 1, Reason: "declined", Final: final,
	}
}

// react gives a fact to the reaction that waits for it, as delivery would.
func react(ctx context.Context, reactions []room.Reaction, f event.Fact) error {
	i := slices.IndexFunc(reactions, func(r room.Reaction) bool {
		return r.Fact.Type() == f.Type()
	})
	return reactions[i].Handle(ctx, f, room.Cause{Correlation: "test"})
}

// deliver gives facts in this order; whoever comes too early comes again after the others.
func deliver(t *testing.T, reactions []room.Reaction, facts []event.Fact) {
	t.Helper()
	for round := 0; len(facts) > 0; round++ {
		if round > 20 {
			t.Errorf("%d facts are still too early", len(facts))
			return
		}
		var early []event.Fact
		for _, f := range facts {
			err := react(t.Context(), reactions, f)
			switch {
			case errors.Is(err, platform.ErrNotYet):
				early = append(early, f)
			case err != nil:
				t.Errorf("%s: %v", f.Type(), err)
			}
		}
		facts = early
	}
}

// permute calls fn with every order of list.
func permute[T any](list []T, fn func([]T)) {
	if len(list) < 2 {
		fn(list)
		return
	}
	var walk func(n int)
	walk = func(n int) {
		if n == 1 {
			fn(slices.Clone(list))
			return
		}
		for i := range n {
			walk(n - 1)
			j := 0
			if n%2 == 0 {
				j = i
			}
			list[j], list[n-1] = list[n-1], list[j]
		}
	}
	walk(len(list))
}

const day = 24 * time.Hour

func cancellable(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}
