package distant

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds what is read of a call or an answer, in bytes: a label of 4 MiB in base64.
const maxBody = 8 << 20

// maxLine bounds a line of a ledger, in bytes.
const maxLine = 64 << 10

// ErrNoAnswer is what a call ends with instead of an answer, whatever may have happened.
var ErrNoAnswer = errors.New("the sandbox in another process gave no answer")

// Client calls a sandbox. It is safe for concurrent use.
type Client struct {
	URL  string // what every path follows, without a slash at its end
	HTTP *http.Client
}

// Call sends in, unless it is nil, and reads the answer into out, which an error leaves in no
// particular state.
func (c Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("encode a call of a sandbox; nothing was sent: %w", err)
		}
	}
	answer, err := c.ask(ctx, method, path, &body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if err := json.NewDecoder(io.LimitReader(answer, maxBody)).Decode(out); err != nil {
		return fmt.Errorf("%w that can be read", ErrNoAnswer)
	}
	return nil
}

// Lines calls fn for every line of an answer, in order. It stops at fn's first error. An answer
// that breaks off is an error.
func (c Client) Lines(ctx context.Context, path string, fn func(line []byte) error) error {
	answer, err := c.ask(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	lines := bufio.NewScanner(answer)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := fn(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w to its end: %w", ErrNoAnswer, err)
	}
	return nil
}

// ask sends a request and returns the body of an answer that is one.
func (c Client) ask(
	ctx context.Context, method, path string, body io.Reader,
) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return nil, fmt.Errorf("call a sandbox; nothing was sent: %w", err)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // what it says instead is of no use
		return nil, fmt.Errorf("%w: it says %d", ErrNoAnswer, resp.StatusCode)
	}
	return resp.Body, nil
}

// Heard reads a call into v, and answers for a handler if it is none.
func Heard(w http.ResponseWriter, r *http.Request, v any) bool {
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v) != nil {
		http.Error(w, "this is no call", http.StatusBadRequest)
		return false
	}
	return true
}

// Answer is a handler's answer: v, or none where the sandbox itself gave none.
func Answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, "no answer", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone, and will ask
}

// AnswerLines is a handler's answer of as many lines as each calls write for. Where that ends with
// an error the connection does too, so that half a ledger does not look like a whole one.
func AnswerLines(w http.ResponseWriter, each func(write func(v any) error) error) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := each(json.NewEncoder(w).Encode); err != nil {
		panic(http.ErrAbortHandler)
	}
}
