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

// The room keeps these kinds of record, and outside the domain state what the files say that need
// it:
//
//	message/<id>     message              the Message; also the mark that it was sent
//	customer/<id>    <milliseconds>/<id>  empty: the messages of a person by time
//	troubles         <id>#<channel>       a Trouble: what a carrier refused for good, or may have
//	preference/<id>  preference           the Preference of a person
//	endpoint/<id>    endpoint             the Endpoint
//	endpoints        <id>                 a Listing: what is needed to know whom to tell
//	cases            <id>                 a Case: an endpoint that was disabled for failing
//	hook/<id>        hook                 the Hook: a webhook, also the mark that it was queued
//	hooks/<id>       <milliseconds>/<id>  empty: the webhooks of an endpoint by time
//	queue/<id>       <milliseconds>/<id>  empty: those that are to be sent, by when

// listed is the empty record of a list.
type listed struct{}

func messageKey(id shop.ID) platform.Key {
	return platform.Key{Part: "message/" + string(id), Sort: "message"}
}

func preferenceKey(person shop.ID) platform.Key {
	return platform.Key{Part: "preference/" + string(person), Sort: "preference"}
}

func customerPart(customer shop.ID) string { return "customer/" + string(customer) }

// place is where a message stands in its customer's list: 13 digits hold every millisecond until
// the year 2286.
func place(at time.Time, id shop.ID) string {
	return fmt.Sprintf("%013d/%s", at.UnixMilli(), id)
}

// placeWidth is the length of place before the id.
const placeWidth = 14

// placed reads a place.
func placed(s string) (at time.Time, id shop.ID) {
	ms, err := strconv.ParseInt(s[:placeWidth-1], 10, 64)
	if err != nil {
		panic("notification: this is no place in a list: " + s)
	}
	return time.UnixMilli(ms).UTC(), shop.ID(s[placeWidth:])
}

// isPlace reports whether s has the form of a place.
func isPlace(s string) bool {
	if len(s) <= placeWidth || s[placeWidth-1] != '/' {
		return false
	}
	_, err := strconv.ParseUint(s[:placeWidth-1], 10, 63)
	return err == nil && shop.CheckText("a message's name", s[placeWidth:], 1, 100) == nil
}

// Trouble is a message that did not leave, or of which nobody knows whether it did.
type Trouble struct {
	Message shop.ID `json:"message"`
	Order   shop.ID `json:"order"`
	Channel string  `json:"channel"`
	State   State   `json:"state"` // Failed or InDoubt
	Reason  string  `json:"reason,omitempty"`
}

const troublesPart = "troubles"

func troubleKey(id shop.ID, channel string) platform.Key {
	return platform.Key{Part: troublesPart, Sort: string(id) + "#" + channel}
}

// Apply implements room.Room: it puts a message that was sent into its person's mailbox, keeps how
// far its sending has come, and the same of endpoints and webhooks.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	switch f := f.(type) {
	case *event.MessageSent:
		applySent(tx, f, m)
		return nil
	case *event.PreferencesSet:
		return applyPreferences(ctx, tx, f, m)
	}
	if id := endpointOf(f); id != "" {
		return applyEndpoint(ctx, tx, id, f, m)
	}
	if id := hookOf(f); id != "" {
		return applyHook(ctx, tx, id, f, m)
	}
	return applySending(ctx, tx, f, m)
}

func applySent(tx *room.Tx, f *event.MessageSent, m room.Meta) {
	room.Put(tx, messageKey(f.Message), &Message{
		ID: f.Message, Customer: f.Customer, Topic: f.Topic, Order: f.Order, Contact: f.Contact,
		Language: f.Language, Title: f.Title, Text: f.Text, Words: f.Words, Leave: f.Leave,
		At: f.At, Seq: m.Sequence,
	})
	room.Put(tx, platform.Key{
		Part: customerPart(f.Customer), Sort: place(f.At, f.Message),
	}, &listed{})
}

func applyPreferences(
	ctx context.Context, tx *room.Tx, f *event.PreferencesSet, m room.Meta,
) error {
	if _, err := preferenceOf(ctx, tx, f.Person); err != nil {
		return err
	}
	room.Put(tx, preferenceKey(f.Person), &Preference{
		Person: f.Person, Language: f.Language, Contact: f.Contact, Off: f.Off, At: f.At,
		Seq: m.Sequence,
	})
	return nil
}

// applySending keeps the message's record, and the list of troubles: only what enters or leaves
// that list is written there.
func applySending(ctx context.Context, tx *room.Tx, f event.Fact, meta room.Meta) error {
	id := sendingOf(f)
	if id == "" {
		return nil
	}
	m, err := room.Get[Message](ctx, tx, messageKey(id))
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("a message that was never recorded is sent: %s", id)
	}
	send, was := m.apply(f, meta.Sequence)
	room.Put(tx, messageKey(id), m)
	if !was && !send.troubled() {
		return nil
	}
	key := troubleKey(id, send.Channel)
	if _, err := room.Get[Trouble](ctx, tx, key); err != nil {
		return err
	}
	if !send.troubled() {
		tx.Delete(key)
		return nil
	}
	room.Put(tx, key, &Trouble{
		Message: id, Order: m.Order, Channel: send.Channel, State: send.State, Reason: send.Reason,
	})
	return nil
}

// sendingOf names the message whose sending a fact is about; "" for every other fact. A timer's
// fact changes nothing.
func sendingOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.MessageAttempted:
		return f.Message
	case *event.MessageHandedOver:
		return f.Message
	case *event.MessageRefused:
		return f.Message
	case *event.MessageUnresolved:
		return f.Message
	}
	return ""
}
