package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/room"
)

// raw sends bytes that no well-behaved client would, and returns the first answer.
func (s *stage) raw(text string) answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // ends with the connection
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatalf("%.100q: %v", text, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%.100q: %v", text, err)
	}
	return answer{status: resp.StatusCode, head: resp.Header, body: body}
}

// text is a request as it goes over the wire.
func text(line, token, body string, header ...string) string {
	all := append([]string{"Host: souk", "Connection: close"}, header...)
	if token != "" {
		all = append(all, "Authorization: Bearer "+token)
	}
	if body != "" {
		all = append(all, fmt.Sprint("Content-Length: ", len(body)))
	}
	return line + " HTTP/1.1\r\n" + strings.Join(all, "\r\n") + "\r\n\r\n" + body
}

// Goal: whatever stands in a request line gets an answer that the document has, and never one of
// another path. Method: paths and queries that are wrong, roundabout or far too long.
func TestHostileRequestLines(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer, admin := s.token("cus_1", room.Customer()), s.token("adm_1", room.Admin())
	long := strings.Repeat("a", 9000)
	for line, want := range map[string]string{
		"GET /v1/orders/../products":                "404 not_found",
		"GET //v1/products":                         "404 not_found",
		"GET /v1/./products":                        "404 not_found",
		"GET /v1/products/":                         "404 not_found",
		"GET /v1/products/..":                       "404 not_found",
		"GET /v1/products/%2e%2e":                   "404 not_found",
		"GET /v1/products/..%2f..%2fetc%2fpasswd":   "422 invalid",
		"GET /v1/products/%00":                      "422 invalid",
		"GET /v1/products/%ff%fe":                   "422 invalid",
		"GET /v1/stock/" + long:                     "422 invalid",
		"GET /v1/orders/" + long:                    "422 invalid",
		"GET /v1/orders/" + long + "/events":        "422 invalid",
		"GET /v1/orders/customer%2fcus_1":           "422 invalid",
		"GET /v1/payments/pay_1%0d%0aX:%20y":        "422 invalid",
		"GET /v1/purchases/~once":                   "422 invalid",
		"GET /v1/shipments/%F0%9F%92%A9":            "422 invalid",
		"GET /v1/orders?limit=1&limit=100":          "422 invalid",
		"GET /v1/orders?limit=":                     "422 invalid",
		"GET /v1/orders?limit=1;customer=cus_2":     "422 invalid",
		"GET /v1/orders?limit=+1":                   "422 invalid",
		"GET /v1/orders?limit=9223372036854775808":  "422 invalid",
		"GET /v1/orders?customer=%zz":               "422 invalid",
		"GET /v1/orders?customer=%ff":               "422 invalid",
		"GET /v1/orders?cursor=customer/cus_2":      "422 invalid",
		"GET /v1/orders?nothing=1":                  "422 invalid",
		"GET /v1/messages?cursor=../../x":           "422 invalid",
		"GET /v1/products?cursor=999999999999/a":    "422 invalid",
		"CONNECT /v1/orders":                        "405 method_not_allowed",
		"get /v1/orders":                            "405 method_not_allowed",
		"PROPFIND /v1/orders":                       "405 method_not_allowed",
		"GET http://elsewhere/v1/orders/ord_none":   "404 not_found",
		"POST /v1/ops/subscriptions/%2e%2e/pause":   "403 forbidden",
		"GET /v1/ops/dead-letters?subscription=%00": "403 forbidden",
	} {
		a := s.raw(text(line, buyer, ""))
		if got := fmt.Sprint(a.status, " ", a.code()); got != want {
			t.Errorf("%.80s: %s %.200s", line, got, a.body)
		}
		if strings.Contains(line, "/events") {
			a = s.raw(text(line, buyer, "", "Accept: text/event-stream"))
			if got := fmt.Sprint(a.status, " ", a.code()); got != want {
				t.Errorf("%.80s as a stream: %s %.200s", line, got, a.body)
			}
		}
		if a = s.raw(text(line, admin, "")); a.status >= 500 || a.code() == "" {
			t.Errorf("%.80s as admin: %d %.200s", line, a.status, a.body)
		}
	}
}

