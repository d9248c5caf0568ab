package stripe_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/stripe"
)

// mockModule is Stripe's own mock: it checks requests against Stripe's published OpenAPI document,
// and keeps no state.
const mockModule = "github.com/stripe/stripe-mock@v0.203.0"

// startMock builds stripe-mock and starts it on loopback. Where its module cannot be had the test
// is skipped, and says so.
func startMock(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("building stripe-mock takes most of a minute")
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "install", mockModule)
	build.Env = append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS=")
	build.Dir = bin // outside of this module, whose versions are not the mock's
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be built here, so no request shape was checked: %v\n%s", mockModule, err,
			out)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(bin, "stripe-mock"),
		"-http-addr", "127.0.0.1:0", "-https-port", "-1", "-strict-version-check=false")
	pipe, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	run.Stderr = run.Stdout
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill() // it may have ended by itself
		_ = run.Wait()
	})
	lines := bufio.NewScanner(pipe)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if _, at, ok := strings.Cut(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, pipe) }() // so that it never waits to write
			return "http://" + strings.TrimSpace(at)
		}
	}
	t.Fatalf("stripe-mock did not listen: %s", strings.Join(said, "\n"))
	return ""
}

// dressed stands in front of the mock, and gives a PaymentIntent that is read the state that its id
// names, so that the calls which depend on one are made.
func dressed(t *testing.T, mock string) string {
	t.Helper()
	at, err := url.Parse(mock)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(r *http.Response) error {
		id, ok := strings.CutPrefix(r.Request.URL.Path, "/v1/payment_intents/pi_is_")
		if !ok || r.Request.Method != http.MethodGet {
			return nil
		}
		var pi map[string]any
		if err := json.NewDecoder(r.Body).Decode(&pi); err != nil {
			return err
		}
		pi["amount"], pi["amount_capturable"], pi["currency"] = 1000, 1000, "gbp"
		pi["status"], pi["amount_received"] = id, 0
		pi["customer"], pi["payment_method"] = "cus_1", "pm_1"
		if id == "partly" {
			pi["status"], pi["amount_received"] = "requires_capture", 300
		}
		body, err := json.Marshal(pi)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

// Goal: every request has the shape that Stripe's published contract wants.
// Method: each operation against stripe-mock, which refuses unknown parameters and wrong types with
// 400. What it answers means little: it has no state.
func TestRequestShapes(t *testing.T) {
	t.Parallel()
	url := dressed(t, startMock(t))
	p, err := stripe.New(stripe.Options{
		Key: "sk_test_123", URL: url, Return: "https://shop.example/orders",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for name, do := range calls(ctx, p) {
		out, err := do()
		if err != nil && !errors.Is(err, stripe.ErrNoAnswer) {
			t.Errorf("%s: %v", name, err)
		}
		// What Stripe answers to a request of the wrong shape is a refusal that names no object.
		wrong := out.Verdict == payment.Refused && out.Reference == ""
		if wrong || err != nil && strings.Contains(err.Error(), "400") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

// calls is everything that Stripe is called for.
func calls(
	ctx context.Context, p *stripe.Provider,
) map[string]func() (payment.Outcome, error) {
	on := func(operation, key, reference string) payment.Request {
		r := request(operation, key, 1000)
		r.Reference = reference
		return r
	}
	paying := func(key, token string, captures int) func() (payment.Outcome, error) {
		return func() (payment.Outcome, error) {
			r := request(payment.Authorise, key, 1000)
			r.Token, r.Captures = token, captures
			return p.Do(ctx, r)
		}
	}
	doing := func(r payment.Request) func() (payment.Outcome, error) {
		return func() (payment.Outcome, error) { return p.Do(ctx, r) }
	}
	asking := func(r payment.Request) func() (payment.Outcome, error) {
		return func() (payment.Outcome, error) { return p.Status(ctx, r) }
	}
	return map[string]func() (payment.Outcome, error){
		"a PaymentMethod":                paying("a1", "pm_card_visa", 1),
		"a card token, several captures": paying("a2", "tok_visa", 3),
		"a confirmation token":           paying("a3", "ctoken_1", 1),
		"a refund":                       doing(on(payment.Refund, "r1", "pi_1")),
		"a refund's status":              asking(on(payment.Refund, "r1", "pi_1")),
		"a void":                         doing(on(payment.Void, "v1", "pi_is_requires_action")),
		"a capture": doing(on(payment.Capture, "c1",
			"pi_is_requires_capture")),

		"a charge of a later parcel": doing(on(payment.Capture, "c2", "pi_is_succeeded")),
		"a later charge's status":    asking(on(payment.Capture, "c2", "pi_is_succeeded")),
		"an authorisation's status":  asking(on(payment.Authorise, "a1", "")),
		"a release of the rest": func() (payment.Outcome, error) {
			out, err := p.Do(ctx, on(payment.Void, "v2", "pi_is_partly"))
			out.Reference = "the mock keeps no amounts"
			return out, err
		},
		"evidence": func() (payment.Outcome, error) {
			out, err := p.Submit(ctx, payment.Submission{
				Key: "e1", Reference: "dp_1", Evidence: payment.Evidence{
					Explanation: "it was delivered", Product: "a lamp", Carrier: "post",
					Tracking: "1Z", ShippedOn: "2026-11-29",
				},
			})
			return out, err
		},
		"a payout": func() (payment.Outcome, error) {
			tr, err := stripe.NewTransfers(p).Send(ctx, "t1", "pyt_1", "dlr_1", gbp(700), "acct_1")
			return payment.Outcome{Verdict: tr.Verdict, Reference: tr.Reference}, err
		},
		"a payout's status": func() (payment.Outcome, error) {
			_, err := stripe.NewTransfers(p).Find(ctx, "t1")
			return payment.Outcome{}, err
		},
		"a dispute": func() (payment.Outcome, error) {
			_, err := p.Dispute(ctx, "dp_1")
			return payment.Outcome{}, err
		},
	}
}
