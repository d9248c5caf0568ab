package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
)

// service is the other end of the Runtime API: it gives each payload once, then none, and ends the
// process when all are answered.
type service struct {
	mu       sync.Mutex
	payloads []string
	said     []string // path and body of every report and answer
	broken   bool     // the extension cannot be registered
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime")
	switch {
	case strings.HasSuffix(path, "/register") && s.broken:
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(path, "/register"):
		w.WriteHeader(http.StatusOK)
	case strings.HasSuffix(path, "/event/next"):
	case path == "/invocation/next" && len(s.payloads) == 0:
		w.WriteHeader(http.StatusGone)
	case path == "/invocation/next":
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
		_, _ = io.WriteString(w, s.payloads[0])
		s.payloads = s.payloads[1:]
	default:
		s.said = append(s.said, path+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	}
}

// run runs a process of the role "api" against s until s has no more for it.
func run(
	t *testing.T, s *service, env map[string]string, h function.Handler,
) (code int, log string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	get := func(name string) string {
		if name == "AWS_LAMBDA_RUNTIME_API" {
			return strings.TrimPrefix(server.URL, "http://")
		}
		return env[name]
	}
	var out bytes.Buffer
	code = function.Main(function.API, get, &out,
		func(_ context.Context, s function.Start) (function.Opened, error) {
			s.Env.Need("SOUK_WANTED", "something")
			s.Env.Number("SOUK_NUMBER", 1, 1, 9)
			s.Env.Span("SOUK_SPAN", time.Minute, time.Second, time.Hour)
			return function.Opened{Handle: h}, nil
		})
	return code, out.String()
}

func whole() map[string]string {
	return map[string]string{"SOUK_ROLE": "api", "SOUK_WANTED": "x"}
}

// Goal: every invocation is answered or reported, and a panic ends the process. Method: payloads
// that succeed, fail, answer too much, and panic.
func TestInvocations(t *testing.T) {
	t.Parallel()
	s := &service{payloads: []string{"a", "fail", "much", "panic", "never"}, broken: true}
	code, log := run(t, s, whole(), func(ctx context.Context, payload []byte) ([]byte, error) {
		if end, ok := ctx.Deadline(); !ok || !end.Before(time.UnixMilli(4102444800000)) ||
			function.Invocation(ctx) != "id" {
			t.Errorf("the context ends at %v, of %q", end, function.Invocation(ctx))
		}
		switch string(payload) {
		case "fail":
			return nil, errors.New("it failed")
		case "much":
			return make([]byte, function.MaxPayload+1), nil
		case "panic":
			panic("oh")
		}
		return []byte(`"` + string(payload) + `"`), nil
	})
	if code != 1 || len(s.payloads) != 1 || len(s.said) != 4 {
		t.Fatalf("code %d, left %v, said %q\n%s", code, s.payloads, s.said, log)
	}
	for i, want := range []string{
		`/invocation/id/response "a"`, `/invocation/id/error`, `/invocation/id/error`,
		`/invocation/id/error`,
	} {
		if !strings.HasPrefix(s.said[i], want) {
			t.Errorf("%s, want %s", s.said[i], want)
		}
	}
	var report struct{ ErrorType, ErrorMessage string }
	_, body, _ := strings.Cut(s.said[3], " ")
	if err := json.Unmarshal([]byte(body), &report); err != nil ||
		report.ErrorType != "souk.panicked" || !strings.Contains(report.ErrorMessage, "oh") {
		t.Errorf("the panic: %s %v", body, err)
	}
	if !strings.Contains(log, "the end will come without a word") {
		t.Errorf("the refused extension is not in the log:\n%s", log)
	}
}

// Goal: all that is wrong with an environment is told at once, before any invocation. Method: one
// with four faults.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := &service{payloads: []string{"never"}}
	code, _ := run(t, s, map[string]string{
		"SOUK_ROLE": "worker", "SOUK_NUMBER": "10", "SOUK_SPAN": "later",
	}, nil)
	if code != 1 || len(s.payloads) != 1 || len(s.said) != 1 {
		t.Fatalf("code %d, left %v, said %q", code, s.payloads, s.said)
	}
	for _, word := range []string{"/init/error", "SOUK_ROLE is", "SOUK_WANTED is not set",
		"from 1 to 9", "SOUK_SPAN is", "as in 10m"} {
		if !strings.Contains(s.said[0], word) {
			t.Errorf("%s does not say %q", s.said[0], word)
		}
	}
}
