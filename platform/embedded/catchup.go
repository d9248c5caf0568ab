package embedded

import (
	"errors"

	"github.com/souk-commerce/souk/platform"
)

// Why a reading of the log ends early.
var (
	errEnough = errors.New("the queue is full")
	errMoved  = errors.New("the cursor was moved back")
)

// catchUpLocked starts reading from the log, unless that is being done already or there is no room.
func (s *subscription) catchUpLocked() {
	if s.reading || s.closed || s.ctx == nil || s.queue.len() >= maxQueued/2 {
		return
	}
	s.reading = true
	s.d.ended.Add(1)
	go s.catchUp() // ends with the log, a full queue, or the platform; shut waits for it
}

// catchUp reads matching events from the log until the subscription has everything that was
// published, and then lets offers through again.
func (s *subscription) catchUp() {
	defer s.d.ended.Done()
	for {
		s.mu.Lock()
		from, upTo, epoch := s.last, max(s.skipped, s.d.published.Load()), s.epoch
		s.mu.Unlock()
		err := s.d.p.scanLog(s.ctx, from, upTo, func(pos uint64, e platform.Event) error {
			return s.read(epoch, pos, e)
		})
		s.mu.Lock()
		if s.epoch != epoch && !s.closed {
			s.mu.Unlock()
			continue
		}
		if err != nil || s.closed {
			s.reading = false
			s.mu.Unlock()
			if err != nil && !errors.Is(err, errEnough) && s.ctx.Err() == nil &&
				!errors.Is(err, platform.ErrClosed) {
				s.d.p.log.Error("reading the log failed", "subscription", s.name, "error", err)
			}
			return
		}
		s.last = max(s.last, upTo)
		if s.skipped <= upTo && s.d.published.Load() <= upTo {
			s.behind, s.reading = false, false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// read takes one event of the log.
func (s *subscription) read(epoch int, pos uint64, e platform.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch != epoch:
		return errMoved
	case s.closed || s.queue.len() >= maxQueued:
		return errEnough
	}
	if !s.match.In(&e) {
		s.last = pos
		return nil
	}
	s.takeLocked(&logged{pos: pos, event: e})
	s.workLocked()
	return nil
}
