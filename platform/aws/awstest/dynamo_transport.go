package awstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// InProcess is the transport of a client whose server is a handler in the same process.
type InProcess struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t InProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	if r.ContentLength > 0 { // a server finds it among the headers
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	w := httptest.NewRecorder()
	t.Handler.ServeHTTP(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Services is a cloud: the handler of each service by the name under which requests to it are
// signed, such as "dynamodb" and "s3".
type Services map[string]http.Handler

// ServeHTTP implements http.Handler.
func (s Services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	if len(scope) > 4 && s[scope[3]] != nil {
		s[scope[3]].ServeHTTP(w, r)
		return
	}
	http.Error(w, "there is no such service here", http.StatusNotFound)
}

// Config is the configuration of a client that reaches everything through a transport.
func Config(through http.RoundTripper) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://aws.test"),
		HTTPClient: &http.Client{Transport: through},
		Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret"}, nil
			}),
	}
}

// ErrLost is what a client sees when the answer to a request does not arrive.
var ErrLost = errors.New("the connection was lost before the answer came")

// Fault breaks one request. Next carries it out as if nothing were wrong.
type Fault func(r *http.Request, next http.RoundTripper) (*http.Response, error)

// Faults is a transport that breaks some of the requests that pass. Safe for concurrent use.
type Faults struct {
	Next http.RoundTripper
	// Weather may break a request for which nothing is planned; nil breaks none. It is called by
	// several goroutines.
	Weather func(op string) Fault

	mu      sync.Mutex
	planned map[string][]Fault
	seen    []Seen
}

// Seen is a request that passed: its operation and its body.
type Seen struct{ Op, Body string }

// Plan breaks the next requests of an operation, such as "TransactWriteItems", one by each fault.
// Where a service's requests do not name their operation, as those of S3, it is the HTTP method.
func (f *Faults) Plan(op string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.planned == nil {
		f.planned = make(map[string][]Fault)
	}
	f.planned[op] = append(f.planned[op], faults...)
}

// Clear forgets what is planned and has not come.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned = nil
}

// Seen returns the requests of an operation so far, in order.
func (f *Faults) Seen(op string) []Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Seen
	for _, s := range f.seen {
		if s.Op == op {
			list = append(list, s)
		}
	}
	return list
}

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if op == "" {
		op = r.Method
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	f.mu.Lock()
	f.seen = append(f.seen, Seen{Op: op, Body: string(body)})
	var fault Fault
	if list := f.planned[op]; len(list) > 0 {
		fault, f.planned[op] = list[0], list[1:]
	}
	f.mu.Unlock()
	if fault == nil && f.Weather != nil {
		fault = f.Weather(op)
	}
	if fault != nil {
		return fault(r, f.Next)
	}
	return f.Next.RoundTrip(r)
}

// Refuse answers with an error of the service, and the request never happens. The body is JSON
// beside its type and message, or empty.
func Refuse(code, message, body string) Fault {
	if body != "" {
		body = "," + body
	}
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		status := http.StatusBadRequest
		if code == "InternalServerError" || code == "ServiceUnavailable" {
			status = http.StatusInternalServerError
		}
		return &http.Response{
			StatusCode: status, Request: r, ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
			Body: io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.dynamodb.v20120810#` +
				code + `","message":"` + message + `"` + body + `}`)),
		}, nil
	}
}

// Cancel answers that a transaction was cancelled, with a code of each of its actions.
func Cancel(codes ...string) Fault {
	reasons := make([]string, len(codes))
	for i, code := range codes {
		reasons[i] = `{"Code":"` + code + `","Message":"as planned"}`
	}
	return Refuse("TransactionCanceledException", "Transaction cancelled",
		`"CancellationReasons":[`+strings.Join(reasons, ",")+`]`)
}

// LoseAnswer lets the request happen and loses its answer.
func LoseAnswer() Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = answer.Body.Close()
		return nil, ErrLost
	}
}

// LoseRequest loses the request before it happens.
func LoseRequest() Fault {
	return func(*http.Request, http.RoundTripper) (*http.Response, error) { return nil, ErrLost }
}

// Before calls fn, and then lets the request happen.
func Before(fn func()) Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		fn()
		return next.RoundTrip(r)
	}
}

// Hang keeps a request until its context ends.
func Hang() Fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
}
