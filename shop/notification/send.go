package notification

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// State is how far the sending of a message on one channel has come.
type State string

// The states. A message that was never attempted on a channel has none there.
const (
	Sending State = "sending" // a carrier is being called, or was when its process died
	Waiting State = "waiting" // refused for now: it will be attempted again
	Sent    State = "sent"    // the carrier has it
	Failed  State = "failed"  // refused for good
	InDoubt State = "unknown" // nobody knows; it is not sent again
)

// Send is the sending of a message on one channel.
type Send struct {
	Channel   string    `json:"channel"`
	State     State     `json:"state"`
	Attempt   int       `json:"attempt"`
	Claim     shop.ID   `json:"claim"`
	At        time.Time `json:"at"` // of the last attempt
	Reason    string    `json:"reason,omitempty"`
	Reference string    `json:"reference,omitempty"`
}

// send returns the sending on a channel, or nil.
func (m *Message) send(channel string) *Send {
	for i := range m.Sends {
		if m.Sends[i].Channel == channel {
			return &m.Sends[i]
		}
	}
	return nil
}

// mayAttempt reports whether attempt n on a channel may begin: it is the first, or what was before
// it was certainly refused.
func (m *Message) mayAttempt(channel string, n int) bool {
	s := m.send(channel)
	if s == nil {
		return n == 1
	}
	return s.State == Waiting && s.Attempt == n-1
}

// open reports whether an attempt's outcome is still to be settled. What is in doubt can be
// settled: by the caller whose answer came late, or by a vendor who can be asked.
func (s *Send) open() bool { return s.State == Sending || s.State == InDoubt }

// troubled reports whether a person may want to look at it.
func (s *Send) troubled() bool { return s.State == Failed || s.State == InDoubt }

// apply changes the message by a fact of its own about sending. It returns the sending that
// changed, and whether it was in trouble before; nil for every other fact.
func (m *Message) apply(f event.Fact, seq int64) (s *Send, was bool) {
	channel, attempt := "", 0
	switch f := f.(type) {
	case *event.MessageAttempted:
		channel, attempt = f.Channel, f.Attempt
	case *event.MessageHandedOver:
		channel, attempt = f.Channel, f.Attempt
	case *event.MessageRefused:
		channel, attempt = f.Channel, f.Attempt
	case *event.MessageUnresolved:
		channel, attempt = f.Channel, f.Attempt
	default:
		return nil, false
	}
	m.Seq = seq
	if s = m.send(channel); s == nil {
		m.Sends = append(m.Sends, Send{Channel: channel})
		s = &m.Sends[len(m.Sends)-1]
	}
	was, s.Attempt = s.troubled(), attempt
	switch f := f.(type) {
	case *event.MessageAttempted:
		s.State, s.Claim, s.At, s.Reason = Sending, f.Claim, f.At, ""
	case *event.MessageHandedOver:
		s.State, s.Reference, s.Reason = Sent, f.Reference, ""
	case *event.MessageRefused:
		s.State, s.Reason = Waiting, f.Reason
		if f.Final {
			s.State = Failed
		}
	case *event.MessageUnresolved:
		s.State = InDoubt
	}
	return s, was
}

// settled lists the fact that follows from an outcome of an open attempt; nil if nothing does.
// attempts bounds how many there may be.
func (m *Message) settled(s *Send, out Outcome, attempts int) event.Fact {
	switch out.Verdict {
	case Taken:
		return &event.MessageHandedOver{
			Message: m.ID, Order: m.Order, Channel: s.Channel, Attempt: s.Attempt,
			Reference: word(out.Reference, ""),
		}
	case Refused, Missing:
		reason := word(out.Reason, "refused")
		if out.Verdict == Missing {
			reason = "missing"
		}
		return &event.MessageRefused{
			Message: m.ID, Order: m.Order, Channel: s.Channel, Attempt: s.Attempt,
			Reason: reason, Final: out.Final || s.Attempt >= attempts,
		}
	}
	if s.State == InDoubt {
		return nil
	}
	return &event.MessageUnresolved{
		Message: m.ID, Order: m.Order, Channel: s.Channel, Attempt: s.Attempt,
	}
}
