package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// alone is a platform as one process among several has it: the store is everybody's, and nothing is
// delivered to it.
type alone struct{ platform.Platform }

func (a alone) Delivery() platform.Delivery { return still{a.Platform.Delivery()} }

// still is a delivery that never starts.
type still struct{ platform.Delivery }

func (still) Subscribe(platform.Subscription) error { return nil }
func (still) Start(context.Context) error           { return nil }

// town is a shop whose doors and rooms are processes of their own, as far as one process can show:
// each is an App with its own rooms, and they share nothing but the store and the bank.
type town struct {
	*stage
	apps   map[string]*app.App // by room
	cursor string
	parked []errand
}

// errand is an event on its way to a subscription.
type errand struct {
	to platform.Subscription
	e  platform.Event
}

// openTown opens the doors with all rooms behind them, and every room alone.
func openTown(t *testing.T) *town {
	t.Helper()
	w := &town{apps: make(map[string]*app.App)}
	w.stage = openWith(t, func(c *app.Config) {
		c.Platform, c.Unwatched = alone{c.Platform}, true
		for _, name := range rooms.Names() {
			cfg := *c
			cfg.Rooms = []string{name}
			a, err := app.Open(cfg)
			if err != nil {
				t.Fatalf("open %s alone: %v", name, err)
			}
			w.apps[name] = a
		}
	})
	return w
}

// carry brings every event to every room that listens, twice, the last event first, until nothing
// happens any more. What is too early waits for a later round.
func (w *town) carry() {
	w.t.Helper()
	for moved := true; moved; {
		moved = w.collect() > 0
		waiting := w.parked
		w.parked = nil
		for _, one := range slices.Backward(waiting) {
			err := one.to.Handle(w.t.Context(), one.e)
			switch {
			case err == nil:
				moved = true
			case errors.Is(err, platform.ErrNotYet):
				w.parked = append(w.parked, one)
			default:
				w.t.Fatalf("%s of %s: %v", one.to.Name, one.e.ID, err)
			}
		}
	}
}

