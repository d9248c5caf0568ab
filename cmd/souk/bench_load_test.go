package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Goal: the bench tells when checkouts were shed while browsing was let in, and only then. Method:
// seconds made up for each case.
func TestSheddingOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		orders, looks []second
		want          shedding
	}{
		"nothing was shed": {[]second{{5, 0}}, []second{{5, 0}}, shedding{}},
		"browsing alone":   {[]second{{5, 0}}, []second{{1, 4}}, shedding{}},
		"browsing as well": {
			[]second{{5, 0}, {5, 2}}, []second{{1, 4}, {1, 4}},
			shedding{Seconds: 1, Asked: 5, Admitted: 1},
		},
		"checkouts alone": {
			[]second{{5, 2}, {5, 2}}, []second{{4, 0}, {0, 4}},
			shedding{Seconds: 2, Asked: 8, Admitted: 4, Inverted: 1},
		},
		"nobody browsed": {
			[]second{{5, 2}, {5, 2}}, []second{{0, 0}}, shedding{Seconds: 1},
		},
	} {
		if have := sheddingOf(c.orders, c.looks); have != c.want {
			t.Errorf("%s: %+v, expected %+v", name, have, c.want)
		}
	}
}

// Goal: the bench's client reads answers of known and of unknown length, one after the other on
// one connection, and refuses one that is far too long. Method: a server that answers with as many
// bytes as it is asked for.
func TestLeanClientReadsChunks(t *testing.T) {
	t.Parallel()
	const big = 3 * maxAnswer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/small":
			_, _ = w.Write([]byte("small"))
		case "/large":
			_, _ = w.Write([]byte(strings.Repeat("x", 100_000)))
		default:
			_, _ = w.Write(make([]byte, big))
		}
	}))
	defer server.Close()
	l, err := dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, c := range []struct {
		path string
		want int
	}{{"/large", 100_000}, {"/small", 5}, {"/large", 100_000}} {
		status, body, err := l.do(call{method: "GET", path: c.path})
		if err != nil || status != http.StatusOK || len(body) != c.want {
			t.Errorf("%s: %d, %d bytes, %v", c.path, status, len(body), err)
		}
	}
	if _, _, err := l.do(call{method: "GET", path: "/endless"}); err == nil {
		t.Error("an answer of three megabytes was read")
	}
}
