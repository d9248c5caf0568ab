package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Policy is what the operator decides.
type Policy struct {
	CommissionBPS int64 // of a listing that a dealer makes; an admin may set another
	// Cache is how many listings are kept in memory, 0 for none. It must be 0 where several
	// processes change listings, since one does not hear of the other's changes.
	Cache int
}

// DefaultPolicy takes a tenth and keeps 20,000 listings (about 5 MB) in memory.
func DefaultPolicy() Policy { return Policy{CommissionBPS: 1000, Cache: 20_000} }

// The bounds of one request.
const (
	MaxPage   = 100  // listings of a page
	MaxPrices = 1200 // SKUs of one question for prices
	maxReads  = 40   // lists of the store for one page
)

// Service is the room. It is safe for concurrent use.
type Service struct {
	desk   *room.Desk
	policy Policy
	cache  *cache
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk, p Policy) *Service {
	s := &Service{desk: desk, policy: p, cache: newCache(p.Cache)}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (s *Service) Name() string { return "catalog" }

// Reactions implements room.Room: the catalogue listens to nobody.
func (s *Service) Reactions() []room.Reaction { return nil }

// NewListing is what a dealer offers.
type NewListing struct {
	SKU    shop.SKU
	Dealer shop.ID // of an admin's or a machine's request; empty or their own for a dealer
	Title  string
	Price  shop.Money
	// CommissionBPS is the market's share. Only an admin or a machine may set it; nil is the
	// policy's.
	CommissionBPS *int64
}

// List offers a thing. Who asks is taken from ctx. Listing again what is listed the same way
// changes nothing and returns it; a SKU that is listed in another way, or was withdrawn, is a
// Conflict. The bool says whether the listing is new.
func (s *Service) List(ctx context.Context, n NewListing) (Listing, bool, error) {
	l, made, _, err := s.list(ctx, n, nil)
	return l, made, err
}

// list is List with an optional idempotency row; the Answer is the request's, if there is a row.
func (s *Service) list(
	ctx context.Context, n NewListing, once *room.Once,
) (l Listing, made bool, a room.Answer, err error) {
	want, err := s.offer(room.CallerOf(ctx), n)
	if err != nil {
		return Listing{}, false, a, err
	}
	defer s.cache.change(want.SKU)()
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		l, made, a = Listing{}, false, room.Answer{}
		if once != nil {
			known, found, err := once.Recall(ctx, tx)
			if err != nil || found {
				a = known
				return err
			}
		}
		if l, made, err = s.put(ctx, tx, want); err != nil || once == nil {
			return err
		}
		if a, err = answer(l, made); err != nil {
			return err
		}
		once.Remember(tx, a, tx.Now())
		return nil
	})
	return l, made, a, err
}

func (s *Service) put(ctx context.Context, tx *room.Tx, want *Listing) (Listing, bool, error) {
	have, err := room.Get[Listing](ctx, tx, listingKey(want.SKU))
	switch {
	case err != nil:
		return Listing{}, false, err
	case have == nil:
		made := *want
		made.Seq = 1
		return made, true, tx.Announce(ctx, want.listed(), 1)
	case have.sameOffer(want):
		return *have, false, nil
	}
	return Listing{}, false, shop.Errorf(shop.Conflict,
		"%s is listed already, in another way (version %d); nothing was changed",
		want.SKU, have.Seq)
}

// offer turns a request into the listing it wants, if the caller may.
func (s *Service) offer(by room.Caller, n NewListing) (*Listing, error) {
	want := &Listing{
		SKU: n.SKU, Dealer: n.Dealer, Title: n.Title, Price: n.Price,
		CommissionBPS: s.policy.CommissionBPS,
	}
	switch {
	case by == (room.Caller{}):
		return nil, shop.Errorf(shop.Unauthorised, "sign in to list a product")
	case by.May(room.Admin(), room.ServiceRole()):
		if n.CommissionBPS != nil {
			want.CommissionBPS = *n.CommissionBPS
		}
	case !by.May(room.Dealer()):
		return nil, shop.Errorf(shop.Forbidden, "only a dealer lists products")
	case n.Dealer != "" && n.Dealer != by.ID:
		return nil, shop.Errorf(shop.Forbidden, "a dealer lists only in their own name")
	case n.CommissionBPS != nil:
		return nil, shop.Errorf(shop.Forbidden, "the commission is the market's to set")
	default:
		want.Dealer = by.ID
	}
	return want, want.check()
}

