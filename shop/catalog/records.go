package catalog

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room's records:
//
//	listing/<shard>  <sku>   the listing
//	dealer/<dealer>  <sku>   that the dealer has this listing; written once
//
// Listings are spread over shards by a hash of the SKU, so that no partition takes the whole
// catalogue and a listing is still one read away. Browsing walks the shards one after another.

// shards is fixed for ever: changing it would lose sight of the listings.
const shards = 16

func shardOf(sku shop.SKU) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(sku)) // a hash never fails to write
	return int(h.Sum32() % shards)
}

func shardPart(n int) string { return fmt.Sprintf("listing/%02d", n) }

func listingKey(sku shop.SKU) platform.Key {
	return platform.Key{Part: shardPart(shardOf(sku)), Sort: string(sku)}
}

func dealerPart(dealer shop.ID) string { return "dealer/" + string(dealer) }

// entry says only that the listing exists; the listing says the rest.
type entry struct {
	SKU shop.SKU `json:"sku"`
}

// Apply implements room.Room.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	switch f := f.(type) {
	case *event.Listed:
		room.Put(tx, listingKey(f.SKU), &Listing{
			SKU: f.SKU, Dealer: f.Dealer, Title: f.Title, Price: f.Price,
			CommissionBPS: f.CommissionBPS, Seq: m.Sequence,
		})
		key := platform.Key{Part: dealerPart(f.Dealer), Sort: string(f.SKU)}
		room.Put(tx, key, &entry{SKU: f.SKU})
		return nil
	case *event.Repriced:
		return s.amend(ctx, tx, f.SKU, m, func(l *Listing) { l.Price = f.Price })
	case *event.Withdrawn:
		return s.amend(ctx, tx, f.SKU, m, func(l *Listing) { l.Withdrawn = true })
	}
	return nil
}

func (s *Service) amend(
	ctx context.Context, tx *room.Tx, sku shop.SKU, m room.Meta, change func(*Listing),
) error {
	l, err := room.Get[Listing](ctx, tx, listingKey(sku))
	if err != nil {
		return err
	}
	if l == nil {
		return shop.Errorf(shop.Internal, "listing %s was changed before it was listed", sku)
	}
	change(l)
	l.Seq = m.Sequence
	room.Put(tx, listingKey(sku), l)
	return nil
}

// cursor says where a page ended: a shard (always 0 within one dealer's listings) and a SKU.
type cursor struct {
	shard int
	after string
}

func (c cursor) String() string {
	if c == (cursor{}) {
		return ""
	}
	return fmt.Sprintf("%d/%s", c.shard, c.after)
}

func parseCursor(s string) (cursor, error) {
	if s == "" {
		return cursor{}, nil
	}
	shard, after, ok := strings.Cut(s, "/")
	var c cursor
	if _, err := fmt.Sscanf(shard, "%d", &c.shard); err != nil || !ok ||
		c.shard < 0 || c.shard >= shards || len(after) > shop.MaxID {
		return cursor{}, shop.Errorf(shop.Invalid, "this is not a cursor of ours")
	}
	c.after = after
	return c, nil
}
