package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// MessageSent says that a person was told something, once: it is in their mailbox. The person may
// be a customer, a dealer, or the office of the market.
type MessageSent struct {
	Message  shop.ID              `json:"message"`
	Customer shop.ID              `json:"customer"`
	Topic    string               `json:"topic" doc:"order_placed, order_cancelled …"`
	Order    shop.ID              `json:"order"`
	Contact  shop.Sealed[Contact] `json:"contact"`
	Title    string               `json:"title"`
	Text     string               `json:"text" doc:"holds no personal data"`
	At       time.Time            `json:"at" doc:"when it was sent"`
	Language string               `json:"language,omitempty" doc:"of title and text; en if absent"`
	Words    []MessageWord        `json:"words,omitempty" doc:"what the template was filled with"`
	Leave    shop.ID              `json:"leave,omitempty" doc:"opens the door out of this topic"`
}

// MessageWord is a value that a message's template was filled with. It holds no personal data.
type MessageWord struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PreferencesSet says how a person wants to be told from now on. It replaces what was set before.
type PreferencesSet struct {
	Person   shop.ID              `json:"person"`
	Language string               `json:"language" doc:"as in de or de-AT; empty: the shop's own"`
	Contact  shop.Sealed[Contact] `json:"contact" doc:"for people whom no order tells about"`
	Off      []Silence            `json:"off,omitempty" doc:"what they do not want, and by which channel"`
	By       shop.ID              `json:"by,omitempty"`
	At       time.Time            `json:"at"`
}

// Silence is a topic that a person does not want to hear about on a channel.
type Silence struct {
	Topic   string `json:"topic"`
	Channel string `json:"channel" enum:"mail,sms"`
}

// MessageAttempted says that a carrier is about to be given a message. It is committed before the
// call, so that no call can be forgotten, and whoever finds it without an outcome does not call.
type MessageAttempted struct {
	Message shop.ID   `json:"message"`
	Order   shop.ID   `json:"order"`
	Channel string    `json:"channel" enum:"mail,sms"`
	Attempt int       `json:"attempt" doc:"on this channel, from 1"`
	Claim   shop.ID   `json:"claim" doc:"a name of this attempt's own: only who made it calls"`
	At      time.Time `json:"at"`
}

// MessageHandedOver says that the carrier took a message. It says nothing of its arrival.
type MessageHandedOver struct {
	Message   shop.ID `json:"message"`
	Order     shop.ID `json:"order"`
	Channel   string  `json:"channel" enum:"mail,sms"`
	Attempt   int     `json:"attempt"`
	Reference string  `json:"reference,omitempty" doc:"the carrier's name for the message"`
}

// MessageRefused says that the carrier certainly did not take a message. With Final it stays in the
// mailbox only; without, there will be another attempt.
type MessageRefused struct {
	Message shop.ID `json:"message"`
	Order   shop.ID `json:"order"`
	Channel string  `json:"channel" enum:"mail,sms"`
	Attempt int     `json:"attempt"`
	Reason  string  `json:"reason" doc:"throttled, unreachable, bad_address …"`
	Final   bool    `json:"final"`
}

// MessageUnresolved says that nobody knows whether the carrier took a message. It is not sent again
// unless the carrier says that it did not.
type MessageUnresolved struct {
	Message shop.ID `json:"message"`
	Order   shop.ID `json:"order"`
	Channel string  `json:"channel" enum:"mail,sms"`
	Attempt int     `json:"attempt"`
}

// MessageSendDue is a timer's fact: attempt again what was refused, or ask what became of it.
type MessageSendDue struct {
	Message shop.ID `json:"message"`
	Order   shop.ID `json:"order"`
	Channel string  `json:"channel" enum:"mail,sms"`
	Attempt int     `json:"attempt" doc:"the last one"`
	Round   int     `json:"round,omitempty" doc:"how often the carrier was asked before"`
}

