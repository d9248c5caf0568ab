package notification_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

func prefers(
	w *roomtest.World, t roomtest.T, s *notification.Service, who shop.ID, role room.Role,
	person string, body notification.PreferencesBody,
) error {
	return w.Persist(func() error {
		_, err := s.PutPreferences(w.As(t, who, role),
			&notification.PutPreferencesIn{ID: person, Body: body})
		return err
	})
}

// told lists what stands in a mailbox: topic and title.
func told(t roomtest.T, w *roomtest.World, s *notification.Service, person shop.ID) []string {
	t.Helper()
	box, err := s.GetMessages(w.As(t, "adm_1", room.Admin()),
		&notification.GetMessagesIn{Customer: string(person), Limit: 100})
	if err != nil {
		t.Fatalf("the mailbox of %s: %v", person, err)
	}
	var list []string
	for _, m := range box.Body.Items {
		list = append(list, m.Topic+": "+m.Title)
	}
	return list
}

// Goal: dealers and the office are told what concerns them, each once, and nobody of what does not.
// Method: a fact of each kind, under default faults.
func TestTheMarketIsTold(t *testing.T) {
	t.Parallel()
	w, s := hooking(t, newReceivers(well))
	second := placed(t, w, "ord_2a")
	second.Parcels[0].Dealer = "dlr_2"
	w.Announce(t, placed(t, w, "ord_1a"), second,
		&event.ShipmentCancelled{Shipment: "shp_2a_1", Order: "ord_2a"},
		&event.StockRejected{Order: "ord_1b", SKU: "LAMP", Wanted: 6, Available: 2},
		&event.StockRejected{Order: "ord_1c", SKU: "LAMP", Wanted: 7, Available: 2},
		&event.StockRejected{Order: "ord_1d", SKU: "NONE", Wanted: 7, Available: 2},
		&event.PaymentCaseOpened{Payment: "pay_1a", Order: "ord_1a", Key: "k", Operation: "refund",
			Reason: "refused"},
		&event.OrderHeld{Order: "ord_1a", Reason: "capture_failed", Round: 1})
	w.Settle(t)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	for person, want := range map[shop.ID]int{"dlr_1": 2, "dlr_2": 2, notification.Office: 2} {
		if got := told(t, w, s, person); len(got) != want {
			t.Errorf("%s is told %q", person, got)
		}
	}
	all := strings.Join(append(told(t, w, s, "dlr_1"), told(t, w, s, "dlr_2")...), "; ")
	for _, topic := range []string{
		notification.TopicRequested, notification.TopicWithdrawn, notification.TopicShort,
	} {
		if !strings.Contains(all, topic) {
			t.Errorf("no dealer is told of %s: %s", topic, all)
		}
	}
	w.Advance(t, 25*time.Hour)
	w.Announce(t, &event.StockRejected{Order: "ord_1e", SKU: "LAMP", Wanted: 6, Available: 2})
	w.Settle(t)
	if got := told(t, w, s, "dlr_1"); len(got) != 3 {
		t.Errorf("the day after dlr_1 is told %q", got)
	}
}

// Goal: a customer is told of what follows a parcel as well, whether it was placed or only ended.
// Method: a delivery, and the refund of an order that was never placed, before the facts that name
// the customer.
func TestAftermath(t *testing.T) {
	t.Parallel()
	w, s := hooking(t, newReceivers(well))
	w.Announce(t, &event.ShipmentDelivered{Shipment: "shp_a_1", Order: "ord_a"},
		&event.PaymentRefunded{Payment: "pay_b", Order: "ord_b", Refund: "rfd_b",
			Amount: shop.Money{Amount: 1020, Currency: "GBP"}})
	w.Announce(t, placed(t, w, "ord_a"), &event.OrderCancelled{
		Order: "ord_b", Customer: customer, Reason: "customer", Contact: contact(t, w),
	})
	w.Settle(t)
	reach(t, w)
	if got := told(t, w, s, customer); len(got) != 4 {
		t.Errorf("the customer is told %q", got)
	}
	w.FoldEqualsState(t, s)
}

