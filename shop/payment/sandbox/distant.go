package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// maxCall bounds what is read of a call or an answer, in bytes.
const maxCall = 64 << 10

// Handler lets other processes call a sandbox over HTTP: POST /operations performs one, GET
// /operations?key= asks for one; GET /disputes?reference= tells of a dispute, POST /disputes hands
// evidence in; GET /ledger returns the ledger so far as lines of JSON, if it is a Sandbox. It knows
// no secrets and checks no caller: it is for a network where everybody may play.
func Handler(p payment.Provider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /operations", func(w http.ResponseWriter, r *http.Request) {
		var call payment.Request
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&call)
		if err != nil {
			http.Error(w, "not an operation", http.StatusBadRequest)
			return
		}
		o, err := p.Do(r.Context(), call)
		answer(w, o, err)
	})
	mux.HandleFunc("GET /operations", func(w http.ResponseWriter, r *http.Request) {
		o, err := p.Status(r.Context(), payment.Request{Key: r.URL.Query().Get("key")})
		answer(w, o, err)
	})
	if s, ok := p.(*Sandbox); ok {
		mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			enc := json.NewEncoder(w)
			if err := s.Ledger(func(e Entry) error { return enc.Encode(e) }); err != nil {
				panic(http.ErrAbortHandler) // so that half a ledger does not look like a whole one
			}
		})
	}
	d, ok := p.(payment.Disputer)
	if !ok {
		return mux
	}
	mux.HandleFunc("GET /disputes", func(w http.ResponseWriter, r *http.Request) {
		report, err := d.Dispute(r.Context(), r.URL.Query().Get("reference"))
		answer(w, report, err)
	})
	mux.HandleFunc("POST /disputes", func(w http.ResponseWriter, r *http.Request) {
		var e payment.Submission
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&e)
		if err != nil {
			http.Error(w, "no evidence", http.StatusBadRequest)
			return
		}
		o, err := d.Submit(r.Context(), e)
		answer(w, o, err)
	})
	return mux
}

func answer(w http.ResponseWriter, o any, err error) {
	switch {
	case err != nil && shop.CodeOf(err) == shop.NotFound:
		http.Error(w, "there is none", http.StatusNotFound)
	case errors.Is(err, payment.ErrTooMany):
		http.Error(w, "too many calls", http.StatusTooManyRequests)
	case err != nil:
		http.Error(w, "no answer", http.StatusBadGateway)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(o) // the caller may have gone, and will ask
	}
}

// Distant is a sandbox in another process, as a provider. Safe for concurrent use.
type Distant struct {
	base   string
	url    string // of operations
	client *http.Client
}

var (
	_ payment.Provider = (*Distant)(nil)
	_ payment.Disputer = (*Distant)(nil)
)

// NewDistant returns the sandbox that Handler serves at a URL.
func NewDistant(url string, client *http.Client) *Distant {
	return &Distant{url: url, client: client}
}

// Do implements payment.Provider.
func (d *Distant) Do(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("encode an operation: %w", err)
	}
	var o payment.Outcome
	err = d.call(ctx, http.MethodPost, "/operations", body, &o)
	return o, err
}

// Status implements payment.Provider.
func (d *Distant) Status(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	var o payment.Outcome
	err := d.call(ctx, http.MethodGet, "/operations?key="+url.QueryEscape(r.Key), nil, &o)
	return o, err
}

// Ledger calls fn for every entry of its ledger so far, in order. It stops at fn's first error.
func (d *Distant) Ledger(ctx context.Context, fn func(Entry) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/ledger", nil)
	if err != nil {
		return fmt.Errorf("ask the sandbox for its ledger: %w", err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the sandbox for its ledger: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the sandbox for its ledger: %w: it says %d", ErrServer,
			resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("a line of the sandbox's ledger: %w", err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the sandbox's ledger: %w", err)
	}
	return nil
}

// Dispute implements payment.Disputer.
func (d *Distant) Dispute(ctx context.Context, reference string) (payment.Report, error) {
	var r payment.Report
	path := "/disputes?reference=" + url.QueryEscape(reference)
	err := d.call(ctx, http.MethodGet, path, nil, &r)
	return r, err
}

// Submit implements payment.Disputer.
func (d *Distant) Submit(ctx context.Context, e payment.Submission) (payment.Outcome, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("encode evidence: %w", err)
	}
	var o payment.Outcome
	err = d.call(ctx, http.MethodPost, "/disputes", body, &o)
	return o, err
}

// call asks for something. What it could not read leaves answer as it was.
func (d *Distant) call(ctx context.Context, method, path string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call the sandbox: %w", err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("call the sandbox: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return shop.Errorf(shop.NotFound, "the sandbox knows of no such thing")
	case http.StatusTooManyRequests:
		return ErrThrottled
	default:
		return fmt.Errorf("%w: it says %d", ErrServer, resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxCall))
	if err != nil {
		return fmt.Errorf("call the sandbox: %w", err)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return ErrMalformed // the body may repeat the call
	}
	return nil
}
