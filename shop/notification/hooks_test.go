package notification_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// receivers are the far ends of all endpoints, by address. plan answers the n-th request with a
// webhook, from 1.
type receivers struct {
	plan func(url, id string, n int) notification.Answer

	mu   sync.Mutex
	got  map[string][]notification.Post // by address and id
	took map[string]int                 // answers of 2xx
}

func newReceivers(plan func(url, id string, n int) notification.Answer) *receivers {
	return &receivers{
		plan: plan, got: make(map[string][]notification.Post), took: make(map[string]int),
	}
}

// well takes everything.
func well(string, string, int) notification.Answer { return notification.Answer{Status: 204} }

func (r *receivers) Check(url string) error {
	if !strings.HasPrefix(url, "https://") {
		return shop.Errorf(shop.Invalid, "the address of an endpoint begins with https://")
	}
	return nil
}

func (r *receivers) Post(_ context.Context, p notification.Post) notification.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := p.URL + " " + p.ID
	r.got[key] = append(r.got[key], p)
	a := r.plan(p.URL, p.ID, len(r.got[key]))
	if a.Status/100 == 2 {
		r.took[key]++
	}
	return a
}

// of returns what came to an address, in no order.
func (r *receivers) of(url string) (all []notification.Post) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, posts := range r.got {
		if strings.HasPrefix(key, url+" ") {
			all = append(all, posts...)
		}
	}
	return all
}

// sellers says whose parcels and things are: of those of orders that begin with ord_2 of dlr_2.
type sellers struct{}

func (sellers) Dealer(_ context.Context, shipment shop.ID) (shop.ID, error) {
	if strings.HasPrefix(string(shipment), "shp_2") {
		return "dlr_2", nil
	}
	return "dlr_1", nil
}

func (sellers) Owner(_ context.Context, sku shop.SKU) (shop.ID, error) {
	if sku == "NONE" {
		return "", shop.Errorf(shop.UnknownSKU, "there is no product %q", sku)
	}
	return "dlr_1", nil
}

func hooking(
	t roomtest.T, r *receivers, opts ...roomtest.Option,
) (*roomtest.World, *notification.Service) {
	t.Helper()
	return sending(t, notification.Options{
		Poster: r, Parcels: sellers{}, Owners: sellers{},
		Jitter: func(time.Duration) time.Duration { return 0 },
	}, opts...)
}

// register makes an endpoint of a dealer, or of the office for "adm_1".
func register(
	t roomtest.T, w *roomtest.World, s *notification.Service, who shop.ID, url string,
	types ...string,
) notification.EndpointView {
	t.Helper()
	role := room.Dealer()
	if who == "adm_1" {
		role = room.Admin()
	}
	in := &notification.PostEndpointIn{Key: url}
	in.Body.URL, in.Body.Types = url, types
	var out *notification.EndpointOut
	err := w.Persist(func() (err error) {
		out, err = s.PostEndpoint(w.As(t, who, role), in)
		return err
	})
	if err != nil {
		t.Fatalf("register %s: %v", url, err)
	}
	return out.Body
}

func deliveries(
	t roomtest.T, w *roomtest.World, s *notification.Service, id shop.ID,
) []notification.DeliveryView {
	t.Helper()
	var all []notification.DeliveryView
	in := &notification.GetDeliveriesIn{ID: string(id), Limit: 3}
	for {
		out, err := s.GetDeliveries(w.As(t, "adm_1", room.Admin()), in)
		if err != nil {
			t.Fatalf("the deliveries of %s: %v", id, err)
		}
		all = append(all, out.Body.Items...)
		if in.Cursor = out.Body.Next; in.Cursor == "" {
			return all
		}
	}
}

