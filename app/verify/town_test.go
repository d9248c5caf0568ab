package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/notification"
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
	payer    *payer.Sandbox // of dealers
	skus     int            // besides the scarce one
	moods    int            // every so manieth order meets a provider in a mood
	orders   []shop.ID
	from     int    // number of the first order: what becomes of one depends on its number
	turns    *turns // nil in a town where everything happens at once
}

const (
	dealers = 5
	scarce  = "scarce"
	few     = 7 // units of what is scarce
	// manyLines is from how many goods on somebody buys all of them at once.
	manyLines = 80
)

// newTown opens a shop with so many goods; every moods-th order meets a provider in a mood.
// Everything happens at once, so no two towns have the same history.
func newTown(t testing.TB, skus, moods int) *town {
	t.Helper()
	d := &town{t: t, w: roomtest.New(t, roomtest.Calm()), skus: skus, moods: moods}
	d.open(func(context.Context, time.Duration) bool { // the still clock would have to be moved
		<-platformtest.RealClock{}.After(time.Millisecond)
		return true
	})
	d.must(d.app.Start(t.Context()))
	d.fill()
	return d
}

// newQuietTown opens a shop in which one thing happens after the other: its history is the same
// every time. A test that looks for a place in a history needs that.
func newQuietTown(t testing.TB, skus, moods int) *town {
	t.Helper()
	d := &town{t: t, skus: skus, moods: moods, turns: &turns{}}
	d.w = roomtest.New(t, roomtest.Calm(), roomtest.On(d.turns.openTurns))
	d.open(func(_ context.Context, by time.Duration) bool {
		pass(t, d.w, by)
		return true
	})
	d.must(d.w.Platform.Delivery().Start(t.Context())) // the app's own workers stay away
	d.fill()
	return d
}

// open opens the provider and the app. wait spends the time that a slow answer takes.
func (d *town) open(wait func(ctx context.Context, by time.Duration) bool) {
	t, w := d.t, d.w
	t.Helper()
	clock := &ticking{Clock: w.Desk("app").Clock}
	secret := []byte("a secret between us")
	var err error
	d.provider, err = sandbox.Open(sandbox.Options{
		Clock: clock, Secret: secret, LieFor: 20 * time.Second, Wait: wait,
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.payer, err = payer.Open(payer.Options{Clock: clock}); err != nil {
		t.Fatal(err)
	}
	d.app, err = app.Open(app.Config{
		Platform: w.Platform, Catalogue: w.Catalogue, Clock: clock, IDs: w.IDs,
		Log: slog.New(slog.DiscardHandler),
		Payment: payment.Options{
			Name: sandbox.Name, Provider: d.provider, Describe: sandbox.Describe,
			Secrets: [][]byte{secret},
		},
		Payouts: ledger.Options{
			Name: payer.Name, Provider: d.payer, Describe: payer.Describe,
		},
		Fulfilment: fulfilment.Options{Carrier: post.New(clock, nil)},
		Notification: notification.Options{
			Mail:   letterbox{},
			Jitter: func(most time.Duration) time.Duration { return most / 2 },
		},
		Policy: app.Policy{Order: order.Policy{
			TTL: 10 * time.Minute, ActionTTL: 20 * time.Minute, ReturnWindow: 14 * 24 * time.Hour,
			Charges: order.Charges{ShippingPerParcel: 395, TaxBPS: 2000},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.app.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := d.provider.Close(); err != nil {
			t.Error(err)
		}
		if err := d.payer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// letterbox takes every letter but those about a cancelled order, which it refuses once for now and
// then for good, and those about a lapsed one, of which nobody knows.
type letterbox struct{}

// Send implements notification.Carrier.
func (letterbox) Send(_ context.Context, l notification.Letter) notification.Outcome {
	switch l.Title {
	case "Your order is cancelled":
		return notification.Outcome{Verdict: notification.Refused, Reason: "throttled"}
	case "Your order has lapsed":
		return notification.Outcome{}
	}
	return notification.Outcome{Verdict: notification.Taken, Reference: "ref-" + string(l.Message)}
}

// ticking never shows the same moment twice, as a machine's clock does not: what is timed for a
// moment is named after it.
type ticking struct {
	platform.Clock
	ticks atomic.Int64
}

// Now implements platform.Clock.
func (c *ticking) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.ticks.Add(1))) }

func (d *town) as(id shop.ID, role room.Role) context.Context { return d.w.As(d.t, id, role) }

func (d *town) admin() context.Context { return d.as("adm_1", room.Admin()) }

// must is called from several goroutines, so it cannot end the test.
func (d *town) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Error(err)
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
			SKU: sku, Dealer: dealerOf(i), Title: "A thing, no. " + string(sku),
			CommissionBPS: &bps,
			Price:         shop.Money{Amount: int64(199 + 37*i), Currency: "GBP"},
		})
		d.must(err)
		d.must(d.app.Inventory.Receive(d.admin(), shop.ID("mov_"+string(sku)), sku, units))
	}
	d.must(d.app.Inventory.Adjust(d.admin(), "mov_adjust", skuOf(1), -7))
	d.must(d.app.Inventory.Allot(d.admin(), "mov_split", skuOf(2), 4))
	d.keep()
	d.payees()
	_, err := d.app.Catalog.Reprice(d.admin(), skuOf(3), shop.Money{Amount: 4711, Currency: "GBP"})
	d.must(err)
}

