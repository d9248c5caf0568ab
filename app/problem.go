package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
)

// The codes of refusals that only a door makes.
const (
	Malformed  shop.Code = "malformed"              // not JSON, or JSON with two meanings
	TooLarge   shop.Code = "too_large"              // over the bound of a request body
	WrongType  shop.Code = "unsupported_media_type" // the body is not application/json
	NotAllowed shop.Code = "method_not_allowed"
	TooSlow    shop.Code = "request_timeout" // the request did not arrive in time
)

// Problem is a refusal as RFC 9457 writes it, with a stable code.
type Problem struct {
	Type   string   `json:"type"             doc:"urn:souk:problem: and the code"`
	Title  string   `json:"title"            doc:"the status in words"`
	Status int      `json:"status"           minimum:"400" maximum:"599"`
	Code   string   `json:"code"             doc:"stable; what a client decides by"`
	Detail string   `json:"detail"           doc:"what happened, for people"`
	Hint   string   `json:"hint,omitempty"   doc:"what to do next"`
	Errors []Detail `json:"errors,omitempty" maxItems:"100" doc:"each thing that is wrong"`

	cause  error     // for the log, never for the client
	header [2]string // one more header of the answer, if its name is not empty
}

// Detail is one thing that is wrong with a request. It never repeats the value: values hold
// personal data and card tokens.
type Detail struct {
	Location string `json:"location" doc:"where, as in body.items[3].quantity"`
	Message  string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.cause }

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	if p.header[0] != "" {
		w.Header().Set(p.header[0], p.header[1])
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic("app: a problem has no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may have gone; there is nobody left to tell
}

// maxDetails bounds Problem.Errors.
const maxDetails = 100

// clip bounds what is repeated of a request's own words.
func clip(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "?")
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// statusOf is the one table from codes to HTTP. A code that it does not name is a room's own
// refusal in the present state.
func statusOf(code shop.Code) int {
	switch code {
	case Malformed, shop.KeyMissing:
		return http.StatusBadRequest
	case shop.Unauthorised:
		return http.StatusUnauthorized
	case shop.Declined:
		return http.StatusPaymentRequired
	case shop.Forbidden:
		return http.StatusForbidden
	case shop.NotFound:
		return http.StatusNotFound
	case NotAllowed:
		return http.StatusMethodNotAllowed
	case TooSlow:
		return http.StatusRequestTimeout
	case catalog.Stale:
		return http.StatusPreconditionFailed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case WrongType:
		return http.StatusUnsupportedMediaType
	case shop.Invalid, shop.UnknownSKU, shop.KeyReused:
		return http.StatusUnprocessableEntity
	case shop.Busy:
		return http.StatusTooManyRequests
	case shop.Unavailable:
		return http.StatusServiceUnavailable
	case shop.Internal, shop.Unknown:
		return http.StatusInternalServerError
	}
	return http.StatusConflict
}

// retryAfter is how many seconds a client should wait before it asks again; 0 if that cannot help.
func retryAfter(code shop.Code) int {
	switch code {
	case shop.KeyInFlight, shop.Busy, shop.Unknown:
		return 1
	case shop.Unavailable:
		return 5
	}
	return 0
}

// problemOf turns an error of a room or of the platform into what the client is told. Faults of
// ours say nothing about their cause.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*shop.Error](err)
	if !ok {
		e = translate(err)
	}
	p := &Problem{
		Type: "urn:souk:problem:" + string(e.Code), Status: statusOf(e.Code), Code: string(e.Code),
		Detail: e.Message, Hint: e.Hint, cause: err,
	}
	p.Title = http.StatusText(p.Status)
	if p.Status >= http.StatusInternalServerError {
		p.Hint = "" // written for the operator, and possibly about the insides
	}
	if e.Code == shop.Internal {
		p.Detail = "a fault of ours; the correlation id of this answer leads to it in the logs"
	}
	if e.Code == shop.Unauthorised {
		p.header = [2]string{"WWW-Authenticate", `Bearer realm="souk"`}
	}
	if s := retryAfter(e.Code); s > 0 {
		p.header = [2]string{"Retry-After", strconv.Itoa(s)}
	}
	return p
}

// translate gives a code to an error that no room has put into words.
func translate(err error) *shop.Error {
	switch {
	case errors.Is(err, platform.ErrThrottled):
		return shop.Errorf(shop.Busy, "too many requests at once; nothing was done")
	case errors.Is(err, platform.ErrReadOnly), errors.Is(err, platform.ErrClosed),
		errors.Is(err, platform.ErrUnavailable):
		return shop.Errorf(shop.Unavailable,
			"the system cannot do this at the moment; try again later")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return shop.Errorf(shop.Unknown,
			"this took too long; whether it was done is not known: ask again with the same key")
	}
	return shop.Errorf(shop.Internal, "an unexpected error")
}

// refusal makes a problem of a code and a sentence.
func refusal(code shop.Code, format string, args ...any) *Problem {
	return problemOf(shop.Errorf(code, format, args...))
}
