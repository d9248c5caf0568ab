package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/webhook"
	"github.com/souk-commerce/souk/shop/room"
)

// inbox is a receiver of webhooks on loopback.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func openInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies = append(b.bodies, string(raw))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) has(parts ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, body := range b.bodies {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(body, p)
		}
		if all {
			return true
		}
	}
	return false
}

// Goal: a dealer and the office are told of an order by webhooks, see what was sent, have it sent
// again, and end it, all by the doors that the document describes; an address of this network is no
// endpoint. Method: an order in a whole shop, receivers on loopback, every exchange held against
// the document; then a shop that posts to public addresses only.
func TestWebhooksByTheDoors(t *testing.T) {
	t.Parallel()
	s := openWith(t, func(c *app.Config) {
		c.Notification = notification.Options{
			Poster: webhook.New(webhook.Options{Private: true}), PublicURL: "https://shop.example",
		}
	})
	dealer, admin := s.token("dlr_1", room.Dealer()), s.token("adm_1", room.Admin())
	theirs, ours := openInbox(t), openInbox(t)
	s.list("dlr_1", "a", 10)
	var e struct{ ID, Secret string }
	s.ask("POST", "/v1/endpoints", dealer, `{"url":"`+theirs.URL+`"}`, "Idempotency-Key", "e1").
		decode(t, &e)
	a := s.ask("POST", "/v1/endpoints", dealer, `{"url":"`+theirs.URL+`"}`, "Idempotency-Key", "e1")
	if a.status != 200 || !strings.Contains(string(a.body), e.Secret) || len(e.Secret) < 40 {
		t.Errorf("registered again: %d %s", a.status, a.body)
	}
	s.ask("POST", "/v1/endpoints", admin,
		`{"url":"`+ours.URL+`","types":["souk.order.placed.v2"]}`, "Idempotency-Key", "e2")
	order, _, shipment := s.placed("k1")
	s.until("both are told", func() bool {
		return theirs.has("souk.fulfilment.requested.v1", shipment) &&
			ours.has("souk.order.placed.v2", order)
	})
	if theirs.has("cus_1") || theirs.has("box") || ours.has("box") {
		t.Errorf("they are told too much: %v", theirs.bodies)
	}
	path := "/v1/endpoints/" + e.ID
	var list struct {
		Items []struct{ ID, Status string }
	}
	s.until("it is in the log", func() bool {
		s.ask("GET", path+"/deliveries", dealer, "").decode(t, &list)
		return len(list.Items) == 1 && list.Items[0].Status == "delivered"
	})
	for _, r := range []struct{ line, who, body string }{
		{"GET /v1/endpoints", dealer, ""}, {"GET /v1/endpoints?limit=1", admin, ""},
		{"GET " + path, dealer, ""}, {"PATCH " + path, dealer, `{"enabled":false}`},
		{"PATCH " + path, dealer, `{"enabled":true,"types":["souk.fulfilment.packed.v1"]}`},
		{"POST " + path + "/rotate", dealer, ""}, {"GET /v1/ops/endpoints", admin, ""},
		{"POST " + path + "/replay", dealer, `{"delivery":"` + list.Items[0].ID + `"}`},
		{"POST " + path + "/replay", dealer, `{"since":"2026-01-01T00:00:00Z","delivered":true}`},
		{"PUT /v1/accounts/me/preferences", dealer, `{"email":"d@example.org","language":"de",` +
			`"off":[{"topic":"stock_short","channel":"mail"}]}`},
		{"GET /v1/accounts/me/preferences", dealer, ""}, {"GET /v1/messages", dealer, ""},
		{"GET /v1/messages", admin, ""},
		{"GET /v1/ops/messages/preview?topic=order_placed&language=de", admin, ""},
		{"GET /v1/messages/msg_1/leave/lv_1", "", ""},
	} {
		method, where, _ := strings.Cut(r.line, " ")
		a := s.ask(method, where, r.who, r.body, "Idempotency-Key", "k"+r.line)
		if a.status != 200 && a.status != 204 {
			t.Errorf("%s: %d %s", r.line, a.status, a.body)
		}
	}
	s.until("it was sent again", func() bool {
		theirs.mu.Lock()
		defer theirs.mu.Unlock()
		return len(theirs.bodies) >= 2
	})
	if a := s.ask("POST", path+"/remove", dealer, ""); a.status != 204 {
		t.Errorf("remove: %d %s", a.status, a.body)
	}
	if a := s.ask("GET", path, dealer, ""); a.status != 404 {
		t.Errorf("removed: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/v1/messages/msg_1/leave/lv_1", "", ""); a.status != 404 {
		t.Errorf("nobody's door: %d %s", a.status, a.body)
	}
}

// Goal: an address of this network is no endpoint where nobody said that it may be. Method: some,
// at the door.
func TestPrivateEndpointsAreRefused(t *testing.T) {
	t.Parallel()
	s := openWith(t, func(c *app.Config) {
		c.Notification = notification.Options{Poster: webhook.New(webhook.Options{})}
	})
	before := s.events()
	for _, url := range []string{
		"http://shop.example", "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/",
		"https://[::ffff:10.0.0.1]/", "https://localhost:8443", "https://user:pw@shop.example",
	} {
		a := s.ask("POST", "/v1/endpoints", s.token("dlr_1", room.Dealer()),
			`{"url":"`+url+`"}`, "Idempotency-Key", url)
		if a.status != 422 || a.code() != "invalid" {
			t.Errorf("%s: %d %s", url, a.status, a.body)
		}
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
}
