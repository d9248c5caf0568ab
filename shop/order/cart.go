package order

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// maxCarts bounds the carts of one customer.
const maxCarts = 50

// Cart is what a customer may order one day. It is a note, not a fact: nobody else hears of it,
// it holds no price, and losing one would lose no promise. Folding the log does not make it.
type Cart struct {
	ID    shop.ID `json:"id"`
	Items []Item  `json:"items" minItems:"1" maxItems:"1200"`
}

func draftPart(customer shop.ID) string { return room.AuxPrefix + "cart/" + string(customer) }

func draftKey(customer, cart shop.ID) platform.Key {
	return platform.Key{Part: draftPart(customer), Sort: string(cart)}
}

// SaveCart replaces what is in a cart of the caller's, making it if need be. A cart that has
// become an order is a Conflict; so is one too many.
func (s *Service) SaveCart(ctx context.Context, c Cart) error {
	by := room.CallerOf(ctx)
	if !by.May(room.Customer()) {
		return shop.Errorf(shop.Forbidden, "only a customer has carts")
	}
	if _, err := shop.ParseID(string(c.ID)); err != nil {
		return shop.Errorf(shop.Invalid, "cart: %w", err)
	}
	if err := checkItems(c.Items); err != nil {
		return err
	}
	return s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if err := stillCart(ctx, tx, by.ID, c.ID); err != nil {
			return err
		}
		have, err := room.Get[Cart](ctx, tx, draftKey(by.ID, c.ID))
		if err != nil {
			return err
		}
		if have == nil {
			if err := s.roomForCart(ctx, by.ID); err != nil {
				return err
			}
		}
		room.Put(tx, draftKey(by.ID, c.ID), &c)
		return nil
	})
}

// roomForCart counts the carts. Two requests at once may pass the bound by one; it is there
// against filling the disk, and that it does.
func (s *Service) roomForCart(ctx context.Context, customer shop.ID) error {
	recs, err := s.desk.Store.List(ctx, platform.Query{Part: draftPart(customer), Limit: maxCarts})
	if err != nil {
		return fmt.Errorf("count the carts of %s: %w", customer, err)
	}
	if len(recs) == maxCarts {
		return shop.Errorf(shop.Conflict, "a customer has at most %d open carts", maxCarts)
	}
	return nil
}

// itemsOf returns what is in a cart.
func (s *Service) itemsOf(ctx context.Context, customer, cart shop.ID) ([]Item, error) {
	tx := s.desk.Begin(room.Cause{})
	if err := stillCart(ctx, tx, customer, cart); err != nil {
		return nil, err
	}
	c, err := room.Get[Cart](ctx, tx, draftKey(customer, cart))
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, shop.Errorf(shop.NotFound, "there is no cart %q", cart)
	}
	return c.Items, nil
}

// closeCart makes sure that a cart becomes one order at most, and forgets what was in it.
func closeCart(ctx context.Context, tx *room.Tx, customer, cart shop.ID) error {
	if err := stillCart(ctx, tx, customer, cart); err != nil {
		return err
	}
	draft, err := room.Get[Cart](ctx, tx, draftKey(customer, cart))
	if err != nil {
		return err
	}
	if draft != nil {
		tx.Delete(draftKey(customer, cart))
	}
	return nil
}

// stillCart refuses a cart that has become an order.
func stillCart(ctx context.Context, tx *room.Tx, customer, cart shop.ID) error {
	used, err := room.Get[mark](ctx, tx, cartKey(customer, cart))
	if err == nil && used != nil {
		return shop.Errorf(shop.Conflict, "cart %s is order %s already", cart, used.Order)
	}
	return err
}
