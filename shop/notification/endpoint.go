package notification

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Why an endpoint is disabled.
const (
	failing  = "failing"
	gone     = "gone"
	askedFor = "asked"
)

// Endpoint is where somebody wants to be told by webhooks.
type Endpoint struct {
	ID       shop.ID                       `json:"id"`
	Owner    shop.ID                       `json:"owner"` // a dealer, or Office
	URL      string                        `json:"url"`
	Types    []string                      `json:"types,omitempty"` // none: all that the owner may see
	Secret   shop.Sealed[event.HookSecret] `json:"secret"`
	Old      shop.Sealed[event.HookSecret] `json:"old,omitzero"`
	OldUntil time.Time                     `json:"oldUntil,omitzero"`
	Rotation string                        `json:"rotation,omitempty"` // the last request to rotate
	Off      string                        `json:"off,omitempty"`      // why it is disabled; "": it is not
	Since    time.Time                     `json:"since,omitzero"`     // when that began
	Rounds   int                           `json:"rounds,omitempty"`   // how often it was disabled
	Removed  bool                          `json:"removed,omitempty"`  // only the record is left
	At       time.Time                     `json:"at"`
	Seq      int64                         `json:"seq"`
}

// Listing is what is needed of an endpoint to know whether it is to be told.
type Listing struct {
	ID    shop.ID  `json:"id"`
	Owner shop.ID  `json:"owner"`
	Types []string `json:"types,omitempty"`
	Off   bool     `json:"off,omitempty"`
}

// wants reports whether the endpoint is to be told of events of a type.
func (l *Listing) wants(typ string) bool {
	return !l.Off && (len(l.Types) == 0 || slices.Contains(l.Types, typ))
}

// Case is an endpoint at which a person has to look: it was disabled because it failed.
type Case struct {
	Endpoint shop.ID   `json:"endpoint"`
	Owner    shop.ID   `json:"owner"`
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"` // it has taken nothing
	At       time.Time `json:"at"`
}

// apply changes the endpoint by a fact of its own.
func (e *Endpoint) apply(f event.Fact, seq int64) {
	e.Seq = seq
	switch f := f.(type) {
	case *event.EndpointRegistered:
		e.ID, e.Owner, e.URL, e.Types = f.Endpoint, f.Owner, f.URL, f.Types
		e.Secret, e.At = f.Secret, f.At
	case *event.EndpointChanged:
		e.URL, e.Types = f.URL, f.Types
	case *event.EndpointSecretRotated:
		e.Old, e.OldUntil = e.Secret, f.Until
		e.Secret, e.Rotation = f.Secret, f.Request
	case *event.EndpointDisabled:
		e.Off, e.Since, e.Rounds = f.Reason, f.Since, f.Round
	case *event.EndpointEnabled:
		e.Off, e.Since = "", time.Time{}
	case *event.EndpointRemoved:
		e.Removed, e.Off = true, ""
	}
}

func endpointKey(id shop.ID) platform.Key {
	return platform.Key{Part: "endpoint/" + string(id), Sort: "endpoint"}
}

const endpointsPart = "endpoints"

func listingKey(id shop.ID) platform.Key {
	return platform.Key{Part: endpointsPart, Sort: string(id)}
}

const casesPart = "cases"

func caseKey(id shop.ID) platform.Key {
	return platform.Key{Part: casesPart, Sort: string(id)}
}

// endpointOf names the endpoint that a fact changes; "" for every other fact.
func endpointOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.EndpointRegistered:
		return f.Endpoint
	case *event.EndpointChanged:
		return f.Endpoint
	case *event.EndpointSecretRotated:
		return f.Endpoint
	case *event.EndpointDisabled:
		return f.Endpoint
	case *event.EndpointEnabled:
		return f.Endpoint
	case *event.EndpointRemoved:
		return f.Endpoint
	}
	return ""
}

// applyEndpoint keeps an endpoint, its listing and its case.
func applyEndpoint(
	ctx context.Context, tx *room.Tx, id shop.ID, f event.Fact, m room.Meta,
) error {
	e, err := room.Get[Endpoint](ctx, tx, endpointKey(id))
	if err != nil {
		return err
	}
	if _, first := f.(*event.EndpointRegistered); (e == nil) != first {
		return fmt.Errorf("%s of %s is out of place", f.Type(), id)
	}
	if e == nil {
		e = new(Endpoint)
	}
	if _, err := room.Get[Listing](ctx, tx, listingKey(id)); err != nil {
		return err
	}
	open, err := room.Get[Case](ctx, tx, caseKey(id))
	if err != nil {
		return err
	}
	e.apply(f, m.Sequence)
	if open != nil && e.Off == "" {
		tx.Delete(caseKey(id))
	}
	room.Put(tx, endpointKey(id), e)
	if e.Removed {
		tx.Delete(listingKey(id))
		return nil
	}
	if f, off := f.(*event.EndpointDisabled); off && f.Reason != askedFor {
		room.Put(tx, caseKey(id), &Case{
			Endpoint: id, Owner: e.Owner, Reason: f.Reason, Since: f.Since, At: f.At,
		})
	}
	room.Put(tx, listingKey(id), &Listing{ID: id, Owner: e.Owner, Types: e.Types, Off: e.Off != ""})
	return nil
}
