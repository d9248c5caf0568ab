package catalog

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// Page is a part of the catalogue. Next is the cursor of the following page, "" at the end.
type Page struct {
	Listings []Listing
	Next     string
}

// Browse returns what is for sale, at most limit (1 to MaxPage) listings, after the cursor, of
// one dealer if one is named. Within a dealer listings come in the order of SKUs, else in an
// order that is fixed but means nothing; neither skips or repeats a listing that exists
// throughout. Withdrawn listings are left out, so a page may be short, or even empty, before the
// end.
func (s *Service) Browse(
	ctx context.Context, dealer shop.ID, after string, limit int,
) (Page, error) {
	if limit < 1 || limit > MaxPage {
		return Page{}, shop.Errorf(shop.Invalid, "a page has 1 to %d listings, not %d",
			MaxPage, limit)
	}
	at, err := parseCursor(after)
	if err != nil {
		return Page{}, err
	}
	if dealer != "" {
		return s.browseDealer(ctx, dealer, at, limit)
	}
	page := Page{Listings: make([]Listing, 0, limit)}
	for range maxReads {
		want := limit - len(page.Listings)
		recs, err := s.desk.Store.List(ctx, platform.Query{
			Part: shardPart(at.shard), After: at.after, Limit: want,
		})
		if err != nil {
			return Page{}, fmt.Errorf("browse the catalogue: %w", err)
		}
		for _, rec := range recs {
			l, err := decode(rec)
			if err != nil {
				return Page{}, err
			}
			at.after = rec.Key.Sort
			if !l.Withdrawn {
				page.Listings = append(page.Listings, l)
			}
		}
		if len(recs) < want {
			if at.shard == shards-1 {
				return page, nil
			}
			at = cursor{shard: at.shard + 1}
		}
		if len(page.Listings) == limit {
			break
		}
	}
	page.Next = at.String()
	return page, nil
}

func (s *Service) browseDealer(
	ctx context.Context, dealer shop.ID, at cursor, limit int,
) (Page, error) {
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: dealerPart(dealer), After: at.after, Limit: limit,
	})
	if err != nil {
		return Page{}, fmt.Errorf("browse the listings of %s: %w", dealer, err)
	}
	page := Page{Listings: make([]Listing, 0, len(recs))}
	for _, rec := range recs {
		l, err := s.Get(ctx, shop.SKU(rec.Key.Sort))
		if err != nil {
			return Page{}, err
		}
		if !l.Withdrawn {
			page.Listings = append(page.Listings, l)
		}
	}
	if len(recs) == limit {
		page.Next = cursor{after: recs[len(recs)-1].Key.Sort}.String()
	}
	return page, nil
}
