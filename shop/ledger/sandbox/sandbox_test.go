package sandbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/ledger/sandbox"
)

func request(key, token string) ledger.Request {
	return ledger.Request{
		Key: key, Payout: "pyt_1", Dealer: "dlr_1", Token: token,
		Amount: shop.Money{Amount: 850, Currency: "GBP"},
	}
}

// Goal: a key has its effect once, whatever the token makes of the answer; another amount under the
// same key is refused. Method: every token, each asked three times.
func TestAKeyHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	for _, token := range sandbox.Tokens() {
		clock := platformtest.NewClock(platformtest.Start())
		bank, err := sandbox.Open(sandbox.Options{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, _ = bank.Pay(t.Context(), request("k", token.Token)) // answers are lost on purpose
		}
		kinds := kindsOf(t, bank)
		if want := token.Token != "ba_refused"; len(kinds) > 1 || (len(kinds) == 1) != want {
			t.Errorf("%s: %v", token.Token, kinds)
		}
		other := request("k", token.Token)
		other.Amount.Amount++
		if _, err := bank.Pay(t.Context(), other); err == nil && token.Token != "ba_refused" {
			t.Errorf("%s: another amount under the same key is paid", token.Token)
		}
	}
}

func kindsOf(t *testing.T, bank *sandbox.Sandbox) []string {
	t.Helper()
	var all []string
	err := bank.Ledger(func(e sandbox.Entry) error {
		all = append(all, e.Kind)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// Goal: a sandbox that is opened again knows what it did, and lets come back what is due; a line
// that a crash cut off is no effect, and the next one is whole.
// Method: pay, cut the file in the middle of a line, open, look two days later, pay, open again.
func TestItOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	opt := sandbox.Options{Clock: clock, Path: filepath.Join(t.TempDir(), "payouts")}
	open := func() *sandbox.Sandbox {
		t.Helper()
		bank, err := sandbox.Open(opt)
		if err != nil {
			t.Fatal(err)
		}
		return bank
	}
	bank := open()
	for _, key := range []string{"k1", "k2"} {
		if _, err := bank.Pay(t.Context(), request(key, "ba_returned")); err != nil {
			t.Fatal(err)
		}
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(opt.Path)
	if err != nil || os.WriteFile(opt.Path, raw[:len(raw)-9], 0o600) != nil {
		t.Fatalf("cut the ledger: %v", err)
	}
	bank = open()
	clock.Advance(48 * time.Hour)
	out, err := bank.Status(t.Context(), "k1")
	if err != nil || out.Verdict != ledger.Returned || out.Amount.Amount != 850 {
		t.Errorf("k1 two days later: %+v, %v", out, err)
	}
	if out, err := bank.Status(t.Context(), "k2"); err != nil || out.Verdict != ledger.Missing {
		t.Errorf("k2, whose line was cut off: %+v, %v", out, err)
	}
	if _, err := bank.Pay(t.Context(), request("k3", "ba_ok")); err != nil {
		t.Error(err)
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	bank = open()
	want := []string{sandbox.KindPayout, sandbox.KindReturn, sandbox.KindPayout}
	if got := kindsOf(t, bank); !slices.Equal(got, want) {
		t.Errorf("its ledger holds %v, want %v", got, want)
	}
	if err := bank.Close(); err != nil {
		t.Error(err)
	}
}
