package notification

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// offer makes the first attempt to send a message on a channel, or finds out that an earlier
// delivery of the same fact made it.
func (s *Service) offer(ctx context.Context, c room.Cause, id shop.ID, channel string) error {
	m, err := s.message(ctx, id)
	if err != nil {
		return err
	}
	p, err := preferenceOf(ctx, s.desk.Begin(room.Cause{}), m.Customer)
	if err != nil {
		return err
	}
	switch send := m.send(channel); {
	case send == nil && !p.wants(m.Topic, channel):
		return nil // they find it in their mailbox
	case send == nil && s.desk.Clock.Now().Sub(m.At) > s.opt.Policy.MaxAge:
		return nil // it is no news any more: nobody wants it after a year of pause
	case send == nil:
		return s.attempt(ctx, c, m, channel, 1)
	case send.State == Sending && send.Attempt == 1:
		return s.lost(ctx, c, m, send)
	}
	return nil
}

// goOn does what a timer was set for: the next attempt, or a question.
func (s *Service) goOn(ctx context.Context, c room.Cause, f *event.MessageSendDue) error {
	if s.carrier(f.Channel) == nil {
		return nil // the operator took the carrier away: it stays where it is
	}
	m, err := s.message(ctx, f.Message)
	if err != nil {
		return err
	}
	switch send := m.send(f.Channel); {
	case send == nil:
		return platform.ErrNotYet
	case send.State == Waiting && send.Attempt == f.Attempt:
		return s.attempt(ctx, c, m, f.Channel, f.Attempt+1)
	case send.State == Sending && send.Attempt == f.Attempt+1:
		return s.lost(ctx, c, m, send)
	case send.State == InDoubt && send.Attempt == f.Attempt:
		return s.inquire(ctx, c, m, send, f.Round)
	}
	return nil
}

func (s *Service) message(ctx context.Context, id shop.ID) (*Message, error) {
	m, err := room.Get[Message](ctx, s.desk.Begin(room.Cause{}), messageKey(id))
	if err == nil && m == nil {
		err = platform.ErrNotYet
	}
	return m, err
}

// attempt is the three steps of an effect outside: commit that it is about to happen, call with
// nothing held, commit what came of it.
func (s *Service) attempt(
	ctx context.Context, c room.Cause, m *Message, channel string, n int,
) error {
	to, err := s.address(ctx, m, channel)
	if err != nil {
		return err
	}
	if to == "" {
		return s.unaddressed(ctx, c, m, channel)
	}
	claim := s.desk.IDs.NewID("try")
	mine, err := s.claim(ctx, c, m, channel, n, claim)
	if err != nil {
		return err
	}
	if !mine {
		return platform.ErrNotYet // somebody else is at it: look again when they are done
	}
	// From here on a process that is told to stop still finishes: what it knows would be lost.
	ctx = context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	out := s.carrier(channel).Send(limited, s.letter(m, channel, to))
	return s.settle(ctx, c, m.ID, channel, claim, out, 0)
}

// address opens where a message goes on a channel. It is "" if that is not known, or not any more.
func (s *Service) address(ctx context.Context, m *Message, channel string) (string, error) {
	c, err := s.contact(ctx, m.Contact)
	if channel == SMS {
		return c.Phone, err
	}
	return c.Email, err
}

// unaddressed gives up on a message whose person was erased between two attempts. One that has no
// address from the beginning leaves no trace.
func (s *Service) unaddressed(
	ctx context.Context, c room.Cause, m *Message, channel string,
) error {
	if m.send(channel) == nil {
		return nil
	}
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		m, err := room.Get[Message](ctx, tx, messageKey(m.ID))
		if err != nil || m == nil || m.send(channel).State != Waiting {
			return err
		}
		none := Outcome{Verdict: Refused, Reason: "no_address", Final: true}
		return tx.Announce(ctx, m.settled(m.send(channel), none, 0), m.Seq+1)
	})
}

