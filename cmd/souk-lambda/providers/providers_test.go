package providers_test

import (
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/providers"
	"github.com/souk-commerce/souk/shop/payment"
)

// env reads from pairs.
func env(pairs ...string) *function.Env {
	return function.NewEnv(func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	})
}

// Goal: a function has the providers that its environment names, and is told what is missing.
// Method: every way to name them.
func TestWhoTakesMoney(t *testing.T) {
	t.Parallel()
	const box = "http://sandbox.test"
	for _, c := range []struct {
		env           []string
		first, second string
		says          string // what is wrong, if anything is
	}{
		{[]string{"SOUK_SANDBOX_URL", box}, "sandbox", "", ""},
		{nil, "", "", "SOUK_SANDBOX_URL is not set"},
		{[]string{"SOUK_SANDBOX_URL", "sandbox"}, "", "", "does not begin with http"},
		{[]string{"SOUK_SANDBOX_URL", box, "SOUK_STRIPE_KEY", "sk_1"}, "sandbox", "stripe", ""},
		{[]string{"SOUK_SANDBOX_URL", box, "SOUK_STRIPE_SECRET", "s"}, "sandbox", "stripe", ""},
		{[]string{"SOUK_PAYMENT_PROVIDER", "stripe", "SOUK_STRIPE_KEY", "sk_1"}, "stripe", "", ""},
		{[]string{"SOUK_PAYMENT_PROVIDER", "stripe"}, "", "", "SOUK_STRIPE_KEY is not set"},
		{[]string{"SOUK_PAYMENT_PROVIDER", "bank", "SOUK_SANDBOX_URL", box}, "", "",
			"set it to sandbox or stripe"},
		{[]string{"SOUK_SANDBOX_URL", box, "SOUK_WEBHOOK_SECRETS", "short"}, "", "",
			"less than 16 bytes"},
	} {
		e := env(c.env...)
		opt := providers.Payment(e)
		if c.says != "" {
			if err := e.Err(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %v, want %q", c.env, err, c.says)
			}
			continue
		}
		second := ""
		if len(opt.Others) > 0 {
			second = opt.Others[0].Name
		}
		if e.Err() != nil || opt.Name != c.first || second != c.second || opt.Provider == nil {
			t.Errorf("%v: %q and %q, %v", c.env, opt.Name, second, e.Err())
		}
	}
}

// Goal: a door that knows only that there is a key keeps Stripe's tokens and asks for nothing.
// Method: the provider that it has, asked all the same.
func TestKeylessDoorsAskNobody(t *testing.T) {
	t.Parallel()
	opt := providers.Payment(env("SOUK_PAYMENT_PROVIDER", "stripe", "SOUK_STRIPE_SECRET", "s"))
	if opt.Describe == nil {
		t.Error("what its tokens are is not told")
	}
	if o, err := opt.Provider.Do(t.Context(), payment.Request{Key: "k"}); err == nil {
		t.Errorf("it did something: %+v", o)
	}
	if o, err := opt.Provider.Status(t.Context(), payment.Request{Key: "k"}); err == nil {
		t.Errorf("it knew something: %+v", o)
	}
}

// Goal: without sandboxes nobody is paid out and nothing is carried, and nothing is wrong; with
// them both are. Method: both, and depots that are none.
func TestWhoPaysAndCarries(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "https://sandbox.test/"} {
		e := env("SOUK_SANDBOX_URL", url, "SOUK_MIN_PAYOUT", "250",
			"SOUK_CARRIER_SECRETS", "the-secret-of-the-carrier")
		paid, parcels := providers.Payouts(e), providers.Parcels(e)
		if have := paid.Provider != nil; have != (url != "") || paid.Policy.Minimum != 250 {
			t.Errorf("at %q: payouts %+v", url, paid)
		}
		if have := parcels.Carrier != nil; have != (url != "") || len(parcels.Secrets) == 0 ||
			parcels.Depot.Check() != nil {
			t.Errorf("at %q: parcels %+v", url, parcels)
		}
		if err := e.Err(); err != nil {
			t.Errorf("at %q: %v", url, err)
		}
	}
	e := env("SOUK_DEPOT", "Ours; 1 Road; York; YO1 1AA; GB")
	if d := providers.Parcels(e).Depot; d.City != "York" || d.Country != "GB" || e.Err() != nil {
		t.Errorf("the depot is %+v, %v", d, e.Err())
	}
	for _, bad := range []string{"Ours; York; GB", "Ours; 1 Road; York; YO1 1AA; Britain"} {
		e := env("SOUK_DEPOT", bad)
		if providers.Parcels(e).Depot.Country == "GB" || e.Err() == nil {
			t.Errorf("%q is a depot", bad)
		}
	}
}
