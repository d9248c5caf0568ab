package aws

import (
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/platform"
)

// checkBatch refuses a batch that breaks a rule or a limit of the port, before anything is sent.
func (s *store) checkBatch(b *platform.Batch) error {
	if b.Items() > platform.MaxItems {
		return fmt.Errorf("%d items in a commit, at most %d: %w",
			b.Items(), platform.MaxItems, platform.ErrTooLarge)
	}
	size := 0
	for i := range b.Writes {
		n, err := b.Writes[i].Check()
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
		if err := platform.CheckTimerKey(k); err != nil {
			return err
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

// checkEvent refuses an event that is malformed, is not the room's, or breaks its contract.
func (s *store) checkEvent(e *platform.Event, timer bool) (size int, err error) {
	if size, err = e.Check(timer); err != nil {
		return 0, err
	}
	if !strings.HasPrefix(e.Type, "souk."+s.room+".") {
		return 0, fmt.Errorf("room %s cannot announce %s: %w", s.room, e.Type, platform.ErrInvalid)
	}
	if s.p.o.Check != nil {
		if err := s.p.o.Check(*e); err != nil {
			return 0, fmt.Errorf("%w: %w", platform.ErrContract, err)
		}
	}
	return size, nil
}
