package order_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func post(key string) *order.PostOrderIn {
	in := &order.PostOrderIn{Key: key}
	in.Body.Items = basket("").Items
	in.Body.Payment.Token = "tok_visa_0123456789"
	in.Body.ShipTo = address()
	in.Body.Email = "ada@example.org"
	return in
}

// Goal: one checkout submitted 64 times at once with one key is one order, and after retry all 64
// hold the same bytes; without a wait (through commits whose outcome is unknown) and with one.
// Method: 64 goroutines, each retrying what is in flight or unknown; with a wait, the test lets
// payment authorise meanwhile.
func TestOneKeyOneOrder(t *testing.T) {
	t.Parallel()
	for _, prefer := range []string{"", "wait=20"} {
		t.Run(fmt.Sprintf("prefer %q", prefer), func(t *testing.T) {
			t.Parallel()
			faults := platformtest.DefaultFaults(64)
			if prefer == "" {
				faults.CommitLost, faults.CommitUnknown, faults.Direct = 0.3, 0.3, true
			}
			s := newStage(t, roomtest.Faults(faults))
			me := s.As(t, "cus_1", room.Customer())
			if err := s.Persist(func() error {
				return s.orders.SaveCart(me, order.Cart{ID: "crt_1", Items: basket("").Items})
			}); err != nil {
				t.Fatal(err)
			}
			answers := make([]*order.AnswerOut, 64)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = s.insist(t, prefer) })
			}
			if prefer != "" {
				f := authorized(<-s.pager.watching)
				if err := s.Persist(func() error {
					return react(t.Context(), s.orders.Reactions(), f)
				}); err != nil {
					t.Error(err)
				}
				s.pager.wake <- struct{}{}
			}
			all.Wait()
			for i, a := range answers {
				if a == nil || a.Status != http.StatusCreated ||
					!bytes.Equal(a.Body, answers[0].Body) {
					t.Fatalf("answer %d is %d %s\nthe first is %d %s",
						i, a.Status, a.Body, answers[0].Status, answers[0].Body)
				}
			}
			created := roomtest.FactsOf[*event.OrderCreated](t, s.World)
			if len(created) != 1 {
				t.Fatalf("%d orders were made", len(created))
			}
			var v order.View
			if err := json.Unmarshal(answers[0].Body, &v); err != nil || v.ID != created[0].Order {
				t.Errorf("%+v, %v", v, err)
			}
			want := map[bool]string{true: "placed", false: "pending_payment"}[prefer != ""]
			if v.Status != want {
				t.Errorf("the answer says %s, want %s", v.Status, want)
			}
		})
	}
}

// insist sends one checkout until it is answered.
func (s *stage) insist(t *testing.T, prefer string) *order.AnswerOut {
	in := post("key_1")
	in.Prefer, in.Body.Items, in.Body.CartID = prefer, nil, "crt_1"
	for {
		var out *order.AnswerOut
		err := s.Persist(func() (err error) {
			out, err = s.orders.PostOrder(s.As(t, "cus_1", room.Customer()), in)
			return err
		})
		switch shop.CodeOf(err) {
		case shop.KeyInFlight, shop.Busy:
			runtime.Gosched()
			continue
		}
		if err != nil {
			t.Errorf("post: %v", err)
			return &order.AnswerOut{}
		}
		return out
	}
}