// Goal: a request that two servers could read as two different ones is read as none, and nothing
// of a header comes back as another. Method: doubled and contradicting headers over raw
// connections; what the HTTP library itself refuses has no code.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer, admin := s.token("cus_1", room.Customer()), s.token("adm_1", room.Admin())
	body := checkout("a", 1, "tok_visa")
	order := func(header ...string) string {
		return text("POST /v1/orders", buyer, body, header...)
	}
	const key, media = "Idempotency-Key: k", "Content-Type: application/json"
	const unsupported = "415 unsupported_media_type"
	before := s.events()
	for name, c := range map[string]struct{ text, want string }{
		"two tokens": {order(key, media, "Authorization: Bearer "+admin), "401 unauthorised"},
		"a list of tokens": {text("GET /v1/orders", "", "",
			"Authorization: Bearer x, Bearer "+buyer), "401 unauthorised"},
		"two keys":        {order(key, "Idempotency-Key: l", media), "422 invalid"},
		"two media types": {order(key, media, "Content-Type: text/plain"), unsupported},
		"no media type":   {order(key), unsupported},
		"compressed":      {order(key, media, "Content-Encoding: gzip"), unsupported},
		"two lengths":     {order(key, media, "Content-Length: 3"), "400 "},
		"a signed length": {text("POST /v1/orders", buyer, "", key, media,
			"Content-Length: +3") + "{}\n", "400 "},
		"unknown coding": {order(key, media, "Transfer-Encoding: xchunked"), "501 "},
		"a chunk too large": {text("POST /v1/orders", buyer, "", key, media,
			"Transfer-Encoding: chunked") + "FFFFFFFFFFFFFFFFF\r\n", "400 malformed"},
		"a chunk too few": {text("POST /v1/orders", buyer, "", key, media,
			"Transfer-Encoding: chunked") + "zz\r\n", "400 malformed"},
		"a space in a name":  {order(key, media, "X-A : b"), "400 "},
		"a folded header":    {order(key, media, "X-A: b\r\n  c\rd"), "400 "},
		"too many bytes":     {order(key, media, "X-A: "+strings.Repeat("a", 30_000)), "431 "},
		"another expecation": {order(key, media, "Expect: tea"), "417 "},
	} {
		a := s.raw(c.text)
		if got := fmt.Sprint(a.status, " ", a.code()); got != c.want {
			t.Errorf("%s: %s %.200s", name, got, a.body)
		}
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
	for _, id := range []string{"a b", "a\tb", "ä", strings.Repeat("a", 65), "<script>", ""} {
		a := s.raw(text("GET /v1/products", "", "", "X-Correlation-Id: "+id))
		if got := a.head["X-Correlation-Id"]; len(got) != 1 || got[0] == id || len(got[0]) != 32 {
			t.Errorf("correlation id %q became %q", id, got)
		}
	}
}

// Goal: a body that is made to be expensive is cheap to refuse. Method: the greatest bodies of
// their kinds; the answer is short, and says no before each part has been complained about.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := open(t)
	buyer := s.token("cus_1", room.Customer())
	var names strings.Builder
	for i := range 70_000 {
		fmt.Fprintf(&names, `"k%06d":1,`, i)
	}
	pile := func(open, shut string, n int) string {
		return strings.Repeat(open, n) + strings.Repeat(shut, n)
	}
	before := s.events()
	for name, c := range map[string]struct{ body, want string }{
		"500,000 zeros":   {`{"items":[0` + strings.Repeat(",0", 500_000) + `]}`, "413 too_large"},
		"70,000 names":    {"{" + names.String() + `"z":1}`, "413 too_large"},
		"9,990 levels":    {`{"items":` + pile("[", "]", 9_990) + "}", "422 invalid"},
		"10,000 levels":   {pile("[", "]", 10_001), "400 malformed"},
		"400,000 levels":  {`{"a":` + strings.Repeat("[", 400_000), "400 malformed"},
		"200,000 objects": {strings.Repeat(`{"a":`, 200_000), "413 too_large"},
		"a long number":   {`{"items":[{"sku":"a","quantity":` + strings.Repeat("9", 500_000) + `}]}`, "400 malformed"},
		"a long exponent": {`{"items":[{"sku":"a","quantity":1e999999999}]}`, "400 malformed"},
		"a long string":   {`{"cartId":"` + strings.Repeat("a", 1_000_000) + `"}`, "422 invalid"},
		"a long name":     {`{"` + strings.Repeat("a", 1_000_000) + `":1}`, "422 invalid"},
		"a null":          {`{"items":null}`, "422 invalid"},
		"one byte more":   {`{"cartId":"` + strings.Repeat("a", 1<<20) + `"}`, "413 too_large"},
	} {
		a := s.ask("POST", "/v1/orders", buyer, c.body, "Idempotency-Key", "k")
		if got := fmt.Sprint(a.status, " ", a.code()); got != c.want || len(a.body) > 20_000 {
			t.Errorf("%s: %s, %d bytes: %.300s", name, got, len(a.body), a.body)
		}
	}
	if a := s.ask("POST", "/v1/webhooks/sandbox", "", pile("[", "]", 30_000)); a.status != 413 {
		t.Errorf("a great webhook of anybody's: %d %.200s", a.status, a.body)
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
}

// Goal: a key is the same key only if it is the same bytes, whatever they are. Method: keys that
// a decoder, a folder of cases or a cutter at '#' or '/' would take for each other.
func TestKeysOfOddCharacters(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 100)
	buyer := s.token("cus_1", room.Customer())
	made := make(map[string]string)
	for _, key := range []string{
		"a/b", "a%2Fb", "a%2fb", "A/B", "a#b", "a", "a b", "a+b", "../a", "POST /v1/orders#a",
		"'; drop table orders; --", "${jndi:ldap://x}", "%00", "~once/cus_2", strings.Repeat("k", 255),
	} {
		var o struct{ ID string }
		body := checkout("a", 1, "tok_visa")
		a := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", key)
		a.decode(t, &o)
		if other, ok := made[o.ID]; ok || a.status != 201 {
			t.Errorf("key %q: %d, the order of key %q", key, a.status, other)
		}
		made[o.ID] = key
		again := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", `"`+key+`"`)
		if string(again.body) != string(a.body) {
			t.Errorf("key %q in quotes is another key: %s", key, again.body)
		}
	}
}

