package sandbox_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// tired is a provider that has too many calls, or none of its answers comes.
type tired struct{ err error }

func (p tired) Do(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, p.err
}

func (p tired) Status(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, p.err
}

// Goal: a sandbox in another process is the sandbox. Method: an operation, the same again, what
// became of it and of one that never was, over loopback; and each way of not answering.
func TestDistantIsTheSandbox(t *testing.T) {
	t.Parallel()
	near, err := sandbox.Open(sandbox.Options{Clock: platformtest.RealClock{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox.Handler(near))
	defer server.Close()
	far := sandbox.NewDistant(server.URL, server.Client())
	call := payment.Request{
		Operation: payment.Authorise, Key: "k/1&2", Payment: "pay_1", Order: "ord_1",
		Amount: shop.Money{Amount: 510, Currency: "GBP"}, Token: "tok_visa",
	}
	first, err := far.Do(t.Context(), call)
	if err != nil || first.Verdict != payment.Succeeded || first.Amount != call.Amount {
		t.Fatalf("authorise: %+v %v", first, err)
	}
	again, err := far.Do(t.Context(), call)
	if err != nil || again != first {
		t.Errorf("again: %+v %v, want %+v", again, err, first)
	}
	now, err := far.Status(t.Context(), payment.Request{Key: call.Key})
	if err != nil || now != first {
		t.Errorf("status: %+v %v, want %+v", now, err, first)
	}
	var books []sandbox.Entry
	err = far.Ledger(t.Context(), func(e sandbox.Entry) error {
		books = append(books, e)
		return nil
	})
	if err != nil || len(books) != 1 || books[0].Key != call.Key || books[0].Amount != 510 {
		t.Errorf("the ledger: %+v %v", books, err)
	}
	stop := errors.New("enough")
	if err := far.Ledger(t.Context(), func(sandbox.Entry) error { return stop }); err != stop {
		t.Errorf("a reader that stopped: %v", err)
	}
	never, err := far.Status(t.Context(), payment.Request{Key: "never"})
	if err != nil || never.Verdict != payment.Missing {
		t.Errorf("status of what never was: %+v %v", never, err)
	}
	for _, one := range []struct{ is, want error }{
		{sandbox.ErrThrottled, payment.ErrTooMany}, {sandbox.ErrTimeout, sandbox.ErrServer},
	} {
		silent := httptest.NewServer(sandbox.Handler(tired{one.is}))
		_, err := sandbox.NewDistant(silent.URL, http.DefaultClient).Do(t.Context(), call)
		if !errors.Is(err, one.want) {
			t.Errorf("%v became %v", one.is, err)
		}
		if err := sandbox.NewDistant(silent.URL, http.DefaultClient).Ledger(t.Context(),
			func(sandbox.Entry) error { return nil }); !errors.Is(err, sandbox.ErrServer) {
			t.Errorf("the ledger of somebody who shows none: %v", err)
		}
		silent.Close()
	}
}

// Goal: half a ledger is no ledger. Method: a server that ends the answer in the middle, between
// two lines.
func TestHalfALedgerIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("{\"seq\":1}\n"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	n := 0
	err := sandbox.NewDistant(server.URL, server.Client()).Ledger(t.Context(),
		func(sandbox.Entry) error {
			n++
			return nil
		})
	if err == nil || n != 1 {
		t.Errorf("%d entries and no error", n)
	}
}
