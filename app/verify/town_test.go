package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// town is a whole shop in memory whose clock stands still, and people who do everything that people
// do.
type town struct {
	t        testing.TB
	w        *roomtest.World
	app      *app.App
	provider *sandbox.Sandbox
	skus     int
	orders   []shop.ID
	tokens   map[shop.ID]string
}

const (
	dealers = 5
	scarce  = "scarce"
	few     = 25 // units of what is scarce
	wide    = 160
)

func newTown(t testing.TB) *town {
	t.Helper()
	w := roomtest.New(t, roomtest.Calm())
	d := &town{t: t, w: w, skus: wide, tokens: make(map[shop.ID]string)}
	clock := w.Desk("app").Clock
	secret := []byte("a secret between us")
	var err error
	d.provider, err = sandbox.Open(sandbox.Options{
		Clock: clock, Secret: secret, LieFor: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.app, err = app.Open(app.Config{
		Platform: w.Platform, Catalogue: w.Catalogue, Clock: clock, IDs: w.IDs,
		Log: slog.New(slog.DiscardHandler),
		Payment: payment.Options{
			Name: sandbox.Name, Provider: d.provider, Describe: sandbox.Describe,
			Secrets: [][]byte{secret},
		},
		Policy: app.Policy{Order: order.Policy{
			TTL: 10 * time.Minute, ActionTTL: 20 * time.Minute, ReturnWindow: 14 * 24 * time.Hour,
			Charges: order.Charges{ShippingPerParcel: 395, TaxBPS: 2000},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.app.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := d.provider.Close(); err != nil {
			t.Error(err)
		}
	})
	d.fill()
	return d
}

func (d *town) as(id shop.ID, role room.Role) context.Context { return d.w.As(d.t, id, role) }

func (d *town) admin() context.Context { return d.as("adm_1", room.Admin()) }

func (d *town) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func skuOf(i int) shop.SKU { return shop.SKU(fmt.Sprintf("SKU-%03d", i)) }

func dealerOf(i int) shop.ID { return shop.ID(fmt.Sprintf("dlr_%d", i%dealers)) }

// fill lists goods of several dealers and puts them on the shelf. One is scarce, one is split.
func (d *town) fill() {
	for i := range d.skus + 1 {
		sku, units := skuOf(i), int64(1_000_000)
		if i == d.skus {
			sku, units = scarce, few
		}
		bps := int64(1000 + i)
		_, _, err := d.app.Catalog.List(d.admin(), catalog.NewListing{
			SKU: sku, Dealer: dealerOf(i), Title: "A thing, no. " + string(sku), CommissionBPS: &bps,
			Price: shop.Money{Amount: int64(199 + 37*i), Currency: "GBP"},
		})
		d.must(err)
		d.must(d.app.Inventory.Receive(d.admin(), shop.ID("mov_"+string(sku)), sku, units))
	}
	d.must(d.app.Inventory.Adjust(d.admin(), "mov_adjust", skuOf(1), -7))
	d.must(d.app.Inventory.Allot(d.admin(), "mov_split", skuOf(2), 4))
	_, err := d.app.Catalog.Reprice(d.admin(), skuOf(3), shop.Money{Amount: 4711, Currency: "GBP"})
	d.must(err)
}

// buy checks out. The method's token decides what the provider will do.
func (d *town) buy(n int, token string, items ...order.Item) shop.ID {
	who := shop.ID(fmt.Sprintf("cus_%d", n%97))
	ctx := d.as(who, room.Customer())
	m, err := d.app.Payment.Vault(ctx, who, fmt.Sprintf("key-%d", n), token)
	d.must(err)
	v, err := d.app.Order.Checkout(ctx, order.Basket{
		Customer: who, Items: items, Method: m.ID, Origin: "http", Email: "a@example.org",
		ShipTo: shop.Address{Name: "A. Buyer", Line1: "1 Road", City: "Leeds", Country: "GB"},
	})
	d.must(err)
	d.orders = append(d.orders, v.ID)
	d.tokens[v.ID] = token
	return v.ID
}

// tokenFor spreads the provider's moods over the orders: most are honest.
func tokenFor(n int) string {
	all := sandbox.Tokens()
	if n%3 != 0 {
		return all[n%2].Token
	}
	return all[(n/3)%len(all)].Token
}

// shop lets n people buy one to four things each; some change their mind at once.
func (d *town) shop(n int) {
	for i := range n {
		items := []order.Item{{SKU: skuOf(i % d.skus), Quantity: int64(1 + i%5)}}
		for j := range i % 4 {
			items = append(items, order.Item{SKU: skuOf((i*7 + j*13 + 1) % d.skus), Quantity: 2})
		}
		if i%11 == 0 {
			items = append(items, order.Item{SKU: scarce, Quantity: 1})
		}
		id := d.buy(i, tokenFor(i), items...)
		if i%29 == 0 {
			_, _ = d.app.Order.Cancel(d.admin(), id, "") // too late is as good
		}
		if i%200 == 199 {
			d.settle()
		}
	}
}

// buyMuch lets somebody order everything at once, and somebody else what there is not.
func (d *town) buyMuch() {
	var all []order.Item
	for i := range d.skus {
		all = append(all, order.Item{SKU: skuOf(i), Quantity: 3})
	}
	for i := range 4 {
		d.buy(100+i, "tok_visa", all...)
	}
	d.buy(200, "tok_visa", append(all, order.Item{SKU: scarce, Quantity: 1000})...)
	d.buy(201, "tok_declined", all...)
}

// settle lets everything happen that is due, and the provider's notices come in.
func (d *town) settle() {
	d.t.Helper()
	for range 20 {
		d.w.Settle(d.t)
		if d.hooks() == 0 {
			return
		}
	}
}

func (d *town) hooks() int {
	return d.provider.Deliver(d.t.Context(), func(ctx context.Context, w sandbox.Webhook) error {
		return d.app.Payment.Receive(ctx, sandbox.Name, w.Signed)
	})
}

func (d *town) advance(by time.Duration) {
	d.t.Helper()
	d.w.Advance(d.t, by)
	d.settle()
}

// each calls do for the shipments of all orders, by number.
func (d *town) each(do func(n int, id shop.ID)) {
	for n, o := range d.orders {
		for p := 1; p <= dealers; p++ {
			id := shop.ID(fmt.Sprintf("shp_%s_%d", string(o)[len("ord_"):], p))
			if _, err := d.app.Fulfilment.Get(d.admin(), room.CallerOf(d.admin()), id); err == nil {
				do(n, id)
			}
		}
	}
}

// work lets the dealers pack, hand over and deliver, and people change their minds meanwhile. Each
// step may be refused, as in life.
func (d *town) work() {
	who := room.CallerOf(d.admin())
	for n, id := range d.orders {
		switch {
		case n%17 == 0:
			_, _ = d.app.Order.Cancel(d.admin(), id, "changed_mind")
		case n%19 == 0:
			_, _ = d.app.Order.Hold(d.admin(), id, "fraud")
		}
	}
	d.each(func(n int, id shop.ID) {
		if n%10 != 9 {
			_, _ = d.app.Fulfilment.Pack(d.admin(), who, id)
		}
	})
	d.settle()
	for n, id := range d.orders {
		switch {
		case n%19 == 0 && n%2 == 0:
			_, _ = d.app.Order.Approve(d.admin(), id)
		case n%13 == 0: // some were captured: the money goes back
			_, _ = d.app.Order.Cancel(d.admin(), id, "too_slow")
		}
	}
	d.each(func(n int, id shop.ID) { _, _ = d.app.Fulfilment.Dispatch(d.admin(), who, id, "RM 12 GB") })
	d.settle()
	d.each(func(n int, id shop.ID) {
		if n%8 != 7 {
			_, _ = d.app.Fulfilment.Deliver(d.admin(), who, id)
		}
	})
	d.settle()
	d.refund()
	d.settle()
}

// refund gives a part of some captures back.
func (d *town) refund() {
	d.each(func(n int, id shop.ID) {
		if n%6 != 0 {
			return
		}
		in := &payment.PostRefundIn{
			ID: string(payment.Of(d.orders[n])), Key: "back-" + string(id),
		}
		in.Body.Shipment, in.Body.Reason = id, "damaged"
		in.Body.Amount = shop.Money{Amount: 101, Currency: "GBP"}
		_, _ = d.app.Payment.PostRefund(d.admin(), in)
	})
}

// live is a town's life from the first order to the end of the last return window.
func live(t testing.TB, orders int) *town {
	t.Helper()
	d := newTown(t)
	d.shop(orders)
	d.buyMuch()
	d.settle()
	d.work()
	d.advance(30 * time.Minute)
	d.advance(3 * time.Hour)
	d.advance(4 * 24 * time.Hour)
	d.advance(11 * 24 * time.Hour)
	return d
}

// tape is a history in memory: what one town lived through, to be changed by tests.
type tape struct {
	events  []platform.Event
	records []platform.Record
	effects []sandbox.Entry
	rooms   []room.Room
	status  []platform.SubscriptionStatus
	dead    []platform.DeadLetter
}

func record(t testing.TB, d *town) *tape {
	t.Helper()
	tp := &tape{rooms: d.app.Rooms()}
	ctx, h := t.Context(), d.w.Raw.History()
	d.must(h.Log(ctx, "", func(_ string, e platform.Event) error {
		tp.events = append(tp.events, e)
		return nil
	}))
	d.must(h.Records(ctx, "", func(r platform.Record) error {
		tp.records = append(tp.records, r)
		return nil
	}))
	d.must(d.provider.Ledger(func(e sandbox.Entry) error {
		tp.effects = append(tp.effects, e)
		return nil
	}))
	status, err := d.w.Raw.Delivery().Status(ctx)
	d.must(err)
	tp.status = status
	for _, s := range status {
		dead, err := d.w.Raw.Delivery().DeadLetters(ctx, s.Name, "", 100)
		d.must(err)
		tp.dead = append(tp.dead, dead...)
	}
	return tp
}

var _ = event.NewCatalogue
