package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/gateway"
)

const most = 6 << 20

// reply is what the gateway takes.
type reply struct {
	StatusCode      int
	Headers         map[string]string
	Cookies         []string
	Body            string
	IsBase64Encoded bool
}

// ask serves one payload, given as its fields.
func ask(t *testing.T, h http.HandlerFunc, stage, method string, more map[string]any) reply {
	t.Helper()
	p := map[string]any{
		"version": "2.0", "rawPath": "/",
		"requestContext": map[string]any{
			"stage": stage, "domainName": "shop.test",
			"http": map[string]string{"method": method, "sourceIp": "192.0.2.7"},
		},
	}
	for name, v := range more {
		p[name] = v
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := gateway.Serve(t.Context(), h, raw, most, nil)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(w, "%s %s?%s host=%s from=%s a=%q cookie=%q body=%q length=%d",
		r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.RemoteAddr, r.Header.Get("X-A"),
		r.Header.Get("Cookie"), body, r.ContentLength)
}

// Goal: a handler sees what the client sent. Method: paths with and without a stage, decoded and
// not; queries as sent; headers of several values; cookies; bodies of text and of bytes.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		stage, method string
		more          map[string]any
		want          string
	}{
		{"$default", "GET",
			map[string]any{"rawPath": "/v1/products", "rawQueryString": "q=a%20b&q=c"},
			"GET /v1/products?q=a%20b&q=c host=shop.test"},
		{"prod", "GET", map[string]any{"rawPath": "/prod/v1/x"}, "GET /v1/x?"},
		{"prod", "GET", map[string]any{"rawPath": "/prod"}, "GET /? "},
		{"prod", "GET", map[string]any{"rawPath": "/products"}, "GET /products?"},
		{"$default", "GET", map[string]any{"rawPath": "/a%2Fb c"}, "GET /a/b c?"},
		{"$default", "GET", map[string]any{"rawPath": "/100%"}, "GET /100%?"},
		{"$default", "GET", map[string]any{"headers": map[string]string{"x-a": "1,2"}}, `a="1,2"`},
		{"$default", "GET", map[string]any{"cookies": []string{"a=1", "b=2"}}, `cookie="a=1; b=2"`},
		{"$default", "POST", map[string]any{"body": "é"}, `body="é" length=2`},
		{"$default", "POST", map[string]any{"isBase64Encoded": true,
			"body": base64.StdEncoding.EncodeToString([]byte{0xff, 0})}, `body="\xff\x00" length=2`},
		{"$default", "DELETE", nil, `from=192.0.2.7 a="" cookie="" body="" length=0`},
	} {
		r := ask(t, echo, one.stage, one.method, one.more)
		if r.StatusCode != 200 || !strings.Contains(r.Body, strings.TrimSpace(one.want)) {
			t.Errorf("%s %v: %d %s, want %s", one.stage, one.more, r.StatusCode, r.Body, one.want)
		}
	}
}

// Goal: the client gets what the handler wrote. Method: every kind of answer that the doors give,
// and those that cannot be carried.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		method string
		serve  http.HandlerFunc
		good   func(r reply) bool
	}{
		"nothing": {"GET", func(http.ResponseWriter, *http.Request) {},
			func(r reply) bool { return r.StatusCode == 200 && r.Body == "" }},
		"several values and cookies": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Vary"] = []string{"A", "B"}
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			w.WriteHeader(201)
			w.Header().Set("Late", "yes")
		}, func(r reply) bool {
			return r.StatusCode == 201 && r.Headers["Vary"] == "A, B" && len(r.Cookies) == 2 &&
				r.Headers["Late"] == "" && r.Headers["Set-Cookie"] == ""
		}},
		"bytes": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte{0xff, 0xfe})
		}, func(r reply) bool { return r.IsBase64Encoded && r.Body == "//4=" }},
		"words that JSON escapes": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<a&b>\u2028")
		}, func(r reply) bool {
			return r.Body == "<a&b>\u2028" && strings.HasPrefix(r.Headers["Content-Type"], "text/")
		}},
		"HEAD": {"HEAD", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
		}, func(r reply) bool { return r.Body == "" && r.Headers["Content-Type"] != "" }},
		"204": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			_, _ = io.WriteString(w, "body")
		}, func(r reply) bool { return r.StatusCode == 204 && r.Body == "" }},
		"too large": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", most))
		}, func(r reply) bool {
			return r.StatusCode == 500 && strings.Contains(r.Body, `"answer_too_large"`) &&
				r.Headers["Content-Type"] == "application/problem+json"
		}},
		"broken off": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half an ans")
			panic(http.ErrAbortHandler)
		}, func(r reply) bool { return r.StatusCode == 500 && !strings.Contains(r.Body, "half") }},
	} {
		if r := ask(t, one.serve, "$default", one.method, nil); !one.good(r) {
			t.Errorf("%s: %.300v", name, r)
		}
	}
}

// Goal: what is no request is refused, with what to do, and no handler sees it. Method: payloads of
// other formats.
func TestOtherFormats(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `[]`, `{}`, `{"version":"1.0","path":"/","httpMethod":"GET"}`,
		`{"version":"2.0","rawPath":"/"}`,
		`{"version":"2.0","rawPath":"x","requestContext":{"http":{"method":"GET"}}}`,
		`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"G T"}}}`,
		`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}},` +
			`"body":"*","isBase64Encoded":true}`,
	} {
		_, err := gateway.Serve(t.Context(), http.HandlerFunc(
			func(http.ResponseWriter, *http.Request) { t.Errorf("%s was served", raw) },
		), []byte(raw), most, nil)
		if !errors.Is(err, gateway.ErrFormat) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
