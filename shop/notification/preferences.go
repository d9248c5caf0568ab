package notification

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification/internal/wording"
	"github.com/souk-commerce/souk/shop/room"
)

// Wish is what a person asks for: what Preference keeps, with the contact open.
type Wish struct {
	Language string
	Email    string
	Phone    string
	Off      []event.Silence
}

// mayPrefer refuses who may not see or change how a person is told: only the person may, and for
// the office and everybody else an administrator.
func mayPrefer(who room.Caller, person shop.ID) error {
	if person == "" || !who.May(room.Admin()) && (who.ID != person || person == Office) {
		return shop.Errorf(shop.NotFound, "there is nobody %q for you", person)
	}
	return nil
}

// Preferences returns how a person wants to be told. The contact is "" when the person was erased.
func (s *Service) Preferences(
	ctx context.Context, who room.Caller, person shop.ID,
) (Wish, error) {
	if err := mayPrefer(who, person); err != nil {
		return Wish{}, err
	}
	p, err := preferenceOf(ctx, s.desk.Begin(room.Cause{}), person)
	if err != nil || p == nil {
		return Wish{}, err
	}
	w := Wish{Language: p.Language, Off: p.Off}
	c, err := s.contact(ctx, p.Contact)
	w.Email, w.Phone = c.Email, c.Phone
	return w, err
}

// contact opens a contact. It is empty, without an error, when none is known or the person was
// erased.
func (s *Service) contact(
	ctx context.Context, sealed shop.Sealed[event.Contact],
) (event.Contact, error) {
	if len(sealed.Box) == 0 {
		return event.Contact{}, nil
	}
	c, err := sealed.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return event.Contact{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("open the contact of %s: %w", sealed.Person, err)
	}
	return c, nil
}

// Prefer sets how a person wants to be told, instead of whatever was set before. It is Invalid to
// switch off what cannot be; nothing is changed then.
func (s *Service) Prefer(ctx context.Context, who room.Caller, person shop.ID, w Wish) error {
	if err := mayPrefer(who, person); err != nil {
		return err
	}
	off, err := checkSilences(w.Off)
	if err != nil {
		return err
	}
	language := ""
	if w.Language != "" {
		language = wording.Resolve(w.Language)
	}
	contact, err := shop.Seal(ctx, s.desk.Keys, person,
		event.Contact{Email: w.Email, Phone: w.Phone})
	if errors.Is(err, platform.ErrErased) {
		return shop.Errorf(shop.NotFound, "there is nobody %q any more", person)
	}
	if err != nil {
		return fmt.Errorf("seal the contact of %s, nothing was changed: %w", person, err)
	}
	return s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		return prefer(ctx, tx, &event.PreferencesSet{
			Person: person, Language: language, Contact: contact, Off: off, By: who.ID,
		})
	})
}

// prefer announces a preference after whatever there was.
func prefer(ctx context.Context, tx *room.Tx, f *event.PreferencesSet) error {
	p, err := preferenceOf(ctx, tx, f.Person)
	if err != nil {
		return err
	}
	seq := int64(1)
	if p != nil {
		seq = p.Seq + 1
	}
	f.At = tx.Now()
	return tx.Announce(ctx, f, seq)
}

// Leave switches the mail of a message's topic off for its person. The key is the message's own,
// which only its mail holds: to whoever has another, there is no such door (NotFound). Leaving
// twice is leaving once.
func (s *Service) Leave(ctx context.Context, message, key shop.ID) error {
	m, err := room.Get[Message](ctx, s.desk.Begin(room.Cause{}), messageKey(message))
	if err != nil {
		return err
	}
	if m == nil || m.Leave == "" ||
		subtle.ConstantTimeCompare([]byte(m.Leave), []byte(key)) != 1 {
		return shop.Errorf(shop.NotFound, "there is no such door")
	}
	off := event.Silence{Topic: m.Topic, Channel: Mail}
	return s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		p, err := preferenceOf(ctx, tx, m.Customer)
		if err != nil || !p.wants(m.Topic, Mail) {
			return err
		}
		f := &event.PreferencesSet{
			Person: m.Customer, Contact: shop.Sealed[event.Contact]{Person: m.Customer},
			By: m.Customer,
		}
		if p != nil {
			f.Language, f.Contact, f.Off = p.Language, p.Contact, p.Off
		}
		if f.Off, err = checkSilences(append([]event.Silence{off}, f.Off...)); err != nil {
			return err
		}
		return prefer(ctx, tx, f)
	})
}

func preferenceOf(ctx context.Context, tx *room.Tx, person shop.ID) (*Preference, error) {
	return room.Get[Preference](ctx, tx, preferenceKey(person))
}
