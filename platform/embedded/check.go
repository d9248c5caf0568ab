package embedded

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/souk-commerce/souk/platform"
)

// checkBatch refuses a batch that breaks a rule or a limit, before anything is locked.
func (p *Platform) checkBatch(c *change) error {
	b := c.batch
	if b.Items() > platform.MaxItems {
		return fmt.Errorf("%d items in a commit, at most %d: %w",
			b.Items(), platform.MaxItems, platform.ErrTooLarge)
	}
	size, err := p.checkWrites(c)
	if err != nil {
		return err
	}
	for i := range b.Events {
		n, err := p.checkEvent(c.prefix, &b.Events[i], false)
		if err != nil {
			return err
		}
		size += n
	}
	for i := range b.Timers {
		n, err := p.checkEvent(c.prefix, &b.Timers[i].Event, true)
		if err != nil {
			return err
		}
		if err := checkTimerKey(b.Timers[i].Key); err != nil {
			return err
		}
		size += n
	}
	for _, key := range b.Cancel {
		if err := checkTimerKey(key); err != nil {
			return err
		}
	}
	if err := checkOnce(b); err != nil {
		return err
	}
	if size > platform.MaxBatchBytes {
		return fmt.Errorf("%d bytes in a commit, at most %d: %w",
			size, platform.MaxBatchBytes, platform.ErrTooLarge)
	}
	return nil
}

func (p *Platform) checkWrites(c *change) (size int, err error) {
	c.keys = make([][]byte, len(c.batch.Writes))
	for i := range c.batch.Writes {
		w := &c.batch.Writes[i]
		n, err := checkWrite(w)
		if err != nil {
			return 0, err
		}
		size += n
		c.keys[i] = roomKey(make([]byte, 0, len(c.prefix)+len(w.Key.Part)+len(w.Key.Sort)+4),
			c.prefix, w.Key)
	}
	if twice(c.keys) {
		return 0, fmt.Errorf("a record is written twice in one commit: %w", platform.ErrInvalid)
	}
	return size, nil
}

// checkOnce refuses a batch that names a timer, or a place in a subject, more than once.
func checkOnce(b *platform.Batch) error {
	for i := range b.Events {
		for j := range i {
			if b.Events[i].Sequence > 0 && b.Events[i].Sequence == b.Events[j].Sequence &&
				b.Events[i].Subject == b.Events[j].Subject {
				return fmt.Errorf("two events at one place of a subject: %w", platform.ErrInvalid)
			}
		}
	}
	keys := slices.Clone(b.Cancel)
	for i := range b.Timers {
		keys = append(keys, b.Timers[i].Key)
	}
	for i := range keys {
		if slices.Contains(keys[:i], keys[i]) {
			return fmt.Errorf("timer %q occurs twice in one commit: %w", keys[i],
				platform.ErrInvalid)
		}
	}
	return nil
}

// twice reports whether a key occurs twice. Small batches are compared pair by pair.
func twice(keys [][]byte) bool {
	if len(keys) > 16 {
		seen := make(map[string]bool, len(keys))
		for _, k := range keys {
			if seen[string(k)] {
				return true
			}
			seen[string(k)] = true
		}
		return false
	}
	for i := range keys {
		for j := range i {
			if string(keys[i]) == string(keys[j]) {
				return true
			}
		}
	}
	return false
}