// payees name their accounts, each with a fate of its own. One of them has terms.
func (d *town) payees() {
	for i, token := range []string{
		"ba_ok", "ba_returned", "ba_refused", "ba_paid_then_timeout", "ba_slow",
	} {
		schedule := []string{ledger.Daily, ledger.Manual, ledger.Weekly}[i%3]
		_, err := d.app.Ledger.SetPayee(d.admin(), dealerOf(i), token, schedule)
		d.must(err)
	}
	_, err := d.app.Ledger.SetTerms(d.admin(), dealerOf(1), 730, time.Time{})
	d.must(err)
	d.w.Manual.Advance(2 * time.Minute) // now they are in force
}

// payOut pays every dealer, gives money back that was paid out, and pays again.
func (d *town) payOut() {
	ask := func(n int) {
		for i := range dealers {
			in := &ledger.PostPayoutIn{Key: fmt.Sprintf("pay-%d-%d", n, i)}
			in.Body.Dealer, in.Body.Currency = dealerOf(i), "GBP"
			_, _ = d.app.Ledger.PostPayout(d.admin(), in) // there may be nothing to pay
		}
		d.settle()
	}
	ask(1)
	d.each(func(n int, id shop.ID) {
		if n%5 != 1 {
			return
		}
		in := &payment.PostRefundIn{
			ID: string(payment.Of(d.orders[n-d.from])), Key: "late-" + string(id),
		}
		in.Body.Shipment, in.Body.Reason = id, "broken"
		in.Body.Amount = shop.Money{Amount: 1, Currency: "GBP"}
		_, _ = d.app.Payment.PostRefund(d.admin(), in)
	})
	d.settle()
	for _, later := range []time.Duration{
		2 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	} {
		d.advance(later)
	}
	ask(2)
	d.advance(2 * time.Hour)
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
	return v.ID
}

// many calls do for 0 to n-1, eight at once, or one by one in a quiet town.
func (d *town) many(n int, do func(i int)) {
	if d.turns != nil {
		for i := range n {
			do(i)
		}
		return
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := worker; i < n; i += 8 {
				do(i)
			}
		})
	}
	all.Wait()
}

// firstMoods is how many of the provider's moods the town knows: what its tests look for lies with
// those. The others have stories of their own in app/faults.
const firstMoods = 35

// token spreads the provider's moods over the orders: most are honest.
func (d *town) token(n int) string {
	all := sandbox.Tokens()[:firstMoods]
	if n%d.moods != 0 {
		return all[n%2].Token
	}
	return all[(n/d.moods)%len(all)].Token
}

// shop lets n people buy one to four things each; some change their mind at once.
func (d *town) shop(n int) {
	d.orders = make([]shop.ID, n)
	const crowd = 300
	for first := 0; first < n; first += crowd {
		d.many(min(crowd, n-first), func(i int) { d.visit(d.from + first + i) })
		d.settle()
	}
}

func (d *town) visit(i int) {
	items := []order.Item{{SKU: skuOf(i % d.skus), Quantity: int64(1 + i%5)}}
	for j := range i % 4 {
		items = append(items, order.Item{SKU: skuOf((i*7 + j*13 + 1) % d.skus), Quantity: 2})
	}
	if i%11 == 0 {
		items = append(items, order.Item{SKU: scarce, Quantity: 1})
	}
	id := d.buy(i, d.token(i), items...)
	d.orders[i-d.from] = id
	if i%29 == 0 {
		_, _ = d.app.Order.Cancel(d.admin(), id, "") // too late is as good
	}
}

