package stripe_test

import (
	"context"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/stripe"
	"github.com/souk-commerce/souk/shop/payment/stripe/fake"
)

// Goal: a dealer is paid once, whatever becomes of the call, and a refusal is certain. Method: a
// transfer whose calls break before and after their effect; an account that takes nothing.
func TestTransfers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, how := range []string{"", fake.Before, fake.After, fake.Busy} {
		b := newBench(t)
		transfers := stripe.NewTransfers(b.p)
		send := func() (stripe.Transfer, error) {
			return transfers.Send(ctx, "k1", "pyt_1", "dlr_1", gbp(700), "acct_1")
		}
		if how != "" {
			b.breakAll(how)
		}
		_, err := send()
		if (err != nil) != (how != "") || err != nil && strings.Contains(err.Error(), "acct_1") {
			t.Errorf("%s: %v", how, err)
		}
		b.fake.Fault = nil
		found, err := transfers.Find(ctx, "k1")
		none := how == fake.Before || how == fake.Busy
		if err != nil || (found.Verdict == payment.Missing) != none {
			t.Errorf("%s: found %+v, %v", how, found, err)
		}
		again, err := send()
		want := stripe.Transfer{
			Verdict: payment.Succeeded, Payout: "pyt_1", Amount: gbp(700),
			Reference: again.Reference,
		}
		if err != nil || again != want {
			t.Errorf("%s: again %+v, %v", how, again, err)
		}
		if n := b.fake.Count("transfer"); n != 1 {
			t.Errorf("%s: Stripe has %d transfers", how, n)
		}
	}
	b := newBench(t)
	out, err := stripe.NewTransfers(b.p).Send(ctx, "k", "pyt_1", "dlr_1", gbp(1), "acct_closed")
	if err != nil || out.Verdict != payment.Refused || out.Reason != "account_invalid" {
		t.Errorf("a closed account: %+v, %v", out, err)
	}
}
