package distant_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/distant"
)

func client(t *testing.T, h http.HandlerFunc) distant.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return distant.Client{URL: s.URL, HTTP: s.Client()}
}

// Goal: only a whole answer is one, and no error repeats it. Method: servers that answer with an
// error, with half an answer, with what is no JSON, and with nothing.
func TestOnlyAWholeAnswerIsOne(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) {
			distant.Answer(w, nil, io.EOF)
		},
		"a refusal": http.NotFound,
		"half of one": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Secret":"tok_1`)
			panic(http.ErrAbortHandler)
		},
		"something else": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `tok_1`)
		},
		"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		var out struct{ Secret string }
		err := client(t, h).Call(t.Context(), http.MethodPost, "/x", map[string]int{"a": 1}, &out)
		if !errors.Is(err, distant.ErrNoAnswer) || strings.Contains(err.Error(), "tok_1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Goal: a call and its answer arrive as they were; what is no call is refused. Method: an echo.
func TestCallsArrive(t *testing.T) {
	t.Parallel()
	type word struct{ Text string }
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		var in word
		if distant.Heard(w, r, &in) {
			distant.Answer(w, word{in.Text + r.URL.Path}, nil)
		}
	})
	var out word
	err := c.Call(t.Context(), http.MethodPost, "/there", word{"hello"}, &out)
	if err != nil || out.Text != "hello/there" {
		t.Errorf("%+v, %v", out, err)
	}
	resp, err := c.HTTP.Post(c.URL, "application/json", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("what is no call gets %d", resp.StatusCode)
	}
}

// Goal: lines come in order, and a list that breaks off is no list. Method: three lines, with and
// without an error behind them.
func TestLinesThatBreakOff(t *testing.T) {
	t.Parallel()
	for _, end := range []error{nil, io.ErrUnexpectedEOF} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			distant.AnswerLines(w, func(write func(any) error) error {
				for n := range 3 {
					if err := write(n); err != nil {
						return err
					}
				}
				return end
			})
		})
		var have []string
		err := c.Lines(t.Context(), "/", func(line []byte) error {
			have = append(have, string(line))
			return nil
		})
		if (err != nil) != (end != nil) {
			t.Errorf("after %v: %v", end, err)
		}
		if end == nil && !slices.Equal(have, []string{"0", "1", "2"}) {
			t.Errorf("lines: %v", have)
		}
	}
}