func checkWrite(w *platform.Write) (size int, err error) {
	if err := checkKey(w.Key); err != nil {
		return 0, err
	}
	if w.Expect < platform.Any {
		return 0, fmt.Errorf("a record cannot have version %d: %w", w.Expect, platform.ErrInvalid)
	}
	switch {
	case w.Kind < platform.Put || w.Kind > platform.Check:
		return 0, fmt.Errorf("a write of kind %d: %w", w.Kind, platform.ErrInvalid)
	case w.Kind != platform.Put && w.Value != nil,
		(w.Kind == platform.Delete || w.Kind == platform.Check) && w.Moves != nil,
		w.Kind == platform.Add && len(w.Moves) == 0:
		return 0, fmt.Errorf("a write with parts that its kind does not have: %w",
			platform.ErrInvalid)
	}
	if len(w.Moves) > platform.MaxMoves {
		return 0, fmt.Errorf("%d counters moved in one write, at most %d: %w",
			len(w.Moves), platform.MaxMoves, platform.ErrTooLarge)
	}
	size = len(w.Key.Part) + len(w.Key.Sort) + len(w.Value)
	for i, m := range w.Moves {
		size += len(m.Counter) + counterBytes
		for _, other := range w.Moves[:i] {
			if other.Counter == m.Counter {
				return 0, fmt.Errorf("counter %q is moved twice in one write: %w",
					m.Counter, platform.ErrInvalid)
			}
		}
	}
	if size > platform.MaxItemBytes {
		return 0, fmt.Errorf("%d bytes in one record, at most %d: %w",
			size, platform.MaxItemBytes, platform.ErrTooLarge)
	}
	return size, nil
}

func checkKey(k platform.Key) error {
	switch {
	case k.Part == "":
		return fmt.Errorf("a key without a partition: %w", platform.ErrInvalid)
	case len(k.Part) > platform.MaxPartBytes:
		return fmt.Errorf("a partition of %d bytes: %w", len(k.Part), platform.ErrTooLarge)
	case len(k.Sort) > platform.MaxSortBytes:
		return fmt.Errorf("a sort key of %d bytes: %w", len(k.Sort), platform.ErrTooLarge)
	}
	return nil
}

func checkTimerKey(key string) error {
	if key == "" || len(key) > platform.MaxSubjectBytes {
		return fmt.Errorf("a timer key of %d bytes: %w", len(key), platform.ErrInvalid)
	}
	return nil
}

// checkEvent refuses an event that is malformed, is not the room's, or breaks its contract.
func (p *Platform) checkEvent(prefix string, e *platform.Event, timer bool) (size int, err error) {
	switch {
	case e.Type == "" || e.Subject == "" || e.ID == "" && !timer || e.Sequence < 0:
		return 0, fmt.Errorf("an event without id, type or subject: %w", platform.ErrInvalid)
	case timer && e.Sequence != 0:
		return 0, fmt.Errorf("a timer's event with a sequence: %w", platform.ErrInvalid)
	case len(e.Subject) > platform.MaxSubjectBytes:
		return 0, fmt.Errorf("a subject of %d bytes: %w", len(e.Subject), platform.ErrTooLarge)
	case !isText(e):
		return 0, fmt.Errorf("an event with a string that is not UTF-8: %w", platform.ErrInvalid)
	case prefix != "" && !ownType(prefix, e.Type):
		return 0, fmt.Errorf("room %s cannot announce %s: %w", prefix, e.Type, platform.ErrInvalid)
	}
	size = len(e.ID) + len(e.Type) + len(e.Subject) + len(e.Data) + len(e.Correlation) +
		len(e.Causation) + len(e.Idempotency) + len(e.TraceParent)
	if size > platform.MaxItemBytes {
		return 0, fmt.Errorf("%d bytes in one event, at most %d: %w",
			size, platform.MaxItemBytes, platform.ErrTooLarge)
	}
	if p.check != nil {
		if err := p.check(*e); err != nil {
			return 0, fmt.Errorf("%w: %w", platform.ErrContract, err)
		}
	}
	return size, nil
}

// isText reports whether every string of e is UTF-8.
func isText(e *platform.Event) bool {
	return utf8.ValidString(e.ID) && utf8.ValidString(e.Type) && utf8.ValidString(e.Subject) &&
		utf8.ValidString(e.Correlation) && utf8.ValidString(e.Causation) &&
		utf8.ValidString(e.Idempotency) && utf8.ValidString(e.TraceParent)
}

// ownType reports whether typ is "souk.<room>.…" for the prefix "<room>/".
func ownType(prefix, typ string) bool {
	rest, ok := strings.CutPrefix(typ, "souk.")
	room := prefix[:len(prefix)-1]
	return ok && len(rest) > len(room) && rest[:len(room)] == room && rest[len(room)] == '.'
}
