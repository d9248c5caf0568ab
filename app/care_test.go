package app_test

import (
	"slices"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/webhook"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: a dealer keeps units back, is told once that a SKU is low, takes stock below what is
// promised, and sees the shortage until an order ends and units come; over HTTP. Method: one
// dealer, another who sees nothing of it, two buyers, and the facts that the log has in the end.
func TestDealerKeepsStock(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "lamp", 10)
	dealer, other := s.token("dlr_1", room.Dealer()), s.token("dlr_2", room.Dealer())
	admin := s.token("adm_1", room.Admin())
	var v inventory.RulesView
	a := s.ask("PUT", "/v1/stock/lamp/rules", dealer, `{"safety":2,"lowAt":4}`)
	a.decode(t, &v)
	if a.status != 200 || v.Level.Available != 8 || v.Level.OnHand != 10 || v.Level.Low {
		t.Fatalf("rules: %d %s", a.status, a.body)
	}
	buy := func(who, key string, units int) (id, status string) {
		t.Helper()
		var o struct{ ID, Status string }
		a := s.ask("POST", "/v1/orders", who, checkout("lamp", units, "tok_visa"),
			"Idempotency-Key", key, "Prefer", "wait=10")
		a.decode(t, &o)
		return o.ID, o.Status
	}
	ada, bob := s.token("cus_ada", room.Customer()), s.token("cus_bob", room.Customer())
	first, status := buy(ada, "k1", 5)
	if status != "placed" {
		t.Fatalf("five of eight: %s", status)
	}
	if _, status := buy(bob, "k2", 4); status != "cancelled" {
		t.Errorf("four of three that are not kept back: %s", status)
	}
	var take inventory.Take
	for range 2 { // the second is a retry
		a = s.ask("POST", "/v1/stock/lamp/counts", dealer, `{"counted":3}`,
			"Idempotency-Key", "count")
		a.decode(t, &take)
		if a.status != 201 || take.Book != 10 || take.Difference != -7 || take.Short != 2 {
			t.Fatalf("stock-take: %d %s", a.status, a.body)
		}
	}
	want := []inventory.Shortage{{SKU: "lamp", Dealer: "dlr_1", Take: take.ID, Units: 2}}
	for token, want := range map[string][]inventory.Shortage{
		dealer: want, admin: want, other: nil,
	} {
		if got := s.shortages(token); !slices.Equal(got, want) {
			t.Errorf("shortages %+v, want %+v", got, want)
		}
	}
	if a := s.ask("POST", "/v1/orders/"+first+"/cancel", ada, "", "Idempotency-Key",
		"never mind"); a.status != 200 {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	s.until("the ended order has covered the shortage", func() bool {
		return len(s.shortages(dealer)) == 0
	})
	s.ask("PUT", "/v1/stock/lamp", dealer, `{"onHand":20}`, "Idempotency-Key", "found")
	s.ask("GET", "/v1/stock/lamp/rules", dealer, "").decode(t, &v)
	if v.Level.Available != 18 || v.Level.Low || v.Safety != 2 || *v.LowAt != 4 {
		t.Errorf("in the end: %+v", v)
	}
	if told := s.told("stock/lamp"); !slices.Equal(told, []string{
		"ruled.v1", "low.v1", "counted.v1", "short.v1", "covered.v1", "recovered.v1",
	}) {
		t.Errorf("told: %v", told)
	}
}

// shortages are those that a token may see.
func (s *stage) shortages(token string) []inventory.Shortage {
	s.t.Helper()
	var page struct{ Items []inventory.Shortage }
	s.ask("GET", "/v1/shortages", token, "").decode(s.t, &page)
	return page.Items
}

// told lists the kinds of a subject's facts.
func (s *stage) told(subject string) (kinds []string) {
	s.t.Helper()
	events, err := s.p.History().Subject(s.t.Context(), subject, 0, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range events {
		kinds = append(kinds, e.Type[len("souk.inventory."):])
	}
	return kinds
}

// Goal: what becomes of a dealer's stock reaches the dealer's endpoint and no other dealer's.
// Method: receivers on loopback for two dealers; an order and a stock-take of one's SKU, then an
// order of the other's, which must have arrived while nothing of the first one's had.
func TestStockReachesItsDealer(t *testing.T) {
	t.Parallel()
	s := openWith(t, func(c *app.Config) {
		c.Notification = notification.Options{
			Poster: webhook.New(webhook.Options{Private: true}), PublicURL: "https://shop.example",
		}
	})
	mine, theirs := openInbox(t), openInbox(t)
	buyer := s.token("cus_1", room.Customer())
	for dealer, box := range map[string]*inbox{"dlr_1": mine, "dlr_2": theirs} {
		token := s.token(shop.ID(dealer), room.Dealer())
		s.list(shop.ID(dealer), dealer+"-lamp", 10)
		s.ask("POST", "/v1/endpoints", token, `{"url":"`+box.URL+`"}`, "Idempotency-Key", dealer)
		s.ask("PUT", "/v1/stock/"+dealer+"-lamp/rules", token, `{"safety":0,"lowAt":9}`)
	}
	for _, dealer := range []string{"dlr_1", "dlr_2"} {
		s.ask("POST", "/v1/orders", buyer, checkout(dealer+"-lamp", 2, "tok_visa"),
			"Idempotency-Key", dealer, "Prefer", "wait=10")
		if dealer == "dlr_1" {
			s.ask("POST", "/v1/stock/dlr_1-lamp/counts", s.token("dlr_1", room.Dealer()),
				`{"counted":1}`, "Idempotency-Key", "count")
		}
	}
	s.until("all were told", func() bool {
		return mine.has("souk.inventory.low.v1", `"available":8`) &&
			mine.has("souk.inventory.short.v1", `"units":1`) &&
			theirs.has("souk.inventory.low.v1", "dlr_2-lamp")
	})
	if theirs.has("dlr_1-lamp") || mine.has("dlr_2-lamp") {
		t.Error("a dealer was told of another's stock")
	}
}
