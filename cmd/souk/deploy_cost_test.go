package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: one order costs at most what docs/cost.md says. Method: one order of one parcel, from
// checkout to the doorstep, through the real doors and rooms; what it wrote, read and announced is
// counted at the ports and put into the formula, and each line is held against the page's.
func TestDeployCostOfOneOrder(t *testing.T) {
	t.Parallel()
	lived := oneOrder(t)
	h, err := houseOf()
	if err != nil {
		t.Fatal(err)
	}
	u := h.Use(lived)
	page, err := os.ReadFile(tree + "docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []struct {
		name string
		got  float64
	}{
		{"requests", u.Requests}, {"events", u.Events}, {"messages", u.Messages},
		{"invocations", u.Invocations}, {"write units", u.Writes}, {"read units", u.Reads},
	} {
		m := regexp.MustCompile(`(?m)^\| ` + line.name + ` \|[^|]*\| (\d+) \|`).FindSubmatch(page)
		if m == nil {
			t.Errorf("docs/cost.md has no line for %s (%v)", line.name, line.got)
			continue
		}
		most, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil || line.got > most || line.got < most/2 {
			t.Errorf("%s: %v, docs/cost.md says at most %v (%v)", line.name, line.got, most, err)
		}
	}
	u.MemoryMB, u.BilledMS, u.LogKB = 256, 20, u.Invocations
	t.Logf("%+v: %+v, %.4f USD for 1,000 orders", u, deploy.Cost(u), deploy.Cost(u).Total())
}

// counted is a platform that counts what its stores are asked.
type counted struct {
	platform.Platform
	mu    sync.Mutex
	story deploy.Story // under mu
}

func (c *counted) Store(name string) platform.Store {
	return countedStore{c.Platform.Store(name), c}
}

type countedStore struct {
	platform.Store
	c *counted
}

const overhead = 150 // bytes of an item's keys, version and envelope

// Commit implements platform.Store. Every write, event and timer is an item.
func (s countedStore) Commit(ctx context.Context, b platform.Batch) error {
	err := s.Store.Commit(ctx, b)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for _, w := range b.Writes {
		s.c.story.Writes = append(s.c.story.Writes, overhead+len(w.Value))
	}
	for _, e := range b.Events {
		s.c.story.Writes = append(s.c.story.Writes, overhead+len(e.Data))
	}
	for _, timer := range b.Timers { // the index takes a unit more
		s.c.story.Writes = append(s.c.story.Writes, overhead+len(timer.Event.Data), overhead)
	}
	for range b.Cancel {
		s.c.story.Writes = append(s.c.story.Writes, overhead, overhead)
	}
	return err
}

// Get implements platform.Store.
func (s countedStore) Get(ctx context.Context, k platform.Key) (platform.Record, error) {
	r, err := s.Store.Get(ctx, k)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.story.Reads = append(s.c.story.Reads, overhead+len(r.Value))
	return r, err
}

// List implements platform.Store.
func (s countedStore) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	found, err := s.Store.List(ctx, q)
	size := 0
	for _, r := range found {
		size += overhead + len(r.Value)
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.story.Reads = append(s.c.story.Reads, size)
	return found, err
}

// oneOrder has one order placed, packed, dispatched and delivered, and tells what that took.
func oneOrder(t *testing.T) deploy.Story {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: app.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	clock := embedded.SystemClock{}
	provider, err := sandbox.Open(sandbox.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Platform: p}
	a, err := app.Open(app.Config{
		Platform: c, Catalogue: cat, Clock: clock, Log: slog.New(slog.DiscardHandler),
		IDs:     shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Payment: payment.Options{Name: "sandbox", Provider: provider, Describe: sandbox.Describe},
		Policy:  app.Policy{Patience: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return liveThrough(t, a, c)
}

func liveThrough(t *testing.T, a *app.App, c *counted) deploy.Story {
	t.Helper()
	doors := 0
	ask := func(who room.Role, id, method, path, body string) (int, string) {
		caller := room.Caller{ID: shop.ID(id), Role: who}
		token, err := a.Identity.Issue(t.Context(), caller, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", method+strconv.Itoa(len(path)))
		r.Header.Set("Prefer", "wait=20")
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	must := func(status int, body string) string {
		doors++
		if status > 299 {
			t.Fatalf("%d %s", status, body)
		}
		return body
	}
	must(ask(room.Dealer(), "dlr_1", "POST", "/v1/products",
		`{"sku":"a","title":"A lamp","price":{"amount":510,"currency":"GBP"}}`))
	must(ask(room.Dealer(), "dlr_1", "PUT", "/v1/stock/a", `{"onHand":9}`))
	doors = 0
	c.mu.Lock()
	c.story = deploy.Story{}
	c.mu.Unlock()
	body := must(ask(room.Customer(), "cus_1", "POST", "/v1/orders", `{"items":[{"sku":"a",`+
		`"quantity":2}],"payment":{"token":"tok_visa"},"shipTo":{"name":"Ada","line1":"1 Street",`+
		`"city":"London","country":"GB"}}`))
	id := regexp.MustCompile(`"id":"ord_([a-z0-9]+)"`).FindStringSubmatch(body)[1]
	for _, verb := range []string{"pack", "dispatch", "deliver"} {
		path := "/v1/shipments/shp_" + id + "_1/" + verb
		settled(t, c)
		must(ask(room.Dealer(), "dlr_1", "POST", path, ""))
	}
	settled(t, c)
	status, body := ask(room.Customer(), "cus_1", "GET", "/v1/orders/ord_"+id, "")
	if status != 200 || !strings.Contains(body, `"delivered"`) {
		t.Fatalf("%d %s", status, body)
	}
	return told(t, c, doors)
}

// told is what was counted, with the types of every event of the order.
func told(t *testing.T, c *counted, doors int) deploy.Story {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.story
	s.Doors = doors
	err := c.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		if strings.HasPrefix(e.Type, "souk.catalog.") || e.Subject == "" ||
			strings.HasPrefix(e.Subject, "movement/") {
			return nil
		}
		s.Types = append(s.Types, e.Type)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settled waits until every event is handled.
func settled(t *testing.T, c *counted) {
	t.Helper()
	for {
		all, err := c.Delivery().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting := 0
		for _, s := range all {
			waiting += s.Pending + s.Waiting
		}
		if waiting == 0 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(fmt.Sprint(waiting, " events wait"))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
