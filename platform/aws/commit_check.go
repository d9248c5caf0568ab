package aws

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/souk-commerce/souk/platform"
)

// counterBytes is what a counter counts for beside its name.
const counterBytes = 8

// checkBatch refuses a batch that breaks a rule or a limit of the port, before anything is sent.
func (s *store) checkBatch(b *platform.Batch) error {
	if b.Items() > platform.MaxItems {
		return fmt.Errorf("%d items in a commit, at most %d: %w",
			b.Items(), platform.MaxItems, platform.ErrTooLarge)
	}
	size := 0
	for i := range b.Writes {
		n, err := checkWrite(&b.Writes[i])
		if err != nil {
			return err
		}
		size += n
	}
	for i := range b.Events {
		n, err := s.checkEvent(&b.Events[i], false)
		if err != nil {
			return err
		}
		size += n
	}
	timers := append([]string(nil), b.Cancel...)
	for i := range b.Timers {
		n, err := s.checkEvent(&b.Timers[i].Event, true)
		if err != nil {
			return err
		}
		timers = append(timers, b.Timers[i].Key)
		size += n
	}
	for _, k := range timers {
		if k == "" || len(k) > platform.MaxSubjectBytes {
			return fmt.Errorf("a timer key of %d bytes: %w", len(k), platform.ErrInvalid)
		}
	}
	if size > platform.MaxBatchBytes {
		return fmt.Errorf("%d bytes in a commit, at most %d: %w",
			size, platform.MaxBatchBytes, platform.ErrTooLarge)
	}
	return checkOnce(b, timers)
}

// checkOnce refuses a batch that names anything twice.
func checkOnce(b *platform.Batch, timers []string) error {
	type place struct {
		subject, id string
		sequence    int64
	}
	keys, places, set := make(map[platform.Key]bool), make(map[place]bool), make(map[string]bool)
	for i := range b.Writes {
		keys[b.Writes[i].Key] = true
	}
	for i := range b.Events {
		e := &b.Events[i]
		at := place{subject: e.Subject, sequence: e.Sequence}
		if e.Sequence == 0 {
			at.id = e.ID
		}
		places[at] = true
	}
	for _, k := range timers {
		set[k] = true
	}
	if len(keys) < len(b.Writes) || len(places) < len(b.Events) || len(set) < len(timers) {
		return fmt.Errorf("a record, an event's place or a timer occurs twice in one commit: %w",
			platform.ErrInvalid)
	}
	return nil
}

func checkWrite(w *platform.Write) (size int, err error) {
	if err := checkKey(w.Key); err != nil {
		return 0, err
	}
	switch {
	case w.Expect < platform.Any:
		return 0, fmt.Errorf("a record cannot have version %d: %w", w.Expect, platform.ErrInvalid)
	case w.Kind < platform.Put || w.Kind > platform.Check:
		return 0, fmt.Errorf("a write of kind %d: %w", w.Kind, platform.ErrInvalid)
	case w.Kind != platform.Put && w.Value != nil,
		(w.Kind == platform.Delete || w.Kind == platform.Check) && w.Moves != nil,
		w.Kind == platform.Add && len(w.Moves) == 0:
		return 0, fmt.Errorf("a write with parts that its kind does not have: %w",
			platform.ErrInvalid)
	case len(w.Moves) > platform.MaxMoves:
		return 0, fmt.Errorf("%d counters moved in one write, at most %d: %w",
			len(w.Moves), platform.MaxMoves, platform.ErrTooLarge)
	}
	size = len(w.Key.Part) + len(w.Key.Sort) + len(w.Value)
	seen := make(map[string]bool, len(w.Moves))
	for _, m := range w.Moves {
		size += len(m.Counter) + counterBytes
		if seen[m.Counter] {
			return 0, fmt.Errorf("counter %q is moved twice in one write: %w",
				m.Counter, platform.ErrInvalid)
		}
		seen[m.Counter] = true
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

// checkEvent refuses an event that is malformed, is not the room's, or breaks its contract.
func (s *store) checkEvent(e *platform.Event, timer bool) (size int, err error) {
	switch {
	case e.Type == "" || e.Subject == "" || e.ID == "" && !timer || e.Sequence < 0:
		return 0, fmt.Errorf("an event without id, type or subject: %w", platform.ErrInvalid)
	case timer && e.Sequence != 0:
		return 0, fmt.Errorf("a timer's event with a sequence: %w", platform.ErrInvalid)
	case len(e.Subject) > platform.MaxSubjectBytes:
		return 0, fmt.Errorf("a subject of %d bytes: %w", len(e.Subject), platform.ErrTooLarge)
	case !strings.HasPrefix(e.Type, "souk."+s.room+"."):
		return 0, fmt.Errorf("room %s cannot announce %s: %w", s.room, e.Type, platform.ErrInvalid)
	}
	for _, str := range [...]string{
		e.ID, e.Type, e.Subject, e.Correlation, e.Causation, e.Idempotency, e.TraceParent,
	} {
		if !utf8.ValidString(str) {
			return 0, fmt.Errorf("an event with a string that is not UTF-8: %w",
				platform.ErrInvalid)
		}
		size += len(str)
	}
	if size += len(e.Data); size > platform.MaxItemBytes {
		return 0, fmt.Errorf("%d bytes in one event, at most %d: %w",
			size, platform.MaxItemBytes, platform.ErrTooLarge)
	}
	if s.p.o.Check != nil {
		if err := s.p.o.Check(*e); err != nil {
			return 0, fmt.Errorf("%w: %w", platform.ErrContract, err)
		}
	}
	return size, nil
}
