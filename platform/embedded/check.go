package embedded

import (
	"fmt"
	"slices"
	"strings"

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
		if err := platform.CheckTimerKey(b.Timers[i].Key); err != nil {
			return err
		}
		size += n
	}
	for _, key := range b.Cancel {
		if err := platform.CheckTimerKey(key); err != nil {
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
		n, err := w.Check()
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

// checkEvent refuses an event that is malformed, is not the room's, or breaks its contract.
func (p *Platform) checkEvent(prefix string, e *platform.Event, timer bool) (size int, err error) {
	if size, err = e.Check(timer); err != nil {
		return 0, err
	}
	if prefix != "" && !ownType(prefix, e.Type) {
		return 0, fmt.Errorf("room %s cannot announce %s: %w", prefix, e.Type, platform.ErrInvalid)
	}
	if p.check != nil {
		if err := p.check(*e); err != nil {
			return 0, fmt.Errorf("%w: %w", platform.ErrContract, err)
		}
	}
	return size, nil
}

// ownType reports whether typ is "souk.<room>.…" for the prefix "<room>/".
func ownType(prefix, typ string) bool {
	rest, ok := strings.CutPrefix(typ, "souk.")
	room := prefix[:len(prefix)-1]
	return ok && len(rest) > len(room) && rest[:len(room)] == room && rest[len(room)] == '.'
}
