package app_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: the backup door makes one copy at a time under the name that it was given, lets the same
// request wait for it, refuses what exists, and breaks off with the app.
// Method: a shop whose backups end when the test says so.
func TestBackups(t *testing.T) {
	t.Parallel()
	begun, end := make(chan string, 1), make(chan error)
	s := openWith(t, func(c *app.Config) {
		c.Backups = func(ctx context.Context, name string) error {
			begun <- name
			select {
			case err := <-end:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	admin := s.token("adm_1", room.Admin())
	ask := func(name string) answer {
		return s.ask("POST", "/v1/ops/backups", admin, `{"name":"`+name+`"}`)
	}
	answers := make(chan answer, 2)
	go func() { answers <- ask("monday") }()
	if name := <-begun; name != "monday" {
		t.Errorf("it backs up to %q", name)
	}
	go func() { answers <- ask("monday") }() // waits for the first, or finds it made
	if a := ask("tuesday"); a.status != 409 || a.code() != string(shop.Conflict) {
		t.Errorf("a second backup at once: %d %s", a.status, a.body)
	}
	end <- nil
	first := <-answers
	if first.status != 201 {
		t.Errorf("made: %d %s", first.status, first.body)
	}
	// The second request either waited for the first backup or came after it and begins another.
	select {
	case <-begun:
		end <- shop.Errorf(shop.Conflict, "there is a backup %q", "monday")
		if second := <-answers; second.status != 409 {
			t.Errorf("the same name again: %d %s", second.status, second.body)
		}
	case second := <-answers:
		if second.status != 201 {
			t.Errorf("the same request: %d %s", second.status, second.body)
		}
	}
	var list struct{ Items []app.BackupBody }
	if err := json.Unmarshal(s.ask("GET", "/v1/ops/backups", admin, "").body, &list); err != nil {
		t.Fatal(err)
	}
	if n := len(list.Items); n < 1 || n > 2 || list.Items[n-1].State != "done" {
		t.Errorf("the list: %+v", list.Items)
	}
}

// Goal: bad names, other callers and a market in memory are refused. Method: one request each.
func TestBackupsRefuse(t *testing.T) {
	t.Parallel()
	s := open(t)
	admin, customer := s.token("adm_1", room.Admin()), s.token("cus_1", room.Customer())
	for _, name := range []string{"", "..", "a/b", "A", "über", "x y"} {
		body, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		if a := s.ask("POST", "/v1/ops/backups", admin, string(body)); a.status != 422 {
			t.Errorf("name %q: %d", name, a.status)
		}
	}
	if a := s.ask("POST", "/v1/ops/backups", customer, `{"name":"a"}`); a.status != 403 {
		t.Errorf("a customer: %d", a.status)
	}
	if a := s.ask("POST", "/v1/ops/backups", admin, `{"name":"a"}`); a.code() != "illegal_state" {
		t.Errorf("in memory: %d %s", a.status, a.body)
	}
}
