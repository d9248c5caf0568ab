package notification

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification/internal/wording"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: every message has a name of its own that fits into an id, and words of its own in every
// language, in which nobody's name stands. Method: the news of each topic with the longest ids
// there are.
func TestMessages(t *testing.T) {
	t.Parallel()
	const x = "0123456789abcdefghijklmnop"
	order, told := shop.ID("ord_"+x), &Message{Customer: "cus_1"}
	ten := shop.Money{Amount: 1020, Currency: "GBP"}
	parcel := shop.ID("shp_" + x + "_12")
	refund := shop.ID("rfn_can_" + x + "_12")
	all := []news{
		placedNews(&event.OrderPlaced{Order: order, Parcels: make([]event.Parcel, 2)}),
		cancelledNews(&event.OrderCancelled{Order: order}),
		expiredNews(&event.OrderExpired{Order: order}),
		dispatchedNews(&event.ShipmentDispatched{
			Order: order, Shipment: parcel, Tracking: "Ada's",
		}, told),
		deliveredNews(&event.ShipmentDelivered{Order: order, Shipment: parcel}, told),
		refundedNews(&event.PaymentRefunded{
			Order: order, Refund: "rfd_" + shop.ID(strings.Repeat("x", 60)), Amount: ten,
		}, told),
		requestedNews(&event.OrderPlaced{Order: order, Parcels: make([]event.Parcel, 12)}, 11),
		withdrawnNews(&event.ShipmentCancelled{Order: order, Shipment: parcel}, "dlr_1"),
		reducedNews(&event.ShipmentReduced{Order: order, Refund: refund}, told),
		lessNews(&event.ShipmentReduced{Order: order, Shipment: parcel, Refund: refund}),
		shortNews(&event.StockRejected{Order: order, SKU: "A", Wanted: 2, Available: -1}, "dlr_1"),
		caseNews(&event.PaymentCaseOpened{Order: order, Reason: "Ada's card"}),
		heldNews(&event.OrderHeld{Order: order, Reason: "fraud", Round: 1}),
		disabledNews(&event.EndpointDisabled{Endpoint: "whe_1", Reason: failing}, Office),
	}
	if len(all) != len(Topics()) {
		t.Errorf("there are %d topics, and news of %d", len(Topics()), len(all))
	}
	names, book := make(map[shop.ID]bool), new(wording.Book)
	for _, n := range all {
		id := messageID(n.topic, n.about)
		if _, err := shop.ParseID(string(id)); err != nil || names[id] {
			t.Errorf("%s is named %s: %v", n.topic, id, err)
		}
		names[id] = true
		for _, language := range wording.Languages() {
			said := book.Write(language, n.topic, wordMap(n.words))
			if said.Plain || said.Language != language || strings.Contains(said.Text, "Ada") {
				t.Errorf("%s says in %s: %+v", n.topic, language, said)
			}
		}
	}
}

// Goal: what a preview is filled with is what a message is filled with. Method: the names of both.
func TestSamples(t *testing.T) {
	t.Parallel()
	s := New(&room.Desk{}, Options{PublicURL: "https://shop.example/"})
	for _, topic := range Topics() {
		p, err := s.Preview(topic.Name, "de-CH")
		if err != nil || p.Language != "de" || p.Title == "" ||
			!strings.Contains(p.HTML, `<html lang="de">`) {
			t.Errorf("the preview of %s: %+v, %v", topic.Name, p, err)
		}
		leaves := strings.Contains(p.HTML, "https://shop.example/v1/messages/msg_preview/leave/")
		if leaves == topic.Must || leaves != strings.Contains(p.Text, "/leave/") {
			t.Errorf("%s can be left: %v", topic.Name, leaves)
		}
	}
	if _, err := s.Preview("nothing", "en"); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("the preview of nothing: %v", err)
	}
}

// Goal: a customer understands why the order was cancelled; reasons of ours stay ours.
// Method: the reasons there are, and one more, in every language.
func TestReasons(t *testing.T) {
	t.Parallel()
	book := new(wording.Book)
	for reason, want := range map[string]bool{
		"customer": true, "out_of_stock": true, "payment_failed": true,
		"admin": false, "fraud": false,
	} {
		for _, language := range wording.Languages() {
			n := cancelledNews(&event.OrderCancelled{Order: "ord_a", Reason: reason})
			said := book.Write(language, n.topic, wordMap(n.words))
			if strings.Contains(strings.SplitN(said.Text, ".", 2)[0], ",") != want ||
				strings.Contains(said.Text, reason) && !want {
				t.Errorf("%s in %s: %s", reason, language, said.Text)
			}
		}
	}
}

// Goal: amounts are written as people read them. Method: currencies of each kind.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]shop.Money{
		"10.20 GBP": {Amount: 1020, Currency: "GBP"}, "0.05 EUR": {Amount: 5, Currency: "EUR"},
		"1020 JPY": {Amount: 1020, Currency: "JPY"}, "1.020 KWD": {Amount: 1020, Currency: "KWD"},
		"-0.05 EUR": {Amount: -5, Currency: "EUR"},
	} {
		if got := amountText(m); got != want {
			t.Errorf("%v is written %q", m, got)
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
