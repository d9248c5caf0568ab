package app_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// machine is the machine's clock.
type machine struct{}

func (machine) Now() time.Time                         { return time.Now() }
func (machine) After(d time.Duration) <-chan time.Time { return time.After(d) }

// stage is a whole shop behind a loopback listener.
type stage struct {
	t   testing.TB
	app *app.App
	p   platform.Platform
	url string
	doc *contract // holds every exchange against the published document
}

// open starts a shop in memory.
func open(t testing.TB) *stage { return openWith(t, func(*app.Config) {}) }

// openWith starts a shop whose configuration was changed.
func openWith(t testing.TB, change func(c *app.Config)) *stage {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: app.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := sandbox.Open(sandbox.Options{Clock: machine{}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := app.Config{
		Platform: p, Catalogue: cat, Clock: machine{},
		Payment: payment.Options{Name: "sandbox", Provider: provider, Describe: sandbox.Describe},
		Policy:  app.Policy{Patience: -1}, // a slow machine is not what is tested here
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Log:     slog.New(slog.DiscardHandler), Machines: true,
		Fulfilment: fulfilment.Options{
			Carrier: post.New(machine{}, nil), Secrets: [][]byte{carrierSecret()},
			Printer: paper.Printer{},
		},
	}
	change(&cfg)
	a, err := app.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = a.Server(a.Handler())
	server.Start()
	t.Cleanup(func() {
		a.Drain()
		server.Close()
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stage{t: t, app: a, p: p, url: server.URL, doc: readContract(t, a)}
}

// token speaks for somebody for an hour.
func (s *stage) token(id shop.ID, role room.Role) string {
	s.t.Helper()
	token, err := s.app.Identity.Issue(s.t.Context(), room.Caller{ID: id, Role: role}, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// answer is what came back.
type answer struct {
	status int
	head   http.Header
	body   []byte
}

// ask sends one request. header holds pairs of name and value.
func (s *stage) ask(method, path, token, body string, header ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(
		s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, head: resp.Header, body: raw}
	s.doc.check(s.t, req, body, a)
	return a
}

// code is the code of a problem, or "" if the answer is none.
func (a answer) code() string {
	var p app.Problem
	if a.head.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return "not JSON: " + err.Error()
	}
	return p.Code
}
