package verify

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// letter names the sending of a message on one channel.
type letter struct {
	message shop.ID
	channel string
}

// sent is how far one has come: the last attempt, and whether its outcome lets another begin.
type sent struct {
	attempt int
	taken   bool
	refused bool // certainly not taken, and to be attempted again
	over    bool // refused for good
	doubt   bool // nobody knows
}

// sending requires that a message leaves at most once on a channel: an attempt begins only where
// the one before it was certainly refused, and one is taken.
func (b *books) sending(it *item, l *life) {
	b.check(singletons)
	if l.sends == nil {
		l.sends = make(map[letter]sent)
	}
	wrong := func(of letter, attempt int, what string) {
		b.broken(singletons, it.at, what,
			"message", of.message, "channel", of.channel, "attempt", attempt, "order", l.id)
	}
	switch f := it.fact.(type) {
	case *event.MessageAttempted:
		of := letter{f.Message, f.Channel}
		s, again := l.sends[of]
		if again && !s.refused || f.Attempt != s.attempt+1 {
			wrong(of, f.Attempt, "a message is sent again, and may have left before")
		}
		l.sends[of] = sent{attempt: f.Attempt}
	case *event.MessageHandedOver:
		of := letter{f.Message, f.Channel}
		s := l.sends[of]
		if s.taken || s.refused || s.over || s.attempt != f.Attempt {
			wrong(of, f.Attempt, "a message leaves twice, or without an attempt")
		}
		s.taken = true
		l.sends[of] = s
	case *event.MessageRefused:
		of := letter{f.Message, f.Channel}
		s := l.sends[of]
		if s.taken || s.over || s.attempt != f.Attempt {
			wrong(of, f.Attempt, "a message is refused that left, or without an attempt")
		}
		s.refused, s.over = !f.Final, f.Final
		l.sends[of] = s
	case *event.MessageUnresolved:
		of := letter{f.Message, f.Channel}
		s := l.sends[of]
		if s.taken || s.refused || s.over || s.attempt != f.Attempt {
			wrong(of, f.Attempt, "a message is in doubt whose outcome is known")
		}
		s.doubt = true
		l.sends[of] = s
	}
}

// sendingEnd requires, once all is quiet, that no attempt is left without a word about its outcome.
func (b *books) sendingEnd(l *life) {
	for of, s := range l.sends {
		if !s.taken && !s.refused && !s.over && !s.doubt {
			b.owed(singletons, l, "nothing is said of what came of an attempt to send a message",
				"message", of.message, "channel", of.channel, "attempt", s.attempt)
		}
	}
}