// claim commits that attempt n is about to happen, and reports whether it is this caller's. The
// claim's name tells so even if the outcome of a commit was unknown: whose it is has not called
// yet.
func (s *Service) claim(
	ctx context.Context, c room.Cause, m *Message, channel string, n int, claim shop.ID,
) (mine bool, err error) {
	err = s.insist(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		mine = false
		m, err := room.Get[Message](ctx, tx, messageKey(m.ID))
		if err != nil || m == nil {
			return err
		}
		if send := m.send(channel); send != nil && send.Claim == claim {
			mine = true
			return nil
		}
		if !m.mayAttempt(channel, n) {
			return nil
		}
		mine = true
		return tx.Announce(ctx, &event.MessageAttempted{
			Message: m.ID, Order: m.Order, Channel: channel, Attempt: n, Claim: claim,
			At: tx.Now(),
		}, m.Seq+1)
	})
	return mine && err == nil, err
}

// settle commits what follows from the outcome of a claimed attempt, and the timer by which it goes
// on. Nothing follows if it was settled before. round is how often the carrier was asked.
func (s *Service) settle(
	ctx context.Context, c room.Cause, id shop.ID, channel string, claim shop.ID, out Outcome,
	round int,
) error {
	s.nums.count(out.Verdict)
	return s.insist(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		m, err := room.Get[Message](ctx, tx, messageKey(id))
		if err != nil || m == nil {
			return err
		}
		send := m.send(channel)
		if send == nil || send.Claim != claim || !send.open() {
			return nil
		}
		if f := m.settled(send, out, s.opt.Policy.Attempts); f != nil {
			if err := tx.Announce(ctx, f, m.Seq+1); err != nil {
				return err
			}
		}
		return s.follow(ctx, tx, id, channel, round)
	})
}

// follow sets the timer that a sending needs in the state in which this unit of work leaves it.
func (s *Service) follow(
	ctx context.Context, tx *room.Tx, id shop.ID, channel string, round int,
) error {
	m, err := room.Get[Message](ctx, tx, messageKey(id))
	if err != nil {
		return err
	}
	send, p := m.send(channel), s.opt.Policy
	due := &event.MessageSendDue{
		Message: id, Order: m.Order, Channel: channel, Attempt: send.Attempt,
	}
	_, asks := s.carrier(channel).(Asker)
	switch {
	case send.State == Waiting:
		return tx.SetTimer(timerKey(id, channel), tx.Now().Add(s.opt.wait(send.Attempt)), due)
	case send.State == InDoubt && asks && round < p.Questions:
		due.Round = round
		return tx.SetTimer(timerKey(id, channel), tx.Now().Add(p.AskAfter), due)
	}
	return nil
}

// lost deals with an attempt that another delivery began: it may still be under way, and after its
// lease nobody knows.
func (s *Service) lost(ctx context.Context, c room.Cause, m *Message, send *Send) error {
	if s.desk.Clock.Now().Before(send.At.Add(s.opt.Policy.Lease)) {
		return platform.ErrNotYet
	}
	return s.settle(ctx, c, m.ID, send.Channel, send.Claim, Outcome{Verdict: Unknown}, 0)
}

// inquire asks a carrier that can be asked what became of a message in doubt.
func (s *Service) inquire(
	ctx context.Context, c room.Cause, m *Message, send *Send, round int,
) error {
	asker, ok := s.carrier(send.Channel).(Asker)
	if !ok {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	out := asker.Status(limited, string(m.ID)+"/"+send.Channel)
	return s.settle(ctx, c, m.ID, send.Channel, send.Claim, out, round+1)
}

// The bounds of insist: within them most of a store's bad moments pass.
const (
	insistTimes = 6
	insistPause = 20 * time.Millisecond
)

// insist commits a unit of work that sees for itself whether it was committed before, and tries
// again when the outcome is unknown or a read failed.
func (s *Service) insist(
	ctx context.Context, c room.Cause, work func(context.Context, *room.Tx) error,
) error {
	for i := 1; ; i++ {
		err := s.desk.Do(ctx, c, work)
		if err == nil || i == insistTimes {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-s.desk.Clock.After(insistPause):
		}
	}
}

func timerKey(id shop.ID, channel string) string { return "send/" + channel + "/" + string(id) }
