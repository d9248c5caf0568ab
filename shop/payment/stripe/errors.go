package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop/payment"
)

// ErrNoAnswer is a call of which nobody knows what became.
var ErrNoAnswer = errors.New("stripe: no answer")

// faultOf returns Stripe's own error, or nil.
func faultOf(err error) *stripe.Error {
	if e, ok := errors.AsType[*stripe.Error](err); ok {
		return e
	}
	return nil
}

// unknown is an error without what Stripe wrote, which may repeat a token. Too many calls are told
// apart: then nothing was done.
func unknown(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %s took too long", ErrNoAnswer, what)
	}
	e := faultOf(err)
	switch {
	case e == nil:
		return fmt.Errorf("%w: %s: the connection failed", ErrNoAnswer, what)
	case e.HTTPStatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("stripe: %s: 429: %w", what, payment.ErrTooMany)
	case e.HTTPStatusCode == http.StatusUnauthorized, e.HTTPStatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: %s: %d, look at the API key and what it may do", ErrNoAnswer, what,
			e.HTTPStatusCode)
	}
	return fmt.Errorf("%w: %s: %d (request %s)", ErrNoAnswer, what, e.HTTPStatusCode, e.RequestID)
}

// certain reports whether Stripe refused a request in a way that cannot have had an effect: the
// card was declined, or the request itself is wrong. A key that is in use, or belongs to another
// request, says nothing about the first one.
func certain(e *stripe.Error) bool {
	if e == nil || e.Code == stripe.ErrorCodeIdempotencyKeyInUse {
		return false
	}
	switch e.Type {
	case stripe.ErrorTypeCard:
		return true
	case stripe.ErrorTypeInvalidRequest:
		switch e.HTTPStatusCode {
		case http.StatusBadRequest, http.StatusNotFound, http.StatusPaymentRequired:
			return true
		}
	}
	return false
}

// reasonOf is the short word for a refusal.
func reasonOf(e *stripe.Error) string {
	switch {
	case e.DeclineCode != "":
		return string(e.DeclineCode)
	case e.Code != "":
		return string(e.Code)
	}
	return "refused"
}

// mayTryAgain reports whether the bank wants the same card to be tried once more.
func mayTryAgain(reason string) bool {
	switch reason {
	case "try_again_later", "processing_error", "issuer_not_available", "reenter_transaction",
		"approve_with_id":
		return true
	}
	return false
}

// missing reports whether Stripe knows of no such object.
func missing(err error) bool {
	e := faultOf(err)
	return e != nil && e.HTTPStatusCode == http.StatusNotFound
}

// wrongState reports whether a PaymentIntent is elsewhere than the request believed.
func wrongState(e *stripe.Error) bool {
	return e != nil && e.Code == stripe.ErrorCodePaymentIntentUnexpectedState
}
