// Package fake is an AWS service in bad weather, and what every carrier on AWS must say of it.
//
// It promises that a weather is the same every time: nothing in it waits for a clock. Only tests
// import it.
package fake

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/souk-commerce/souk/shop/notification"
)

// Answer is what the service says to a request. The zero value says nothing.
type Answer struct {
	Status int
	Type   string // the error's name in the header, where the service puts it there
	Body   string
}

// Service is one AWS service. It reads every request to its end before it does anything.
type Service struct {
	URL string

	mu       sync.Mutex
	requests []Request
	next     func(r *http.Request, w http.ResponseWriter)
}

// Request is a request as it came in.
type Request struct{ Method, Path, Body string }

// Open starts a service that ends with the test.
func Open(t testing.TB) *Service {
	t.Helper()
	s := &Service{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away in the middle: it did not come in
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, string(body)})
	next := s.next
	s.mu.Unlock()
	next(r, w)
}

// Requests returns what came in.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Service) then(next func(r *http.Request, w http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// Says has the service give the same answer from now on.
func (s *Service) Says(a Answer) {
	s.then(func(_ *http.Request, w http.ResponseWriter) {
		if a.Type != "" {
			w.Header().Set("X-Amzn-Errortype", a.Type)
		}
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body) // a client that went away needs no answer
	})
}

// Hangs has the service take requests without an answer. It calls taken when it has one.
func (s *Service) Hangs(taken func()) {
	s.then(func(r *http.Request, _ http.ResponseWriter) {
		taken()
		<-r.Context().Done()
	})
}

// Cuts has the service take requests and hang up.
func (s *Service) Cuts() {
	s.then(func(_ *http.Request, w http.ResponseWriter) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
}

// Config is that of a client of the service at url.
func Config(url string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
			}),
	}
}

// Dialect is how a service words its answers.
type Dialect struct {
	To        string // an address; the refusals repeat it, as AWS does
	Taken     Answer
	Reference string // in Taken
	Throttled Answer
	Rejected  Answer // for good
	Reason    string // what the carrier makes of Rejected
	Forbidden Answer // for a reason that the operator can mend
	Broken    Answer // a fault of the service's own
}

// Judge tests a carrier in every weather: what it says must be certain, and it must have called
// once.
func Judge(t *testing.T, open func(cfg aws.Config) (notification.Carrier, error), d Dialect) {
	t.Helper()
	refused := func(reason string, final bool) notification.Outcome {
		return notification.Outcome{
			Verdict: notification.Refused, Reason: reason, Final: final,
		}
	}
	taken := notification.Outcome{Verdict: notification.Taken, Reference: d.Reference}
	says := func(a Answer) func(*Service, context.CancelFunc) {
		return func(s *Service, _ context.CancelFunc) { s.Says(a) }
	}
	for _, c := range []struct {
		name    string
		weather func(s *Service, cancel context.CancelFunc)
		want    notification.Outcome
	}{
		{"it is taken", says(d.Taken), taken},
		{"too many calls", says(d.Throttled), refused("throttled", false)},
		{"a bad letter", says(d.Rejected), refused(d.Reason, true)},
		{"not allowed", says(d.Forbidden), refused(forbidden, false)},
		{"a fault of theirs", says(d.Broken), notification.Outcome{}},
		{"an answer that makes no sense", says(Answer{Status: 200, Body: "<<{"}),
			notification.Outcome{}},
		{"taken, and no answer in time", func(s *Service, cancel context.CancelFunc) {
			s.Hangs(cancel)
		}, notification.Outcome{}},
		{"taken, and cut off", func(s *Service, _ context.CancelFunc) { s.Cuts() },
			notification.Outcome{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := Open(t)
			carrier := must(open(Config(s.URL)))(t)
			s.Says(d.Taken)
			if out := send(t.Context(), carrier, d.To); out != taken {
				t.Fatalf("in good weather: %+v", out)
			}
			ctx, cancel := context.WithCancel(t.Context()) // the connection is warm now
			defer cancel()
			c.weather(s, cancel)
			if out := send(ctx, carrier, d.To); out != c.want {
				t.Errorf("%+v, want %+v", out, c.want)
			}
			if n := len(s.Requests()); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
	t.Run("nothing leaves", func(t *testing.T) { judgeNothing(t, open, d) })
}

// forbidden is the code by which the dialects refuse rights.
const forbidden = "AccessDeniedException"

// judgeNothing tests what cannot have left: nobody listens, there is no time, or no credentials.
func judgeNothing(
	t *testing.T, open func(cfg aws.Config) (notification.Carrier, error), d Dialect,
) {
	t.Parallel()
	s := Open(t)
	s.Says(d.Taken)
	late, cancel := context.WithCancel(t.Context())
	cancel()
	poor := Config(s.URL)
	poor.Credentials = aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no credentials")
		})
	for _, c := range []struct {
		name string
		ctx  context.Context
		cfg  aws.Config
	}{
		{"nobody listens", t.Context(), deaf(Config(s.URL))},
		{"no time", late, Config(s.URL)},
		{"no credentials", t.Context(), poor},
	} {
		out := send(c.ctx, must(open(c.cfg))(t), d.To)
		if out.Verdict != notification.Refused || out.Final ||
			out.Reason != "unreachable" && out.Reason != "not_sendable" {
			t.Errorf("%s: %+v", c.name, out)
		}
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests came in", n)
	}
}

// deaf is the configuration of a client whom nobody listens to.
func deaf(cfg aws.Config) aws.Config {
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("connection refused")
		}
	})
	return cfg
}

func must(c notification.Carrier, err error) func(t *testing.T) notification.Carrier {
	return func(t *testing.T) notification.Carrier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// Letter is the letter that the tests send.
func Letter(to string) notification.Letter {
	return notification.Letter{
		Key: "msg_order_placed_a/x", Message: "msg_order_placed_a", To: to,
		Title: "Your order is placed", Text: "Cups & <saucers> of order ord_a.",
		HTML:  "<p>Cups &amp; &lt;saucers&gt; of order ord_a.</p>",
		Leave: "https://shop.example/leave",
	}
}

func send(ctx context.Context, c notification.Carrier, to string) notification.Outcome {
	out := c.Send(ctx, Letter(to))
	if strings.Contains(out.Reason+out.Reference, to) {
		out.Reason = "the address is in the outcome"
	}
	return out
}