// Goal: whatever is wrong is refused with its code and no effect; a key belongs to one body, one
// caller and one route.
func TestPostOrderRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	me := s.As(t, "cus_1", room.Customer())
	first, err := s.orders.PostOrder(me, post("key_1"))
	if err != nil || first.Status != http.StatusCreated ||
		first.Location != "/v1/orders/ord_0001" || first.ContentType != "application/json" {
		t.Fatalf("post: %+v, %v", first, err)
	}
	refuse := func(name string, want shop.Code, key string, change func(*order.PostOrderIn)) {
		t.Helper()
		in := post(key)
		change(in)
		if _, err := s.orders.PostOrder(me, in); shop.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	refuse("no key", shop.KeyMissing, "", func(*order.PostOrderIn) {})
	refuse("another body", shop.KeyReused, "key_1", func(in *order.PostOrderIn) {
		in.Body.Items[0].Quantity++
	})
	refuse("another token", shop.KeyReused, "key_1", func(in *order.PostOrderIn) {
		in.Body.Payment.Token = "tok_other"
	})
	refuse("a token that is none", shop.Invalid, "key_2", func(in *order.PostOrderIn) {
		in.Body.Payment.Token = "tok_refused"
	})
	refuse("another total", shop.TotalChanged, "key_3", func(in *order.PostOrderIn) {
		m := gbp(1)
		in.Body.ExpectedTotal = &m
	})
	refuse("quantity 0", shop.Invalid, "key_4", func(in *order.PostOrderIn) {
		in.Body.Items[0].Quantity = 0
	})
	dealer := s.As(t, "dlr_a", room.Dealer())
	if _, err := s.orders.PostOrder(dealer, post("key_5")); shop.CodeOf(err) != shop.Forbidden {
		t.Errorf("a dealer ordered: %v", err)
	}
	other, err := s.orders.PostOrder(s.As(t, "cus_2", room.Customer()), post("key_1"))
	if err != nil || bytes.Equal(other.Body, first.Body) {
		t.Errorf("another customer's key: %v", err)
	}
	if n := len(roomtest.FactsOf[*event.OrderCreated](t, s.World)); n != 2 {
		t.Errorf("%d orders were made", n)
	}
}

// Goal: neither the card token nor a name, an address or an email is stored or announced in
// clear, while their owner reads them. Method: scan every record and every event.
func TestNothingPersonalInClear(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	me := s.As(t, "cus_1", room.Customer())
	if _, err := s.orders.PostOrder(me, post("key_1")); err != nil {
		t.Fatal(err)
	}
	s.Announce(t, authorized("ord_0001"))
	s.Settle(t)
	secrets := []string{"tok_visa_0123456789", "Ada", "Engine Row", "ada@example.org"}
	clean := func(where string, raw []byte) {
		for _, secret := range secrets {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	for _, e := range s.Events(t) {
		clean(e.Type, e.Data)
	}
	if err := s.Raw.History().Records(t.Context(), "order/", func(r platform.Record) error {
		clean(r.Key.Part+"/"+r.Key.Sort, r.Value)
		var row struct{ Answer struct{ Body []byte } }
		if json.Unmarshal(r.Value, &row) == nil {
			clean("the answer in "+r.Key.Part, row.Answer.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	got, err := s.orders.GetOrder(me, &order.GetOrderIn{ID: "ord_0001"})
	if err != nil || got.Body.ShipTo == nil || *got.Body.ShipTo != address() ||
		got.Body.Email != "ada@example.org" || got.ETag != `"2"` {
		t.Errorf("the owner reads %+v, %v", got, err)
	}
}

// Goal: a wait ends with 202 when its time is over, and the key keeps that answer; with 201 when
// the order is decided though nobody gave a signal; and when the waiting process dies, whoever
// asks after the lease finishes the request.
func TestWait(t *testing.T) {
	t.Parallel()
	t.Run("over", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, roomtest.Calm())
		out := s.waited(t, func(shop.ID) {})
		if out.Status != http.StatusAccepted || out.PreferenceApplied != "wait=2" {
			t.Fatalf("%+v", out)
		}
		s.Announce(t, authorized("ord_0001"))
		s.Settle(t)
		again, err := s.orders.PostOrder(s.As(t, "cus_1", room.Customer()), post("key_1"))
		if err != nil || again.Status != http.StatusAccepted || !bytes.Equal(again.Body, out.Body) {
			t.Errorf("the same key again: %+v, %v", again, err)
		}
	})
	t.Run("no signal", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, roomtest.Calm())
		placed := false
		out := s.waited(t, func(id shop.ID) {
			if !placed {
				s.Announce(t, authorized(id))
				s.Settle(t)
				placed = true
			}
		})
		if out.Status != http.StatusCreated || !strings.Contains(string(out.Body), `"placed"`) {
			t.Errorf("%d %s", out.Status, out.Body)
		}
	})
	t.Run("died", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, roomtest.Calm())
		ctx, die := cancellable(s.As(t, "cus_1", room.Customer()))
		in := post("key_1")
		in.Prefer = "wait=2"
		gone := make(chan error)
		go func() {
			_, err := s.orders.PostOrder(ctx, in)
			gone <- err
		}()
		<-s.pager.watching
		die()
		if err := <-gone; err == nil {
			t.Fatal("the request that died was answered")
		}
		me := s.As(t, "cus_1", room.Customer())
		if _, err := s.orders.PostOrder(me, post("key_1")); shop.CodeOf(err) != shop.KeyInFlight {
			t.Fatalf("within the lease: %v", err)
		}
		s.Announce(t, authorized("ord_0001"))
		s.Advance(t, 8*time.Second)
		out, err := s.orders.PostOrder(me, post("key_1"))
		if err != nil || out.Status != http.StatusCreated ||
			!strings.Contains(string(out.Body), `"placed"`) {
			t.Errorf("after the lease: %+v, %v", out, err)
		}
	})
}

