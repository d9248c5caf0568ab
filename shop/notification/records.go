package notification

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room keeps two kinds of record:
//
//	message/<id>   message              the Message; also the mark that it was sent
//	customer/<id>  <milliseconds>/<id>  empty: the customer's messages by time

// listed is the empty record of a list.
type listed struct{}

func messageKey(id shop.ID) platform.Key {
	return platform.Key{Part: "message/" + string(id), Sort: "message"}
}

func customerPart(customer shop.ID) string { return "customer/" + string(customer) }

// place is where a message stands in its customer's list: 13 digits hold every millisecond until
// the year 2286.
func place(at time.Time, id shop.ID) string {
	return fmt.Sprintf("%013d/%s", at.UnixMilli(), id)
}

// placeWidth is the length of place before the id.
const placeWidth = 14

// isPlace reports whether s has the form of a place.
func isPlace(s string) bool {
	if len(s) <= placeWidth || s[placeWidth-1] != '/' {
		return false
	}
	_, err := strconv.ParseUint(s[:placeWidth-1], 10, 63)
	return err == nil && shop.CheckText("a message's name", s[placeWidth:], 1, 100) == nil
}

// Apply implements room.Room: it puts a message that was sent into its customer's mailbox.
func (s *Service) Apply(_ context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	sent, ok := f.(*event.MessageSent)
	if !ok {
		return nil
	}
	room.Put(tx, messageKey(sent.Message), &Message{
		ID: sent.Message, Customer: sent.Customer, Topic: sent.Topic, Order: sent.Order,
		Contact: sent.Contact, Title: sent.Title, Text: sent.Text, At: sent.At, Seq: m.Sequence,
	})
	room.Put(tx, platform.Key{
		Part: customerPart(sent.Customer), Sort: place(sent.At, sent.Message),
	}, &listed{})
	return nil
}
