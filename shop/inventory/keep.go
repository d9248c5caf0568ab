package inventory

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// kept is a SKU with care as one unit of work sees it. What is decided from it commits only if
// nobody changed its numbers or its care meanwhile.
type kept struct {
	care             *Care
	onHand, reserved int64
}

// keeping reads a SKU's numbers and care, and ties the commit to them. A SKU without care has one
// that asks for nothing; known says that it has one.
func keeping(ctx context.Context, tx *room.Tx, sku shop.SKU) (k kept, known bool, err error) {
	care, err := room.Get[Care](ctx, tx, CareKey(sku))
	if err != nil {
		return k, false, err
	}
	counters, err := tx.Counters(ctx, StockKey(sku, 0))
	if err != nil {
		return k, false, err
	}
	tx.Pin(StockKey(sku, 0))
	tx.Pin(CareKey(sku))
	k = kept{care: care, onHand: counters[OnHand], reserved: counters[Reserved]}
	if known = care != nil; !known {
		k.care = &Care{SKU: sku}
	}
	return k, known, nil
}

// settle announces what is to be told after this unit of work moved the SKU's numbers.
func (k *kept) settle(
	ctx context.Context, tx *room.Tx, onHand, reserved int64, by string,
) error {
	k.onHand += onHand
	k.reserved += reserved
	for _, f := range k.care.due(k.onHand, k.reserved, by) {
		if err := k.announce(ctx, tx, f); err != nil {
			return err
		}
	}
	return nil
}

func (k *kept) announce(ctx context.Context, tx *room.Tx, f event.Fact) error {
	if err := tx.Announce(ctx, f, k.care.Seq+1); err != nil {
		return err
	}
	care, err := room.Get[Care](ctx, tx, CareKey(k.care.SKU))
	if err == nil {
		k.care = care
	}
	return err
}

// level is what there is of the SKU.
func (k *kept) level() Level {
	return Level{
		SKU: k.care.SKU, OnHand: k.onHand, Reserved: k.reserved, Allotments: 1,
		Available: max(0, k.care.offered(k.onHand, k.reserved)),
		Safety:    k.care.Safety, Short: k.care.Short, Low: k.care.Low,
	}
}

// applyToCare applies a fact about a SKU to its care, and keeps aside as many of its units as that
// asks for then.
func applyToCare(
	ctx context.Context, tx *room.Tx, sku shop.SKU, f event.Fact, m room.Meta,
) error {
	c, err := room.Get[Care](ctx, tx, CareKey(sku))
	if err != nil {
		return err
	}
	if c == nil {
		c = &Care{SKU: sku}
		tx.Add(StockKey(sku, 0),
			platform.Move{Counter: Plain, Delta: -1, Floor: platform.NoFloor})
	}
	if m.Sequence != c.Seq+1 {
		return shop.Errorf(shop.Illegal, "of %s fact %d follows fact %d", sku, m.Sequence, c.Seq)
	}
	was := c.aside()
	c.apply(f)
	c.Seq = m.Sequence
	room.Put(tx, CareKey(sku), c)
	if more := c.aside() - was; more != 0 {
		tx.Add(StockKey(sku, 0),
			platform.Move{Counter: Available, Delta: -more, Floor: platform.NoFloor},
			platform.Move{Counter: Aside, Delta: more})
	}
	return nil
}

// applyShort applies a fact about a shortage and lists it, or takes it off the list.
func applyShort(
	ctx context.Context, tx *room.Tx, f event.Fact, s Shortage, m room.Meta,
) error {
	for _, part := range []string{shortagesPart, shortagesOf(s.Dealer)} {
		key := platform.Key{Part: part, Sort: string(s.SKU)}
		if _, err := room.Get[Shortage](ctx, tx, key); err != nil {
			return err
		}
		if s.Units == 0 {
			tx.Delete(key)
			continue
		}
		room.Put(tx, key, &s)
	}
	return applyToCare(ctx, tx, s.SKU, f, m)
}