// collect finds what was committed since.
func (w *town) collect() (found int) {
	w.t.Helper()
	err := w.p.History().Log(w.t.Context(), w.cursor, func(at string, e platform.Event) error {
		w.cursor, found = at, found+1
		e.Value = nil // it came over a wire
		for _, a := range w.apps {
			for _, s := range a.Subscriptions() {
				if slices.Contains(s.Types, e.Type) {
					w.parked = append(w.parked, errand{s, e}, errand{s, e})
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// tale plays one order from checkout to delivered, with another that is declined, and returns what
// everybody is told in the end. settle waits until all that follows has happened.
func tale(s *stage, settle func(what string, ok func() bool)) []string {
	s.t.Helper()
	s.list("dlr_1", "LAMP", 10)
	settle("the listing is known", func() bool { return true })
	buyer, dealer := s.token("cus_1", room.Customer()), s.token("dlr_1", room.Dealer())
	admin := s.token("adm_1", room.Admin())
	order := func(key, card string) string {
		a := s.ask("POST", "/v1/orders", buyer, checkout("LAMP", 2, card), "Idempotency-Key", key)
		var o struct{ ID string }
		a.decode(s.t, &o)
		if a.status != 201 {
			s.t.Fatalf("checkout: %d %s", a.status, a.body)
		}
		return o.ID
	}
	show := func(path, token string) string { return string(s.ask("GET", path, token, "").body) }
	good, bad := order("k1", "tok_visa"), order("k2", "tok_declined")
	parcel := "/v1/shipments/shp_" + strings.TrimPrefix(good, "ord_") + "_1"
	settle("the order is placed, and the parcel asked for", func() bool {
		return strings.Contains(show(parcel, dealer), `"requested"`) &&
			strings.Contains(show("/v1/orders/"+bad, buyer), `"cancelled"`)
	})
	for _, step := range []struct{ verb, state string }{
		{"pack", "cleared"}, {"dispatch", "dispatched"}, {"deliver", "delivered"},
	} {
		a := s.ask("POST", parcel+"/"+step.verb, dealer, "", "Idempotency-Key", step.verb)
		if a.status != 200 {
			s.t.Fatalf("%s: %d %s", step.verb, a.status, a.body)
		}
		settle("the parcel is "+step.state, func() bool {
			return strings.Contains(show(parcel, dealer), `"state":"`+step.state)
		})
	}
	settle("everything is known everywhere", func() bool {
		messages := show("/v1/messages", buyer)
		return strings.Contains(show("/v1/orders/"+good, buyer), `"fulfilmentStatus":"delivered"`) &&
			strings.Contains(show("/v1/ops/analytics", admin), `"delivered":1`) &&
			strings.Contains(show("/v1/ops/ledger/trial-balance", admin), `"credits":1020`) &&
			strings.Contains(messages, "order_placed") &&
			strings.Contains(messages, "order_dispatched") &&
			strings.Contains(messages, "order_cancelled")
	})
	return outcome(s, good, bad, buyer, admin)
}

// outcome is what can be seen of two orders when all is done, without names made up by chance.
func outcome(s *stage, good, bad, buyer, admin string) []string {
	s.t.Helper()
	var seen []string
	for i, id := range []string{good, bad} {
		var v struct {
			Status, PaymentStatus, FulfilmentStatus string
			Total                                   shop.Money
		}
		s.ask("GET", "/v1/orders/"+id, buyer, "").decode(s.t, &v)
		seen = append(seen, fmt.Sprintf("order %d: %+v", i+1, v))
		var h struct {
			Items []struct{ Type string }
		}
		s.ask("GET", "/v1/orders/"+id+"/events", buyer, "").decode(s.t, &h)
		seen = append(seen, fmt.Sprintf("history %d: %d facts, %+v", i+1, len(h.Items), h))
	}
	for _, path := range []string{"/v1/stock/LAMP", "/v1/ops/ledger/trial-balance"} {
		seen = append(seen, path+": "+string(s.ask("GET", path, admin, "").body))
	}
	var m struct {
		Items []struct{ Topic string }
	}
	s.ask("GET", "/v1/messages", buyer, "").decode(s.t, &m)
	names := make([]string, len(m.Items))
	for i, one := range m.Items {
		names[i] = one.Topic
	}
	slices.Sort(names)
	return append(seen, fmt.Sprintf("messages: %v", names))
}

// Goal: rooms that stand apart come to the same end as rooms that stand together. Method: one tale
// played in a whole shop, and in one where every room is an App of its own to which each event
// comes twice and out of order; everything that can be seen is compared.
func TestRoomsApartComeToTheSameEnd(t *testing.T) {
	t.Parallel()
	whole := open(t)
	together := tale(whole, whole.until)
	w := openTown(t)
	apart := tale(w.stage, func(what string, ok func() bool) {
		w.t.Helper()
		w.carry()
		if !ok() {
			t.Fatalf("all was carried, and not: %s", what)
		}
	})
	if len(w.parked) > 0 {
		t.Errorf("%d events are still too early", len(w.parked))
	}
	for i := range together {
		if together[i] != apart[i] {
			t.Errorf("together: %s\n   apart: %s", together[i], apart[i])
		}
	}
}

// Goal: a process has the doors of the rooms that it opens, and no others. Method: the routes of
// each room alone; together with those that need no room, and those of the state machines, which
// need all, they are the table of the whole.
func TestDoorsFollowTheRooms(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	count := make(map[string]int)
	for _, a := range w.apps {
		for _, r := range a.Routes() {
			count[r.ID]++
			if a.PatternOf(r.Method, strings.NewReplacer("{id}", "x", "{sku}", "x", "{name}", "x",
				"{provider}", "x").Replace(r.Path)) != r.Method+" "+r.Path {
				t.Errorf("%s %s is in the table and leads nowhere", r.Method, r.Path)
			}
		}
	}
	everywhere := 0
	for _, r := range w.app.Routes() {
		machines := slices.ContainsFunc([]string{"machines", "executions", "tasks"},
			func(part string) bool { return strings.HasPrefix(r.Path, "/v1/ops/"+part) })
		switch n := count[r.ID]; {
		case n == 1 && !machines, n == 0 && machines:
		case n == len(w.apps):
			everywhere++
		default:
			t.Errorf("%s is open in %d of %d processes", r.ID, count[r.ID], len(w.apps))
		}
		delete(count, r.ID)
	}
	if len(count) > 0 || everywhere == 0 {
		t.Errorf("%d routes need no room; not in the whole table: %v", everywhere, count)
	}
}

// Goal: where nobody hears of what moves, a history is told at once instead of streamed. Method: a
// client that wants events, at a process that takes no part in delivery.
func TestUnwatchedProcessTellsHistoriesAtOnce(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.list("dlr_1", "LAMP", 10)
	buyer := w.token("cus_1", room.Customer())
	var o struct{ ID string }
	w.ask("POST", "/v1/orders", buyer, checkout("LAMP", 1, "tok_visa"),
		"Idempotency-Key", "k").decode(t, &o)
	a := w.ask("GET", "/v1/orders/"+o.ID+"/events", buyer, "", "Accept", "text/event-stream")
	if a.status != http.StatusOK || !json.Valid(a.body) ||
		!strings.HasPrefix(a.head.Get("Content-Type"), "application/json") {
		t.Errorf("%d %v %s", a.status, a.head, a.body)
	}
}
