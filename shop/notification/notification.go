package notification

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Message is what a person was told, and how far its sending has come. What was told never changes.
type Message struct {
	ID       shop.ID                    `json:"id"`
	Customer shop.ID                    `json:"customer"` // or a dealer, or the office
	Topic    string                     `json:"topic"`
	Order    shop.ID                    `json:"order"`
	Contact  shop.Sealed[event.Contact] `json:"contact"`
	Language string                     `json:"language,omitempty"`
	Title    string                     `json:"title"`
	Text     string                     `json:"text"`
	Words    []event.MessageWord        `json:"words,omitempty"`
	Leave    shop.ID                    `json:"leave,omitempty"`
	At       time.Time                  `json:"at"`
	Seq      int64                      `json:"seq"`
	Sends    []Send                     `json:"sends,omitempty"` // one a channel that was attempted
}

// news is what a fact gives to tell, before it is put into the language of a person.
type news struct {
	topic   string
	about   shop.ID // the order, or the parcel, refund … when there may be several
	person  shop.ID
	order   shop.ID
	contact shop.Sealed[event.Contact] // empty: the one of the person's preferences
	words   []event.MessageWord
}

// messageID names a message after what it tells, so that telling it twice is telling it once. A
// name that would be too long is shortened to a digest of it.
func messageID(topic string, about shop.ID) shop.ID {
	name := string(about)
	for _, prefix := range []string{"ord_", "shp_"} {
		name = strings.TrimPrefix(name, prefix)
	}
	id := "msg_" + topic + "_" + name
	if len(id) > shop.MaxID {
		id = "msg_" + topic + "_" + digest(name)
	}
	return shop.ID(id)
}

// digest is 26 letters that stand for the parts.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	name := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	return strings.ToLower(name)
}

