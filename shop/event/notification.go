package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// MessageSent says that a person was told something, once.
type MessageSent struct {
	Message  shop.ID              `json:"message"`
	Customer shop.ID              `json:"customer"`
	Topic    string               `json:"topic" doc:"order_placed, order_cancelled …"`
	Order    shop.ID              `json:"order"`
	Contact  shop.Sealed[Contact] `json:"contact"`
	Title    string               `json:"title"`
	Text     string               `json:"text" doc:"holds no personal data"`
	At       time.Time            `json:"at" doc:"when it was sent"`
}

// Type implements Fact.
func (*MessageSent) Type() string { return "souk.notification.sent.v1" }

// Subject implements Fact.
func (f *MessageSent) Subject() string { return "message/" + string(f.Message) }

func notificationKinds() []Kind {
	return []Kind{
		kind[MessageSent]("a person was told something, once",
			rule("has_topic", "size(data.topic) > 0",
				func(f *MessageSent) bool { return f.Topic != "" })),
	}
}