// Change reprices or withdraws a listing, or both. It returns the listing as it is afterwards. A
// Version that is not the present one is Stale; a change to what is there already does nothing.
func (s *Service) Change(ctx context.Context, sku shop.SKU, c Change) (Listing, error) {
	defer s.cache.change(sku)()
	var now Listing
	err := s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		l, err := room.Get[Listing](ctx, tx, listingKey(sku))
		if err != nil {
			return err
		}
		if l == nil {
			return unknown(sku)
		}
		if err := l.ownedBy(room.CallerOf(ctx)); err != nil {
			return err
		}
		if c.Version != 0 && c.Version != l.Seq {
			return shop.Errorf(Stale, "listing %s has version %d, not %d; read it again",
				sku, l.Seq, c.Version)
		}
		facts, err := l.change(c)
		if err != nil {
			return err
		}
		for _, f := range facts {
			// Applying the fact moves l.Seq, since l is this unit's own copy of the record.
			if err := tx.Announce(ctx, f, l.Seq+1); err != nil {
				return err
			}
		}
		now = *l
		return nil
	})
	return now, err
}

// Reprice gives a listing another price. Orders that exist keep theirs.
func (s *Service) Reprice(ctx context.Context, sku shop.SKU, price shop.Money) (Listing, error) {
	return s.Change(ctx, sku, Change{Price: &price})
}

// Withdraw ends the sale of a listing.
func (s *Service) Withdraw(ctx context.Context, sku shop.SKU) (Listing, error) {
	return s.Change(ctx, sku, Change{Withdraw: true})
}

// Get returns a listing, withdrawn or not, or NotFound.
func (s *Service) Get(ctx context.Context, sku shop.SKU) (Listing, error) {
	l, known, ticket := s.cache.get(sku)
	if known {
		return l, nil
	}
	rec, err := s.desk.Store.Get(ctx, listingKey(sku))
	if errors.Is(err, platform.ErrNotFound) {
		return Listing{}, unknown(sku)
	}
	if err != nil {
		return Listing{}, fmt.Errorf("read listing %s: %w", sku, err)
	}
	if l, err = decode(rec); err != nil {
		return Listing{}, err
	}
	s.cache.keep(l, ticket)
	return l, nil
}

// Prices answers what things cost now: one listing for each SKU asked for (1 to MaxPrices), in
// that order. It refuses with UnknownSKU, naming the first that is not listed or was withdrawn.
// This is the seam "what does it cost"; between processes it reads this room's keys (read-only
// keys).
func (s *Service) Prices(ctx context.Context, skus []shop.SKU) ([]Listing, error) {
	if len(skus) == 0 || len(skus) > MaxPrices {
		return nil, shop.Errorf(shop.Invalid, "ask for 1 to %d prices, not %d",
			MaxPrices, len(skus))
	}
	listings := make([]Listing, len(skus))
	for i, sku := range skus {
		l, err := s.Get(ctx, sku)
		if err == nil && !l.Withdrawn {
			listings[i] = l
			continue
		}
		if err == nil || shop.CodeOf(err) == shop.NotFound {
			return nil, shop.Errorf(shop.UnknownSKU, "there is no product %q for sale", sku)
		}
		return nil, err
	}
	return listings, nil
}

func decode(rec platform.Record) (Listing, error) {
	var l Listing
	if err := room.Decode(rec.Value, &l); err != nil {
		return Listing{}, fmt.Errorf("decode %s/%s: %w", rec.Key.Part, rec.Key.Sort, err)
	}
	return l, nil
}

func unknown(sku shop.SKU) error {
	return shop.Errorf(shop.NotFound, "there is no product %q", sku)
}