// words makes the list that a template is filled with: name, value, name, value …
func words(pairs ...string) []event.MessageWord {
	list := make([]event.MessageWord, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, event.MessageWord{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func wordMap(list []event.MessageWord) map[string]string {
	if list == nil {
		return nil
	}
	m := make(map[string]string, len(list))
	for _, w := range list {
		m[w.Name] = w.Value
	}
	return m
}

func placedNews(f *event.OrderPlaced) news {
	return news{
		topic: TopicPlaced, about: f.Order, person: f.Customer, order: f.Order, contact: f.Contact,
		words: words("order", string(f.Order), "parcels", strconv.Itoa(max(len(f.Parcels), 1))),
	}
}

func cancelledNews(f *event.OrderCancelled) news {
	return news{
		topic: TopicCancelled, about: f.Order, person: f.Customer, order: f.Order,
		contact: f.Contact, words: words("order", string(f.Order), "reason", f.Reason),
	}
}

func expiredNews(f *event.OrderExpired) news {
	return news{
		topic: TopicExpired, about: f.Order, person: f.Customer, order: f.Order, contact: f.Contact,
		words: words("order", string(f.Order)),
	}
}

// dispatchedNews is for the person who was told that the order was placed. It leaves the carrier's
// words about the parcel out: nobody has checked what is in them.
func dispatchedNews(f *event.ShipmentDispatched, told *Message) news {
	return news{
		topic: TopicDispatched, about: f.Shipment, person: told.Customer, order: f.Order,
		contact: told.Contact, words: words("order", string(f.Order)),
	}
}

func deliveredNews(f *event.ShipmentDelivered, told *Message) news {
	return news{
		topic: TopicDelivered, about: f.Shipment, person: told.Customer, order: f.Order,
		contact: told.Contact, words: words("order", string(f.Order)),
	}
}

func refundedNews(f *event.PaymentRefunded, told *Message) news {
	return news{
		topic: TopicRefunded, about: f.Refund, person: told.Customer, order: f.Order,
		contact: told.Contact,
		words:   words("order", string(f.Order), "amount", amountText(f.Amount)),
	}
}

// allPlacedNews is for the customer, and for the dealer of each parcel.
func allPlacedNews(f *event.OrderPlaced) []news {
	all := append(make([]news, 0, 1+len(f.Parcels)), placedNews(f))
	for i := range f.Parcels {
		all = append(all, requestedNews(f, i))
	}
	return all
}

// requestedNews is for the dealer who has a parcel to pack, the i-th of an order from 0. Whose it
// is and where it goes stays where the parcel is.
func requestedNews(f *event.OrderPlaced, i int) news {
	p, shipment := &f.Parcels[i], shipmentID(f.Order, i+1)
	return news{
		topic: TopicRequested, about: shipment, person: p.Dealer, order: f.Order,
		words: words("order", string(f.Order), "shipment", string(shipment),
			"lines", strconv.Itoa(len(p.Lines)),
			"amount", amountText(shop.Money{Amount: p.Amount, Currency: f.Currency})),
	}
}

// shipmentID names the n-th parcel of an order, as fulfilment does: shp_<x>_<n> of order ord_<x>.
func shipmentID(order shop.ID, n int) shop.ID {
	return shop.ID("shp_" + strings.TrimPrefix(string(order), "ord_") + "_" + strconv.Itoa(n))
}

func withdrawnNews(f *event.ShipmentCancelled, dealer shop.ID) news {
	return news{
		topic: TopicWithdrawn, about: f.Shipment, person: dealer, order: f.Order,
		words: words("order", string(f.Order), "shipment", string(f.Shipment)),
	}
}

// reducedNews is for the customer: units were cancelled, by whomever.
func reducedNews(f *event.ShipmentReduced, told *Message) news {
	return news{
		topic: TopicReduced, about: f.Refund, person: told.Customer, order: f.Order,
		contact: told.Contact, words: words("order", string(f.Order),
			"units", unitsText(f.Lines), "amount", amountText(f.Amount)),
	}
}

// lessNews is for the dealer, who has less to pack.
func lessNews(f *event.ShipmentReduced) news {
	return news{
		topic: TopicLess, about: f.Refund, person: f.Dealer, order: f.Order,
		words: words("order", string(f.Order), "shipment", string(f.Shipment),
			"units", unitsText(f.Lines)),
	}
}

func unitsText(lines []event.ParcelLine) string {
	var units int64
	for _, l := range lines {
		units += l.Quantity
	}
	return strconv.FormatInt(units, 10)
}

// shortNews is for the dealer of what was wanted. It names no order: none came of it.
func shortNews(f *event.StockRejected, dealer shop.ID) news {
	return news{
		topic: TopicShort, about: f.Order, person: dealer,
		words: words("sku", string(f.SKU), "wanted", strconv.FormatInt(f.Wanted, 10),
			"available", strconv.FormatInt(max(f.Available, 0), 10)),
	}
}

func caseNews(f *event.PaymentCaseOpened) news {
	return news{
		topic: TopicCase, about: shop.ID(digest(string(f.Payment), f.Key, f.Reason)),
		person: Office, order: f.Order,
		words: words("order", string(f.Order), "payment", string(f.Payment),
			"operation", f.Operation, "reason", word(f.Reason, "see the case")),
	}
}

func heldNews(f *event.OrderHeld) news {
	return news{
		topic: TopicHeld, about: shop.ID(string(f.Order) + "_" + strconv.FormatInt(f.Round, 10)),
		person: Office, order: f.Order,
		words: words("order", string(f.Order), "reason", word(f.Reason, "see the order")),
	}
}

// disabledNews is for the endpoint's owner, and for the office.
func disabledNews(f *event.EndpointDisabled, person shop.ID) news {
	about := digest(string(f.Endpoint), strconv.Itoa(f.Round), string(person))
	return news{
		topic: TopicDisabled, about: shop.ID(about), person: person,
		words: words("endpoint", string(f.Endpoint), "owner", string(f.Owner), "reason", f.Reason,
			"since", f.Since.UTC().Format("2006-01-02 15:04")),
	}
}
