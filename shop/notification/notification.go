package notification

import (
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The topics of messages.
const (
	TopicPlaced     = "order_placed"
	TopicCancelled  = "order_cancelled"
	TopicExpired    = "order_expired"
	TopicDispatched = "order_dispatched"
)

// Message is what a person was told, and how far its sending has come. What was told never changes.
type Message struct {
	ID       shop.ID                    `json:"id"`
	Customer shop.ID                    `json:"customer"`
	Topic    string                     `json:"topic"`
	Order    shop.ID                    `json:"order"`
	Contact  shop.Sealed[event.Contact] `json:"contact"`
	Title    string                     `json:"title"`
	Text     string                     `json:"text"`
	At       time.Time                  `json:"at"`
	Seq      int64                      `json:"seq"`
	Sends    []Send                     `json:"sends,omitempty"` // one a channel that was attempted
}

// messageID names a message after what it tells, so that telling it twice is telling it once. about
// is the order, or the shipment when there may be several.
func messageID(topic string, about shop.ID) shop.ID {
	name := strings.TrimPrefix(strings.TrimPrefix(string(about), "ord_"), "shp_")
	return shop.ID("msg_" + topic + "_" + name)
}

func placedMessage(f *event.OrderPlaced) *event.MessageSent {
	parcels := "one parcel"
	if len(f.Parcels) > 1 {
		parcels = fmt.Sprintf("%d parcels", len(f.Parcels))
	}
	return &event.MessageSent{
		Message: messageID(TopicPlaced, f.Order), Customer: f.Customer, Topic: TopicPlaced,
		Order: f.Order, Contact: f.Contact, Title: "Your order is placed",
		Text: fmt.Sprintf("Thank you. Order %s comes to you in %s. "+
			"We take your money only when a parcel is packed.", f.Order, parcels),
	}
}

func cancelledMessage(f *event.OrderCancelled) *event.MessageSent {
	return &event.MessageSent{
		Message: messageID(TopicCancelled, f.Order), Customer: f.Customer, Topic: TopicCancelled,
		Order: f.Order, Contact: f.Contact, Title: "Your order is cancelled",
		Text: fmt.Sprintf("Order %s is cancelled%s. "+
			"You pay nothing for it; what was taken already comes back to you.",
			f.Order, because(f.Reason)),
	}
}

// because puts the reasons that a customer understands into words.
func because(reason string) string {
	switch reason {
	case "customer":
		return ", as you asked"
	case "out_of_stock":
		return ", because something in it is out of stock"
	case "payment_failed":
		return ", because the payment did not go through"
	}
	return ""
}

func expiredMessage(f *event.OrderExpired) *event.MessageSent {
	return &event.MessageSent{
		Message: messageID(TopicExpired, f.Order), Customer: f.Customer, Topic: TopicExpired,
		Order: f.Order, Contact: f.Contact, Title: "Your order has lapsed",
		Text: fmt.Sprintf("The payment of order %s was not complete in time. "+
			"Nothing was taken; you are welcome to order again.", f.Order),
	}
}

// dispatchedMessage is for the person who was told that the order was placed. It leaves the
// carrier's words about the parcel out: nobody has checked what is in them.
func dispatchedMessage(f *event.ShipmentDispatched, placed *Message) *event.MessageSent {
	return &event.MessageSent{
		Message: messageID(TopicDispatched, f.Shipment), Customer: placed.Customer,
		Topic: TopicDispatched, Order: f.Order, Contact: placed.Contact,
		Title: "Your parcel is on its way",
		Text:  fmt.Sprintf("A parcel of order %s is on its way.", f.Order),
	}
}
