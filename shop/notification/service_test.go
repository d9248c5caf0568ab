package notification_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

const (
	customer = shop.ID("cus_1")
	email    = "ada@example.org"
)

func open(t roomtest.T, opts ...roomtest.Option) (*roomtest.World, *notification.Service) {
	t.Helper()
	w := roomtest.New(t, opts...)
	return w, notification.New(w.Desk("notification"), notification.Options{})
}

func contact(t roomtest.T, w *roomtest.World) shop.Sealed[event.Contact] {
	t.Helper()
	c, err := shop.Seal(t.Context(), w.Raw.Keys(), customer, event.Contact{Email: email})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return c
}

func placed(t roomtest.T, w *roomtest.World, order shop.ID) *event.OrderPlaced {
	t.Helper()
	return &event.OrderPlaced{
		Order: order, Customer: customer, Payment: "pay_" + order[4:], Currency: "GBP", Total: 100,
		Contact: contact(t, w),
		Parcels: []event.Parcel{{
			Dealer: "dlr_1", Items: 100, Amount: 100,
			Lines: []event.ParcelLine{{SKU: "A", Quantity: 1}},
		}},
	}
}

func dispatched(order shop.ID, n int) *event.ShipmentDispatched {
	return &event.ShipmentDispatched{
		Shipment: shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], n)), Order: order,
		Lines: []event.ParcelLine{{SKU: "A", Quantity: 1}},
	}
}

// Goal: each topic is told once, to the mailbox of its customer, newest first, under default
// faults.
// Method: announce the facts of three orders over an hour and read the mailbox in pages.
func TestMailbox(t *testing.T) {
	t.Parallel()
	w, s := open(t)
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a"))
	w.Settle(t)
	w.Advance(t, 20*time.Minute)
	w.Announce(t, dispatched("ord_a", 1))
	w.Settle(t)
	w.Advance(t, 20*time.Minute)
	w.Announce(t, &event.OrderCancelled{
		Order: "ord_b", Customer: customer, Reason: "customer", From: "pending_payment",
		Contact: contact(t, w),
	})
	w.Settle(t)
	w.Advance(t, 20*time.Minute)
	w.Announce(t, &event.OrderExpired{
		Order: "ord_c", Customer: customer, Contact: contact(t, w),
	})
	w.Settle(t)
	w.ExpectTypes(t,
		"souk.notification.sent.v1 message/msg_order_placed_a",
		"souk.notification.sent.v1 message/msg_parcel_requested_a_1",
		"souk.notification.sent.v1 message/msg_order_dispatched_a_1",
		"souk.notification.sent.v1 message/msg_order_cancelled_b",
		"souk.notification.sent.v1 message/msg_order_expired_c")
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)

	var topics []string
	for in := (&notification.GetMessagesIn{Limit: 3}); ; {
		out, err := s.GetMessages(w.As(t, customer, room.Customer()), in)
		if err != nil {
			t.Fatalf("read the mailbox: %v", err)
		}
		for _, m := range out.Body.Items {
			topics = append(topics, m.Topic)
			if m.To != email {
				t.Errorf("%s is for %q", m.ID, m.To)
			}
		}
		if in.Cursor = out.Body.Next; in.Cursor == "" {
			break
		}
	}
	want := []string{"order_expired", "order_cancelled", "order_dispatched", "order_placed"}
	if !slices.Equal(topics, want) {
		t.Errorf("the mailbox has %v", topics)
	}
}

// Goal: a mailbox is read by its customer and by administrators only, and after erasure it has no
// address any more.
// Method: ask as everybody.
func TestWhoReadsAMailbox(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	w.Start(t, s)
	w.Announce(t, placed(t, w, "ord_a"))
	w.Settle(t)
	for _, who := range []struct {
		id    shop.ID
		role  room.Role
		reads bool
	}{
		{customer, room.Customer(), true},
		{"cus_2", room.Customer(), false},
		{"dlr_1", room.Dealer(), false},
		{"adm_1", room.Admin(), true},
		{"", room.Role{}, false},
	} {
		in := &notification.GetMessagesIn{Customer: string(customer), Limit: 10}
		out, err := s.GetMessages(w.As(t, who.id, who.role), in)
		if !who.reads {
			if shop.CodeOf(err) != shop.NotFound {
				t.Errorf("%s %s was answered with %v", who.role, who.id, err)
			}
			continue
		}
		if err != nil || len(out.Body.Items) != 1 || out.Body.Items[0].To != email {
			t.Errorf("%s %s: %+v, %v", who.role, who.id, out, err)
		}
	}
	if err := w.Raw.Keys().Erase(t.Context(), string(customer)); err != nil {
		t.Fatalf("erase: %v", err)
	}
	out, err := s.GetMessages(w.As(t, customer, room.Customer()),
		&notification.GetMessagesIn{Limit: 10})
	if err != nil || len(out.Body.Items) != 1 || out.Body.Items[0].To != "" {
		t.Errorf("after erasure: %+v, %v", out, err)
	}
}

// Goal: a cursor that no page gave is refused.
// Method: some that look a little like one.
func TestStrangeCursors(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	for _, cursor := range []string{"x", "1772442000000/", "1772442000000/a\n", "../../../../x"} {
		_, err := s.GetMessages(w.As(t, customer, room.Customer()),
			&notification.GetMessagesIn{Limit: 1, Cursor: cursor})
		if err == nil || shop.CodeOf(err) != shop.Invalid {
			t.Errorf("the cursor %q was answered with %v", cursor, err)
		}
	}
}

// Goal: however the facts of an order arrive, doubled and in any order, the mailbox ends the same.
// Method: random arrival orders, handed to the handlers, and handed again while they are too early.
func TestEveryOrderOfArrival(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := open(t, roomtest.Calm())
		facts := []event.Fact{
			placed(t, w, "ord_a"), dispatched("ord_a", 1), dispatched("ord_a", 2),
			&event.OrderCancelled{Order: "ord_a", Customer: customer, Contact: contact(t, w)},
		}
		turns := rapid.Permutation([]int{0, 0, 1, 1, 2, 2, 3, 3}).Draw(t, "arrival")
		for range 2 {
			for _, i := range turns {
				err := deliver(t, s, facts[i])
				if err != nil && !errors.Is(err, platform.ErrNotYet) {
					t.Fatalf("%T: %v", facts[i], err)
				}
			}
		}
		page, err := s.Mailbox(t.Context(), room.Caller{ID: customer, Role: room.Customer()},
			customer, "", 10)
		if err != nil {
			t.Fatalf("read the mailbox: %v", err)
		}
		var ids []string
		for _, m := range page.Messages {
			ids = append(ids, string(m.ID))
		}
		got := strings.Join(ids, " ")
		want := "msg_order_placed_a msg_order_dispatched_a_2 msg_order_dispatched_a_1 " +
			"msg_order_cancelled_a"
		if got != want {
			t.Fatalf("the mailbox has %s", got)
		}
	})
}

func deliver(t roomtest.T, r room.Room, f event.Fact) error {
	t.Helper()
	for _, reaction := range r.Reactions() {
		kinds := append([]event.Fact{reaction.Fact}, reaction.More...)
		if slices.Contains(event.Types(kinds...), f.Type()) {
			ctx := context.WithoutCancel(t.Context())
			return reaction.Handle(ctx, f, room.Cause{Causation: "e1"})
		}
	}
	return nil
}
