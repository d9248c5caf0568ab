package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

func allRoles() []room.Role {
	return []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
}

// events counts the whole log, once everything that follows from what was done is in it.
func (s *stage) events() int {
	s.t.Helper()
	s.until("everything that follows is done", func() bool {
		all, err := s.p.Delivery().Status(s.t.Context())
		return err == nil && !slices.ContainsFunc(all, func(one platform.SubscriptionStatus) bool {
			return one.Pending+one.Waiting > 0
		})
	})
	n := 0
	err := s.p.History().Log(context.Background(), "", func(string, platform.Event) error {
		n++
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// bad is one request that must be refused.
type bad struct {
	name, body, media string
	code              string
}

// statusOf is what the API's documentation promises for the codes of these tests.
func statusOf(code string) int {
	return map[string]int{
		"malformed": 400, "total_changed": 409, "too_large": 413, "unsupported_media_type": 415,
		"unknown_sku": 422, "invalid": 422,
	}[code]
}

// badCheckouts are the wrong bodies of POST /v1/orders.
func badCheckouts() []bad {
	good := checkout("a", 1, "tok_visa")
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	line := `{"sku":"a","quantity":1},`
	return []bad{
		{"unknown SKU", with(`"a"`, `"zzz"`), "", "unknown_sku"},
		{"quantity 0", with(`:1}`, `:0}`), "", "invalid"},
		{"quantity negative", with(`:1}`, `:-1}`), "", "invalid"},
		{"quantity huge", with(`:1}`, `:1000000000000000000000000}`), "", "invalid"},
		{"quantity a fraction", with(`:1}`, `:1.5}`), "", "invalid"},
		{"quantity a string", with(`:1}`, `:"1"}`), "", "invalid"},
		{"a price from the client", with(`:1}`, `:1,"price":1}`), "", "invalid"},
		{"a total from the client", with(`{"items"`, `{"total":1,"items"`), "", "invalid"},
		{"another total expected", with(`{"items"`,
			`{"expectedTotal":{"amount":1,"currency":"GBP"},"items"`), "", "total_changed"},
		{"an unknown key", with(`{"items"`, `{"x":1,"items"`), "", "invalid"},
		{"a key in another case", with(`{"items"`, `{"Items"`), "", "invalid"},
		{"a duplicate key", with(`{"items"`, `{"items":[],"items"`), "", "malformed"},
		{"a hidden duplicate key", with(`"sku":"a"`, `"sku":"a","s\u006bu":"b"`), "", "malformed"},
		{"bad UTF-8", with(`"1 Road"`, "\"\xff\xfe\""), "", "malformed"},
		{"a lone surrogate", with(`"1 Road"`, `"\ud800"`), "", "malformed"},
		{"a control character", with(`"1 Road"`, `"a\u0007"`), "", "invalid"},
		{"a name too long", with(`"A. Buyer"`, `"`+strings.Repeat("x", 101)+`"`), "", "invalid"},
		{"a SKU too long", with(`"a"`, `"`+strings.Repeat("x", 65)+`"`), "", "invalid"},
		{"a country that is none", with(`"GB"`, `"gb"`), "", "invalid"},
		{"no payment", `{"items":[{"sku":"a","quantity":1}],"shipTo":` + address + `}`, "", "invalid"},
		{"a card number", with(`tok_visa`, `4242424242424242`), "", "invalid"},
		{"no items", with(`[{"sku":"a","quantity":1}]`, `[]`), "", "invalid"},
		{"too many lines", with(`[{`, "["+strings.Repeat(line, 1200)+"{"), "", "invalid"},
		{"not JSON", `{"items"`, "", "malformed"},
		{"two values", good + good, "", "malformed"},
		{"a list", `[]`, "", "invalid"},
		{"null", `null`, "", "invalid"},
		{"nothing", " ", "", "malformed"},
		{"too large", with(`1 Road`, strings.Repeat("x", 1<<20)), "", "too_large"},
		{"a form", "a=b", "application/x-www-form-urlencoded", "unsupported_media_type"},
		{"another charset", good, "application/json; charset=latin1", "unsupported_media_type"},
		{"nearly JSON", good, "application/vnd.x+json", "unsupported_media_type"},
	}
}

// Goal: whatever is wrong with a checkout is refused with its code and has no effect. Method: the
// table, with the length of the log before and after.
func TestBadCheckoutsAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer := s.token("cus_1", room.Customer())
	before := s.events()
	for i, b := range badCheckouts() {
		header := []string{"Idempotency-Key", fmt.Sprint("k", i)}
		if b.media != "" {
			header = append(header, "Content-Type", b.media)
		}
		a := s.ask("POST", "/v1/orders", buyer, b.body, header...)
		if a.status != statusOf(b.code) || a.code() != b.code {
			t.Errorf("%s: %d %s, want %s", b.name, a.status, a.body, b.code)
		}
		if strings.Contains(string(a.body), "4242") || strings.Contains(string(a.body), "main.") {
			t.Errorf("%s: the answer repeats what it must not: %s", b.name, a.body)
		}
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
}

// Goal: keys are required, bounded, and one key is one request. Method: each way of getting it
// wrong, and the same key in both spellings.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer := s.token("cus_1", room.Customer())
	body := checkout("a", 1, "tok_visa")
	for key, code := range map[string]string{
		"": "key_missing", strings.Repeat("x", 256): "invalid", "ä": "invalid", `""`: "invalid",
	} {
		if a := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", key); a.code() != code {
			t.Errorf("key %q: %d %s", key, a.status, a.body)
		}
	}
	first := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", "k1")
	again := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", `"k1"`)
	if first.status != 201 || again.status != 201 || string(first.body) != string(again.body) {
		t.Errorf("the same key again: %s and %s", first.body, again.body)
	}
	changed := s.ask("POST", "/v1/orders", buyer, checkout("a", 2, "tok_visa"),
		"Idempotency-Key", "k1")
	if changed.status != 422 || changed.code() != "key_reused" {
		t.Errorf("a changed body: %d %s", changed.status, changed.body)
	}
}

// Goal: nobody learns of another's order, and what has ended stays ended. Method: the same doors
// with another's token, and twice.
func TestOrdersOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer, other := s.token("cus_1", room.Customer()), s.token("cus_2", room.Customer())
	var o struct{ ID string }
	s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=10").decode(t, &o)
	missing := s.ask("GET", "/v1/orders/ord_none", other, "")
	for _, path := range []string{"", "/events"} {
		a := s.ask("GET", "/v1/orders/"+o.ID+path, other, "")
		if a.status != 404 || missing.status != 404 || a.code() != "not_found" {
			t.Errorf("GET …%s of another: %d %s", path, a.status, a.body)
		}
	}
	a := s.ask("GET", "/v1/orders/"+o.ID+"/events", other, "", "Accept", "text/event-stream")
	if a.status != 404 {
		t.Errorf("the stream of another's order: %d %s", a.status, a.body)
	}
	cancel := func(token, key string) answer {
		return s.ask("POST", "/v1/orders/"+o.ID+"/cancel", token, "", "Idempotency-Key", key)
	}
	if a := cancel(other, "c1"); a.status != 404 {
		t.Errorf("cancelling another's: %d %s", a.status, a.body)
	}
	if a := cancel(buyer, "c1"); a.status != 200 {
		t.Errorf("cancelling: %d %s", a.status, a.body)
	}
	if a := cancel(buyer, "c1"); a.status != 200 {
		t.Errorf("the same request again: %d %s", a.status, a.body)
	}
	if a := cancel(buyer, "c2"); a.status != 409 || a.code() != "illegal_state" {
		t.Errorf("cancelling twice: %d %s", a.status, a.body)
	}
}

// Goal: methods and paths are told apart. Method: OPTIONS, HEAD, a wrong method, a wrong path.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := open(t)
	if a := s.ask("OPTIONS", "/v1/orders", "", ""); a.status != 204 ||
		a.head.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("OPTIONS: %d %v", a.status, a.head)
	}
	if a := s.ask("HEAD", "/v1/products", "", ""); a.status != 200 || len(a.body) != 0 {
		t.Errorf("HEAD: %d %s", a.status, a.body)
	}
	if a := s.ask("DELETE", "/v1/orders", "", ""); a.status != 405 || a.head.Get("Allow") == "" {
		t.Errorf("DELETE: %d %v", a.status, a.head)
	}
	if a := s.ask("GET", "/v1/nothing", "", ""); a.status != 404 || a.code() != "not_found" {
		t.Errorf("no such path: %d %s", a.status, a.body)
	}
	a := s.ask("GET", "/v1/products", "", "", "X-Correlation-Id", "mine-1")
	if a.head.Get("X-Correlation-Id") != "mine-1" ||
		a.head.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", a.head)
	}
}
