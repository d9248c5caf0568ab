package notification_test

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: an endpoint that says it is gone is disabled at once, and told to nobody twice. Method:
// 410, then another fact.
func TestGoneEndpoints(t *testing.T) {
	t.Parallel()
	r := newReceivers(func(string, string, int) notification.Answer {
		return notification.Answer{Status: 410}
	})
	w, s := hooking(t, r, roomtest.Calm())
	register(t, w, s, "dlr_1", "https://one.example")
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	w.Advance(t, 2*time.Second)
	w.Announce(t, requested(t, w, "1b", "dlr_1"))
	w.Settle(t)
	w.Advance(t, time.Hour)
	off := roomtest.FactsOf[*event.EndpointDisabled](t, w)
	if len(off) != 1 || off[0].Reason != "gone" || len(r.of("https://one.example")) != 1 {
		t.Errorf("%+v after %d requests", off, len(r.of("https://one.example")))
	}
	w.FoldEqualsState(t, s)
}

// Goal: while a secret is being changed receivers with either believe a webhook, afterwards only
// those with the new one; the same request rotates once. Method: rotate; the specification's own
// library with both secrets, within the overlap and after it.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := newReceivers(well)
	w, s := hooking(t, r)
	e := register(t, w, s, "dlr_1", "https://one.example")
	rotate := func(key string) notification.EndpointView {
		var out *notification.EndpointOut
		err := w.Persist(func() (err error) {
			out, err = s.PostRotate(w.As(t, "dlr_1", room.Dealer()),
				&notification.RotateIn{ID: string(e.ID), Key: key})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.Body
	}
	fresh := rotate("k1")
	if again := rotate("k1"); again.Secret != fresh.Secret || fresh.Secret == e.Secret {
		t.Errorf("the secrets are %q, %q and again %q", e.Secret, fresh.Secret, again.Secret)
	}
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	reach(t, w)
	for _, p := range r.of("https://one.example") {
		believe(t, e.Secret, p)
		believe(t, fresh.Secret, p)
	}
	w.Advance(t, 25*time.Hour)
	w.Announce(t, requested(t, w, "1b", "dlr_1"))
	w.Settle(t)
	reach(t, w)
	for _, p := range r.of("https://one.example") {
		if strings.Contains(p.Body, "shp_1b_1") {
			believe(t, fresh.Secret, p)
			if strings.Contains(p.Signature, " ") {
				t.Errorf("it is still signed with the old secret: %s", p.Signature)
			}
		}
	}
	w.FoldEqualsState(t, s)
}

// Goal: a person has sent again what they choose: one, all that was not taken since a moment, or
// all of it; under the ids that it had. Method: a receiver that takes nothing for a while.
func TestReplay(t *testing.T) {
	t.Parallel()
	up := true
	r := newReceivers(func(string, string, int) notification.Answer {
		if up {
			return notification.Answer{Status: 200}
		}
		return notification.Answer{Status: 500}
	})
	w, s := hooking(t, r, roomtest.Calm())
	e := register(t, w, s, "dlr_1", "https://one.example")
	dealer := w.As(t, "dlr_1", room.Dealer())
	replay := func(change func(in *notification.ReplayIn)) (int, error) {
		in := &notification.ReplayIn{ID: string(e.ID)}
		change(in)
		out, err := s.PostReplay(dealer, in)
		w.Settle(t)
		w.Advance(t, 2*time.Second)
		if err != nil {
			return 0, err
		}
		return out.Body.Queued, nil
	}
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	up = false
	w.Advance(t, time.Hour)
	moment := w.Clock.Now()
	w.Announce(t, requested(t, w, "1b", "dlr_1"), requested(t, w, "1c", "dlr_1"))
	w.Settle(t)
	for range 31 {
		w.Advance(t, 150*time.Minute)
	}
	up = true
	in := &notification.PatchEndpointIn{ID: string(e.ID)} // it was disabled meanwhile
	in.Body.Enabled = &up
	if _, err := s.PatchEndpoint(dealer, in); err != nil {
		t.Fatal(err)
	}
	w.Advance(t, 2*time.Second)
	all := deliveries(t, w, s, e.ID)
	first := string(all[len(all)-1].ID)
	before := len(r.of("https://one.example"))
	n, err := replay(func(in *notification.ReplayIn) { in.Body.Delivery = first })
	if err != nil || n != 1 || len(r.of("https://one.example")) != before+1 {
		t.Errorf("one: %d, %v, %d requests", n, err, len(r.of("https://one.example"))-before)
	}
	n, err = replay(func(in *notification.ReplayIn) { in.Body.Since = &moment })
	if err != nil || n > 2 {
		t.Errorf("what was not taken: %d, %v", n, err)
	}
	for _, d := range deliveries(t, w, s, e.ID) {
		if d.Status != "delivered" {
			t.Errorf("%s is %s", d.ID, d.Status)
		}
	}
	n, err = replay(func(in *notification.ReplayIn) {
		in.Body.Since, in.Body.Delivered = &moment, true
	})
	if err != nil || n != 2 {
		t.Errorf("all since then: %d, %v", n, err)
	}
	_, unsaid := replay(func(*notification.ReplayIn) {})
	_, strange := replay(func(in *notification.ReplayIn) { in.Body.Delivery = "whk_x" })
	if shop.CodeOf(unsaid) != shop.Invalid || shop.CodeOf(strange) != shop.NotFound {
		t.Errorf("nothing chosen: %v; another's: %v", unsaid, strange)
	}
	w.FoldEqualsState(t, s)
	w.ExpectNoDeadLetters(t)
}

// Goal: endpoints are their owner's; registering is done once for a key, within bounds, and only
// for addresses and events that can be. Method: every door as everybody.
func TestWhoseEndpoints(t *testing.T) {
	t.Parallel()
	r := newReceivers(well)
	w, s := hooking(t, r, roomtest.Calm())
	e := register(t, w, s, "dlr_1", "https://one.example")
	if again := register(t, w, s, "dlr_1", "https://one.example"); again.Secret != e.Secret ||
		again.ID != e.ID {
		t.Errorf("again: %+v", again)
	}
	mine, other := w.As(t, "dlr_1", room.Dealer()), w.As(t, "dlr_2", room.Dealer())
	buyer, admin := w.As(t, "dlr_1", room.Customer()), w.As(t, "adm_1", room.Admin())
	for name, tc := range map[string]struct {
		err  error
		want shop.Code
	}{
		"another dealer looks": {second(s.GetEndpoint(other, &notification.EndpointIn{
			ID: string(e.ID)})), shop.NotFound},
		"another dealer removes": {second(s.PostRemove(other, &notification.EndpointIn{
			ID: string(e.ID)})), shop.NotFound},
		"an administrator rotates": {second(s.PostRotate(admin, &notification.RotateIn{
			ID: string(e.ID), Key: "k"})), shop.NotFound},
		"a customer registers": {second(s.PostEndpoint(buyer, endpoint("k", "https://x.example"))),
			shop.Forbidden},
		"the key again": {second(s.PostEndpoint(mine,
			endpoint("https://one.example", "https://x.example"))), shop.KeyReused},
		"a bad address": {second(s.PostEndpoint(mine, endpoint("k", "http://x.example"))),
			shop.Invalid},
		"events of the office": {second(s.PostEndpoint(mine,
			endpoint("k", "https://x.example", "souk.order.placed.v2"))), shop.Invalid},
		"no events": {second(s.PostEndpoint(admin,
			endpoint("k", "https://x.example", "souk.order.created.v1"))), shop.Invalid},
	} {
		if tc.err == nil || shop.CodeOf(tc.err) != tc.want {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
	view, err := s.GetEndpoint(admin, &notification.EndpointIn{ID: string(e.ID)})
	if err != nil || view.Body.Secret != "" {
		t.Errorf("an administrator sees %+v, %v", view, err)
	}
	for i := range notification.DefaultHookPolicy().Endpoints - 1 {
		register(t, w, s, "dlr_1", "https://x.example/"+strings.Repeat("x", i))
	}
	_, err = s.PostEndpoint(mine, endpoint("more", "https://more.example"))
	if err == nil || shop.CodeOf(err) != shop.Conflict {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.PostRemove(mine, &notification.EndpointIn{ID: string(e.ID)}); err != nil {
		t.Fatal(err)
	}
	w.Announce(t, requested(t, w, "1a", "dlr_1"))
	w.Settle(t)
	if n := len(r.of("https://one.example")); n != 0 {
		t.Errorf("what was removed is told %d times", n)
	}
	w.FoldEqualsState(t, s)
}

func second[T any](_ T, err error) error { return err }

func endpoint(key, url string, types ...string) *notification.PostEndpointIn {
	in := &notification.PostEndpointIn{Key: key}
	in.Body.URL, in.Body.Types = url, types
	return in
}
