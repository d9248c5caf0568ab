package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Goal: the bench tells when checkouts were shed while browsing was let in, and only then. Method:
// slices made up for each case.
func TestSheddingOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		orders, looks []slice
		want          shedding
		kept          bool
	}{
		"nothing was shed": {[]slice{{5, 0}}, []slice{{5, 0}}, shedding{}, true},
		"browsing alone":   {[]slice{{5, 0}}, []slice{{1, 4}}, shedding{}, true},
		"browsing as well": {
			[]slice{{5, 0}, {5, 2}}, []slice{{1, 4}, {1, 4}},
			shedding{Slices: 1, Checkouts: share{7, 2}, Browsing: share{5, 4}}, true,
		},
		"checkouts alone": {
			[]slice{{5, 2}, {5, 0}, {5, 2}}, []slice{{14, 0}, {14, 0}, {0, 40}},
			shedding{
				Slices: 2, Checkouts: share{14, 4}, Browsing: share{54, 40}, Inverted: 1,
			}, false,
		},
		"a look next to it": {
			[]slice{{5, 2}}, []slice{{14, 0}, {0, 20}},
			shedding{Slices: 1, Checkouts: share{7, 2}, Browsing: share{14, 0}}, false,
		},
		"rather checkouts": {
			[]slice{{1, 9}}, []slice{{9, 1}},
			shedding{Slices: 1, Checkouts: share{10, 9}, Browsing: share{10, 1}}, false,
		},
		"nobody browsed": {
			[]slice{{5, 2}, {5, 2}}, []slice{{0, 0}},
			shedding{Slices: 2, Checkouts: share{14, 4}}, true,
		},
	} {
		have := sheddingOf(c.orders, c.looks)
		if have != c.want || strings.Contains(have.String(), "NOT KEPT") == c.kept {
			t.Errorf("%s: %+v, expected %+v; %s", name, have, c.want, have)
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
