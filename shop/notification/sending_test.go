package notification_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// mood is what the post does with one call.
type mood int

const (
	takes    mood = iota // it takes the letter and says so
	throttle             // it refuses for now
	rejects              // it refuses for good
	silent               // it takes the letter, and the answer is lost
	deaf                 // the letter is lost on its way, and nobody knows
	dies                 // our process dies before the call
	diesLate             // our process dies after it
	moods
)

// post is a vendor who keeps a ledger of what it really took. plan chooses what it does with the
// n-th call about a letter, from 1.
type post struct {
	plan func(key string, n int) mood

	mu    sync.Mutex
	calls map[string]int
	took  map[string]int
	last  map[string]notification.Letter
}

func newPost(plan func(key string, n int) mood) *post {
	return &post{
		plan: plan, calls: make(map[string]int), took: make(map[string]int),
		last: make(map[string]notification.Letter),
	}
}

func (p *post) Send(_ context.Context, l notification.Letter) notification.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[l.Key]++
	m := p.plan(l.Key, p.calls[l.Key])
	if m == takes || m == silent || m == diesLate {
		p.took[l.Key]++
		p.last[l.Key] = l
	}
	switch m {
	case takes:
		return notification.Outcome{Verdict: notification.Taken, Reference: "ref-1"}
	case throttle:
		return notification.Outcome{Verdict: notification.Refused, Reason: "throttled"}
	case rejects:
		return notification.Outcome{
			Verdict: notification.Refused, Reason: "no <" + l.To + "> here", Final: true,
		}
	case dies, diesLate:
		panic("the process died")
	}
	return notification.Outcome{}
}

// asked is a post that can be asked about letters, except every third time.
type asked struct {
	*post
	questions int
}

func (a *asked) Status(_ context.Context, key string) notification.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.questions++
	switch {
	case a.questions%3 == 0:
		return notification.Outcome{}
	case a.took[key] > 0:
		return notification.Outcome{Verdict: notification.Taken, Reference: "ref-2"}
	}
	return notification.Outcome{Verdict: notification.Missing}
}

func sending(
	t roomtest.T, o notification.Options, opts ...roomtest.Option,
) (*roomtest.World, *notification.Service) {
	t.Helper()
	w := roomtest.New(t, opts...)
	s := notification.New(w.Desk("notification"), o)
	w.Start(t, s)
	return w, s
}

// always is the plan of a post that is in one mood.
func always(m mood) func(string, int) mood { return func(string, int) mood { return m } }

// first is the plan of a post that is in one mood at first and takes what comes again.
func first(m mood) func(string, int) mood {
	return func(_ string, n int) mood {
		if n == 1 {
			return m
		}
		return takes
	}
}

// messageOf reads the message that an order was placed.
func messageOf(t roomtest.T, w *roomtest.World, order shop.ID) *notification.Message {
	t.Helper()
	rec, err := w.Raw.Store("notification").Get(t.Context(), platform.Key{
		Part: "message/msg_order_placed_" + string(order[4:]), Sort: "message",
	})
	if err != nil {
		t.Fatalf("read the message of %s: %v", order, err)
	}
	m := new(notification.Message)
	if err := room.Decode(rec.Value, m); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return m
}

// reach lets time pass until nothing is left to do.
func reach(t roomtest.T, w *roomtest.World) {
	t.Helper()
	for range 24 {
		w.Advance(t, 5*time.Minute)
		if len(w.Timers(t)) == 0 && len(w.Waiting(t)) == 0 {
			return
		}
	}
}

const prefix = "souk.notification."

// Goal: each outcome of a call becomes facts, a state that the API shows, and nothing more.
// Method: one order for each mood of a post; a calm world.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		plan  func(string, int) mood
		facts string
		state notification.State
		calls int
		took  int
	}{
		{"taken", always(takes), "attempted handed_over", "sent", 1, 1},
		{"throttled once", first(throttle),
			"attempted refused send_due attempted handed_over", "sent", 2, 1},
		{"rejected", always(rejects), "attempted refused", "failed", 1, 0},
		{"an answer is lost", always(silent), "attempted unresolved", "unknown", 1, 1},
		{"a letter is lost", always(deaf), "attempted unresolved", "unknown", 1, 0},
		{"death before the call", first(dies), "attempted unresolved", "unknown", 1, 0},
		{"death after the call", first(diesLate), "attempted unresolved", "unknown", 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(tc.plan)
			w, s := sending(t, notification.Options{Mail: p}, roomtest.Calm())
			w.Announce(t, placed(t, w, "ord_a"))
			w.Settle(t)
			reach(t, w)
			want := []string{
				prefix + "sent.v1 message/msg_order_placed_a",
				prefix + "sent.v1 message/msg_parcel_requested_a_1",
			}
			for _, f := range strings.Fields(tc.facts) {
				subject := "message/msg_order_placed_a"
				if f == "send_due" {
					subject = "timer/notification-send/msg_order_placed_a"
				}
				want = append(want, prefix+f+".v1 "+subject)
			}
			w.ExpectTypes(t, want...)
			w.ExpectNoDeadLetters(t)
			w.FoldEqualsState(t, s)
			sends := messageOf(t, w, "ord_a").Sends
			if len(sends) != 1 || sends[0].State != tc.state || sends[0].Channel != "mail" {
				t.Errorf("it is %+v, want %s", sends, tc.state)
			}
			key := "msg_order_placed_a/mail"
			if p.calls[key] != tc.calls || p.took[key] != tc.took {
				t.Errorf("%d calls, %d taken; want %d, %d",
					p.calls[key], p.took[key], tc.calls, tc.took)
			}
			shows(t, w, s, tc.state)
		})
	}
}

