package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/souk-commerce/souk/shop/distant"
	"github.com/souk-commerce/souk/shop/ledger"
)

// Handler lets other processes call a sandbox over HTTP: POST /payouts sends money, GET
// /payouts?key= asks for a payout, GET /payouts/ledger returns the ledger so far as lines of JSON.
func Handler(s *Sandbox) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payouts", func(w http.ResponseWriter, r *http.Request) {
		var call ledger.Request
		if distant.Heard(w, r, &call) {
			out, err := s.Pay(r.Context(), call)
			distant.Answer(w, out, err)
		}
	})
	mux.HandleFunc("GET /payouts", func(w http.ResponseWriter, r *http.Request) {
		out, err := s.Status(r.Context(), r.URL.Query().Get("key"))
		distant.Answer(w, out, err)
	})
	mux.HandleFunc("GET /payouts/ledger", func(w http.ResponseWriter, _ *http.Request) {
		distant.AnswerLines(w, func(write func(v any) error) error {
			return s.Ledger(func(e Entry) error { return write(e) })
		})
	})
	return mux
}

// Distant is a sandbox in another process, as a provider. Safe for concurrent use.
type Distant struct{ client distant.Client }

var _ ledger.Provider = (*Distant)(nil)

// NewDistant returns the sandbox that Handler serves at a URL.
func NewDistant(url string, client *http.Client) *Distant {
	return &Distant{distant.Client{URL: url, HTTP: client}}
}

// Pay implements ledger.Provider.
func (d *Distant) Pay(ctx context.Context, r ledger.Request) (ledger.Outcome, error) {
	var out ledger.Outcome
	err := d.client.Call(ctx, http.MethodPost, "/payouts", r, &out)
	return out, err
}

// Status implements ledger.Provider.
func (d *Distant) Status(ctx context.Context, key string) (ledger.Outcome, error) {
	var out ledger.Outcome
	err := d.client.Call(ctx, http.MethodGet, "/payouts?key="+url.QueryEscape(key), nil, &out)
	return out, err
}

// Ledger calls fn for every entry of its ledger so far, in order. It stops at fn's first error.
func (d *Distant) Ledger(ctx context.Context, fn func(Entry) error) error {
	return d.client.Lines(ctx, "/payouts/ledger", func(line []byte) error {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("a line of the sandbox's ledger of payouts: %w", err)
		}
		return fn(e)
	})
}