// Goal: no number is too large to be refused. Method: the greatest integers and amounts in every
// field that takes one.
func TestNumbersAtTheirLimits(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	seller, admin := s.token("dlr_1", room.Dealer()), s.token("adm_1", room.Admin())
	before := s.events()
	for i, n := range []string{
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e308", "1.5", "-1",
		"18446744073709551616", "1000000000000001", `"1"`, "true", "-0.5",
	} {
		key := fmt.Sprint("k", i)
		for _, r := range []struct{ method, path, token, body string }{
			{"POST", "/v1/products", seller, `{"sku":"b","title":"B","price":{"amount":N,"currency":"GBP"}}`},
			{"POST", "/v1/products", seller, `{"sku":"b","title":"B","price":{"amount":1,` +
				`"currency":"GBP"},"commissionBps":N}`},
			{"PUT", "/v1/stock/a", seller, `{"onHand":N}`},
			{"POST", "/v1/payments/pay_x/refunds", admin,
				`{"shipment":"shp_x_1","amount":{"amount":N,"currency":"GBP"}}`},
		} {
			a := s.ask(r.method, r.path, r.token, strings.Replace(r.body, "N", n, 1),
				"Idempotency-Key", key)
			if a.status != 422 && a.status != 404 {
				t.Errorf("%s %s with %s: %d %s", r.method, r.path, n, a.status, a.body)
			}
		}
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
}

// Goal: an order's amount cannot overflow. Method: the dearest thing, as often as it can be asked
// for, in as many lines as there may be.
func TestAmountsDoNotOverflow(t *testing.T) {
	t.Parallel()
	s := open(t)
	seller, buyer := s.token("dlr_1", room.Dealer()), s.token("cus_1", room.Customer())
	s.ask("POST", "/v1/products", seller,
		`{"sku":"dear","title":"Dear","price":{"amount":1000000000000,"currency":"GBP"}}`,
		"Idempotency-Key", "k")
	line := `{"sku":"dear","quantity":1000000},`
	for _, items := range []string{line, strings.Repeat(line, 1200)} {
		body := strings.Replace(checkout("dear", 1, "tok_visa"),
			`{"sku":"dear","quantity":1}`, strings.TrimSuffix(items, ","), 1)
		a := s.ask("POST", "/v1/orders", buyer, body, "Idempotency-Key", fmt.Sprint(len(items)))
		if a.status != 422 || a.code() != "invalid" {
			t.Errorf("%d bytes of lines: %d %.200s", len(items), a.status, a.body)
		}
	}
}

// Goal: whatever can be listed can be reached by the address that the listing answers with. Method:
// every character that a SKU may have, and the two SKUs that no path can name.
func TestEverySKUHasAPath(t *testing.T) {
	t.Parallel()
	s := open(t)
	seller := s.token("dlr_1", room.Dealer())
	list := func(sku string) answer {
		body, err := json.Marshal(map[string]any{
			"sku": sku, "title": "T", "price": map[string]any{"amount": 1, "currency": "GBP"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s.ask("POST", "/v1/products", seller, string(body),
			"Idempotency-Key", fmt.Sprintf("%x", sku))
	}
	skus := []string{"...", ".x", "%2e%2e", "%2F", "a%00", "?a=b", "#", "a;b"}
	for c := byte('!'); c <= '~'; c++ {
		if c != '/' {
			skus = append(skus, "s"+string(rune(c))+"s")
		}
	}
	for _, sku := range skus {
		made := list(sku)
		var l struct{ ID string }
		if a := s.ask("GET", made.head.Get("Location"), "", ""); a.status == 200 {
			a.decode(t, &l)
		}
		if made.status != 201 || l.ID != sku {
			t.Errorf("SKU %q (%d) at %q is %q", sku, made.status, made.head.Get("Location"), l.ID)
		}
	}
	for _, sku := range []string{".", ".."} {
		if a := list(sku); a.code() != "invalid" {
			t.Errorf("SKU %q: %d %s", sku, a.status, a.body)
		}
	}
}

// Goal: connections are bounded, and one that ends makes room. Method: a listener for three.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := openWith(t, func(c *app.Config) { c.Policy.Connections = 3 })
	address := strings.TrimPrefix(s.url, "http://")
	http.DefaultClient.CloseIdleConnections()
	// works reports whether a connection is served.
	works := func(c net.Conn) bool {
		_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: souk\r\n\r\n")
		if err != nil {
			return false
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == 200
	}
	var held []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", address)
		if err != nil || !works(c) {
			t.Fatalf("one of three: %v", err)
		}
		defer func() { _ = c.Close() }()
		held = append(held, c)
	}
	more := func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		return works(c)
	}
	if more() {
		t.Error("a fourth connection was served")
	}
	if err := held[0].Close(); err != nil {
		t.Fatal(err)
	}
	s.until("there is room again", more)
}