// shows requires that the mailbox shows a message's state, and the operators' list what is in
// trouble, without an address.
func shows(t *testing.T, w *roomtest.World, s *notification.Service, want notification.State) {
	t.Helper()
	box, err := s.GetMessages(w.As(t, customer, room.Customer()),
		&notification.GetMessagesIn{Limit: 10})
	if err != nil || len(box.Body.Items) != 1 || len(box.Body.Items[0].Sends) != 1 {
		t.Fatalf("the mailbox: %+v, %v", box, err)
	}
	if v := box.Body.Items[0].Sends[0]; v.Status != string(want) ||
		strings.Contains(v.Reason, "@") {
		t.Errorf("the mailbox shows %+v", v)
	}
	list, err := s.GetTroubles(w.As(t, "adm_1", room.Admin()),
		&notification.GetTroublesIn{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	troubled := want == notification.Failed || want == notification.InDoubt
	if (len(list.Body.Items) == 1) != troubled {
		t.Errorf("%s: the troubles are %+v", want, list.Body.Items)
	}
	if troubled && list.Body.Items[0].Status != string(want) {
		t.Errorf("the troubles are %+v", list.Body.Items)
	}
	_, err = s.GetTroubles(w.As(t, customer, room.Customer()),
		&notification.GetTroublesIn{Limit: 10})
	if err == nil || shop.CodeOf(err) != shop.Forbidden {
		t.Errorf("a customer sees the troubles: %v", err)
	}
}

// Goal: a letter says what the message says, to the address of its channel; a channel whose address
// is not known leaves no trace; each channel sends by itself.
// Method: a customer with an email address only, one with both, one with neither.
func TestChannels(t *testing.T) {
	t.Parallel()
	mail, sms := newPost(always(takes)), newPost(always(throttle))
	w, s := sending(t, notification.Options{Mail: mail, SMS: sms}, roomtest.Calm())
	for order, c := range map[shop.ID]event.Contact{
		"ord_a": {Email: email},
		"ord_b": {Email: email, Phone: "+442079460123"},
		"ord_c": {},
	} {
		f := placed(t, w, order)
		var err error
		if f.Contact, err = shop.Seal(t.Context(), w.Raw.Keys(), customer, c); err != nil {
			t.Fatal(err)
		}
		w.Announce(t, f)
	}
	w.Settle(t)
	reach(t, w)
	w.ExpectNoDeadLetters(t)
	w.FoldEqualsState(t, s)
	if len(mail.took) != 2 || len(mail.calls) != 2 || len(sms.calls) != 1 {
		t.Errorf("mailed %v of %v, texted %v", mail.took, mail.calls, sms.calls)
	}
	m, l := messageOf(t, w, "ord_b"), mail.last["msg_order_placed_b/mail"]
	if l.To != email || l.Title != m.Title || l.Text != m.Text ||
		!strings.Contains(l.HTML, "<h1") || l.Leave != "" || l.Message != m.ID {
		t.Errorf("the letter is %+v", l)
	}
	if n := sms.calls["msg_order_placed_b/sms"]; n != notification.DefaultPolicy().Attempts {
		t.Errorf("a throttled SMS was attempted %d times", n)
	}
	states := make(map[string]notification.State)
	for _, send := range m.Sends {
		states[send.Channel] = send.State
	}
	if states["mail"] != notification.Sent || states["sms"] != notification.Failed {
		t.Errorf("the states are %v", states)
	}
	if n := len(messageOf(t, w, "ord_c").Sends); n != 0 {
		t.Errorf("%d sendings to nowhere", n)
	}
	if n := s.Numbers(); n.Taken != 2 || n.Unknown != 0 || n.Refused != 8 {
		t.Errorf("the numbers are %+v", n)
	}
}

// Goal: a person who is erased while a message waits gets none, and what is a day old is not sent
// for the first time. Method: erase between two attempts; a subscription paused for two days.
func TestTooLateToSend(t *testing.T) {
	t.Parallel()
	p := newPost(first(throttle))
	w, s := sending(t, notification.Options{
		Mail: p, Policy: notification.Policy{Base: time.Hour, Most: time.Hour},
	}, roomtest.Calm())
	w.Announce(t, placed(t, w, "ord_a"))
	w.Settle(t)
	if m := messageOf(t, w, "ord_a"); m.Sends[0].State != notification.Waiting {
		t.Fatalf("it is %+v", m.Sends)
	}
	if err := w.Raw.Keys().Erase(t.Context(), string(customer)); err != nil {
		t.Fatal(err)
	}
	w.Advance(t, time.Hour+time.Second)
	send := messageOf(t, w, "ord_a").Sends[0]
	if send.State != notification.Failed || send.Reason != "no_address" || len(p.took) != 0 {
		t.Errorf("it is %+v, taken %v", send, p.took)
	}

	pause := func(paused bool) {
		err := w.Raw.Delivery().Pause(t.Context(), "notification.mail-on-sent", paused)
		if err != nil {
			t.Fatal(err)
		}
	}
	pause(true)
	f := placed2(t, w, "ord_b")
	w.Announce(t, f)
	w.Settle(t)
	w.Advance(t, 48*time.Hour)
	pause(false)
	w.Settle(t)
	if n := len(messageOf(t, w, "ord_b").Sends); n != 0 || len(p.took) != 0 {
		t.Errorf("old news was sent: %v", p.took)
	}
	w.FoldEqualsState(t, s)
}

// placed2 is placed for a second customer.
func placed2(t roomtest.T, w *roomtest.World, order shop.ID) *event.OrderPlaced {
	t.Helper()
	c, err := shop.Seal(t.Context(), w.Raw.Keys(), "cus_2", event.Contact{Email: email})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return &event.OrderPlaced{
		Order: order, Customer: "cus_2", Payment: "pay_" + order[4:], Currency: "GBP", Total: 100,
		Contact: c,
		Parcels: []event.Parcel{{
			Dealer: "dlr_1", Items: 100, Amount: 100,
			Lines: []event.ParcelLine{{SKU: "A", Quantity: 1}},
		}},
	}
}

// Goal: whatever the vendor does and wherever the process dies, nobody gets a message twice, what
// we say was sent was taken, what we say failed was not, and a vendor who can be asked leaves
// nothing in doubt (I12). Method: random moods under default faults, with doubled and repeated
// deliveries, lost and hidden commits; the post's own ledger against our records.
func TestNobodyIsToldTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		percent := rapid.IntRange(0, 100).Draw(t, "percent")
		p := newPost(func(key string, n int) mood {
			f := platformtest.DefaultFaults(seed) // only its seed is used
			h := hash(f.Seed, key, n)
			if int(h%100) >= percent {
				return takes
			}
			return mood(h / 100 % uint64(moods))
		})
		var mail notification.Carrier = p
		canAsk := rapid.Bool().Draw(t, "can be asked")
		if canAsk {
			mail = &asked{post: p}
		}
		w, s := sending(t, notification.Options{Mail: mail}, roomtest.Seed(seed))
		const orders = 6
		for i := range orders {
			w.Announce(t, placed(t, w, shop.ID(fmt.Sprintf("ord_%d", i))))
		}
		w.Settle(t)
		reach(t, w)
		w.FoldEqualsState(t, s)
		dead := deadLetters(t, w)
		for i := range orders {
			m := messageOf(t, w, shop.ID(fmt.Sprintf("ord_%d", i)))
			key := string(m.ID) + "/mail"
			p.mu.Lock()
			took := p.took[key]
			p.mu.Unlock()
			if took > 1 {
				t.Fatalf("%s was taken %d times", key, took)
			}
			if len(m.Sends) == 0 {
				if took > 0 || dead == 0 {
					t.Fatalf("%s was taken %d times, and nobody knows of it", key, took)
				}
				continue
			}
			judge(t, m.Sends[0], took, canAsk, dead)
		}
	})
}

func deadLetters(t roomtest.T, w *roomtest.World) (n int) {
	t.Helper()
	all, err := w.Raw.Delivery().Status(t.Context())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	for _, s := range all {
		n += s.DeadLetters
	}
	return n
}

func judge(t *rapid.T, send notification.Send, took int, canAsk bool, dead int) {
	t.Helper()
	switch {
	case send.State == notification.Sent && took != 1,
		send.State == notification.Failed && took != 0:
		t.Fatalf("%+v, but taken %d times", send, took)
	case (send.State == notification.Sending || send.State == notification.Waiting) && dead == 0,
		send.State == notification.InDoubt && canAsk && dead == 0:
		t.Fatalf("%+v was left behind", send)
	}
}

// hash chooses a mood from what it concerns, however goroutines are scheduled.
func hash(seed uint64, key string, n int) uint64 {
	h := seed ^ uint64(n)*0x9e3779b97f4a7c15
	for _, c := range []byte(key) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h ^ h>>29
}