// Goal: people are told in their language and by the channels that they want; what belongs to a
// deal is mailed all the same, and everything is in the mailbox. Method: a German customer who
// wants no mail of deliveries and no SMS at all; a dealer with an address of their own.
func TestPreferences(t *testing.T) {
	t.Parallel()
	mail, sms := newPost(always(takes)), newPost(always(takes))
	w, s := sending(t, notification.Options{
		Mail: mail, SMS: sms, PublicURL: "https://shop.example",
	})
	off := []notification.SilenceBody{{Topic: "order_delivered", Channel: "mail"}}
	for _, topic := range notification.Topics() {
		off = append(off, notification.SilenceBody{Topic: topic.Name, Channel: "sms"})
	}
	german := notification.PreferencesBody{Language: "de-AT", Off: off}
	if err := prefers(w, t, s, customer, room.Customer(), "me", german); err != nil {
		t.Fatal(err)
	}
	dealer := notification.PreferencesBody{Email: "dealer@example.org", Phone: "+442079460999"}
	if err := prefers(w, t, s, "dlr_1", room.Dealer(), "me", dealer); err != nil {
		t.Fatal(err)
	}
	w.Announce(t, placed(t, w, "ord_1a"),
		&event.ShipmentDelivered{Shipment: "shp_1a_1", Order: "ord_1a"})
	w.Settle(t)
	reach(t, w)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	if l := mail.last["msg_order_placed_1a/mail"]; l.Title != "Ihre Bestellung ist aufgenommen" ||
		l.Language != "de" || l.Leave != "" || !strings.Contains(l.HTML, `lang="de"`) {
		t.Errorf("the customer gets %+v", l)
	}
	if l := mail.last["msg_parcel_requested_1a_1/mail"]; l.To != "dealer@example.org" {
		t.Errorf("the dealer gets %+v", l)
	}
	if len(mail.last) != 2 || len(sms.last) != 1 {
		t.Errorf("mailed %v, texted %v", mail.took, sms.took)
	}
	if got := told(t, w, s, customer); len(got) != 2 {
		t.Errorf("the mailbox has %q", got)
	}
}

// Goal: what cannot be switched off is refused and nothing is changed; nobody sees or changes what
// is another's. Method: each way of getting it wrong.
func TestBadPreferences(t *testing.T) {
	t.Parallel()
	w, s := hooking(t, newReceivers(well), roomtest.Calm())
	silence := func(topic, channel string) notification.PreferencesBody {
		return notification.PreferencesBody{
			Off: []notification.SilenceBody{{Topic: topic, Channel: channel}},
		}
	}
	buyer, none := room.Customer(), notification.PreferencesBody{}
	for name, tc := range map[string]struct {
		role   room.Role
		person string
		body   notification.PreferencesBody
		want   shop.Code
	}{
		"of a deal":      {buyer, "me", silence("order_placed", "mail"), shop.Invalid},
		"no topic":       {buyer, "me", silence("weather", "mail"), shop.Invalid},
		"no channel":     {buyer, "me", silence("order_held", "fax"), shop.Invalid},
		"no address":     {buyer, "me", notification.PreferencesBody{Email: "a"}, shop.Invalid},
		"another's":      {buyer, "cus_2", none, shop.NotFound},
		"of the office":  {room.Dealer(), "office", none, shop.NotFound},
		"office by name": {buyer, "office", none, shop.NotFound},
		"for anybody":    {room.Admin(), "cus_2", silence("case_opened", "mail"), shop.Invalid},
	} {
		err := prefers(w, t, s, customer, tc.role, tc.person, tc.body)
		if err == nil || shop.CodeOf(err) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.ExpectTypes(t)
	impostor := w.As(t, notification.Office, room.Customer())
	_, err := s.GetMessages(impostor, &notification.GetMessagesIn{Limit: 1})
	if err == nil || shop.CodeOf(err) != shop.NotFound {
		t.Errorf("a customer of that name reads the office's mailbox: %v", err)
	}
}

// Goal: one click in a mail leaves its topic and nothing else, once; whoever has not got the mail
// cannot. Method: the link of a letter, followed twice, and with another key.
func TestLeavingATopic(t *testing.T) {
	t.Parallel()
	mail := newPost(always(takes))
	w, s := sending(t, notification.Options{Mail: mail, PublicURL: "https://shop.example/"})
	deliver := func(name string) {
		w.Announce(t, placed(t, w, shop.ID("ord_"+name)), &event.ShipmentDelivered{
			Shipment: shop.ID("shp_" + name + "_1"), Order: shop.ID("ord_" + name),
		})
		w.Settle(t)
		reach(t, w)
	}
	deliver("a")
	l := mail.last["msg_order_delivered_a_1/mail"]
	path, found := strings.CutPrefix(l.Leave, "https://shop.example/v1/messages/")
	id, key, ok := strings.Cut(path, "/leave/")
	if !found || !ok || !strings.Contains(l.Text, l.Leave) || !strings.Contains(l.HTML, l.Leave) {
		t.Fatalf("the letter is %+v", l)
	}
	leave := func(id, key string) error {
		return w.Persist(func() error {
			_, err := s.PostLeave(t.Context(), &notification.LeaveIn{ID: id, Key: key})
			return err
		})
	}
	for _, bad := range [][2]string{{id, "lv_9"}, {"msg_x", key}, {"msg_order_placed_a", ""}} {
		if err := leave(bad[0], bad[1]); shop.CodeOf(err) != shop.NotFound {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := errors.Join(leave(id, key), leave(id, key)); err != nil {
		t.Fatal(err)
	}
	deliver("b")
	if mail.took["msg_order_delivered_b_1/mail"] != 0 || mail.took["msg_order_placed_b/mail"] != 1 {
		t.Errorf("mailed %v", mail.took)
	}
	if n := len(roomtest.FactsOf[*event.PreferencesSet](t, w)); n != 1 {
		t.Errorf("leaving was told %d times", n)
	}
	w.FoldEqualsState(t, s)
}