// buyMuch lets somebody order everything at once, and somebody else what there is not.
func (d *town) buyMuch() {
	var all []order.Item
	for i := range d.skus {
		all = append(all, order.Item{SKU: skuOf(i), Quantity: 3})
	}
	for _, token := range []string{"tok_visa", "tok_requires_action"} {
		d.orders = append(d.orders, d.buy(d.from+len(d.orders), token, all...))
	}
	d.orders = append(d.orders, d.buy(d.from+len(d.orders), "tok_visa",
		append(all, order.Item{SKU: scarce, Quantity: 1000})...))
}

// settle lets everything happen that is due, and the provider's notices come in. What waits for its
// next attempt gets it.
func (d *town) settle() {
	d.t.Helper()
	for range 20 {
		waiting := false
		if d.turns != nil {
			d.turns.hand.settle(d.t, d.w)
		} else {
			d.w.Settle(d.t)
			waiting = len(d.w.Waiting(d.t)) > 0
		}
		if d.hooks() == 0 && !waiting {
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
	d.w.Manual.Advance(by)
	if d.turns != nil {
		awaitTimers(d.t, d.w)
	}
	d.settle()
}

// each calls do for the shipments of all orders, with the order's number.
func (d *town) each(do func(n int, id shop.ID)) {
	d.many(len(d.orders), func(n int) {
		for p := 1; p <= 3*dealers; p++ { // parts of parcels have higher numbers
			id := fulfilment.ID(d.orders[n], p)
			if _, err := d.app.Fulfilment.Get(d.admin(), staff(), id); err == nil {
				do(d.from+n, id)
			}
		}
	})
}

func staff() room.Caller { return room.Caller{ID: "adm_1", Role: room.Admin()} }

// pack lets the dealers pack, and people change their minds before. Each step may be refused, as
// in life.
func (d *town) pack() {
	for i, id := range d.orders {
		switch n := d.from + i; {
		case n%17 == 0:
			_, _ = d.app.Order.Cancel(d.admin(), id, "changed_mind")
		case n%19 == 0:
			_, _ = d.app.Order.Hold(d.admin(), id, "fraud")
		}
	}
	d.wrap()
}

// wrap lets the dealers pack what they can, some of it in parts.
func (d *town) wrap() {
	d.each(func(n int, id shop.ID) {
		if n%4 == 1 {
			d.wrapOne(id)
		}
		if n%10 != 9 {
			_, _ = d.app.Fulfilment.Pack(d.admin(), staff(), id)
		}
	})
	d.settle()
}

// wrapOne packs one unit of a parcel, and leaves the others for later.
func (d *town) wrapOne(id shop.ID) {
	sh, err := d.app.Fulfilment.Get(d.admin(), staff(), id)
	if err != nil || sh.State != fulfilment.Requested() {
		return
	}
	in := &fulfilment.PackIn{ID: string(id), Body: &fulfilment.PackBody{
		Lines: []event.ParcelLine{{SKU: sh.Lines[0].SKU, Quantity: 1}},
	}}
	_, _ = d.app.Fulfilment.PostPack(d.admin(), in) // the order may be cancelled or on hold
}

// ship lets the dealers hand over and deliver, and gives some money back.
func (d *town) ship() {
	for i, id := range d.orders {
		switch n := d.from + i; {
		case n%13 == 0: // some were captured: the money goes back
			_, _ = d.app.Order.Cancel(d.admin(), id, "too_slow")
		case n%4 != 2: // if it is on hold, by a person or for its money
			_, _ = d.app.Order.Approve(d.admin(), id)
		}
	}
	d.settle()
	d.wrap()
	d.each(func(n int, id shop.ID) {
		if n%24 == 1 { // drawing one takes longer than all the rest of an order
			_, _ = d.app.Fulfilment.PostLabel(d.admin(),
				&fulfilment.StepIn{ID: string(id), Key: "label-" + string(id)})
		}
	})
	d.settle()
	d.each(func(n int, id shop.ID) {
		if n%9 != 8 {
			_, _ = d.app.Fulfilment.Dispatch(d.admin(), staff(), id, "RM 12 GB")
		}
	})
	d.settle()
	d.each(func(n int, id shop.ID) {
		lost := n%16 == 15 || n%16 == 5 && strings.HasSuffix(string(id), "_1") // all, or one
		if lost {
			_, _ = d.app.Fulfilment.Lose(d.admin(), staff(), id)
		}
		if n%8 != 7 || lost && strings.HasSuffix(string(id), "_2") { // the latter turns up
			_, _ = d.app.Fulfilment.Deliver(d.admin(), staff(), id)
		}
	})
	d.settle()
	d.refund()
	d.settle()
	d.sendBack()
}

// sendBack lets some customers send goods back: all that the first line holds, one after the other,
// or a part that is declined, withdrawn, lost on its way, or never answered.
func (d *town) sendBack() {
	d.each(func(n int, id shop.ID) {
		sh, err := d.app.Fulfilment.Get(d.admin(), staff(), id)
		if err != nil || sh.State != fulfilment.Delivered() || n%3 == 1 {
			return
		}
		for round := range min(2, sh.Lines[0].Quantity) {
			d.oneReturn(n+int(round), sh, fulfilment.Wish{
				SKU: sh.Lines[0].SKU, Quantity: 1, Reason: "unwanted",
			})
		}
	})
	d.settle()
}

// oneReturn is one return and what becomes of it, by the number.
func (d *town) oneReturn(n int, sh *fulfilment.Shipment, w fulfilment.Wish) {
	key := fmt.Sprintf("return-%s-%d", sh.ID, n)
	ask := &fulfilment.PostReturnIn{ID: string(sh.Order), Key: key}
	ask.Body.Shipment, ask.Body.Lines = sh.ID, []fulfilment.Wish{w}
	out, err := d.app.Fulfilment.PostReturn(d.as(sh.Customer, room.Customer()), ask)
	d.must(err)
	if err != nil || n%7 == 6 {
		return // nobody answers
	}
	var v fulfilment.ReturnView
	d.must(json.Unmarshal(out.Body, &v))
	step := &fulfilment.StepIn{ID: string(v.ID), Key: key}
	switch n % 7 {
	case 5:
		in := &fulfilment.DeclineIn{ID: step.ID, Key: key}
		in.Body.Reason = "other"
		_, err = d.app.Fulfilment.PostDeclineReturn(d.admin(), in)
		d.must(err)
		return
	case 4:
		_, err = d.app.Fulfilment.PostCancelReturn(d.admin(), step)
		d.must(err)
		return
	}
	_, err = d.app.Fulfilment.PostApproveReturn(d.admin(), step)
	d.must(err)
	if n%7 == 3 {
		return // it never arrives
	}
	got := &fulfilment.ReceiveIn{ID: step.ID, Key: key}
	got.Body.Items = []event.ParcelLine{{SKU: w.SKU, Quantity: w.Quantity}}
	_, err = d.app.Fulfilment.PostReceiveReturn(d.admin(), got)
	d.must(err)
	look := &fulfilment.InspectIn{ID: step.ID, Key: key}
	look.Body.Units = []event.InspectedUnits{{
		SKU: w.SKU, Quantity: w.Quantity, Verdict: []string{"restock", "scrap", "quarantine"}[n%3],
	}}
	_, err = d.app.Fulfilment.PostInspectReturn(d.admin(), look)
	d.must(err)
}

// refund gives a part of some captures back.
func (d *town) refund() {
	d.each(func(n int, id shop.ID) {
		if n%6 != 0 {
			return
		}
		in := &payment.PostRefundIn{
			ID: string(payment.Of(d.orders[n-d.from])), Key: "back-" + string(id),
		}
		in.Body.Shipment, in.Body.Reason = id, "damaged"
		in.Body.Amount = shop.Money{Amount: 101, Currency: "GBP"}
		_, _ = d.app.Payment.PostRefund(d.admin(), in)
	})
}

// live is a town's life from the first order to the end of the last return window. calm is called
// whenever everything is handled; it may be nil.
func (d *town) live(orders int, calm func(when string)) {
	d.t.Helper()
	if calm == nil {
		calm = func(string) {}
	}
	d.shop(orders)
	calm("everybody has ordered")
	if d.skus >= manyLines {
		d.buyMuch()
	}
	d.settle()
	d.lose()
	d.pack()
	d.find()
	calm("parcels are packed")
	d.ship()
	calm("parcels are delivered")
	for _, later := range []time.Duration{
		30 * time.Minute, 3 * time.Hour, 4 * 24 * time.Hour, 11 * 24 * time.Hour,
		40 * 24 * time.Hour,
	} {
		d.advance(later)
		calm(later.String() + " later")
	}
	d.payOut()
	calm("dealers were paid")
}
