package platform

import (
	"context"
	"errors"
	"fmt"
)

// The sentinel errors of every adapter. They are compared with errors.Is.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("the record has changed")
	ErrBound     = errors.New("the counter would pass its floor")
	ErrTooLarge  = errors.New("over a limit of the store")
	ErrInvalid   = errors.New("not a valid request")
	ErrContract  = errors.New("the event breaks its contract")
	ErrReadOnly  = errors.New("the store is read-only")
	ErrThrottled = errors.New("too many requests")
	ErrClosed    = errors.New("the platform is closed")
	ErrErased    = errors.New("the person was erased")
	ErrCorrupt   = errors.New("stored bytes are not what was written")
	ErrInUse     = errors.New("the data directory is in use")
	ErrVersion   = errors.New("the data directory has another format version")

	// ErrUnavailable is the error of a read that the platform does not serve now: it does not
	// answer, or refuses this process. A commit says ErrReadOnly, or that its outcome is unknown.
	ErrUnavailable = errors.New("the platform does not answer this process")

	// ErrNotYet is a handler's answer to an event that came too early: its own room has not reached
	// the state in which the event means something.
	ErrNotYet = errors.New("too early: a fact that must come first has not arrived")
)

// ConflictError names the record, or the event subject, whose version was not as expected. It is an
// ErrConflict.
type ConflictError struct {
	Key  Key
	Want int64
	Have int64
}

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s/%s has version %d, expected %d", e.Key.Part, e.Key.Sort, e.Have, e.Want)
}

// Is makes it an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// BoundError names the counter that would have passed its floor. It is an ErrBound.
type BoundError struct {
	Key     Key
	Counter string
	Have    int64
	Delta   int64
	Floor   int64
}

// Error implements error.
func (e *BoundError) Error() string {
	return fmt.Sprintf("%s/%s: %s is %d, adding %d would pass the floor %d",
		e.Key.Part, e.Key.Sort, e.Counter, e.Have, e.Delta, e.Floor)
}

// Is makes it an ErrBound.
func (e *BoundError) Is(target error) bool { return target == ErrBound }

// Known reports whether err says for certain that a commit did not happen. If it is false for an
// error that is not nil, the outcome is unknown.
func Known(err error) bool {
	for _, sentinel := range []error{
		ErrConflict, ErrBound, ErrTooLarge, ErrInvalid, ErrContract, ErrReadOnly, ErrThrottled,
		ErrClosed,
	} {
		if errors.Is(err, sentinel) && !errors.Is(err, context.Canceled) {
			return true
		}
	}
	return false
}
