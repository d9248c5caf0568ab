package platform

import (
	"fmt"
	"unicode/utf8"
)

// What a store refuses whatever it holds. Every adapter asks here, before it does anything, so that
// all of them refuse the same.

// CounterBytes is what a counter counts for beside its name.
const CounterBytes = 8

// Check refuses a key that is not one, with ErrInvalid, or is too long, with ErrTooLarge.
func (k Key) Check() error {
	switch {
	case k.Part == "":
		return fmt.Errorf("a key without a partition: %w", ErrInvalid)
	case len(k.Part) > MaxPartBytes:
		return fmt.Errorf("a partition of %d bytes: %w", len(k.Part), ErrTooLarge)
	case len(k.Sort) > MaxSortBytes:
		return fmt.Errorf("a sort key of %d bytes: %w", len(k.Sort), ErrTooLarge)
	}
	return nil
}

// Check refuses a write with parts that its kind does not have, with ErrInvalid, or that is over a
// limit, with ErrTooLarge. Otherwise it returns how many bytes it counts for.
func (w *Write) Check() (size int, err error) {
	if err := w.Key.Check(); err != nil {
		return 0, err
	}
	switch {
	case w.Expect < Any:
		return 0, fmt.Errorf("a record cannot have version %d: %w", w.Expect, ErrInvalid)
	case w.Kind < Put || w.Kind > Check:
		return 0, fmt.Errorf("a write of kind %d: %w", w.Kind, ErrInvalid)
	case w.Kind != Put && w.Value != nil,
		(w.Kind == Delete || w.Kind == Check) && w.Moves != nil,
		w.Kind == Add && len(w.Moves) == 0:
		return 0, fmt.Errorf("a write with parts that its kind does not have: %w", ErrInvalid)
	case len(w.Moves) > MaxMoves:
		return 0, fmt.Errorf("%d counters moved in one write, at most %d: %w",
			len(w.Moves), MaxMoves, ErrTooLarge)
	}
	size = len(w.Key.Part) + len(w.Key.Sort) + len(w.Value)
	for i, m := range w.Moves {
		size += len(m.Counter) + CounterBytes
		for _, other := range w.Moves[:i] {
			if other.Counter == m.Counter {
				return 0, fmt.Errorf("counter %q is moved twice in one write: %w",
					m.Counter, ErrInvalid)
			}
		}
	}
	if size > MaxItemBytes {
		return 0, fmt.Errorf("%d bytes in one record, at most %d: %w",
			size, MaxItemBytes, ErrTooLarge)
	}
	return size, nil
}

// Check refuses an event that is malformed, with ErrInvalid, or over a limit, with ErrTooLarge.
// Otherwise it returns how many bytes it counts for. A timer's event may do without an id, and has
// no sequence. Whose event it is, and its contract, are for the store to judge.
func (e *Event) Check(timer bool) (size int, err error) {
	switch {
	case e.Type == "" || e.Subject == "" || e.ID == "" && !timer || e.Sequence < 0:
		return 0, fmt.Errorf("an event without id, type or subject: %w", ErrInvalid)
	case timer && e.Sequence != 0:
		return 0, fmt.Errorf("a timer's event with a sequence: %w", ErrInvalid)
	case len(e.Subject) > MaxSubjectBytes:
		return 0, fmt.Errorf("a subject of %d bytes: %w", len(e.Subject), ErrTooLarge)
	}
	for _, s := range [...]string{
		e.ID, e.Type, e.Subject, e.Correlation, e.Causation, e.Idempotency, e.TraceParent,
	} {
		if !utf8.ValidString(s) {
			return 0, fmt.Errorf("an event with a string that is not UTF-8: %w", ErrInvalid)
		}
		size += len(s)
	}
	if size += len(e.Data); size > MaxItemBytes {
		return 0, fmt.Errorf("%d bytes in one event, at most %d: %w",
			size, MaxItemBytes, ErrTooLarge)
	}
	return size, nil
}

// CheckTimerKey refuses a timer's key that is empty or too long, with ErrInvalid.
func CheckTimerKey(key string) error {
	if key == "" || len(key) > MaxSubjectBytes {
		return fmt.Errorf("a timer key of %d bytes: %w", len(key), ErrInvalid)
	}
	return nil
}

// CheckSubscription refuses a subscription that could never be served: without a name, types, a
// handler or an attempt. Its pattern is for platform/interest to read.
func CheckSubscription(s *Subscription) error {
	if s.Name == "" || len(s.Types) == 0 || s.Handle == nil || s.Retry.Attempts < 1 {
		return fmt.Errorf("subscription %q lacks name, types, handler or attempts: %w",
			s.Name, ErrInvalid)
	}
	return nil
}
