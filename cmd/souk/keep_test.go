package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: a backup that is made while orders are being taken is a market of one moment: restored,
// its log, records and provider's ledger agree, although the ledger was copied after the store.
// Method: eight customers order without a pause, through HTTP, while three backups are made; each
// is restored, its ledger goes back to its moment, and verify finds nothing.
func TestBackupUnderTraffic(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	e := &env{
		ctx: t.Context(), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler),
	}
	w, err := openWorld(e, dir, policyFlags{Deadline: time.Hour, Returns: time.Hour, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.app.Start(e.ctx); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(w.app.Handler())
	stock(t, w, api.URL)
	done, over := context.WithCancel(e.ctx)
	over()
	orderOn(done, t, w, api.URL, 8) // one, so that every backup has something in it
	ctx, enough := context.WithCancel(e.ctx)
	took := make(chan int, 8)
	for i := range cap(took) {
		go func() { took <- orderOn(ctx, t, w, api.URL, i) }()
	}
	for _, name := range []string{"one", "two", "three"} {
		if err := w.backUp(e.ctx, name); err != nil {
			t.Error(err)
		}
	}
	enough()
	orders := 0
	for range cap(took) {
		orders += <-took
	}
	api.Close()
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orders meanwhile", orders)
	for _, name := range []string{"one", "two", "three"} {
		restored := filepath.Join(t.TempDir(), name)
		c := &restoreCommand{From: filepath.Join(dir+"-backups", name), To: restored}
		if err := c.Run(e); err != nil {
			t.Fatal(err)
		}
		checkMarket(t, e, restored)
	}
}

// stock lists one product with much of it.
func stock(t *testing.T, w *world, url string) {
	t.Helper()
	dealer := bearer(t, w, "dlr_1", room.Dealer())
	for _, ask := range [][3]string{
		{"POST", "/v1/products", `{"sku":"A","title":"A","price":{"amount":100,"currency":"GBP"}}`},
		{"PUT", "/v1/stock/A", `{"onHand":1000000}`},
	} {
		status := knock(t.Context(), ask[0], url+ask[1], dealer, "k"+ask[0], ask[2])
		if status != 200 && status != 201 {
			t.Fatalf("%s %s: %d", ask[0], ask[1], status)
		}
	}
}

// orderOn orders until ctx ends, at least once, and returns how often it was let.
func orderOn(ctx context.Context, t *testing.T, w *world, url string, n int) (orders int) {
	token := bearer(t, w, shop.ID(fmt.Sprint("cus_", n)), room.Customer())
	const body = `{"items":[{"sku":"A","quantity":1}],"payment":{"token":"tok_visa"},
		"shipTo":{"name":"A","line1":"1","city":"York","country":"GB"}}`
	for i := 0; i == 0 || ctx.Err() == nil; i++ {
		if knock(t.Context(), "POST", url+"/v1/orders", token, fmt.Sprint(n, "-", i), body) == 201 {
			orders++
		}
	}
	return orders
}

func bearer(t *testing.T, w *world, id shop.ID, role room.Role) string {
	token, err := w.app.Identity.Issue(t.Context(), room.Caller{ID: id, Role: role}, time.Hour)
	if err != nil {
		t.Error(err)
	}
	return token
}

// knock sends one request and returns its status, 0 when there is none.
func knock(ctx context.Context, method, url, token, key, body string) int {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if errors.Join(err, resp.Body.Close()) != nil {
		return 0
	}
	return resp.StatusCode
}

// checkMarket verifies a restored directory against its ledger. Deliveries that were under way at
// the moment are still to come.
func checkMarket(t *testing.T, e *env, dir string) {
	t.Helper()
	r, err := openReading(e, dir, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	books, err := sandbox.Open(sandbox.Options{
		Clock: embedded.SystemClock{}, Path: filepath.Join(dir, ledgerFile),
	})
	if err != nil {
		t.Fatal(err)
	}
	effects := 0
	report, err := verify.Run(e.ctx, verify.Input{
		History: r.p.History(), Delivery: r.p.Delivery(), Rooms: r.app.Rooms(), Catalogue: r.cat,
		Provider: func(fn func(verify.Effect) error) error {
			return books.Ledger(func(s sandbox.Entry) error {
				effects++
				return fn(verify.Effect{
					Key: s.Key, Payment: s.Payment, Order: s.Order, Kind: s.Kind, Amount: s.Amount,
					Currency: s.Currency, At: s.At, Ref: s.Ref,
				})
			})
		},
	})
	if err := errors.Join(err, books.Close()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d effects", report.Events, effects)
	if !report.Clean() {
		t.Error(report)
	}
	if report.Orders == 0 {
		t.Error("there is nothing in it")
	}
}

// Goal: a ledger whose last line was cut off by a crash is taken up to there, and one that is
// broken in the middle is refused and left as it was. Method: such files beside an empty market.
func TestForgetLaterOnBrokenLedgers(t *testing.T) {
	t.Parallel()
	e := &env{ctx: t.Context(), log: slog.New(slog.DiscardHandler)}
	dir := filepath.Join(t.TempDir(), "data")
	w, err := openWorld(e, dir, policyFlags{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	line := []byte(`{"seq":1,"key":"k","payment":"pay_1","at":"2026-01-01T00:00:00Z"}` + "\n")
	for _, c := range []struct {
		name, file, ledger, left string
		began                    time.Time
		cut                      int
		refused                  bool
	}{
		{"empty", ledgerFile, "", "", time.Time{}, 0, false},
		{"unknown intent", ledgerFile, string(line), "", time.Time{}, 1, false},
		{"unknown payout", payoutsFile,
			`{"seq":1,"key":"k","payout":"pyt_1","at":"2026-01-01T00:00:00Z"}` + "\n", "",
			time.Time{}, 1, false},
		{"before the backup", ledgerFile, string(line), string(line), time.Now(), 0, false},
		{"cut off", ledgerFile, string(line) + `{"seq":2,"ke`, string(line) + `{"seq":2,"ke`,
			time.Now(), 0, false},
		{"broken", ledgerFile, "{\n" + string(line), "{\n" + string(line), time.Now(), 0, true},
	} {
		name := filepath.Join(dir, c.file)
		if err := os.WriteFile(name, []byte(c.ledger), 0o600); err != nil {
			t.Fatal(err)
		}
		cut, err := forgetLater(e, dir, c.began)
		if cut != c.cut || (err != nil) != c.refused {
			t.Errorf("%s: %d forgotten, %v", c.name, cut, err)
		}
		left, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(left, []byte(c.left)) {
			t.Errorf("%s: left %q, %v", c.name, left, err)
		}
		if _, err := os.Stat(name + ".tmp"); err == nil {
			t.Errorf("%s: a temporary file is left", c.name)
		}
	}
}
