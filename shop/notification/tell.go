package notification

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification/internal/wording"
	"github.com/souk-commerce/souk/shop/room"
)

// Owners tells whose a SKU is. The app answers it with the catalogue.
type Owners interface {
	// Owner returns the dealer of a SKU, or an error of code UnknownSKU.
	Owner(ctx context.Context, sku shop.SKU) (shop.ID, error)
}

// Parcels tells whose a parcel is. The app answers it with the fulfilment room.
type Parcels interface {
	// Dealer returns the dealer of a shipment, or an error of code NotFound.
	Dealer(ctx context.Context, shipment shop.ID) (shop.ID, error)
}

// tell puts news into a mailbox, in the language of its person, unless that was done before.
func (s *Service) tell(ctx context.Context, c room.Cause, n news) error {
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		return s.tellOnce(ctx, tx, n)
	})
}

func (s *Service) tellOnce(ctx context.Context, tx *room.Tx, n news) error {
	return s.tellAll(ctx, tx, []news{n})
}

// newsAtOnce is how much one commit tells: each is an event and two records, which keeps a commit
// within platform.MaxItems.
const newsAtOnce = 30

// tellAll tells several people in one unit of work. It is committed whole, so the first message
// says whether it was: the same news must come in the same company every time.
func (s *Service) tellAll(ctx context.Context, tx *room.Tx, all []news) error {
	first := messageID(all[0].topic, all[0].about)
	known, err := room.Get[Message](ctx, tx, messageKey(first))
	if err != nil || known != nil {
		return err
	}
	for _, n := range all {
		if err := s.record(ctx, tx, n); err != nil {
			return err
		}
	}
	return nil
}

// record puts news into the mailbox of its person, in their language. What only a mail needs, the
// words for its page and the door out of its topic, is kept only where mail is sent.
func (s *Service) record(ctx context.Context, tx *room.Tx, n news) error {
	p, err := preferenceOf(ctx, tx, n.person)
	if err != nil {
		return err
	}
	contact := n.contact
	if contact.Person == "" && p != nil {
		contact = p.Contact
	}
	if contact.Person == "" {
		contact.Person = n.person // an empty box: no address is known
	}
	said := s.book.Write(p.language(), n.topic, wordMap(n.words))
	f := &event.MessageSent{
		Message: messageID(n.topic, n.about), Customer: n.person, Topic: n.topic, Order: n.order,
		Contact: contact, Title: said.Title, Text: said.Text, Language: said.Language, At: tx.Now(),
	}
	if s.opt.Mail != nil {
		f.Words = n.words
		if !s.musts[n.topic] {
			f.Leave = s.desk.IDs.NewID("lv")
		}
	}
	return tx.Announce(ctx, f, 1)
}

// toldOf returns the message by which the customer of an order was told of it first: it says whom
// to tell of the rest.
func toldOf(ctx context.Context, tx *room.Tx, order shop.ID) (*Message, error) {
	for _, topic := range []string{TopicPlaced, TopicCancelled, TopicExpired} {
		m, err := room.Get[Message](ctx, tx, messageKey(messageID(topic, order)))
		if err != nil || m != nil {
			return m, err
		}
	}
	return nil, fmt.Errorf("nobody was told of %s: %w", order, platform.ErrNotYet)
}

// shortage is the mark that a refused order was looked at, and when a dealer was told of a SKU.
type shortage struct {
	At time.Time `json:"at"`
}

// quietFor is how long a dealer is not told again that there is too little of a SKU: everybody
// wants what is sold out.
const quietFor = 24 * time.Hour

// tellOfShortage tells a dealer that an order had to be refused, at most once a day for each SKU.
func (s *Service) tellOfShortage(ctx context.Context, c room.Cause, f *event.StockRejected) error {
	if s.opt.Owners == nil {
		return nil
	}
	dealer, err := s.opt.Owners.Owner(ctx, f.SKU)
	if shop.CodeOf(err) == shop.UnknownSKU && err != nil {
		return nil // it was never listed
	}
	if err != nil {
		return fmt.Errorf("ask whose %s is: %w", f.SKU, err)
	}
	looked := platform.Key{Part: room.AuxPrefix + "short/" + string(f.Order), Sort: "order"}
	told := platform.Key{Part: room.AuxPrefix + "short/" + string(f.SKU), Sort: "sku"}
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		before, err := room.Get[shortage](ctx, tx, looked)
		if err != nil || before != nil {
			return err
		}
		last, err := room.Get[shortage](ctx, tx, told)
		if err != nil {
			return err
		}
		room.Put(tx, looked, &shortage{At: tx.Now()})
		if last != nil && tx.Now().Sub(last.At) < quietFor {
			return nil
		}
		room.Put(tx, told, &shortage{At: tx.Now()})
		return s.tellOnce(ctx, tx, shortNews(f, dealer))
	})
}

// letter is a message on its way out by a channel.
func (s *Service) letter(m *Message, channel, to string) Letter {
	l := Letter{
		Key: string(m.ID) + "/" + channel, Message: m.ID, To: to, Title: m.Title, Text: m.Text,
		Language: wording.Resolve(m.Language), At: m.At,
	}
	if channel != Mail {
		return l
	}
	if m.Leave != "" && s.opt.PublicURL != "" {
		l.Leave = strings.TrimSuffix(s.opt.PublicURL, "/") + "/v1/messages/" + string(m.ID) +
			"/leave/" + string(m.Leave)
		l.Text += "\n\n" + s.book.LeaveText(m.Language, l.Leave)
	}
	l.HTML = s.book.HTML(wording.Page{
		Language: m.Language, Topic: m.Topic, Title: m.Title, Text: m.Text,
		Words: wordMap(m.Words), Leave: l.Leave,
	})
	return l
}

// Preview shows a topic with made-up values, as it would be sent.
func (s *Service) Preview(topic, language string) (PreviewBody, error) {
	t, known := topicOf(topic)
	if !known {
		return PreviewBody{}, shop.Errorf(shop.Invalid, "there is no topic %q", topic)
	}
	sample := words(t.Sample...)
	said := s.book.Write(language, topic, wordMap(sample))
	m := &Message{
		ID: "msg_preview", Topic: topic, Language: said.Language, Title: said.Title,
		Text: said.Text, Words: sample,
	}
	if !t.Must {
		m.Leave = "lv_preview"
	}
	l := s.letter(m, Mail, "")
	return PreviewBody{
		Language: said.Language, Title: l.Title, Text: l.Text, HTML: l.HTML,
	}, nil
}
