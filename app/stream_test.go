package app_test

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/room"
)

// listen opens a stream and sends the type of each event, until the server ends it.
func (s *stage) listen(path, token, last string) (<-chan string, int) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	types := make(chan string, 100)
	go func() {
		defer close(types)
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if typ, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				types <- typ
			}
		}
	}()
	return types, resp.StatusCode
}

// Goal: a stream shows an order's history and then its life, and ends with it; who comes back
// misses nothing. Method: listen from the start, cancel the order, and listen again from the
// middle.
func TestStreamFollowsAnOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer := s.token("cus_1", room.Customer())
	var o struct{ ID string }
	s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=10").decode(t, &o)
	path := "/v1/orders/" + o.ID + "/events"
	live, status := s.listen(path, buyer, "")
	if status != 200 {
		t.Fatalf("the stream answers %d", status)
	}
	var heard []string
	for typ := range live {
		heard = append(heard, typ)
		if typ == "souk.order.placed.v2" {
			a := s.ask("POST", "/v1/orders/"+o.ID+"/cancel", buyer, "", "Idempotency-Key", "c")
			if a.status != 200 {
				t.Errorf("cancel: %d %s", a.status, a.body)
			}
		}
	}
	want := []string{"souk.order.created.v1", "souk.order.placed.v2", "souk.order.cancelled.v1"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %v", heard)
	}
	heard = nil
	rest, _ := s.listen(path, buyer, "1")
	for typ := range rest {
		heard = append(heard, typ)
	}
	if !slices.Equal(heard, want[1:]) {
		t.Errorf("from the middle: %v", heard)
	}
	if _, status := s.listen(path, buyer, "1000"); status != 204 {
		t.Errorf("with nothing more to tell it answers %d", status)
	}
}

// Goal: a stream goes on from an event of its order, and from nothing else. Method: hostile
// positions, by the header and by the query, of an order that goes on.
func TestHostilePositions(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	order, _, _ := s.placed("k1")
	buyer, path := s.token("cus_1", room.Customer()), "/v1/orders/"+order+"/events"
	for _, last := range []string{
		"x", "-1", "1e3", "3", "999999999999999999", "9223372036854775807", "9223372036854775808",
		"1,2", "0x1", "٣", "1%0d%0aevent: x", strings.Repeat("1", 5000),
	} {
		for _, a := range []answer{
			s.ask("GET", path, buyer, "", "Accept", "text/event-stream", "Last-Event-ID", last),
			s.ask("GET", path+"?after="+url.QueryEscape(last), buyer, "",
				"Accept", "text/event-stream"),
		} {
			if a.status != 422 || a.code() != "invalid" {
				t.Errorf("from %.30q on: %d %.200s", last, a.status, a.body)
			}
		}
	}
}

// Goal: draining ends the streams. Method: listen to an order that stays placed, and drain.
func TestDrainEndsStreams(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer := s.token("cus_1", room.Customer())
	var o struct{ ID string }
	s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=10").decode(t, &o)
	live, _ := s.listen("/v1/orders/"+o.ID+"/events", buyer, "")
	<-live
	s.app.Drain()
	for range live { // ends, or the test does not
	}
}
