package order

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: the transition table is what the documents say, word for word. Method: print it, and look
// for it in the README.
func TestTableReads(t *testing.T) {
	t.Parallel()
	want := `
(cart) -check out-> pending_payment
pending_payment -place-> placed [the authorised amount covers the total]
pending_payment -reject-> cancelled
pending_payment -fail-> cancelled
pending_payment, placed, on_hold -cancel-> cancelled [nothing was dispatched]
pending_payment -expire-> expired [the deadline has passed]
placed -hold-> on_hold
on_hold -approve-> placed
placed -complete-> completed [everything was delivered or lost, and nothing comes back]
`
	var rows []string
	for _, row := range Table() {
		rows = append(rows, row.String())
	}
	if have := "\n" + strings.Join(rows, "\n") + "\n"; have != want {
		t.Errorf("the table reads:%s\nwant:%s", have, want)
	}
	if page, err := os.ReadFile("README.md"); err != nil || !strings.Contains(string(page), want) {
		t.Errorf("the README shows another table: %v", err)
	}
}

// Goal: every command in every status does what the table says and nothing else, and what it
// refuses it refuses with Illegal, naming status and version. Method: all pairs, each with its
// guard holding and not holding, against a second, independent statement of the table.
func TestEveryCommandInEveryStatus(t *testing.T) {
	t.Parallel()
	legal := map[string]string{
		"/check out": "pending_payment", "pending_payment/place": "placed",
		"pending_payment/reject": "cancelled", "pending_payment/fail": "cancelled",
		"pending_payment/cancel": "cancelled", "placed/cancel": "cancelled",
		"on_hold/cancel": "cancelled", "pending_payment/expire": "expired",
		"placed/hold": "on_hold", "on_hold/approve": "placed", "placed/complete": "completed",
	}
	guarded := map[string]bool{"place": true, "cancel": true, "expire": true, "complete": true}
	if len(Commands()) != len(Table()) {
		t.Fatalf("%d commands, %d rows", len(Commands()), len(Table()))
	}
	for _, status := range append(Statuses(), Status{}) {
		for _, c := range Commands() {
			for _, holds := range []bool{true, false} {
				o, given := guardedOrder(status, c, holds)
				to, err := o.Decide(c, given)
				want, ok := legal[status.String()+"/"+c.String()]
				if ok && (holds || !guarded[c.String()]) {
					if err != nil || to.String() != want {
						t.Errorf("%s in %q: %s, %v; want %s", c, status, to, err, want)
					}
					continue
				}
				if shop.CodeOf(err) != shop.Illegal || to != status {
					t.Errorf("%s in %q (guard %v): %s, %v; want a refusal",
						c, status, holds, to, err)
				}
				if err != nil && !strings.Contains(err.Error(), "version 7") {
					t.Errorf("the refusal does not name the version: %v", err)
				}
			}
		}
	}
}

// guardedOrder makes an order in a status for which a command's guard holds or does not.
func guardedOrder(status Status, c Command, holds bool) (*Order, Given) {
	deadline := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := &Order{
		ID: "ord_1", Status: status, Total: 100, Currency: "GBP", Parcels: 2, Seq: 7,
		Deadline: deadline,
	}
	given := Given{Authorised: shop.Money{Amount: 100, Currency: "GBP"}, Due: deadline}
	switch {
	case c == complete() && holds:
		o.Dispatched, o.Delivered = 0b110, 0b110
	case c == complete():
		o.Dispatched, o.Delivered = 0b110, 0b010
	case holds:
	case c == place():
		given.Authorised.Amount = 99
	case c == cancel():
		o.Dispatched = 0b10
	case c == expire():
		given.Due = deadline.Add(-time.Millisecond)
	}
	return o, given
}

// Goal: an authorisation in another currency never places.
func TestPlaceWantsTheCurrency(t *testing.T) {
	t.Parallel()
	o, _ := guardedOrder(PendingPayment(), place(), true)
	_, err := o.Decide(place(), Given{Authorised: shop.Money{Amount: 1000, Currency: "EUR"}})
	if shop.CodeOf(err) != shop.Illegal {
		t.Errorf("placed an order in GBP with EUR: %v", err)
	}
}

