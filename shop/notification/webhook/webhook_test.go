package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/notification"
)

func post(url string) notification.Post {
	return notification.Post{
		URL: url, ID: "whk_1", At: time.Unix(1_700_000_000, 0), Signature: "v1,AAAA",
		Body: `{"type":"x"}`,
	}
}

// Goal: the receiver gets the body as it was signed and the three headers, over TLS that it is
// checked for, and its answer is known by its status alone. Method: a receiver of its own, believed
// and not believed.
func TestPost(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	a := New(Options{Private: true, Roots: roots}).Post(t.Context(), post(s.URL+"/in?x=1"))
	if a.Status != 202 || a.RetryAfter != 7*time.Second || a.Reason != "" {
		t.Errorf("the answer is %+v", a)
	}
	if got.Method != "POST" || got.RequestURI != "/in?x=1" || string(body) != `{"type":"x"}` ||
		got.Header.Get("webhook-id") != "whk_1" ||
		got.Header.Get("webhook-timestamp") != "1700000000" ||
		got.Header.Get("webhook-signature") != "v1,AAAA" ||
		got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("it got %s %s %v %s", got.Method, got.RequestURI, got.Header, body)
	}
	a = New(Options{Private: true}).Post(t.Context(), post(s.URL))
	if a.Status != 0 || a.Reason != "bad_certificate" {
		t.Errorf("a stranger's certificate: %+v", a)
	}
}

// Goal: a private address is not reached, whatever is known of it before: neither as it stands nor
// by a name that means it only when the connection is made. Method: a receiver on loopback; the
// poster's own client, which is past every check but the one of the connection.
func TestNothingPrivateIsReached(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
	}))
	defer s.Close()
	p := New(Options{})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+host+":"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.client.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		if !errors.Is(err, errPrivate) {
			t.Errorf("%s was not refused: %v", host, err)
		}
		if reasonOf(err) != "private_address" {
			t.Errorf("%s: the reason is %q", host, reasonOf(err))
		}
		if a := p.Post(t.Context(), post("https://"+host+":"+port)); a.Reason != "bad_address" {
			t.Errorf("%s was posted to: %+v", host, a)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("the receiver was called %d times", calls.Load())
	}
}

// Goal: a receiver that sends us elsewhere is not followed. Method: every kind of redirect to a
// second receiver.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
	}))
	defer inner.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		outer := httptest.NewServer(http.RedirectHandler(inner.URL, status))
		a := New(Options{Private: true}).Post(t.Context(), post(outer.URL))
		outer.Close()
		if a.Status != status {
			t.Errorf("%d: the answer is %+v", status, a)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("the second receiver was called %d times", calls.Load())
	}
}

// Goal: whatever a receiver does, a request ends in time with a word of ours. Method: receivers
// that are not there, do not answer, cut the connection, or answer without end.
func TestReceiversMisbehave(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-wait
	}))
	defer silent.Close()
	defer close(wait)
	cutting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	defer cutting.Close()
	vast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
	}))
	defer vast.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p := New(Options{Private: true})
	for url, want := range map[string]notification.Answer{
		silent.URL: {Reason: "timeout"}, cutting.URL: {Reason: "broken"},
		vast.URL: {Reason: "broken"}, endless.URL: {Status: 200}, nobody: {Reason: "refused"},
		"http://no-such-host.invalid": {Reason: "no_such_host"},
	} {
		limit := 20 * time.Second
		if url == silent.URL {
			limit = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		if a := p.Post(ctx, post(url)); a != want {
			t.Errorf("%s: %+v, want %+v", url, a, want)
		}
		cancel()
	}
}

// Goal: what a receiver asks for is understood in both forms, and nothing else is. Method: some.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const now = "Wed, 21 Oct 2026 07:28:00 GMT"
	for asked, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "x": 0, "99999999999999999999": 0,
		"Wed, 21 Oct 2026 07:29:00 GMT": time.Minute, "Wed, 21 Oct 2015 07:28:00 GMT": 0,
	} {
		h := http.Header{"Retry-After": {asked}, "Date": {now}}
		if got := retryAfter(h); got != want {
			t.Errorf("%q is %s", asked, got)
		}
	}
}
