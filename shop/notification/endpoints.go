package notification

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Opened is an endpoint with its secret, which only its owner is shown.
type Opened struct {
	*Endpoint
	Secret []byte
}

// ownerOf is in whose name a caller has endpoints: a dealer in the own, an administrator in the
// office's.
func ownerOf(who room.Caller) (shop.ID, error) {
	switch {
	case who.May(room.Admin()):
		return Office, nil
	case who.May(room.Dealer()) && who.ID != Office:
		return who.ID, nil
	}
	return "", shop.Errorf(shop.Forbidden, "only dealers and administrators have webhooks")
}

// checkEndpoint refuses an address to which nothing could be posted, and types that the owner may
// not see.
func (s *Service) checkEndpoint(owner shop.ID, url string, types []string) error {
	if s.opt.Poster == nil {
		return shop.Errorf(shop.Illegal, "this market sends no webhooks; nothing was done").
			WithHint("the operator switches them on")
	}
	if err := s.opt.Poster.Check(url); err != nil {
		return shop.Errorf(shop.Invalid, "no webhook can be sent there; nothing was done: %w", err)
	}
	for _, t := range types {
		if !slices.Contains(HookTypes(owner != Office), t) {
			return shop.Errorf(shop.Invalid, "%q is no event that you can be told of by webhooks; "+
				"nothing was done", t)
		}
	}
	return nil
}

// newSecret makes a secret and seals it under the endpoint's own key.
func (s *Service) newSecret(
	ctx context.Context, id shop.ID,
) ([]byte, shop.Sealed[event.HookSecret], error) {
	secret := make([]byte, secretSize)
	if _, err := io.ReadFull(s.opt.Chance, secret); err != nil {
		return nil, shop.Sealed[event.HookSecret]{}, fmt.Errorf("make a secret: %w", err)
	}
	box, err := shop.Seal(ctx, s.desk.Keys, id, event.HookSecret{Secret: secret})
	if err != nil {
		return nil, box, fmt.Errorf("seal the secret of %s, nothing was done: %w", id, err)
	}
	return secret, box, nil
}

// Register makes an endpoint of the caller's. The same key registers the same endpoint once; with
// another address or other types it is KeyReused.
func (s *Service) Register(
	ctx context.Context, who room.Caller, key, url string, types []string,
) (made Opened, fresh bool, err error) {
	owner, err := ownerOf(who)
	if err != nil {
		return Opened{}, false, err
	}
	if err := s.checkEndpoint(owner, url, types); err != nil {
		return Opened{}, false, err
	}
	id := shop.ID("whe_" + digest(string(owner), key))
	types = tidy(types)
	_, box, err := s.newSecret(ctx, id)
	if err != nil {
		return Opened{}, false, err
	}
	all, err := s.listEndpoints(ctx)
	if err != nil {
		return Opened{}, false, err
	}
	defer s.dir.forget()
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		fresh = false
		e, err := room.Get[Endpoint](ctx, tx, endpointKey(id))
		switch {
		case err != nil:
			return err
		case e != nil && (e.Removed || e.URL != url || !slices.Equal(e.Types, types)):
			return shop.Errorf(shop.KeyReused,
				"this idempotency key was used for another endpoint; nothing was done")
		case e != nil:
			return nil
		case countOf(all, owner) >= s.opt.Hooks.Endpoints:
			return shop.Errorf(shop.Conflict, "you have %d endpoints, which is the most; "+
				"nothing was done", s.opt.Hooks.Endpoints)
		}
		fresh = true
		return tx.Announce(ctx, &event.EndpointRegistered{
			Endpoint: id, Owner: owner, URL: url, Types: types, Secret: box, By: who.ID,
			At: tx.Now(),
		}, 1)
	})
	if err != nil {
		return Opened{}, false, err
	}
	made, err = s.Open(ctx, who, id)
	return made, fresh, err
}

func countOf(all []Listing, owner shop.ID) (n int) {
	for _, l := range all {
		if l.Owner == owner {
			n++
		}
	}
	return n
}

// tidy puts types into one order, each once.
func tidy(types []string) []string {
	types = slices.Clone(types)
	slices.Sort(types)
	types = slices.Compact(types)
	if len(types) == 0 {
		return nil
	}
	return types
}

// find returns an endpoint that who may see: its owner's, and for administrators every one.
func (s *Service) find(
	ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID,
) (*Endpoint, error) {
	e, err := room.Get[Endpoint](ctx, tx, endpointKey(id))
	if err != nil {
		return nil, err
	}
	if e == nil || e.Removed || !who.May(room.Admin()) && (e.Owner != who.ID || e.Owner == Office) {
		return nil, shop.Errorf(shop.NotFound, "there is no endpoint %q for you", id)
	}
	return e, nil
}

// Endpoint returns an endpoint, for its owner and for administrators (NotFound for others).
func (s *Service) Endpoint(
	ctx context.Context, who room.Caller, id shop.ID,
) (*Endpoint, error) {
	return s.find(ctx, s.desk.Begin(room.Cause{}), who, id)
}