// Goal: every name of an axis survives being written and read, and no other name is read.
func TestAxesAreClosed(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		var back Status
		if text, _ := s.MarshalText(); back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%s came back as %s", s, back)
		}
	}
	for n := range paymentNames() {
		var back PaymentStatus
		if text, _ := (PaymentStatus{uint8(n)}).MarshalText(); back.UnmarshalText(text) != nil {
			t.Errorf("%s is not read", text)
		}
	}
	if err := new(FulfilmentStatus).UnmarshalText([]byte("eaten")); err == nil {
		t.Error("a fulfilment status outside the set was read")
	}
	if err := new(ReturnStatus).UnmarshalText([]byte("")); err == nil {
		t.Error("an empty return status was read")
	}
}

// Goal: a parcel's money cannot be refunded before it was taken, nor delivered before it left:
// too early is ErrNotYet. And what does not belong to the order is an error, never a change.
func TestTooEarlyAndForeign(t *testing.T) {
	t.Parallel()
	money := shop.Money{Amount: 10, Currency: "GBP"}
	o := &Order{ID: "ord_1", Status: Placed(), Total: 100, Currency: "GBP", Parcels: 2}
	if _, err := o.refund(&event.PaymentRefunded{
		Shipment: "shp_1_1", Amount: money,
	}); !errors.Is(err, platform.ErrNotYet) {
		t.Errorf("refund before capture: %v", err)
	}
	if _, err := o.deliver(&event.ShipmentDelivered{
		Shipment: "shp_1_2",
	}); !errors.Is(err, platform.ErrNotYet) {
		t.Errorf("delivery before dispatch: %v", err)
	}
	for _, id := range []shop.ID{"shp_1_3", "shp_1_0", "shp_2_1", "shp_1_", "shp_1_-1"} {
		if _, err := o.dispatch(&event.ShipmentDispatched{Shipment: id}); err == nil {
			t.Errorf("dispatched %s", id)
		}
	}
	over := shop.Money{Amount: 101, Currency: "GBP"}
	if _, err := o.capture(&event.PaymentCaptured{Shipment: "shp_1_1", Amount: over}); err == nil {
		t.Error("captured above the total")
	}
}

// baskets draws items with their offers, of few dealers, with duplicate SKUs now and then.
func baskets(t *rapid.T) ([]Item, []Offer, Charges) {
	dealers := rapid.IntRange(1, 7).Draw(t, "dealers")
	offer := func(n int) Offer {
		return Offer{
			SKU: shop.SKU(rune('a' + n)), Dealer: shop.ID(rune('A' + n%dealers)), Title: "thing",
			Price:         shop.Money{Amount: int64(n*n*37 + 1), Currency: "GBP"},
			CommissionBPS: int64(n * 400),
		}
	}
	numbers := rapid.SliceOfN(rapid.IntRange(0, 25), 1, 60).Draw(t, "things")
	items, offers := make([]Item, len(numbers)), make([]Offer, len(numbers))
	for i, n := range numbers {
		offers[i] = offer(n)
		items[i] = Item{SKU: offers[i].SKU, Quantity: rapid.Int64Range(1, MaxQuantity).Draw(t, "q")}
	}
	return items, offers, Charges{
		ShippingPerParcel: rapid.Int64Range(0, 5000).Draw(t, "shipping"),
		TaxBPS:            rapid.Int64Range(0, 3000).Draw(t, "tax"),
	}
}

// Goal: no unit of money or goods is lost or made between basket, order and parcels, whatever the
// basket. Method: property over random baskets, against sums made another way; the contract's own
// invariants of both facts are checked as well.
func TestPricingLosesNothing(t *testing.T) {
	t.Parallel()
	contracts := event.NewCatalogue()
	rapid.Check(t, func(t *rapid.T) {
		items, offers, charges := baskets(t)
		q, err := price(items, offers, charges)
		if err != nil {
			t.Fatalf("price: %v", err)
		}
		parcels, err := split(q.lines, q.currency, q.shipping, q.tax)
		if err != nil {
			t.Fatalf("split: %v", err)
		}
		created := &event.OrderCreated{
			Lines: q.lines, Items: q.items, Shipping: q.shipping, Tax: q.tax, Total: q.total,
		}
		placed := &event.OrderPlaced{Parcels: parcels, Total: q.total}
		if err := errors.Join(contracts.Check(created), contracts.Check(placed)); err != nil {
			t.Fatal(err)
		}
		checkQuote(t, items, offers, charges, q, parcels)
	})
}

