package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	carrier "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
	"github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: what souk sandbox serves is what functions and souk verify call, and the money's ledgers
// outlive it. Method: money taken, money paid out and a label, by the clients that functions have;
// then the ledgers, of the same directory served anew.
func TestSandboxesAreServed(t *testing.T) {
	t.Parallel()
	c := &sandboxCommand{Data: t.TempDir()}
	v, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(v.handler())
	amount := shop.Money{Amount: 510, Currency: "GBP"}
	_, err = sandbox.NewDistant(server.URL, server.Client()).Do(t.Context(), payment.Request{
		Operation: payment.Authorise, Key: "k1", Payment: "pay_1", Order: "ord_1", Amount: amount,
		Token: "tok_visa",
	})
	if err != nil {
		t.Fatal(err)
	}
	paid, err := payer.NewDistant(server.URL, server.Client()).Pay(t.Context(), ledger.Request{
		Key: "k2", Payout: "pyt_1", Dealer: "dlr_1", Amount: amount, Token: "ba_ok",
	})
	if err != nil || paid.Verdict != ledger.Sent {
		t.Fatalf("%+v, %v", paid, err)
	}
	label, err := post.New(server.URL, server.Client()).Buy(t.Context(), fulfilment.LabelOrder{
		Key: "k3", For: "shp_1", Units: 1,
		From: shop.Address{Name: "Depot", Line1: "1 Wharf", City: "Leeds", Country: "GB"},
		To:   shop.Address{Name: "Ada", Line1: "1 Street", City: "York", Country: "GB"},
	})
	if err != nil || label.Verdict != fulfilment.Taken || len(label.PDF) == 0 {
		t.Fatalf("%d, %v", label.Verdict, err)
	}
	server.Close()
	if err := v.close(); err != nil {
		t.Fatal(err)
	}
	if v, err = c.open(); err != nil {
		t.Fatal(err)
	}
	server = httptest.NewServer(v.handler())
	defer server.Close()
	w := audited{}.withSandbox(&env{ctx: t.Context()}, server.URL)
	if w.ledger == nil || w.payouts == nil || w.notes != nil {
		t.Fatalf("souk verify does not read them: %+v", w)
	}
	if err := v.close(); err != nil {
		t.Error(err)
	}
}

// Goal: a ledger that cannot be read is a note in the report, each by itself. Method: a sandbox of
// payments alone.
func TestUnreadableLedgersAreNoted(t *testing.T) {
	t.Parallel()
	c := &sandboxCommand{Data: inMemory}
	v, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox.Handler(v.takes))
	defer server.Close()
	nothing := func() []string { return nil }
	w := audited{notes: nothing}.withSandbox(&env{ctx: t.Context()}, server.URL)
	if w.ledger == nil || w.payouts != nil || len(w.notes()) != 1 ||
		!strings.Contains(w.notes()[0], "payouts") {
		t.Errorf("notes: %v", w.notes())
	}
}

// Goal: the carrier's words reach the shop as its door takes them, and a shop that refuses hears
// them again. Method: a shop that checks the signature, and then refuses.
func TestCarrierKnocks(t *testing.T) {
	t.Parallel()
	secret, now, refuses := []byte("the carrier's secret"), time.Now(), false
	market := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		signed := room.Signed{ID: r.Header.Get("webhook-id"), Body: body,
			Timestamp: r.Header.Get("webhook-timestamp"),
			Signature: r.Header.Get("webhook-signature")}
		if err != nil || signed.Verify([][]byte{secret}, now) != nil || refuses {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer market.Close()
	word := carrier.Webhook{Signed: room.Signed{ID: "msg_1", Body: []byte(`{"event":"SORTED"}`),
		Timestamp: strconv.FormatInt(now.Unix(), 10)}}
	word.Signature = room.Sign(secret, word.ID, now, word.Body)
	if err := postWord(t.Context(), market.Client(), market.URL, word); err != nil {
		t.Error(err)
	}
	refuses = true
	if err := postWord(t.Context(), market.Client(), market.URL, word); err == nil {
		t.Error("what the shop refused was taken")
	}
}

// Goal: the command serves until it is told to stop, closes its ledgers, and says what is wrong.
// Method: one that is told to stop at once, twice on the same directory; an address that is none.
func TestSandboxCommandEnds(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	said := &strings.Builder{}
	e := &env{ctx: ctx, err: said}
	c := &sandboxCommand{Data: t.TempDir(), Listen: "127.0.0.1:0", Shop: "http://127.0.0.1:1/"}
	for range 2 {
		if err := c.Run(e); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(said.String(), "the sandboxes are at http://127.0.0.1:"); n != 2 {
		t.Errorf("it said %q", said)
	}
	c.Listen = "nowhere:x"
	if err := c.Run(e); err == nil || !strings.Contains(err.Error(), "listen on nowhere:x") {
		t.Errorf("an address that is none: %v", err)
	}
}
