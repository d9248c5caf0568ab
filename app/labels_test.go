package app_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/room"
)

// carrierSecret signs what the carrier of the tests says.
func carrierSecret() []byte { return []byte("the carrier's secret") }

// says sends a word of the carrier's about a parcel.
func (s *stage) says(id, event, tracking string, at time.Time) answer {
	s.t.Helper()
	body := fmt.Sprintf(`{"event":%q,"parcel_no":%q,"happened_at":%q}`,
		event, tracking, at.Format(time.RFC3339Nano))
	now := time.Now()
	return s.ask("POST", "/v1/carriers/sandbox-post/webhooks", "", body,
		"webhook-id", id, "webhook-timestamp", strconv.FormatInt(now.Unix(), 10),
		"webhook-signature", room.Sign(carrierSecret(), id, now, []byte(body)))
}

// Goal: a parcel travels by a carrier: its papers are printed, the carrier's words move it, and the
// order shows where it is. Method: one parcel over every door, words twice and in the wrong order;
// each answer against the published document.
func TestParcelByCarrier(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	order, _, shipment := s.placed("k1")
	dealer, buyer := s.token("dlr_1", room.Dealer()), s.token("cus_1", room.Customer())
	path := "/v1/shipments/" + shipment
	var v struct {
		State string
		Label struct{ State, Tracking, Status string }
	}
	show := func() { s.ask("GET", path, dealer, "").decode(t, &v) }
	s.until("the label is bought", func() bool {
		s.ask("POST", path+"/label", dealer, "", "Idempotency-Key", "label")
		show()
		return v.Label.State == "bought"
	})
	for _, name := range []string{"/label.pdf", "/packing-slip.pdf"} {
		a := s.ask("GET", path+name, dealer, "")
		if a.status != 200 || !bytes.HasPrefix(a.body, []byte("%PDF-")) ||
			a.head.Get("Content-Type") != "application/pdf" {
			t.Errorf("%s: %d %s", name, a.status, a.head.Get("Content-Type"))
		}
	}
	s.ask("POST", path+"/pack", dealer, "", "Idempotency-Key", "pack")
	s.until("the parcel is paid", func() bool { show(); return v.State == "cleared" })
	start := time.Now().Add(-time.Hour)
	for _, word := range []struct {
		id, event string
		after     time.Duration
	}{
		{"m2", "SORTED", 2 * time.Minute}, {"m1", "COLLECTED", time.Minute},
		{"m2", "SORTED", 2 * time.Minute}, {"m3", "ZEPPELIN", 3 * time.Minute},
		{"m4", "HANDED_OVER", 4 * time.Minute}, {"m5", "MISSING", 5 * time.Minute},
	} {
		a := s.says(word.id, word.event, v.Label.Tracking, start.Add(word.after))
		if a.status != 204 {
			t.Errorf("%s: %d %s", word.event, a.status, a.body)
		}
	}
	show()
	if v.State != "delivered" || v.Label.Status != "delivered" {
		t.Errorf("the parcel is %+v", v)
	}
	s.until("the order shows it", func() bool {
		var o struct {
			FulfilmentStatus string
			Tracking         []struct{ Status, Tracking string }
		}
		s.ask("GET", "/v1/orders/"+order, buyer, "").decode(t, &o)
		return o.FulfilmentStatus == "delivered" && len(o.Tracking) == 1 &&
			o.Tracking[0].Status == "delivered" && o.Tracking[0].Tracking == v.Label.Tracking
	})
	forged := s.ask("POST", "/v1/carriers/sandbox-post/webhooks", "", "{}", "webhook-id", "x",
		"webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10), "webhook-signature", "v1,x")
	if forged.code() != "unauthorised" {
		t.Errorf("a forged word: %d %s", forged.status, forged.body)
	}
}
