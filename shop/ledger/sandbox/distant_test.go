package sandbox_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/ledger/sandbox"
)

// Goal: a sandbox in another process answers as one in this process does, and shows the same
// ledger. Method: every magic token, paid and asked for twice, near and far.
func TestDistantIsTheSame(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	near, err := sandbox.Open(sandbox.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	there, err := sandbox.Open(sandbox.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox.Handler(there))
	defer server.Close()
	far := sandbox.NewDistant(server.URL, server.Client())
	for _, token := range sandbox.Tokens() {
		r := request("key of "+token.Token, token.Token)
		for range 2 {
			for name, ask := range map[string]func(p ledger.Provider) (ledger.Outcome, error){
				"pay": func(p ledger.Provider) (ledger.Outcome, error) {
					return p.Pay(t.Context(), r)
				},
				"status": func(p ledger.Provider) (ledger.Outcome, error) {
					return p.Status(t.Context(), r.Key)
				},
			} {
				want, wrong := ask(near)
				have, err := ask(far)
				if (err != nil) != (wrong != nil) || err == nil && have != want {
					t.Errorf("%s with %s: %+v, %v; want %+v, %v", name, token.Token, have, err,
						want, wrong)
				}
			}
		}
	}
	var want, have []sandbox.Entry
	if err := near.Ledger(func(e sandbox.Entry) error {
		want = append(want, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := far.Ledger(t.Context(), func(e sandbox.Entry) error {
		have = append(have, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !slices.Equal(have, want) {
		t.Errorf("its ledger is %+v, want %+v", have, want)
	}
	server.Close()
	if out, err := far.Status(t.Context(), "k"); err == nil {
		t.Errorf("nobody answers, and that is %+v", out)
	}
}