// Type implements Fact.
func (*MessageSent) Type() string { return "souk.notification.sent.v1" }

// Type implements Fact.
func (*PreferencesSet) Type() string { return "souk.notification.preferred.v1" }

// Type implements Fact.
func (*MessageAttempted) Type() string { return "souk.notification.attempted.v1" }

// Type implements Fact.
func (*MessageHandedOver) Type() string { return "souk.notification.handed_over.v1" }

// Type implements Fact.
func (*MessageRefused) Type() string { return "souk.notification.refused.v1" }

// Type implements Fact.
func (*MessageUnresolved) Type() string { return "souk.notification.unresolved.v1" }

// Type implements Fact.
func (*MessageSendDue) Type() string { return "souk.notification.send_due.v1" }

// Subject implements Fact.
func (f *MessageSent) Subject() string { return messageSubject(f.Message) }

// Subject implements Fact.
func (f *PreferencesSet) Subject() string { return "preferences/" + string(f.Person) }

// Subject implements Fact.
func (f *MessageAttempted) Subject() string { return messageSubject(f.Message) }

// Subject implements Fact.
func (f *MessageHandedOver) Subject() string { return messageSubject(f.Message) }

// Subject implements Fact.
func (f *MessageRefused) Subject() string { return messageSubject(f.Message) }

// Subject implements Fact.
func (f *MessageUnresolved) Subject() string { return messageSubject(f.Message) }

// Subject implements Fact.
func (f *MessageSendDue) Subject() string {
	return "timer/notification-send/" + string(f.Message)
}

func messageSubject(id shop.ID) string { return "message/" + string(id) }

// sending makes the rules that every fact about the sending of a message has.
func sending[T Fact](channel func(T) string, attempt func(T) int) []Invariant {
	return []Invariant{
		rule("known_channel", "data.channel in ['mail', 'sms']",
			func(f T) bool { return channel(f) == "mail" || channel(f) == "sms" }),
		rule("attempt_counts", "data.attempt > 0", func(f T) bool { return attempt(f) > 0 }),
	}
}

func notificationKinds() []Kind {
	return []Kind{
		kind[MessageSent]("a person was told something, once",
			rule("has_topic", "size(data.topic) > 0",
				func(f *MessageSent) bool { return f.Topic != "" })),
		kind[PreferencesSet]("this is how a person wants to be told from now on",
			rule("known_channels",
				"!has(data.off) || data.off.all(s, s.channel in ['mail', 'sms'])",
				func(f *PreferencesSet) bool {
					return all(f.Off, func(s Silence) bool {
						return s.Channel == "mail" || s.Channel == "sms"
					})
				})),
		kind[MessageAttempted]("a carrier is about to be given a message",
			append(sending(
				func(f *MessageAttempted) string { return f.Channel },
				func(f *MessageAttempted) int { return f.Attempt }),
				rule("has_claim", "size(data.claim) > 0",
					func(f *MessageAttempted) bool { return f.Claim != "" }))...),
		kind[MessageHandedOver]("the carrier took a message",
			sending(
				func(f *MessageHandedOver) string { return f.Channel },
				func(f *MessageHandedOver) int { return f.Attempt })...),
		kind[MessageRefused]("the carrier certainly did not take a message",
			append(sending(
				func(f *MessageRefused) string { return f.Channel },
				func(f *MessageRefused) int { return f.Attempt }),
				rule("has_reason", "size(data.reason) > 0",
					func(f *MessageRefused) bool { return f.Reason != "" }))...),
		kind[MessageUnresolved]("nobody knows whether the carrier took a message",
			sending(
				func(f *MessageUnresolved) string { return f.Channel },
				func(f *MessageUnresolved) int { return f.Attempt })...),
		kind[MessageSendDue]("it is time to attempt again, or to ask (announced by its timer)",
			sending(
				func(f *MessageSendDue) string { return f.Channel },
				func(f *MessageSendDue) int { return f.Attempt })...),
	}
}
