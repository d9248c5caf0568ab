// Package gateway turns the payloads of an HTTP API (format 2.0) into requests of net/http, and
// answers back.
//
// It promises that a handler sees the path without the stage, the query as it was sent, headers and
// cookies, and the body's own bytes; and that an answer that cannot be carried is a problem with a
// stable code instead of half an answer. An answer cannot be streamed: it is sent when the handler
// has returned. Only function binaries import it.
package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// payload is what the gateway sends.
type payload struct {
	Version  string            `json:"version"`
	RawPath  string            `json:"rawPath"`
	RawQuery string            `json:"rawQueryString"`
	Cookies  []string          `json:"cookies"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Base64   bool              `json:"isBase64Encoded"`
	Context  struct {
		Domain string `json:"domainName"`
		Stage  string `json:"stage"`
		HTTP   struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
}

// reply is what the gateway takes.
type reply struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers,omitempty"`
	Cookies []string          `json:"cookies,omitempty"`
	Body    string            `json:"body,omitempty"`
	Base64  bool              `json:"isBase64Encoded,omitempty"`
}

// ErrFormat is a payload of another format: the integration's PayloadFormatVersion is not 2.0.
var ErrFormat = errors.New("not a payload of format 2.0: set the integration's " +
	"PayloadFormatVersion to 2.0; nothing was done")

// Serve answers one payload with a handler. most bounds the bytes of the reply. adjust may change
// the request's headers before it is served; it may be nil. The error says that the payload was
// none.
func Serve(
	ctx context.Context, h http.Handler, raw []byte, most int, adjust func(http.Header),
) ([]byte, error) {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	r, err := p.request(ctx)
	if err != nil {
		return nil, err
	}
	if adjust != nil {
		adjust(r.Header)
	}
	w := &writer{head: make(http.Header)}
	if aborted(h, w, r) {
		w = problem(http.StatusInternalServerError, "internal", "the answer was broken off")
	}
	answer, err := w.encode(r.Method)
	if err == nil && len(answer) > most {
		w = problem(http.StatusInternalServerError, "answer_too_large",
			"the answer is larger than this door can carry; ask for less at once")
		answer, err = w.encode(r.Method)
	}
	return answer, err
}

// request makes the request that the client sent.
func (p *payload) request(ctx context.Context) (*http.Request, error) {
	if p.Version != "2.0" || p.Context.HTTP.Method == "" || !strings.HasPrefix(p.RawPath, "/") {
		return nil, ErrFormat
	}
	body := []byte(p.Body)
	if p.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(p.Body); err != nil {
			return nil, fmt.Errorf("%w: the body: %w", ErrFormat, err)
		}
	}
	path := p.RawPath
	if stage := "/" + p.Context.Stage; stage != "/$default" &&
		(path == stage || strings.HasPrefix(path, stage+"/")) {
		path = "/" + strings.TrimPrefix(path[len(stage):], "/")
	}
	// Some gateways decode the path before they hand it on and some do not. No path of ours holds
	// a "%" that means itself, so decoding what can be decoded is right for both.
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	target := &url.URL{Path: path, RawQuery: p.RawQuery}
	r, err := http.NewRequestWithContext(
		ctx, p.Context.HTTP.Method, "http://gateway", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	r.URL, r.RequestURI = target, target.RequestURI()
	r.Host, r.RemoteAddr = p.Context.Domain, p.Context.HTTP.SourceIP
	for name, value := range p.Headers { // several values of one name come joined by commas
		r.Header.Set(name, value)
	}
	if len(p.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(p.Cookies, "; "))
	}
	return r, nil
}

// aborted serves a request and reports whether the handler broke the answer off.
func aborted(h http.Handler, w http.ResponseWriter, r *http.Request) (yes bool) {
	defer func() {
		fault := recover()
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			yes = true
			return
		}
		if fault != nil {
			panic(fault)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// writer collects an answer.
type writer struct {
	head   http.Header
	status int
	sent   http.Header // as it was when the answer began
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *writer) Header() http.Header { return w.head }

// WriteHeader implements http.ResponseWriter: the first counts, and news before it do not.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status, w.sent = status, w.head.Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(b)
}

// encode is the answer as the gateway takes it. It counts the body's bytes itself.
func (w *writer) encode(method string) ([]byte, error) {
	w.WriteHeader(http.StatusOK)
	out := reply{Status: w.status, Headers: make(map[string]string, len(w.sent))}
	for name, values := range w.sent {
		switch name {
		case "Set-Cookie":
			out.Cookies = values
		case "Content-Length":
		default:
			out.Headers[name] = strings.Join(values, ", ")
		}
	}
	body := w.body.Bytes()
	if len(body) > 0 && out.Headers["Content-Type"] == "" {
		out.Headers["Content-Type"] = http.DetectContentType(body)
	}
	switch {
	case method == http.MethodHead:
	case utf8.Valid(body):
		out.Body = string(body)
	default:
		out.Body, out.Base64 = base64.StdEncoding.EncodeToString(body), true
	}
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false) // it would be three times as long and mean the same
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return bytes.TrimSuffix(raw.Bytes(), []byte("\n")), nil
}

// problem is an answer of this package's own.
func problem(status int, code, detail string) *writer {
	w := &writer{head: make(http.Header)}
	w.head.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	body, err := json.Marshal(map[string]any{
		"type": "urn:souk:problem:" + code, "title": http.StatusText(status), "status": status,
		"code": code, "detail": detail,
	})
	if err != nil {
		panic("gateway: a problem has no JSON: " + err.Error())
	}
	w.body.Write(body)
	return w
}
