package app_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
)

// tray keeps the letters that it was given, by address.
type tray struct {
	mu      sync.Mutex
	letters map[string]int
	silent  bool // takes them without an answer
}

func (b *tray) Send(_ context.Context, l notification.Letter) notification.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters[l.To]++
	if b.silent {
		return notification.Outcome{}
	}
	return notification.Outcome{Verdict: notification.Taken}
}

func (b *tray) has(to string, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.letters[to] == n && len(b.letters) == 1
}

// Goal: addresses that are given at any door of checkout are where messages go, and what is unknown
// can be read. Method: an order at each door, with an address by mail and by SMS; the post of one
// channel never answers.
func TestMessagesLeave(t *testing.T) {
	t.Parallel()
	mail, sms := &tray{letters: make(map[string]int)}, &tray{letters: make(map[string]int)}
	sms.silent = true
	s := openWith(t, func(c *app.Config) {
		c.Notification = notification.Options{Mail: mail, SMS: sms}
	})
	s.list("dlr_1", "a", 10)
	reach := func(body string) string {
		return strings.Replace(body, `"shipTo"`,
			`"email":"ada@example.org","phone":"+442079460123","shipTo"`, 1)
	}
	buyer := s.token("cus_1", room.Customer())
	order := reach(checkout("a", 1, "tok_visa"))
	s.ask("POST", "/v1/orders", buyer, order, "Idempotency-Key", "k1")
	s.ask("POST", "/v1/orders", buyer, order, "Idempotency-Key", "k2", "Prefer", "respond-async")
	s.ask("POST", "/v1/purchases", s.token("till", room.ServiceRole()),
		reach(purchaseBody("ord_x1", "a", 1)))
	s.until("three messages have left on both channels", func() bool {
		return mail.has("ada@example.org", 3) && sms.has("+442079460123", 3)
	})
	var list struct {
		Items []struct{ Channel, Status string }
	}
	s.until("what is unknown is listed", func() bool {
		s.ask("GET", "/v1/ops/messages", s.token("adm_1", room.Admin()), "").decode(t, &list)
		return len(list.Items) == 3
	})
	for _, m := range list.Items {
		if m.Channel != "sms" || m.Status != "unknown" {
			t.Errorf("in trouble: %+v", m)
		}
	}
	bad := strings.Replace(order, "+44", "0044", 1)
	a := s.ask("POST", "/v1/orders", buyer, bad, "Idempotency-Key", "k3")
	if a.status != 422 {
		t.Errorf("a number that is none: %d %s", a.status, a.body)
	}
}
