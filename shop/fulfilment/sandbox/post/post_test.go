package post_test

import (
	"bytes"
	"net/http/httptest"
	"testing"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
)

// Goal: the carrier in another process answers as one in this process does. Method: a label for
// every city of magic and for Leeds, asked for, bought twice and asked for again, near and far.
func TestDistantIsTheSame(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	near, there := sandbox.New(clock, nil), sandbox.New(clock, nil)
	server := httptest.NewServer(post.Handler(there))
	defer server.Close()
	far := post.New(server.URL, server.Client())
	if far.Name() != near.Name() {
		t.Errorf("it is called %q, want %q", far.Name(), near.Name())
	}
	cities := []string{"Leeds"}
	for _, place := range sandbox.Places() {
		cities = append(cities, place.City)
	}
	for _, city := range cities {
		o := fulfilment.LabelOrder{
			Key: "label for " + city, For: "shp_1", Units: 1,
			From: shop.Address{Name: "Depot", Line1: "1 Wharf", City: "Leeds", Country: "GB"},
			To:   shop.Address{Name: "Ada", Line1: "1 Street", City: city, Country: "GB"},
		}
		buy := func(c fulfilment.Carrier) (fulfilment.Bought, error) {
			return c.Buy(t.Context(), o)
		}
		find := func(c fulfilment.Carrier) (fulfilment.Bought, error) {
			return c.Find(t.Context(), o.Key)
		}
		for i, ask := range []func(c fulfilment.Carrier) (fulfilment.Bought, error){
			find, buy, buy, find,
		} {
			want, wrong := ask(near)
			have, err := ask(far)
			if (err != nil) != (wrong != nil) || have.Verdict != want.Verdict ||
				have.Tracking != want.Tracking || have.Reason != want.Reason ||
				!bytes.Equal(have.PDF, want.PDF) {
				t.Errorf("%s, call %d: %d %q, %v; want %d %q, %v", city, i, have.Verdict,
					have.Tracking, err, want.Verdict, want.Tracking, wrong)
			}
		}
	}
	server.Close()
	if b, err := far.Find(t.Context(), "k"); err == nil {
		t.Errorf("nobody answers, and that is %+v", b)
	}
}

// Goal: the carrier's words are read as what they mean, and nothing else as a word. Method: one of
// each kind, one of a kind that nobody knows, and what is none.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body, status string
		known, ok    bool
	}{
		{`{"event":"ON_VAN","parcel_no":"SB1","happened_at":"2026-01-02T03:04:05Z"}`,
			"out_for_delivery", true, true},
		{`{"event":"X_RAYED","parcel_no":"SB1"}`, "", false, true},
		{`{"parcel_no":"SB1"}`, "", false, false},
		{`[]`, "", false, false},
	} {
		n, known, err := post.Read([]byte(c.body))
		if (err == nil) != c.ok || known != c.known || n.Status != c.status {
			t.Errorf("%s: %+v, %v, %v", c.body, n, known, err)
		}
	}
}
