package payment_test

import (
	"context"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// end is where a payment with a magic token comes to rest.
type end struct {
	status string
	within time.Duration // after which it must have come to rest; 0 is 10 seconds
	kept   bool          // a case stays open
	cased  bool          // a case was opened on the way
	ledger []string      // kinds in the provider's books
}

// Goal: with every magic token an order is charged at most once, comes to rest soon after the
// provider tells the truth, and has a case open while it does not.
// Method: authorise and capture 1,000 with the token, every event delivered twice; compare the
// payment and the provider's own books.
func TestMagicTokens(t *testing.T) {
	t.Parallel()
	paid := []string{"authorise", "capture"}
	long := 14 * time.Minute
	ends := map[string]end{
		"tok_visa":                  {status: "captured", ledger: paid},
		"tok_mastercard":            {status: "captured", ledger: paid},
		"tok_declined":              {status: "failed"},
		"tok_try_again":             {status: "captured", ledger: paid},
		"tok_timeout":               {status: "captured", ledger: paid},
		"tok_charge_then_timeout":   {status: "captured", ledger: paid},
		"tok_500_after_charge":      {status: "captured", ledger: paid},
		"tok_reset_after_charge":    {status: "captured", ledger: paid},
		"tok_malformed":             {status: "captured", ledger: paid},
		"tok_throttled":             {status: "captured", ledger: paid, within: 3 * time.Minute},
		"tok_slow":                  {status: "captured", ledger: paid},
		"tok_late_success":          {status: "captured", ledger: paid, within: 3 * time.Minute},
		"tok_requires_action":       {status: "failed", within: 11 * time.Minute},
		"tok_lying_status":          {status: "captured", ledger: paid},
		"tok_stale_status":          {status: "captured", ledger: paid, within: long, cased: true},
		"tok_silent":                {status: "captured", ledger: paid, within: long, cased: true},
		"tok_forgets_key":           {status: "captured", ledger: paid},
		"tok_wrong_amount":          {status: "captured", ledger: paid, cased: true},
		"tok_wrong_currency":        {status: "captured", ledger: paid, cased: true},
		"tok_wrong_reference":       {status: "captured", ledger: paid, cased: true},
		"tok_capture_declined":      {status: "authorized", ledger: paid[:1]},
		"tok_capture_declined_once": {status: "authorized", ledger: paid[:1]},
		"tok_action_declined":       {status: "failed", within: 11 * time.Minute},
		"tok_webhook_wrong":         {status: "captured", ledger: paid, within: long, cased: true},
		"tok_partial_capture":       {status: "authorized", ledger: paid, cased: true, kept: true},
	}
	for _, what := range []string{"amount", "currency", "reference"} {
		ends["tok_webhook_wrong_"+what] = ends["tok_webhook_wrong"]
	}
	ends["tok_declined_then_succeeds"] = ends["tok_declined"] // what comes later is another test's
	for _, token := range sandbox.Tokens() {
		want, ok := ends[token.Token]
		if !ok {
			want = end{status: "captured", ledger: paid}
		}
		if want.within == 0 {
			want.within = 30 * time.Second
		}
		t.Run(token.Token, func(t *testing.T) {
			t.Parallel()
			expectEnd(t, token.Token, want)
		})
	}
}

func expectEnd(t *testing.T, token string, want end) {
	t.Helper()
	st := newStage(t)
	st.checkout("ord_1", token, 1000)
	double(st)
	st.rest(want.within)
	if p := st.payment("ord_1"); p.Granted {
		st.pack("ord_1", "shp_1_1", 1000)
		double(st)
		st.rest(want.within)
	}
	p := st.payment("ord_1")
	if p.Status() != want.status {
		t.Errorf("the payment is %s, want %s: %+v", p.Status(), want.status, p.Operations)
	}
	for _, op := range p.Operations {
		open := op.State == "intended" || op.State == "unresolved"
		if open != (want.kept && op.Kind == "capture") {
			t.Errorf("the %s is %s", op.Kind, op.State)
		}
	}
	cases, _, err := st.live.service.Cases(context.Background(), "", 10)
	if err != nil || (len(cases) > 0) != want.kept {
		t.Errorf("open cases %v, %v; want some: %v", cases, err, want.kept)
	}
	opened := false
	for _, f := range st.facts() {
		_, isCase := f.(*event.PaymentCaseOpened)
		opened = opened || isCase
	}
	if opened != want.cased {
		t.Errorf("a case was opened: %v, want %v", opened, want.cased)
	}
	books := st.ledger()
	if len(books) != len(want.ledger) {
		t.Fatalf("the provider's books %+v, want %v", books, want.ledger)
	}
	for i, e := range books {
		if e.Kind != want.ledger[i] {
			t.Errorf("entry %d is %s, want %s", i+1, e.Kind, want.ledger[i])
		}
	}
	st.fold()
}

// double doubles everything that waits to be delivered.
func double(st *stage) { st.queue = append(st.queue, st.queue...) }
