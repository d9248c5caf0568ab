// Package awscall makes one call to an AWS service, once, and says what is certain of it: that the
// service did it, that it certainly did not, or that nobody knows.
//
// It promises that a call is not repeated, neither by the SDK nor by itself, and that no word of a
// service's answer is passed on but its code: the rest may hold an address. It knows no service.
// The carriers of the notification room that stand on AWS import it.
package awscall

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/souk-commerce/souk/shop/notification"
)

// Once returns cfg for a client that makes every call once, and whose calls Do can judge.
func Once(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.RetryMaxAttempts = 1
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	cfg.HTTPClient = observed{cfg.HTTPClient}
	return cfg
}

// observed notes whether a request got a connection. Before that, nothing of it has left.
type observed struct{ aws.HTTPClient }

// begun is the place in a context where observed leaves its note.
type begun struct{}

// Do implements aws.HTTPClient.
func (o observed) Do(r *http.Request) (*http.Response, error) {
	note, ok := r.Context().Value(begun{}).(*atomic.Bool)
	if !ok {
		return o.HTTPClient.Do(r)
	}
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { note.Store(true) },
	})
	return o.HTTPClient.Do(r.WithContext(ctx))
}

// Final says of a service's error code whether another attempt would be refused as well, and by
// which word of ours the refusal is known ("" keeps the code).
type Final func(code string) (reason string, final bool)

// Do makes one call of a client that was made with Once. call returns the service's name for what
// it did.
func Do(
	ctx context.Context, final Final, call func(ctx context.Context) (reference string, err error),
) notification.Outcome {
	note := new(atomic.Bool)
	reference, err := call(context.WithValue(ctx, begun{}, note))
	if err == nil {
		return notification.Outcome{Verdict: notification.Taken, Reference: reference}
	}
	// The SDK makes an empty response, of status 0, where there was none.
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if ok && answer.HTTPStatusCode() != 0 {
		return refusal(answer.HTTPStatusCode(), err, final)
	}
	if note.Load() {
		return notification.Outcome{Verdict: notification.Unknown}
	}
	return notification.Outcome{Verdict: notification.Refused, Reason: unsent(err)}
}

// refusal judges an answer that is an error. A status of 4xx says that the service did nothing; a
// fault of its own, or of somebody between, says nothing at all.
func refusal(status int, err error, final Final) notification.Outcome {
	if status < 400 || status > 499 || status == http.StatusRequestTimeout {
		return notification.Outcome{Verdict: notification.Unknown}
	}
	out := notification.Outcome{Verdict: notification.Refused, Reason: "refused"}
	code := ""
	if named, ok := errors.AsType[smithy.APIError](err); ok {
		code = named.ErrorCode()
	}
	if status == http.StatusTooManyRequests || throttled(code) {
		out.Reason = "throttled"
		return out
	}
	if code != "" {
		out.Reason = code
	}
	reason, ends := final(code)
	if reason != "" {
		out.Reason = reason
	}
	out.Final = ends
	return out
}

// throttled reports whether a code says that there were too many calls, or too much in a day.
func throttled(code string) bool {
	for _, part := range []string{"Throttl", "TooManyRequests", "LimitExceeded"} {
		if strings.Contains(code, part) {
			return true
		}
	}
	return false
}

// unsent puts into a word why a call never left.
func unsent(err error) string {
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return "unreachable"
	}
	return "not_sendable" // no credentials, above all
}
