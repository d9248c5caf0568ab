package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// BenchmarkDoor is what a checkout costs: "alone" with a handler that does nothing, so that the
// door shows, "shop" with the whole shop in memory behind it; each without a network ("direct") and
// over kept connections of the loopback, whose client takes its part of the figure. All processors
// are busy, so an order costs ns/op times their number of processor time.
//
// To compare two versions, take the medians of one run of both:
//
//	go test -c -o new.test ./app       # and in the other tree: go test -c -o old.test ./app
//	./old.test -test.run xxx -test.bench Door -test.benchtime 20000x -test.count 6
//	./new.test -test.run xxx -test.bench Door -test.benchtime 20000x -test.count 6
//
// With -test.cpuprofile cpu and -test.memprofile mem the door's part is what is above PostOrder:
//
//	go tool pprof -top -cum -focus 'http.\(\*conn\).serve' new.test cpu
func BenchmarkDoor(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 800)
	alone := func(a *App) http.Handler {
		h := doorOf(answers[order.View](
			func(context.Context, *order.PostOrderIn) (*order.AnswerOut, error) {
				return &order.AnswerOut{
					Status: 201, ContentType: "application/json", Location: "/v1/orders/ord_1",
					Body: body,
				}, nil
			}), Begin)
		h.verify = a.Identity.Verify
		return h
	}
	run := func(name string, handler func(*App) http.Handler) {
		b.Run(name+"/direct", func(b *testing.B) {
			a, tokens := benchShop(b)
			benchDirect(b, handler(a), tokens)
		})
		b.Run(name+"/loopback", func(b *testing.B) {
			a, tokens := benchShop(b)
			benchLoopback(b, a, handler(a), tokens)
		})
	}
	run("alone", alone)
	run("shop", (*App).Handler)
}

// benchBody is a checkout as the load generator sends it.
const benchBody = `{"items":[{"sku":"SKU-0001","quantity":2},{"sku":"SKU-0002","quantity":1}],` +
	`"payment":{"token":"tok_visa"},"email":"shopper@example.com","shipTo":{"name":"Sam Shopper",` +
	`"line1":"1 Bench Lane","city":"London","postalCode":"N1","country":"GB"}}`

// benchShop opens a shop in memory that sells what benchBody asks for, and issues the tokens of
// 2,000 customers.
func benchShop(b *testing.B) (a *App, tokens []string) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: Check(cat)})
	must(err)
	provider, err := sandbox.Open(sandbox.Options{Clock: steady{}})
	must(err)
	a, err = Open(Config{
		Platform: p, Catalogue: cat, Clock: steady{}, Policy: Policy{Patience: -1},
		Payment: payment.Options{Name: "sandbox", Provider: provider, Describe: sandbox.Describe},
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Log:     slog.New(slog.DiscardHandler),
	})
	must(err)
	must(a.Start(b.Context()))
	b.Cleanup(func() {
		must(a.Close(context.Background()))
		must(p.Close())
		must(provider.Close())
	})
	issue := func(id shop.ID, role room.Role) string {
		token, err := a.Identity.Issue(b.Context(), room.Caller{ID: id, Role: role}, time.Hour)
		must(err)
		return token
	}
	dealer, keys := []string{issue("dlr_1", room.Dealer())}, &atomic.Int64{}
	for _, sku := range []string{"SKU-0001", "SKU-0002"} {
		for _, r := range [][2]string{
			{"POST /v1/products", `{"sku":"` + sku +
				`","title":"T","price":{"amount":510,"currency":"GBP"}}`},
			{"PUT /v1/stock/" + sku, `{"onHand":1000000000}`},
		} {
			if w := newCaller(keys, r[0], r[1], dealer).direct(a.Handler()); w.status/100 != 2 {
				b.Fatalf("%s: %d", r[0], w.status)
			}
		}
	}
	for i := range 2000 {
		tokens = append(tokens, issue(shop.ID(fmt.Sprintf("cus_%d", i)), room.Customer()))
		_, err := a.Identity.Verify(b.Context(), tokens[i]) // only the first time costs a signature
		must(err)
	}
	return a, tokens
}

// caller sends one request again and again, with other tokens and keys, and costs little itself.
type caller struct {
	method, path, body string
	tokens             []string
	keys               *atomic.Int64 // makes every key another, of all callers that share it
	buf                []byte
	head               http.Header
	conn               net.Conn
	r                  *bufio.Reader
}

func newCaller(keys *atomic.Int64, line, body string, tokens []string) *caller {
	method, path, _ := strings.Cut(line, " ")
	return &caller{
		method: method, path: path, body: body, tokens: tokens, keys: keys,
		head: http.Header{
			"Content-Type": {"application/json"}, "Idempotency-Key": {""}, "Authorization": {""},
		},
	}
}

// still is an answer of which only the status is kept.
type still struct {
	head   http.Header
	status int
}

func (s *still) Header() http.Header         { return s.head }
func (s *still) Write(p []byte) (int, error) { return len(p), nil }
func (s *still) WriteHeader(status int)      { s.status = status }

func (c *caller) next() (key, token string) {
	n := c.keys.Add(1)
	return strconv.FormatInt(n, 36), c.tokens[int(n)%len(c.tokens)]
}

// direct asks a handler without a network.
func (c *caller) direct(h http.Handler) *still {
	key, token := c.next()
	c.head["Idempotency-Key"][0], c.head["Authorization"][0] = key, "Bearer "+token
	req := &http.Request{
		Method: c.method, URL: &url.URL{Path: c.path}, Header: c.head, Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Host: "bench", ContentLength: int64(len(c.body)),
		Body: io.NopCloser(strings.NewReader(c.body)),
	}
	w := &still{head: make(http.Header, 12)}
	h.ServeHTTP(w, req)
	return w
}

// over asks a server, over a connection that is kept.
func (c *caller) over() (status int, err error) {
	key, token := c.next()
	c.buf = fmt.Appendf(c.buf[:0], "%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		c.method, c.path, token, key, len(c.body), c.body)
	if _, err := c.conn.Write(c.buf); err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if v, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 ")); ok {
			status, _ = strconv.Atoi(string(v[:3]))
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if len(line) == 2 {
			_, err := c.r.Discard(length)
			return status, err
		}
	}
}

func benchDirect(b *testing.B, h http.Handler, tokens []string) {
	keys := &atomic.Int64{}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c := newCaller(keys, "POST /v1/orders", benchBody, tokens)
		for pb.Next() {
			if w := c.direct(h); w.status != http.StatusCreated {
				b.Errorf("status %d", w.status)
				return
			}
		}
	})
}

func benchLoopback(b *testing.B, a *App, h http.Handler, tokens []string) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = a.Server(h)
	server.Start()
	defer server.Close()
	keys := &atomic.Int64{}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c := newCaller(keys, "POST /v1/orders", benchBody, tokens)
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		c.conn, c.r = conn, bufio.NewReader(conn)
		for pb.Next() {
			if status, err := c.over(); status != http.StatusCreated || err != nil {
				b.Errorf("status %d, %v", status, err)
				return
			}
		}
	})
}