// requested is a parcel of a dealer's, with an address that nobody else may see.
func requested(t roomtest.T, w *roomtest.World, name string, dealer shop.ID) event.Fact {
	t.Helper()
	to, err := shop.Seal(t.Context(), w.Raw.Keys(), customer, shop.Address{Name: "Ada"})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return &event.ShipmentRequested{
		Shipment: shop.ID("shp_" + name + "_1"), Order: shop.ID("ord_" + name), Customer: customer,
		Dealer: dealer, Payment: shop.ID("pay_" + name), ShipTo: to, Parcels: 1,
		Lines:  []event.ParcelLine{{SKU: "A", Quantity: 2}},
		Amount: shop.Money{Amount: 510, Currency: "GBP"},
	}
}

// Goal: an endpoint is told of what its owner may see and asked for, signed so that another
// implementation of Standard Webhooks believes it, and of nobody's address. Method: endpoints of
// two dealers and of the office, with and without a filter; the specification's own library.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	r := newReceivers(well)
	w, s := hooking(t, r)
	one := register(t, w, s, "dlr_1", "https://one.example")
	register(t, w, s, "dlr_2", "https://two.example")
	register(t, w, s, "adm_1", "https://office.example")
	register(t, w, s, "dlr_1", "https://packed.example", "souk.fulfilment.packed.v1")
	w.Announce(t, requested(t, w, "1a", "dlr_1"), requested(t, w, "2a", "dlr_2"),
		placed(t, w, "ord_1a"), &event.ShipmentCleared{Shipment: "shp_2a_1", Order: "ord_2a"},
		&event.ShipmentPacked{Shipment: "shp_1a_1", Order: "ord_1a", Dealer: "dlr_1"})
	w.Settle(t)
	reach(t, w)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	for url, want := range map[string]string{
		"https://one.example":    "souk.fulfilment.packed.v1 souk.fulfilment.requested.v1",
		"https://two.example":    "souk.fulfilment.cleared.v1 souk.fulfilment.requested.v1",
		"https://packed.example": "souk.fulfilment.packed.v1",
		"https://office.example": "souk.fulfilment.cleared.v1 souk.fulfilment.packed.v1 " +
			"souk.fulfilment.requested.v1 souk.fulfilment.requested.v1 souk.order.placed.v2",
	} {
		types := make(map[string]string) // by id: an attempt may come twice
		for _, p := range r.of(url) {
			types[p.ID] = typeOf(t, p.Body)
			if strings.Contains(p.Body, "box") || strings.Contains(p.Body, "person") ||
				url != "https://office.example" && strings.Contains(p.Body, string(customer)) {
				t.Errorf("%s is told %s", url, p.Body)
			}
		}
		var list []string
		for _, typ := range types {
			list = append(list, typ)
		}
		slices.Sort(list)
		if got := strings.Join(list, " "); got != want {
			t.Errorf("%s is told of %s\nwant %s", url, got, want)
		}
	}
	for _, p := range r.of("https://one.example") {
		believe(t, one.Secret, p)
	}
}

func typeOf(t roomtest.T, body string) string {
	t.Helper()
	var b struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil || b.Timestamp.IsZero() ||
		len(b.Data) == 0 {
		t.Fatalf("%s: %v", body, err)
	}
	return b.Type
}

// believe requires that a receiver with this secret believes the webhook, and no other body.
func believe(t *testing.T, secret string, p notification.Post) {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", p.ID)
	h.Set("webhook-timestamp", fmt.Sprint(p.At.Unix()))
	h.Set("webhook-signature", p.Signature)
	if err := wh.VerifyIgnoringTimestamp([]byte(p.Body), h); err != nil {
		t.Errorf("the receiver does not believe %s: %v", p.Signature, err)
	}
	if wh.VerifyIgnoringTimestamp([]byte(p.Body+" "), h) == nil {
		t.Error("the receiver believes another body")
	}
}

