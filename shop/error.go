package shop

import (
	"errors"
	"fmt"
)

// Code names a kind of refusal. Codes are stable: they are part of the API and of the documents.
type Code string

// The codes that every room shares. A room adds its own beside its types.
const (
	Invalid      Code = "invalid"       // the request itself is wrong; sending it again cannot help
	NotFound     Code = "not_found"     // it does not exist, or not for this caller
	Conflict     Code = "conflict"      // true when sent, no longer possible in the present state
	Unauthorised Code = "unauthorised"  // nobody has proved who is asking
	Forbidden    Code = "forbidden"     // known, but not allowed
	Busy         Code = "busy"          // nothing was done; try again later
	Unavailable  Code = "unavailable"   // the system cannot write now; nothing was done
	Unknown      Code = "unknown"       // the outcome is not known; ask again with the same key
	Internal     Code = "internal"      // a fault of ours
	UnknownSKU   Code = "unknown_sku"   // no such listing
	OutOfStock   Code = "out_of_stock"  // fewer units than asked for
	TotalChanged Code = "total_changed" // the client expected another total
	Illegal      Code = "illegal_state" // the transition is not in the table
	KeyReused    Code = "key_reused"    // the idempotency key was used with another request
	KeyInFlight  Code = "key_in_flight" // the first request with this key is still being worked on
	KeyMissing   Code = "key_missing"   // an idempotency key is required
	Declined     Code = "declined"      // the provider refused the money
)

// Error is the one shape of refusal: a stable code for machines, a sentence for people, a hint for
// the operator, and the cause. Values are immutable.
type Error struct {
	Code    Code
	Message string // for people: what happened and what was not done; no personal data
	Hint    string // for the operator: what to do next; may be empty
	Err     error  // the cause; may be nil
}

// Error prints the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error from a format. A %w verb keeps its operand as the cause.
// The cause's text is part of the message, as the format says, and is not printed a second time.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy of e that tells the operator what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// CodeOf returns the code of the first Error in err's chain, or Internal if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// clip bounds a value from outside before it is quoted in a message.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
