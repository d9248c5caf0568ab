package notification

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: every message has a name of its own that fits into an id, and says what happened.
// Method: make each with the longest ids there are.
func TestMessages(t *testing.T) {
	t.Parallel()
	const x = "0123456789abcdefghijklmnop"
	order := shop.ID("ord_" + x)
	placed := placedMessage(&event.OrderPlaced{Order: order, Parcels: make([]event.Parcel, 2)})
	messages := map[shop.ID]*event.MessageSent{
		"msg_order_placed_" + x:    placed,
		"msg_order_cancelled_" + x: cancelledMessage(&event.OrderCancelled{Order: order}),
		"msg_order_expired_" + x:   expiredMessage(&event.OrderExpired{Order: order}),
		"msg_order_dispatched_" + x + "_12": dispatchedMessage(&event.ShipmentDispatched{
			Order: order, Shipment: "shp_" + x + "_12", Tracking: "Ada's",
		}, &Message{Customer: "cus_1"}),
	}
	for id, m := range messages {
		if m.Message != id || len(id) > shop.MaxID {
			t.Errorf("%s is named %s", id, m.Message)
		}
		text := m.Text
		if m.Title == "" || !strings.Contains(text, x) || strings.Contains(text, "Ada") {
			t.Errorf("%s says %q: %q", id, m.Title, text)
		}
	}
	if !strings.Contains(placed.Text, "2 parcels") {
		t.Errorf("it says %q", placed.Text)
	}
}

// Goal: a customer understands why the order was cancelled; reasons of ours stay ours.
// Method: the reasons there are, and one more.
func TestReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		"customer": true, "out_of_stock": true, "payment_failed": true,
		"admin": false, "fraud": false,
	} {
		if got := because(reason) != ""; got != want {
			t.Errorf("%s: %q", reason, because(reason))
		}
	}
}

// Goal: places order by time, and give the id back.
// Method: neighbours around a change of digits.
func TestPlaces(t *testing.T) {
	t.Parallel()
	early := place(time.UnixMilli(999_999_999_999), "msg_z")
	late := place(time.UnixMilli(1_000_000_000_000), "msg_a")
	if early >= late || late[placeWidth:] != "msg_a" {
		t.Errorf("%s, %s", early, late)
	}
}

// Goal: of a vendor's words only what is a word is kept: no address, no number. Method: some of
// each.
func TestWords(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"throttled": "throttled", "01000189-2fa8b0a9-000000": "01000189-2fa8b0a9-000000",
		"ada@example.org": "?", "+442079460123": "?", "442079460123": "?",
		"4111-1111-1111-1111": "?", "no <x> here": "?", "": "?",
	} {
		if got := word(given, "?"); got != want {
			t.Errorf("of %q %q is kept", given, got)
		}
	}
}

// Goal: every wait lies between nothing and a bound that doubles up to the greatest.
// Method: many waits after each attempt, and a jitter that always takes all it may.
func TestWaits(t *testing.T) {
	t.Parallel()
	o := Options{Policy: DefaultPolicy(), Jitter: anyWait}
	all := Options{
		Policy: DefaultPolicy(), Jitter: func(most time.Duration) time.Duration { return most },
	}
	for n, most := range map[int]time.Duration{
		1: 5 * time.Second, 2: 10 * time.Second, 5: 80 * time.Second, 8: 10 * time.Minute,
		1000: 10 * time.Minute,
	} {
		if got := all.wait(n); got != most+soonest {
			t.Errorf("after %d attempts the wait is up to %s, want %s", n, got, most)
		}
		for range 100 {
			if got := o.wait(n); got < soonest || got >= most+soonest {
				t.Fatalf("after %d attempts the wait is %s", n, got)
			}
		}
	}
}