// Goal: a webhook is sent again by the whole schedule under one id and with one body, and then
// given up; the log shows each attempt. Method: a receiver that fails always, in each of its ways.
func TestSchedule(t *testing.T) {
	t.Parallel()
	ways := []notification.Answer{
		{Status: 500}, {Reason: "timeout"}, {Status: 302}, {Reason: "private_address"},
		{Status: 404}, {Reason: "broken"}, {Status: 503}, {Reason: "refused"}, {Status: 429},
		{Reason: "no <one> is here"},
	}
	r := newReceivers(func(_, _ string, n int) notification.Answer { return ways[n-1] })
	w, s := hooking(t, r, roomtest.Calm())
	e := register(t, w, s, "dlr_1", "https://one.example")
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	for range 40 { // every step may be late by its length
		w.Advance(t, 150*time.Minute)
	}
	posts := r.of("https://one.example")
	waits := notification.DefaultHookPolicy().Waits
	if len(posts) != len(waits)+1 {
		t.Fatalf("it was sent %d times", len(posts))
	}
	for i, p := range posts[1:] {
		before := posts[i]
		if p.ID != before.ID || p.Body != before.Body || p.Signature == before.Signature {
			t.Errorf("attempt %d is another webhook", i+2)
		}
		if wait := p.At.Sub(before.At); wait < waits[i] {
			t.Errorf("attempt %d came after %s", i+2, wait)
		}
	}
	all := deliveries(t, w, s, e.ID)
	if len(all) != 1 || all[0].Status != "given_up" || all[0].Attempts != 10 ||
		len(all[0].Tries) != 10 || all[0].Next != nil {
		t.Fatalf("the log is %+v", all)
	}
	var reasons []string
	for _, one := range all[0].Tries {
		reasons = append(reasons, one.Reason)
	}
	want := "status timeout redirected private_address status broken status refused status " +
		"no_answer"
	if got := strings.Join(reasons, " "); got != want {
		t.Errorf("the reasons are %s", got)
	}
	w.FoldEqualsState(t, s)
}

// Goal: a receiver that asks for time gets it. Method: 429 with an hour to wait.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	r := newReceivers(func(_, _ string, n int) notification.Answer {
		if n == 1 {
			return notification.Answer{Status: 429, RetryAfter: time.Hour}
		}
		return notification.Answer{Status: 200}
	})
	w, s := hooking(t, r, roomtest.Calm())
	e := register(t, w, s, "dlr_1", "https://one.example")
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	w.Advance(t, 59*time.Minute)
	if n := len(r.of("https://one.example")); n != 1 {
		t.Errorf("within the hour it was sent %d times", n)
	}
	w.Advance(t, 2*time.Minute)
	if all := deliveries(t, w, s, e.ID); all[0].Status != "delivered" || all[0].Attempts != 2 {
		t.Errorf("the log is %+v", all)
	}
}

// Goal: what is queued is delivered to every endpoint that lives, at least once and under one id,
// whatever else fails, and one that is dead holds up itself alone; the fold of the log is the
// state. Method: random endpoints, some dead or moody, under default faults.
func TestDeadEndpointsHoldUpNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := newReceivers(func(url, id string, n int) notification.Answer {
			switch {
			case strings.Contains(url, "dead"):
				return notification.Answer{Reason: "timeout"}
			case strings.Contains(url, "moody") && n < 4 && hash(seed, id, n)%3 > 0:
				return notification.Answer{Status: 500}
			}
			return notification.Answer{Status: 200}
		})
		w, s := hooking(t, r, roomtest.Seed(seed))
		var urls []string
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom([]string{"dead", "moody", "good"}),
			1, 4).Draw(t, "endpoints") {
			urls = append(urls, fmt.Sprintf("https://%s%d.example", kind, i))
			register(t, w, s, "dlr_1", urls[i])
		}
		const parcels = 4
		for i := range parcels {
			w.Announce(t, requested(t, w, fmt.Sprintf("1x%d", i), "dlr_1"))
		}
		w.Settle(t)
		for range 100 {
			if w.Advance(t, 6*time.Minute); r.taken(urls, parcels) == "" {
				break
			}
		}
		w.FoldEqualsState(t, s)
		if missing := r.taken(urls, parcels); missing != "" && deadLetters(t, w) == 0 {
			t.Fatalf("%s", missing)
		}
	})
}