// waited posts with a wait of two seconds, and until it is answered calls tick and moves the clock
// to where the waiting looks next, never further.
func (s *stage) waited(t *testing.T, tick func(id shop.ID)) *order.AnswerOut {
	t.Helper()
	in := post("key_1")
	in.Prefer = "wait=2"
	done := make(chan *order.AnswerOut)
	go func() {
		out, err := s.orders.PostOrder(s.As(t, "cus_1", room.Customer()), in)
		if err != nil {
			t.Errorf("post: %v", err)
		}
		done <- out
	}()
	id := <-s.pager.watching
	for {
		select {
		case out := <-done:
			return out
		default:
			tick(id)
			s.Manual.AdvanceToNext(time.Second)
			runtime.Gosched()
		}
	}
}

// Goal: cancelling with one key is one cancellation, answered with the same bytes; with a second
// key it is refused; lists and histories answer.
func TestDoorsOfOneOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	s.place(t, "ord_1")
	me := s.As(t, "cus_1", room.Customer())
	in := &order.CommandIn{ID: "ord_1", Key: "k", Body: &order.CommandBody{Reason: "too_slow"}}
	one, err := s.orders.PostCancel(me, in)
	if err != nil || one.Status != http.StatusOK ||
		!strings.Contains(string(one.Body), "too_slow") {
		t.Fatalf("cancel: %+v, %v", one, err)
	}
	two, err := s.orders.PostCancel(me, in)
	if err != nil || !bytes.Equal(one.Body, two.Body) {
		t.Errorf("cancel again: %+v, %v", two, err)
	}
	in.Key = "l"
	if _, err := s.orders.PostCancel(me, in); shop.CodeOf(err) != shop.Illegal {
		t.Errorf("cancelled twice: %v", err)
	}
	in.Key = "k"
	in.Body.Reason = "mistake"
	if _, err := s.orders.PostCancel(me, in); shop.CodeOf(err) != shop.KeyReused {
		t.Errorf("another reason under the key: %v", err)
	}
	list, err := s.orders.GetOrders(me, &order.GetOrdersIn{Limit: 10})
	if err != nil || len(list.Body.Items) != 1 || list.Body.Items[0].Status != "cancelled" {
		t.Errorf("list: %+v, %v", list, err)
	}
	events, err := s.orders.GetEvents(me, &order.GetEventsIn{ID: "ord_1", Limit: 10})
	if err != nil || len(events.Body.Items) != 3 ||
		events.Body.Items[2].Type != "souk.order.cancelled.v1" {
		t.Errorf("events: %+v, %v", events, err)
	}
	cart := &order.PutCartIn{ID: "crt_1"}
	cart.Body.Items = []order.Item{{SKU: "CUP", Quantity: 1}}
	if out, err := s.orders.PutCart(me, cart); err != nil || out.Body.ID != "crt_1" {
		t.Errorf("cart: %+v, %v", out, err)
	}
}
