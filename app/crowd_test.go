package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// count returns how many events of a type the log holds.
func (s *stage) count(typ string) int {
	s.t.Helper()
	n := 0
	err := s.p.History().Log(s.t.Context(), "", func(_ string, e platform.Event) error {
		if strings.HasPrefix(e.Type, typ) {
			n++
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// Goal: one checkout sent 64 times at once with one key is one order and one authorisation, and
// all 64 end with equal bytes. Method: all at once, with and without waiting; a 409 is asked
// again.
func TestOneCheckoutSixtyFourTimes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 100)
	buyer := s.token("cus_1", room.Customer())
	const senders = 64
	bodies := make([]string, senders)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for {
				header := []string{"Idempotency-Key", "one"}
				if i%2 == 0 {
					header = append(header, "Prefer", "wait=10")
				}
				a := s.ask("POST", "/v1/orders", buyer, checkout("a", 1, "tok_visa"), header...)
				switch {
				case a.status == http.StatusConflict && a.code() == "key_in_flight" &&
					a.head.Get("Retry-After") != "":
				case a.status == http.StatusCreated:
					bodies[i] = string(a.body)
					return
				default:
					t.Errorf("sender %d: %d %s", i, a.status, a.body)
					return
				}
			}
		})
	}
	all.Wait()
	for i, b := range bodies {
		if b != bodies[0] {
			t.Fatalf("sender %d got other bytes:\n%s\n%s", i, b, bodies[0])
		}
	}
	s.until("it is placed", func() bool { return s.count("souk.order.placed") == 1 })
	if n := s.count("souk.order.created"); n != 1 {
		t.Errorf("%d orders", n)
	}
	if n := s.count("souk.payment.authorized"); n != 1 {
		t.Errorf("%d authorisations", n)
	}
}

// Goal: nothing is sold twice. Method: 1,000 buyers for 10 units, all at once.
func TestThousandBuyersForTenUnits(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "rare", 10)
	s.doc = nil // a thousand times the same
	const buyers, atOnce = 1000, 100
	tokens := make(chan string, buyers)
	for i := range buyers {
		tokens <- s.token(idOf("cus", i), room.Customer())
	}
	close(tokens)
	var mu sync.Mutex
	ended := make(map[string]int)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for token := range tokens {
				var o struct{ Status string }
				a := s.ask("POST", "/v1/orders", token, checkout("rare", 1, "tok_visa"),
					"Idempotency-Key", "k", "Prefer", "wait=30")
				if a.status == http.StatusCreated {
					a.decode(t, &o)
				}
				mu.Lock()
				ended[fmt.Sprint(a.status, " ", o.Status, a.code())]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if ended["201 placed"] != 10 || ended["201 cancelled"] != 990 || len(ended) != 2 {
		t.Errorf("it ended so: %v", ended)
	}
	if n := s.count("souk.order.placed"); n != 10 {
		t.Errorf("%d orders were placed", n)
	}
}
