package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// Handler answers one invocation. Its context ends shortly before the invocation's deadline. An
// error is reported to the service, which may invoke again with the same payload.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// The bounds of an invocation.
const (
	MaxPayload = 6 << 20                // bytes of a request or an answer
	lastWords  = 250 * time.Millisecond // before the deadline, kept to answer or to report
)

// runtime is one process' end of the Runtime API.
type runtime struct {
	base   string // http://host:port/2018-06-01/runtime
	client *http.Client
	log    *slog.Logger
}

func newRuntime(host string, log *slog.Logger) *runtime {
	// The service is on this machine and answers when there is work: no proxy, no time-out.
	return &runtime{
		base: "http://" + host + "/2018-06-01/runtime", log: log,
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
}

// errPanic ends a process whose handler panicked.
var errPanic = errors.New("the handler panicked")

// serve takes invocations until ctx ends; the one under way is finished.
func (r *runtime) serve(ctx context.Context, h Handler) error {
	for {
		err := r.one(ctx, h)
		switch {
		case ctx.Err() != nil && !errors.Is(err, errPanic):
			return nil
		case err != nil:
			return err
		}
	}
}

// one waits for an invocation, has it handled and answers. The error says that the process cannot
// go on.
func (r *runtime) one(ctx context.Context, h Handler) error {
	id, deadline, payload, err := r.next(ctx)
	if err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx) // what was begun is finished
	work, cancel := context.WithDeadline(withInvocation(whole, id), deadline.Add(-lastWords))
	defer cancel()
	began := time.Now()
	answer, err := guard(work, h, payload)
	r.log.LogAttrs(work, levelOf(err), "invocation",
		slog.Duration("took", time.Since(began)), slog.Int("bytes", len(answer)), fault(err))
	if err == nil && len(answer) > MaxPayload {
		err = fmt.Errorf("the answer has %d bytes, more than %d are not carried",
			len(answer), MaxPayload)
	}
	if err != nil {
		return errors.Join(r.post(whole, "/invocation/"+id+"/error", describe(err)), fatal(err))
	}
	return r.post(whole, "/invocation/"+id+"/response", answer)
}

// next asks for work. It returns the error of ctx when that ends first.
func (r *runtime) next(
	ctx context.Context,
) (id string, deadline time.Time, payload []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/invocation/next", nil)
	if err != nil {
		return "", deadline, nil, fmt.Errorf("ask for an invocation: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return "", deadline, nil, fmt.Errorf("ask for an invocation: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", deadline, nil,
			fmt.Errorf("ask for an invocation: the service says %s", resp.Status)
	}
	payload, err = io.ReadAll(resp.Body)
	if err != nil {
		return "", deadline, nil, fmt.Errorf("read an invocation: %w", err)
	}
	head := resp.Header
	millis, err := strconv.ParseInt(head.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		return "", deadline, nil, fmt.Errorf("read an invocation's deadline: %w", err)
	}
	return head.Get("Lambda-Runtime-Aws-Request-Id"), time.UnixMilli(millis), payload, nil
}

// post answers or reports. What the service refuses, it has reported by itself.
func (r *runtime) post(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(
		ctx, http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if resp.StatusCode != http.StatusAccepted {
		r.log.ErrorContext(ctx, "an answer was refused", "path", path, "status", resp.StatusCode)
	}
	return nil
}

// guard turns a panic into an error that ends the process.
func guard(ctx context.Context, h Handler, payload []byte) (answer []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			answer, err = nil, fmt.Errorf("%w: %v\n%s", errPanic, fault, debug.Stack())
		}
	}()
	return h(ctx, payload)
}

func fatal(err error) error {
	if errors.Is(err, errPanic) {
		return err
	}
	return nil
}

func levelOf(err error) slog.Level {
	if err != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func fault(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("cause", err.Error())
}

// Failure is an error of an invocation that its caller can tell by its type: a state machine
// catches it by that. All other errors are souk.failed: what was asked may have been done or not.
type Failure struct{ Type, Message string }

// Error implements error.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// describe is an error as the Runtime API takes it.
func describe(err error) []byte {
	kind := "souk.failed"
	if errors.Is(err, errPanic) {
		kind = "souk.panicked"
	}
	text := err.Error()
	if f, ok := errors.AsType[*Failure](err); ok {
		kind, text = f.Type, f.Message
	}
	raw, fault := json.Marshal(map[string]string{
		"errorType": kind, "errorMessage": text,
	})
	if fault != nil {
		panic("function: two strings have no JSON: " + fault.Error())
	}
	return raw
}
