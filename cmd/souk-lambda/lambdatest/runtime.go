// Package lambdatest runs real function binaries as the service would: it serves them the Runtime
// API, starts a process when there is none, and feeds them from queues and streams.
//
// It promises one invocation at a time for a process, a new process after one that ended, deadlines
// that are kept by killing, and partial batch answers understood as the service does. It is test
// support; only tests and the make targets that run functions on emulators import it.
package lambdatest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// invocation is one payload on its way through a process.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	done     chan outcome // takes one
}

// outcome is how an invocation ended.
type outcome struct {
	answer []byte
	err    error
}

// FunctionError is what a process reported about an invocation, or about its start.
type FunctionError struct {
	AtStart bool
	Body    string // JSON with errorType and errorMessage
}

// Error implements error.
func (e *FunctionError) Error() string {
	if e.AtStart {
		return "the function did not start: " + e.Body
	}
	return "the function failed: " + e.Body
}

// runtimeAPI is the service's end of the Runtime API, for one process.
type runtimeAPI struct {
	listener net.Listener
	server   *http.Server
	work     chan invocation
	over     chan struct{} // closed when the process is to get nothing more
	broken   chan error    // takes the report of a start that failed

	begun map[string]invocation // those that the process has; guarded by the turn
	turn  chan struct{}         // holds one token
}

// serveRuntime listens on loopback until close.
func serveRuntime() (*runtimeAPI, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the Runtime API: %w", err)
	}
	a := &runtimeAPI{
		listener: l, work: make(chan invocation), over: make(chan struct{}),
		broken: make(chan error, 1),
		begun:  make(map[string]invocation), turn: make(chan struct{}, 1),
	}
	a.turn <- struct{}{}
	mux := http.NewServeMux()
	const invocations = "/2018-06-01/runtime/invocation/"
	mux.HandleFunc("GET "+invocations+"next", a.next)
	mux.HandleFunc("POST "+invocations+"{id}/response", a.response)
	mux.HandleFunc("POST "+invocations+"{id}/error", a.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initError)
	mux.HandleFunc("POST /2020-01-01/extension/register", a.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", a.never)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = a.server.Serve(l) }() // ends with close
	return a, nil
}

func (a *runtimeAPI) address() string { return a.listener.Addr().String() }

func (a *runtimeAPI) close() {
	close(a.over)
	_ = a.server.Close() // what is open belongs to a process that has ended
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case one := <-a.work:
		<-a.turn
		a.begun[one.id] = one
		a.turn <- struct{}{}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", one.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms",
			strconv.FormatInt(one.deadline.UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:test:0:function:souk")
		_, _ = w.Write(one.payload) // a process that is gone is noticed by its exit
	case <-r.Context().Done():
	case <-a.over:
	}
}

// end takes an invocation out of the process' hands.
func (a *runtimeAPI) end(w http.ResponseWriter, r *http.Request, o outcome) {
	<-a.turn
	one, ok := a.begun[r.PathValue("id")]
	delete(a.begun, one.id)
	a.turn <- struct{}{}
	if !ok {
		http.Error(w, "no such invocation", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	one.done <- o
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		err = fmt.Errorf("read an answer: %w", err)
	}
	a.end(w, r, outcome{body, err})
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	a.end(w, r, outcome{err: reported(r, false)})
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	select {
	case a.broken <- reported(r, true):
	default:
	}
}

func reported(r *http.Request, start bool) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read a report: %w", err)
	}
	return &FunctionError{AtStart: start, Body: string(body)}
}

func (a *runtimeAPI) register(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Lambda-Extension-Name") == "" {
		http.Error(w, "an extension has a name", http.StatusBadRequest)
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", "extension-1")
	_, _ = io.WriteString(w, `{"functionName":"souk"}`)
}

// never answers an extension that wants no events.
func (a *runtimeAPI) never(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-a.over:
	}
}

// hand gives the process an invocation and waits for its end, or for ctx.
func (a *runtimeAPI) hand(ctx context.Context, one invocation, exited <-chan struct{}) outcome {
	select {
	case a.work <- one:
	case err := <-a.broken:
		return outcome{err: err}
	case <-exited:
		return outcome{err: a.lastWord()}
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("hand over an invocation: %w", context.Cause(ctx))}
	}
	select {
	case o := <-one.done:
		return o
	case <-exited:
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("wait for an answer: %w", context.Cause(ctx))}
	}
	select {
	case o := <-one.done: // it answered and then ended
		return o
	default:
		return outcome{err: ErrExited}
	}
}

// lastWord is what a process said before it ended without having asked for work.
func (a *runtimeAPI) lastWord() error {
	select {
	case err := <-a.broken:
		return err
	default:
		return ErrExited
	}
}
