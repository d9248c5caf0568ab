package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: terms take effect at their moment and not before, what is in force is never changed, and
// whoever asks a ledger that remembers is told the truth at every moment.
// Method: two changes an hour apart, asked for every ten seconds; a change in the past, one too
// soon, and one by a dealer.
func TestTerms(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	other := ledger.New(w.Desk("ledger"), ledger.Options{}) // of another process
	admin, began := w.As(t, "adm_1", room.Admin()), w.Clock.Now()
	ask := func(want int64, known bool) {
		t.Helper()
		for _, one := range []*ledger.Service{s, other} {
			bps, ok, err := one.Commission(t.Context(), "dlr_1")
			if err != nil || bps != want || ok != known {
				t.Errorf("after %s: %d %t %v, want %d %t",
					w.Clock.Now().Sub(began), bps, ok, err, want, known)
			}
		}
	}
	ask(0, false)
	set := func(bps int64, from time.Time) shop.Code {
		_, err := s.SetTerms(admin, "dlr_1", bps, from)
		if err == nil {
			return ""
		}
		return shop.CodeOf(err)
	}
	if code := set(700, time.Time{}); code != "" {
		t.Errorf("terms from now on: %s", code)
	}
	if code := set(900, began.Add(time.Hour)); code != "" {
		t.Errorf("terms in an hour: %s", code)
	}
	if code := set(900, began.Add(time.Hour)); code != "" {
		t.Errorf("the same again: %s", code)
	}
	for at := time.Duration(0); at <= 70*time.Minute; at += 10 * time.Second {
		switch {
		case at < ledger.TermsLead:
			ask(0, false)
		case at < time.Hour:
			ask(700, true)
		default:
			ask(900, true)
		}
		w.Manual.Advance(10 * time.Second)
	}
	for _, from := range []time.Time{began, w.Clock.Now().Add(59 * time.Second)} {
		if code := set(100, from); code != shop.Invalid {
			t.Errorf("terms from %s: %q", from, code)
		}
	}
	dealer := w.As(t, "dlr_1", room.Dealer())
	if _, err := s.SetTerms(dealer, "dlr_1", 0, time.Time{}); shop.CodeOf(err) != shop.Forbidden {
		t.Errorf("a dealer's own terms: %v", err)
	}
	kept, err := s.Terms(dealer, "dlr_1")
	if err != nil || len(kept.Periods) != 2 || kept.Periods[1].CommissionBPS != 900 {
		t.Errorf("%+v, %v", kept, err)
	}
	w.FoldEqualsState(t, s)
}

// Goal: an account's number is refused and never repeated, and the token that names an account is
// in no fact and no record but sealed. Method: numbers of several kinds; then the whole store.
func TestAccountsAreSecrets(t *testing.T) {
	t.Parallel()
	w, s := open(t, roomtest.Calm())
	ctx := w.As(t, "dlr_1", room.Dealer())
	for _, bad := range []string{
		"GB29NWBK60161331926819", "60-16-13 31926819", "ba_", "tok_visa", "", "ba_secret y",
	} {
		_, err := s.SetPayee(ctx, "dlr_1", bad, ledger.Manual)
		if shop.CodeOf(err) != shop.Invalid || len(bad) > 3 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	_, err := s.SetPayee(ctx, "dlr_1", "ba_secret_1", "yearly")
	if shop.CodeOf(err) != shop.Invalid {
		t.Errorf("a schedule that there is not: %v", err)
	}
	if _, err := s.SetPayee(ctx, "dlr_1", "ba_secret_1", ledger.Weekly); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.Events(t) {
		if strings.Contains(string(e.Data), "secret_1") {
			t.Errorf("%s tells the account: %s", e.Type, e.Data)
		}
	}
	expectNil(t, w.Raw.History().Records(t.Context(), "", noSecret(t)))
}

func noSecret(t *testing.T) func(r platform.Record) error {
	return func(r platform.Record) error {
		if strings.Contains(string(r.Value), "secret_1") {
			t.Errorf("%s %s tells the account: %s", r.Key.Part, r.Key.Sort, r.Value)
		}
		return nil
	}
}