// Open returns an endpoint with its secret, for its owner alone: an administrator opens those of
// the office.
func (s *Service) Open(ctx context.Context, who room.Caller, id shop.ID) (Opened, error) {
	e, err := s.Endpoint(ctx, who, id)
	if err != nil {
		return Opened{}, err
	}
	if owner, err := ownerOf(who); err != nil || owner != e.Owner {
		return Opened{}, shop.Errorf(shop.NotFound, "there is no secret of %q for you", id)
	}
	secret, err := e.Secret.Open(ctx, s.desk.Keys)
	if err != nil {
		return Opened{}, fmt.Errorf("open the secret of %s: %w", id, err)
	}
	return Opened{e, secret.Secret}, nil
}

// change announces a fact about an endpoint that who may change, unless decide has none.
func (s *Service) change(
	ctx context.Context, who room.Caller, id shop.ID,
	decide func(tx *room.Tx, e *Endpoint) (event.Fact, error),
) (*Endpoint, error) {
	defer s.dir.forget()
	var e *Endpoint
	err := s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		var err error
		if e, err = s.find(ctx, tx, who, id); err != nil {
			return err
		}
		f, err := decide(tx, e)
		if err != nil || f == nil {
			return err
		}
		if err := tx.Announce(ctx, f, e.Seq+1); err != nil {
			return err
		}
		if _, on := f.(*event.EndpointEnabled); !on {
			return nil
		}
		if err := forgive(ctx, tx, id); err != nil {
			return err
		}
		return s.wake(tx, id, tx.Now())
	})
	return e, err
}

// Change gives an endpoint another address and other types; what waits goes to the new address.
func (s *Service) Change(
	ctx context.Context, who room.Caller, id shop.ID, url string, types []string,
) (*Endpoint, error) {
	e, err := s.Endpoint(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := s.checkEndpoint(e.Owner, url, types); err != nil {
		return nil, err
	}
	types = tidy(types)
	return s.change(ctx, who, id, func(tx *room.Tx, e *Endpoint) (event.Fact, error) {
		if e.URL == url && slices.Equal(e.Types, types) {
			return nil, nil
		}
		return &event.EndpointChanged{
			Endpoint: id, URL: url, Types: types, By: who.ID, At: tx.Now(),
		}, nil
	})
}

// Switch enables or disables an endpoint. Doing it twice is doing it once.
func (s *Service) Switch(
	ctx context.Context, who room.Caller, id shop.ID, on bool,
) (*Endpoint, error) {
	return s.change(ctx, who, id, func(tx *room.Tx, e *Endpoint) (event.Fact, error) {
		switch {
		case on == (e.Off == ""):
			return nil, nil
		case on:
			return &event.EndpointEnabled{Endpoint: id, By: who.ID, At: tx.Now()}, nil
		}
		return e.disabled(askedFor, tx.Now(), tx.Now(), who.ID), nil
	})
}

// disabled is the fact that an endpoint is told nothing any more.
func (e *Endpoint) disabled(reason string, since, now time.Time, by shop.ID) event.Fact {
	return &event.EndpointDisabled{
		Endpoint: e.ID, Owner: e.Owner, Reason: reason, Since: since, By: by, At: now,
		Round: e.Rounds + 1,
	}
}

// Rotate signs with a new secret from now on, and with the one before as well until the overlap is
// over. The same key rotates once.
func (s *Service) Rotate(
	ctx context.Context, who room.Caller, id shop.ID, key string,
) (Opened, error) {
	if _, err := s.Open(ctx, who, id); err != nil {
		return Opened{}, err
	}
	_, box, err := s.newSecret(ctx, id)
	if err != nil {
		return Opened{}, err
	}
	request := digest(string(who.ID), key)
	_, err = s.change(ctx, who, id, func(tx *room.Tx, e *Endpoint) (event.Fact, error) {
		if e.Rotation == request {
			return nil, nil
		}
		return &event.EndpointSecretRotated{
			Endpoint: id, Secret: box, Until: tx.Now().Add(s.opt.Hooks.Overlap), Request: request,
			By: who.ID, At: tx.Now(),
		}, nil
	})
	if err != nil {
		return Opened{}, err
	}
	return s.Open(ctx, who, id)
}

// Remove ends an endpoint. What waited for it is never sent.
func (s *Service) Remove(ctx context.Context, who room.Caller, id shop.ID) error {
	_, err := s.change(ctx, who, id, func(tx *room.Tx, _ *Endpoint) (event.Fact, error) {
		return &event.EndpointRemoved{Endpoint: id, By: who.ID, At: tx.Now()}, nil
	})
	return err
}

// Cases lists the endpoints that were disabled because they failed, by id, after the one that the
// last page ended with ("" at first): at most limit (1 to MaxPage).
func (s *Service) Cases(ctx context.Context, after shop.ID, limit int) ([]Case, error) {
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: casesPart, After: string(after), Limit: max(1, min(limit, MaxPage)),
	})
	if err != nil {
		return nil, fmt.Errorf("list the endpoints that were disabled: %w", err)
	}
	cases := make([]Case, len(recs))
	for i, rec := range recs {
		if err := room.Decode(rec.Value, &cases[i]); err != nil {
			return nil, fmt.Errorf("decode the case %s: %w", rec.Key.Sort, err)
		}
	}
	return cases, nil
}
