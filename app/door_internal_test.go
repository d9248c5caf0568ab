package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

type steady struct{}

func (steady) Now() time.Time                         { return time.Now() }
func (steady) After(d time.Duration) <-chan time.Time { return time.After(d) }

// doorOf builds a house of one route whose room answers at once.
func doorOf(serve serving, load Load) *house {
	h := &house{
		clock: steady{}, log: slog.New(slog.DiscardHandler), meters: newMeters(), most: 100,
		verify: func(context.Context, string) (room.Caller, error) {
			return room.Caller{ID: "cus_1", Role: room.Customer()}, nil
		},
	}
	h.build([]Route{{
		http.MethodPost, "/v1/orders", "postOrder", "Check out", []room.Role{room.Customer()}, 201,
		nil, load, true, serve,
	}})
	return h
}

const checkoutBody = `{"items":[{"sku":"85123A","quantity":2}],"payment":{"token":"tok_visa"},` +
	`"shipTo":{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}}`

// send asks a door of one route, and returns the status, the code and the answer's headers.
func send(t *testing.T, h *house) (int, string, http.Header) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/orders",
		strings.NewReader(checkoutBody))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "k")
	req.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, req)
	var p Problem
	if w.Code >= http.StatusBadRequest {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the answer tells the insides: %s", w.Body)
		}
	}
	return w.Code, p.Code, w.Header()
}

func failing(err error) serving {
	return answers[order.View](func(
		context.Context, *order.PostOrderIn,
	) (*order.AnswerOut, error) {
		if err == nil {
			return &order.AnswerOut{Status: 201, Body: []byte("{}")}, nil
		}
		return nil, err
	})
}

// Goal: browsing is shed before checkout, checkout before nothing else, and what has begun never.
// Method: each load against how far the shop is behind.
func TestShedding(t *testing.T) {
	t.Parallel()
	const patience = 100 * time.Millisecond
	for _, c := range []struct {
		load   Load
		behind time.Duration
		status int
	}{
		{Browse, patience, 201}, {Browse, patience + 1, 503}, {Browse, 100 * patience, 503},
		{Begin, patience + 1, 201}, {Begin, 2 * patience, 201}, {Begin, 2*patience + 1, 503},
		{Carry, 100 * patience, 201},
	} {
		h := doorOf(failing(nil), c.load)
		h.patience, h.behind = patience, func() time.Duration { return c.behind }
		status, code, head := send(t, h)
		if status != c.status || status == 503 &&
			(code != "unavailable" || head.Get("Retry-After") == "") {
			t.Errorf("%s at %s: %d %s %v", c.load, c.behind, status, code, head)
		}
		h.most = 0
		status, code, head = send(t, h)
		if shed := status == 429 && code == "busy" && head.Get("Retry-After") != ""; shed ==
			(c.load == Carry) {
			t.Errorf("%s over the bound of requests: %d %s", c.load, status, code)
		}
	}
}

// Goal: whatever goes wrong inside, the client gets a code and nothing of the cause. Method:
// errors of every kind, and a panic.
func TestFaultsDoNotLeak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  bool
	}{
		{errors.New("secret"), 500, "internal", false},
		{shop.Errorf(shop.Internal, "secret"), 500, "internal", false},
		{shop.Errorf(shop.Unknown, "perhaps").WithHint("secret"), 500, "unknown", true},
		{shop.Errorf(shop.Unavailable, "no").WithHint("secret"), 503, "unavailable", true},
		{fmt.Errorf("secret: %w", platform.ErrReadOnly), 503, "unavailable", true},
		{fmt.Errorf("secret: %w", platform.ErrThrottled), 429, "busy", true},
		{fmt.Errorf("secret: %w", context.DeadlineExceeded), 500, "unknown", true},
		{shop.Errorf(shop.KeyInFlight, "wait"), 409, "key_in_flight", true},
		{shop.Errorf(shop.Declined, "no money"), 402, "declined", false},
		{shop.Errorf("a_room_s_own", "not now"), 409, "a_room_s_own", false},
		{fmt.Errorf("secret: %w", shop.Errorf(shop.NotFound, "no")), 404, "not_found", false},
	} {
		status, code, head := send(t, doorOf(failing(c.err), Begin))
		if status != c.status || code != c.code || (head.Get("Retry-After") != "") != c.retry {
			t.Errorf("%v: %d %s %v", c.err, status, code, head)
		}
	}
	var lines bytes.Buffer
	h := doorOf(answers[order.View](func(
		context.Context, *order.PostOrderIn,
	) (*order.AnswerOut, error) {
		panic("secret")
	}), Begin)
	h.log = slog.New(slog.NewTextHandler(&lines, nil))
	if status, code, _ := send(t, h); status != 500 || code != "internal" {
		t.Errorf("a panic: %d %s", status, code)
	}
	if !strings.Contains(lines.String(), "secret") {
		t.Error("the log does not tell of the panic")
	}
}

// Goal: whoever waits is woken by their order alone, waiting is bounded, and leaving leaves
// nothing. Method: two waiters of two orders, a third too many.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWatch(2, nil)
	one, leaveOne, err := w.Join("ord_1")
	if err != nil {
		t.Fatal(err)
	}
	two, leaveTwo, err := w.Join("ord_2")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Join("ord_3"); shop.CodeOf(err) != shop.Busy {
		t.Errorf("a third: %v", err)
	}
	handle := w.subscription().Handle
	for range 3 {
		if err := handle(t.Context(), platform.Event{Subject: "order/ord_1"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(one) != 1 || len(two) != 0 {
		t.Errorf("signals: %d and %d", len(one), len(two))
	}
	leaveOne()
	leaveTwo()
	for i := range w.shards {
		if n := len(w.shards[i].waiters); n != 0 {
			t.Errorf("shard %d still has %d waiters", i, n)
		}
	}
	if w.count.Load() != 0 {
		t.Errorf("%d are still counted", w.count.Load())
	}
}
