package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// client speaks to the shop as anybody would. It is safe for concurrent use.
type client struct {
	base     string
	http     *http.Client
	requests atomic.Int64
	sentBack atomic.Int64 // answers that said "later"
}

const (
	callLimit = 45 * time.Second // of one request; the shop ends its own within 40
	bodyLimit = 1 << 20
	mostTries = 20
	longest   = 5 * time.Second // between two tries, whatever the shop asks for
)

func newClient(base string, connections int) *client {
	return &client{base: base, http: &http.Client{
		Timeout: callLimit,
		Transport: &http.Transport{
			MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
			IdleConnTimeout: time.Minute,
		},
	}}
}

// close ends the kept connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// request is one call of the API.
type request struct {
	method, path, token string
	key, prefer         string
	body                any // nil for none
}

// answer is what came back.
type answer struct {
	status int
	code   shop.Code     // of a problem
	later  time.Duration // after which to come again; 0 for never
	body   []byte
}

func (a answer) ok() bool { return a.status/100 == 2 }

// into decodes the body of a success, and makes an error of anything else.
func (a answer) into(v any) error {
	if !a.ok() {
		return fmt.Errorf("answered %d %s", a.status, a.code)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("answered what is no JSON: %w", err)
	}
	return nil
}

// do sends a request, and sends it again with the same key while the shop says "later": it is
// busy, or still at work on the first request with this key. Those who were sent back together do
// not come again together.
func (c *client) do(ctx context.Context, r request) (answer, error) {
	var raw []byte
	if r.body != nil {
		var err error
		if raw, err = json.Marshal(r.body); err != nil {
			return answer{}, fmt.Errorf("%s %s: encode: %w", r.method, r.path, err)
		}
	}
	for try := 1; ; try++ {
		a, err := c.once(ctx, r, raw)
		if err != nil {
			return answer{}, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		if a.later == 0 || try == mostTries {
			return a, nil
		}
		c.sentBack.Add(1)
		if err := pause(ctx, a.later/2+rand.N(a.later/2)); err != nil {
			return answer{}, err
		}
	}
}

func (c *client) once(ctx context.Context, r request, raw []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(raw))
	if err != nil {
		return answer{}, err
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.prefer != "" {
		req.Header.Set("Prefer", r.prefer)
	}
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end, or is of no use
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, body: body}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		a.later = min(time.Duration(seconds)*time.Second, longest)
	}
	if !a.ok() {
		var problem struct {
			Code shop.Code `json:"code"`
		}
		if json.Unmarshal(body, &problem) == nil {
			a.code = problem.Code
		}
	}
	return a, nil
}

// pause waits, or returns why it was not to.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitFor is the Prefer header that asks for an answer once the order is decided.
func waitFor(d time.Duration) string { return "wait=" + strconv.Itoa(int(d/time.Second)) }