// taken reports which of the addresses that live has not taken so many webhooks; "" if none.
func (r *receivers) taken(urls []string, want int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, url := range urls {
		n := 0
		for key := range r.took {
			if strings.HasPrefix(key, url+" ") {
				n++
			}
		}
		if !strings.Contains(url, "dead") && n != want {
			return fmt.Sprintf("%s took %d of %d", url, n, want)
		}
	}
	return ""
}

// Goal: an endpoint that takes nothing for days is disabled, with an event, a case and a message to
// its owner and to the office; enabled again, it gets what waited. Method: three days of failure,
// new things all the while; then it is mended.
func TestFailingEndpointsAreDisabled(t *testing.T) {
	t.Parallel()
	var mended bool
	r := newReceivers(func(string, string, int) notification.Answer {
		if mended {
			return notification.Answer{Status: 200}
		}
		return notification.Answer{Reason: "timeout"}
	})
	w, s := hooking(t, r, roomtest.Calm())
	e := register(t, w, s, "dlr_1", "https://one.example")
	for i := range 80 {
		if i%10 == 0 {
			w.Announce(t, requested(t, w, fmt.Sprintf("1x%d", i), "dlr_1"))
		}
		w.Advance(t, time.Hour)
	}
	off := roomtest.FactsOf[*event.EndpointDisabled](t, w)
	if len(off) != 1 || off[0].Reason != "failing" || off[0].At.Sub(off[0].Since) < 72*time.Hour {
		t.Fatalf("it was disabled by %+v", off)
	}
	admin := w.As(t, "adm_1", room.Admin())
	cases, err := s.GetEndpointCases(admin, &notification.GetEndpointsIn{Limit: 10})
	if err != nil || len(cases.Body.Items) != 1 || cases.Body.Items[0].Endpoint != e.ID {
		t.Errorf("the cases are %+v, %v", cases, err)
	}
	for _, person := range []string{"dlr_1", string(notification.Office)} {
		box, err := s.GetMessages(admin, &notification.GetMessagesIn{Customer: person, Limit: 100})
		if err != nil || topics(box, notification.TopicDisabled) != 1 {
			t.Errorf("%s is told %+v, %v", person, box, err)
		}
	}
	sent := len(r.of("https://one.example"))
	w.Announce(t, requested(t, w, "1late", "dlr_1"))
	w.Advance(t, 48*time.Hour)
	if n := len(r.of("https://one.example")); n != sent {
		t.Errorf("a disabled endpoint was sent %d more", n-sent)
	}
	mended = true
	in := &notification.PatchEndpointIn{ID: string(e.ID)}
	in.Body.Enabled = new(bool)
	*in.Body.Enabled = true
	out, err := s.PatchEndpoint(w.As(t, "dlr_1", room.Dealer()), in)
	if err != nil || !out.Body.Enabled {
		t.Fatalf("enable: %+v, %v", out, err)
	}
	w.Advance(t, time.Minute)
	w.Advance(t, time.Minute)
	waiting, gaveUp := 0, 0
	for _, d := range deliveries(t, w, s, e.ID) {
		switch d.Status {
		case "waiting":
			waiting++
		case "given_up":
			gaveUp++
		}
	}
	if waiting != 0 {
		t.Errorf("%d still wait, %d were given up", waiting, gaveUp)
	}
	cases, err = s.GetEndpointCases(admin, &notification.GetEndpointsIn{Limit: 10})
	if err != nil || len(cases.Body.Items) != 0 {
		t.Errorf("the cases are %+v, %v", cases, err)
	}
	w.FoldEqualsState(t, s)
	w.ExpectNoDeadLetters(t)
}

func topics(box *notification.GetMessagesOut, topic string) (n int) {
	for _, m := range box.Body.Items {
		if m.Topic == topic {
			n++
		}
	}
	return n
}
