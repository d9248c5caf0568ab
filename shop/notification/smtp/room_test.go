package smtp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/smtp"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: a mail server that takes a letter and then says nothing leaves the message unknown, where
// operators see it, and it is never sent a second time. Method: a real server that falls silent,
// the whole room before it, an hour of its clock.
func TestTakenAndSilent(t *testing.T) {
	t.Parallel()
	p := (&post{hang: make(chan struct{})}).start(t, false, false)
	w := roomtest.New(t, roomtest.Calm())
	s := notification.New(w.Desk("notification"), notification.Options{
		Mail:   carrier(t, p, smtp.Plain, nil),
		Policy: notification.Policy{CallTimeout: 300 * time.Millisecond},
	})
	w.Start(t, s)
	to, err := shop.Seal(t.Context(), w.Raw.Keys(), "cus_1", event.Contact{Email: to})
	if err != nil {
		t.Fatal(err)
	}
	w.Announce(t, &event.OrderExpired{Order: "ord_a", Customer: "cus_1", Contact: to})
	w.Settle(t)
	for range 12 {
		w.Advance(t, 5*time.Minute)
	}
	if n := len(p.letters()); n != 1 {
		t.Errorf("the server took %d letters", n)
	}
	rec, err := w.Raw.Store("notification").Get(t.Context(), platform.Key{
		Part: "message/msg_order_expired_a", Sort: "message",
	})
	if err != nil {
		t.Fatal(err)
	}
	var m notification.Message
	if err := room.Decode(rec.Value, &m); err != nil || len(m.Sends) != 1 ||
		m.Sends[0].State != notification.InDoubt || m.Sends[0].Attempt != 1 {
		t.Errorf("the message is %+v, %v", m.Sends, err)
	}
	list, err := s.GetTroubles(w.As(t, "adm_1", room.Admin()),
		&notification.GetTroublesIn{Limit: 10})
	if err != nil || len(list.Body.Items) != 1 || list.Body.Items[0].Status != "unknown" {
		t.Errorf("operators see %+v, %v", list, err)
	}
	for _, e := range w.Events(t) {
		if strings.Contains(string(e.Data), "example.org") {
			t.Errorf("the address stands in the log: %s", e.Data)
		}
	}
	w.ExpectNoDeadLetters(t)
}
