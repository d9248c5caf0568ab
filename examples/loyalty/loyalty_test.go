package loyalty_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/examples/loyalty"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func pounds(n int64) shop.Money { return shop.Money{Amount: n * 100, Currency: "GBP"} }

// placed is an order of one thing.
func placed(order, who, pay shop.ID, total int64) *event.OrderPlaced {
	return &event.OrderPlaced{
		Order: order, Customer: who, Payment: pay, Currency: "GBP", Total: total,
		Parcels: []event.Parcel{{
			Dealer: "dlr_1", Items: total, Amount: total,
			Lines: []event.ParcelLine{{SKU: "LAMP-1", Quantity: 1}},
		}},
	}
}

// Goal: money counts once for whoever ordered, whatever is delivered twice, late or in another
// order, and the records are what the log makes. Method: random orders, captures and refunds under
// the default faults, against a sum.
func TestPointsCountOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := roomtest.New(t)
		s := loyalty.New(w.Desk(loyalty.Name))
		w.Start(t, s)
		want := make(map[shop.ID]int64)
		for i := range rapid.IntRange(1, 6).Draw(t, "orders") {
			order := shop.ID(fmt.Sprint("ord_", i))
			who := shop.ID(rapid.SampledFrom([]string{"cus_ada", "cus_bob"}).Draw(t, "who"))
			pay := shop.ID(fmt.Sprint("pay_", i))
			paid := rapid.Int64Range(1, 50).Draw(t, "paid")
			back := rapid.Int64Range(0, paid).Draw(t, "back")
			want[who] += paid - back
			w.Announce(t, placed(order, who, pay, paid*100), &event.PaymentCaptured{
				Payment: pay, Order: order, Shipment: "shp_1", Amount: pounds(paid), Key: "c",
			})
			if back > 0 {
				w.Announce(t, &event.PaymentRefunded{
					Payment: pay, Order: order, Shipment: "shp_1", Amount: pounds(back),
					Refund: "rfn_1", Key: "r",
				})
			}
		}
		w.Settle(t)
		for who, points := range want {
			got, err := s.Points(context.Background(), who, "GBP")
			if err != nil || got != points {
				t.Fatalf("%s has %d points, want %d: %v", who, got, points, err)
			}
		}
		w.ExpectEvents(t)
		w.ExpectNoDeadLetters(t)
		w.FoldEqualsState(t, s)
	})
}

// Goal: the room joins a whole market by one line of configuration: an order over HTTP earns
// points, and the checker knows the room's records too.
// Method: a market in memory with a guest; order, pack, wait for the points; verify.
func TestGuestOfAMarket(t *testing.T) {
	t.Parallel()
	var guest *loyalty.Service
	m := openMarket(t, app.Guest{Name: loyalty.Name, Open: func(d *room.Desk) room.Room {
		guest = loyalty.New(d)
		return guest
	}})
	dealer, ada := m.token("dlr_lamps", room.Dealer()), m.token("cus_ada", room.Customer())
	m.ask("POST", "/v1/products", dealer,
		`{"sku":"LAMP-1","title":"Brass lamp","price":{"amount":4200,"currency":"GBP"}}`)
	m.ask("PUT", "/v1/stock/LAMP-1", dealer, `{"onHand":10}`)
	var order struct{ ID, Status string }
	err := json.Unmarshal(m.ask("POST", "/v1/orders", ada, `{
		"items":[{"sku":"LAMP-1","quantity":2}],"payment":{"token":"tok_visa"},
		"shipTo":{"name":"Ada Lovelace","line1":"12 St James's Square","city":"London",
			"country":"GB"}
	}`), &order)
	if err != nil || order.Status != "placed" {
		t.Fatalf("the order is %+v: %v", order, err)
	}
	parcel := "/v1/shipments/shp_" + strings.TrimPrefix(order.ID, "ord_") + "_1"
	platformtest.Poll(t, func() bool { // the parcel follows the order in a moment
		status, _ := m.try("POST", parcel+"/pack", dealer, "")
		return status < 300
	}, func() string { return "the parcel could not be packed" })
	platformtest.Poll(t, func() bool {
		points, err := guest.Points(t.Context(), "cus_ada", "GBP")
		return err == nil && points >= 84
	}, func() string { return "no points came" })
	report, err := verify.Run(t.Context(), verify.Input{
		History: m.platform.History(), Delivery: m.platform.Delivery(), Rooms: m.app.Rooms(),
		Catalogue: m.catalogue,
	})
	if err != nil || !report.Clean() {
		t.Errorf("verify: %v\n%v", err, report)
	}
}

// Goal: a guest takes no other room's name. Method: such a guest.
func TestGuestIsNobodyElse(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Guests = []app.Guest{{Name: "order", Open: func(d *room.Desk) room.Room {
		return loyalty.New(d)
	}}}
	if _, err := app.Open(cfg); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("a second order room was opened: %v", err)
	}
}

// Goal: the tour shows this example as it is. Method: every block of Go on its page stands in a
// file here, letter by letter.
func TestTourShowsThisCode(t *testing.T) {
	t.Parallel()
	var sources string
	for _, name := range []string{"loyalty.go", "loyalty_test.go", "../../docs/tour.md"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, ".md") {
			sources += string(raw)
			continue
		}
		blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(raw, -1)
		if len(blocks) == 0 {
			t.Error("the tour shows no Go")
		}
		for _, b := range blocks {
			if !strings.Contains(sources, string(b[1])) {
				t.Errorf("the tour shows what is not here:\n%s", b[1])
			}
		}
	}
}

// market is a whole market in memory.
type market struct {
	t         *testing.T
	app       *app.App
	platform  *embedded.Platform
	catalogue *event.Catalogue
}

func config(t *testing.T) app.Config {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: app.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := sandbox.Open(sandbox.Options{Clock: embedded.SystemClock{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	return app.Config{
		Platform: p, Catalogue: cat, Clock: embedded.SystemClock{},
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Log:     slog.New(slog.DiscardHandler),
		Payment: payment.Options{Name: "sandbox", Provider: provider, Describe: sandbox.Describe},
		Policy:  app.Policy{Patience: -1}, // a slow machine is not what is tested here
	}
}

func openMarket(t *testing.T, guests ...app.Guest) *market {
	t.Helper()
	cfg := config(t)
	cfg.Guests = guests
	a, err := app.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &market{
		t: t, app: a, platform: cfg.Platform.(*embedded.Platform), catalogue: cfg.Catalogue,
	}
}

func (m *market) token(id shop.ID, role room.Role) string {
	m.t.Helper()
	who := room.Caller{ID: id, Role: role}
	token, err := m.app.Identity.Issue(m.t.Context(), who, time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

func (m *market) try(method, path, token, body string) (int, []byte) {
	m.t.Helper()
	req := httptest.NewRequestWithContext(m.t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", "example-"+path)
	req.Header.Set("Prefer", "wait=10")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	m.app.Handler().ServeHTTP(rec, req)
	raw, err := io.ReadAll(rec.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return rec.Code, raw
}

func (m *market) ask(method, path, token, body string) []byte {
	m.t.Helper()
	status, raw := m.try(method, path, token, body)
	if status >= http.StatusMultipleChoices {
		m.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	return raw
}