func checkQuote(
	t *rapid.T, items []Item, offers []Offer, charges Charges, q quote, parcels []event.Parcel,
) {
	var goods, shipping, tax int64
	units := make(map[shop.SKU]int64)
	for i, item := range items {
		goods += item.Quantity * offers[i].Price.Amount
		units[item.SKU] += item.Quantity
	}
	for _, p := range parcels {
		shipping, tax = shipping+p.Shipping, tax+p.Tax
		if p.Shipping != charges.ShippingPerParcel {
			t.Fatalf("a parcel pays %d for shipping, not the flat %d", p.Shipping,
				charges.ShippingPerParcel)
		}
		seen := make(map[shop.SKU]bool)
		for _, l := range p.Lines {
			units[l.SKU] -= l.Quantity
			if seen[l.SKU] {
				t.Fatalf("a parcel names %s twice", l.SKU)
			}
			seen[l.SKU] = true
		}
	}
	for sku, n := range units {
		if n != 0 {
			t.Fatalf("%d units of %s are in no parcel", n, sku)
		}
	}
	if goods != q.items || shipping != q.shipping || tax != q.tax || len(parcels) != q.parcels {
		t.Fatalf("goods %d of %d, shipping %d of %d, tax %d of %d, parcels %d of %d",
			goods, q.items, shipping, q.shipping, tax, q.tax, len(parcels), q.parcels)
	}
	exact := (goods + shipping) * charges.TaxBPS // of at most 60 * 10^6 * 25,000 * 3,000: fits
	if diff := tax*wholeBPS - exact; diff > wholeBPS/2 || diff <= -wholeBPS/2 {
		t.Fatalf("the tax %d is not %d bps of %d, rounded half up",
			tax, charges.TaxBPS, goods+shipping)
	}
}

// Goal: a basket that cannot be an order is refused before anything happens. Method: table.
func TestBasketsRefused(t *testing.T) {
	t.Parallel()
	gbp := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }
	many := make([]Item, MaxLines+1)
	for i := range many {
		many[i] = Item{SKU: "a", Quantity: 1}
	}
	for name, items := range map[string][]Item{
		"nothing": {}, "too many lines": many, "zero": {{"a", 0}}, "negative": {{"a", -1}},
		"huge": {{"a", MaxQuantity + 1}}, "no SKU": {{"", 1}}, "a slash": {{"a/b", 1}},
	} {
		if err := checkItems(items); shop.CodeOf(err) != shop.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := func(sku shop.SKU, dealer shop.ID, m shop.Money) Offer {
		return Offer{SKU: sku, Dealer: dealer, Title: "x", Price: m}
	}
	for name, offers := range map[string][]Offer{
		"two currencies": {
			one("a", "d", gbp(1)), one("b", "d", shop.Money{Amount: 1, Currency: "EUR"}),
		},
		"over the bound": {one("a", "d", gbp(shop.MaxAmount)), one("b", "d", gbp(1))},
	} {
		_, err := price([]Item{{"a", 1}, {"b", 1}}, offers, Charges{})
		if shop.CodeOf(err) != shop.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	items, offers := make([]Item, MaxParcels+1), make([]Offer, MaxParcels+1)
	for i := range items {
		sku := shop.SKU(rune('0' + i))
		items[i], offers[i] = Item{sku, 1}, one(sku, shop.ID(rune('0'+i)), gbp(1))
	}
	if _, err := price(items, offers, Charges{}); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("too many dealers: %v", err)
	}
}

// Goal: preferences are read as RFC 7240 writes them, bounded, and nonsense is ignored.
func TestParseWait(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]time.Duration{
		"": 0, "wait=5": 5 * time.Second, "respond-async, wait=10": 10 * time.Second,
		`Wait="3"; x=1`: 3 * time.Second, "wait=31": maxWait, "wait=99999999999999999999": 0,
		"wait=-1": 0, "wait": 0, "return=minimal": 0, "wait=999999999": maxWait,
	} {
		if have := parseWait(prefer); have != want {
			t.Errorf("%q is %s, want %s", prefer, have, want)
		}
	}
}
