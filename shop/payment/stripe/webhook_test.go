package stripe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/stripe"
)

// A webhook and its signatures, made by another implementation of HMAC-SHA256 (Python's).
const (
	signedAt = 1700000000
	hookBody = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded",` +
		`"created":1700000000,"data":{"object":{"id":"pi_1","amount":1000,"currency":"gbp",` +
		`"metadata":{"souk_payment":"pay_1","souk_key":"k1"}}}}`
	byFirst  = "5204e065978cf11e04ae8b5d4e9614d4f7292042d3bee35c12be742ee09977c1"
	bySecond = "3b81ce755b306d7a430903ce27be259f1c9965f55224223f6c97cd76b47b2956"
)

func open(t *testing.T, opt stripe.Options) *stripe.Provider {
	t.Helper()
	opt.Key = "sk_test_123"
	p, err := stripe.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Goal: only a webhook that one of our secrets signed, over exactly these bytes and at about this
// time, is read. Method: vectors of another implementation, each spoilt in one way.
func TestSignatures(t *testing.T) {
	t.Parallel()
	both := open(t, stripe.Options{Secrets: []string{"whsec_first", "whsec_second"}})
	now := time.Unix(signedAt, 0)
	good := "t=1700000000,v1=" + byFirst
	const no = shop.Unauthorised
	for name, c := range map[string]struct {
		header, body string
		after        time.Duration
		want         shop.Code // "" is taken
	}{
		"the first secret":          {header: good},
		"the second secret":         {header: "t=1700000000,v1=" + bySecond},
		"one of several signatures": {header: "t=1700000000,v1=00ff,v1=" + bySecond + ",v0=aa"},
		"spaces":                    {header: "t=1700000000, v1=" + byFirst},
		"five minutes old":          {header: good, after: 5 * time.Minute},
		"older":                     {header: good, after: 301 * time.Second, want: no},
		"from the future":           {header: good, after: -301 * time.Second, want: no},
		"another time":              {header: "t=1700000001,v1=" + byFirst, want: no},
		"two times":                 {header: "t=1,t=1700000000,v1=" + byFirst, want: no},
		"no header":                 {want: no},
		"no signature":              {header: "t=1700000000", want: no},
		"another version":           {header: "t=1700000000,v0=" + byFirst, want: no},
		"cut short":                 {header: good[:len(good)-2], want: no},
		"no hexadecimal":            {header: good[:len(good)-2] + "zz", want: no},
		"another body":              {header: good, body: hookBody + " ", want: no},
		"no time":                   {header: "v1=" + byFirst, want: no},
		"a body of 10 MB":           {body: strings.Repeat("a", 10<<20), want: shop.Invalid},
	} {
		body := hookBody
		if c.body != "" {
			body = c.body
		}
		n, err := both.Hear(payment.Signed{Stripe: c.header, Body: []byte(body)}, now.Add(c.after))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || shop.CodeOf(err) != c.want):
			t.Errorf("%s: %+v, %v; want %s", name, n, err, c.want)
		}
	}
	none := open(t, stripe.Options{})
	if _, err := none.Hear(payment.Signed{Stripe: good, Body: []byte(hookBody)}, now); err == nil {
		t.Error("without secrets a webhook was taken")
	}
}

// Goal: what an event means is told, and of a type that means nothing only its name and what it is
// about. Method: the vector above, and one of another type.
func TestNotices(t *testing.T) {
	t.Parallel()
	p := open(t, stripe.Options{Secrets: []string{"whsec_first"}})
	n, err := p.Hear(payment.Signed{
		Stripe: "t=1700000000,v1=" + byFirst, Body: []byte(hookBody),
	}, time.Unix(signedAt, 0))
	want := payment.Notice{
		ID: "evt_1", Type: payment.NoticeSucceeded, At: time.Unix(signedAt, 0).UTC(),
		Data: payment.NoticeData{
			Payment: "pay_1", Key: "k1", Amount: shop.Money{Amount: 1000, Currency: "GBP"},
			Reference: "pi_1",
		},
	}
	if err != nil || n != want {
		t.Errorf("%+v, %v", n, err)
	}
}
