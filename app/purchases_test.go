package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

func idOf(prefix string, n int) shop.ID { return shop.ID(fmt.Sprintf("%s_%d", prefix, n)) }

// became asks what a purchase became.
func (s *stage) became(token, id string) (status, code string) {
	s.t.Helper()
	var p struct{ Status, Code string }
	s.ask("GET", "/v1/purchases/"+id, token, "").decode(s.t, &p)
	return p.Status, p.Code
}

// Goal: a checkout that is answered when it is queued becomes the order whose id was given; one
// key is one order, however it is sent. Method: respond-async, the same again, then the same key
// at once.
func TestRespondAsync(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer := s.token("cus_1", room.Customer())
	body := checkout("a", 1, "tok_visa")
	first := s.ask("POST", "/v1/orders", buyer, body,
		"Idempotency-Key", "k1", "Prefer", "respond-async")
	var o struct{ ID, Status string }
	first.decode(t, &o)
	if first.status != 202 || o.Status != "queued" ||
		first.head.Get("Preference-Applied") != "respond-async" ||
		first.head.Get("Location") != "/v1/purchases/"+o.ID {
		t.Fatalf("queued: %d %v %s", first.status, first.head, first.body)
	}
	s.until("the purchase is an order", func() bool {
		status, _ := s.became(buyer, o.ID)
		return status == "ordered"
	})
	for _, prefer := range []string{"respond-async", ""} {
		again := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", "k1", "Prefer", prefer)
		if again.status != 202 || string(again.body) != string(first.body) {
			t.Errorf("the same key, %q: %d %s", prefer, again.status, again.body)
		}
	}
	changed := s.ask("POST", "/v1/orders", buyer, checkout("a", 2, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "respond-async")
	if changed.code() != "key_reused" {
		t.Errorf("a changed body: %d %s", changed.status, changed.body)
	}
	now := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", "k2")
	later := s.ask("POST", "/v1/orders", buyer, body,
		"Idempotency-Key", "k2", "Prefer", "respond-async")
	if now.status != 201 || later.status != 201 || string(now.body) != string(later.body) {
		t.Errorf("at once, then later: %d %d %s", now.status, later.status, later.body)
	}
	s.until("both are placed", func() bool { return s.count("souk.order.placed") == 2 })
	if n := s.count("souk.order.created"); n != 2 {
		t.Errorf("%d orders from two keys", n)
	}
	refused := s.ask("POST", "/v1/orders", buyer, checkout("zzz", 1, "tok_visa"),
		"Idempotency-Key", "k3", "Prefer", "respond-async")
	if refused.code() != "unknown_sku" {
		t.Errorf("what cannot be ordered: %d %s", refused.status, refused.body)
	}
}

// purchaseBody is the body of POST /v1/purchases.
func purchaseBody(order, sku string, quantity int) string {
	return fmt.Sprintf(`{"orderId":%q,"customerId":"cus_1","itemList":[{"sku":%q,"quantity":%d}],`+
		`"paymentStatus":"pending","payment":{"token":"tok_visa"},"shipTo":%s}`,
		order, sku, quantity, address)
}

// Goal: another system's purchase becomes one order, and a refusal can be read. Method: a good one
// twice, another of the same id, one that cannot be had, and what the door itself refuses.
func TestPurchases(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	machine, buyer := s.token("till", room.ServiceRole()), s.token("cus_1", room.Customer())
	for range 2 {
		a := s.ask("POST", "/v1/purchases", machine, purchaseBody("ord_x1", "a", 1))
		if a.status != 202 || a.head.Get("Location") != "/v1/purchases/ord_x1" {
			t.Fatalf("hand over: %d %s", a.status, a.body)
		}
	}
	s.until("it is an order", func() bool {
		status, _ := s.became(buyer, "ord_x1")
		return status == "ordered"
	})
	if a := s.ask("GET", "/v1/orders/ord_x1", buyer, ""); a.status != 200 {
		t.Errorf("its customer cannot see it: %d %s", a.status, a.body)
	}
	a := s.ask("POST", "/v1/purchases", machine, purchaseBody("ord_x1", "a", 2))
	if a.status != 409 {
		t.Errorf("another purchase of that id: %d %s", a.status, a.body)
	}
	s.ask("POST", "/v1/purchases", machine, purchaseBody("ord_x2", "zzz", 1))
	s.until("the refusal can be read", func() bool {
		status, code := s.became(machine, "ord_x2")
		return status == "refused" && code == "unknown_sku"
	})
	if n := s.count("souk.order.created"); n != 1 {
		t.Errorf("%d orders", n)
	}
	other := s.token("cus_2", room.Customer())
	if a := s.ask("GET", "/v1/purchases/ord_x1", other, ""); a.status != 404 {
		t.Errorf("another's purchase: %d", a.status)
	}
	paid := strings.Replace(purchaseBody("ord_x3", "a", 1), "pending", "paid", 1)
	if a := s.ask("POST", "/v1/purchases", machine, paid); a.code() != "invalid" {
		t.Errorf("money that nobody here has seen: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/v1/purchases", buyer, purchaseBody("ord_x4", "a", 1)); a.status != 403 {
		t.Errorf("a customer's own: %d", a.status)
	}
}

// Goal: an operator sees the queues and can stop, start and repeat. Method: the ops doors.
func TestOps(t *testing.T) {
	t.Parallel()
	s := open(t)
	admin := s.token("root", room.Admin())
	var subs struct{ Items []struct{ Name string } }
	s.ask("GET", "/v1/ops/subscriptions", admin, "").decode(t, &subs)
	if len(subs.Items) < 10 {
		t.Errorf("only %d subscriptions", len(subs.Items))
	}
	const name = "/v1/ops/subscriptions/app.watch-orders"
	for _, path := range []string{name + "/pause", name + "/resume"} {
		if a := s.ask("POST", path, admin, ""); a.status != 204 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, body := range map[string]string{
		"/v1/ops/subscriptions/none/pause": "",
		"/v1/ops/dead-letters/redrive":     `{"subscription":"app.watch-orders","id":"none"}`,
		"/v1/ops/intake/redrive":           `{"id":"none"}`,
	} {
		if a := s.ask("POST", path, admin, body); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	a := s.ask("GET", "/v1/ops/dead-letters?subscription=app.watch-orders", admin, "")
	if a.status != 200 || !strings.Contains(string(a.body), `"items":[]`) {
		t.Errorf("dead letters: %d %s", a.status, a.body)
	}
	a = s.ask("POST", "/v1/ops/replays", admin,
		`{"subscription":"app.watch-orders","from":"2020-01-01T00:00:00Z","dry":true}`)
	if a.status != 200 {
		t.Errorf("replay: %d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/v1/ops/intake", admin, ""); a.status != 200 {
		t.Errorf("intake: %d %s", a.status, a.body)
	}
	metrics := string(s.ask("GET", "/metrics", admin, "").body)
	for _, name := range []string{
		"http_requests_total", "http_request_duration_seconds", "souk_subscription_pending",
		"souk_store_fsyncs_total", "souk_streams",
	} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
}
