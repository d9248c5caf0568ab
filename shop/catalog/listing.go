package catalog

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Stale is the code of a change whose If-Match names another version than the present one.
const Stale shop.Code = "stale"

// The bounds of a listing.
const (
	MaxTitle         = 120               // characters
	MaxPrice         = 1_000_000_000_000 // minor units
	MaxCommissionBPS = 10_000            // the whole amount
)

// Listing is a thing that a dealer offers.
type Listing struct {
	SKU           shop.SKU   `json:"sku"`
	Dealer        shop.ID    `json:"dealer"`
	Title         string     `json:"title"`
	Price         shop.Money `json:"price"`
	CommissionBPS int64      `json:"commissionBps"` // the market's share, in 1/10,000 of the amount
	Withdrawn     bool       `json:"withdrawn,omitempty"`
	Seq           int64      `json:"seq"` // of the last fact applied; it is the listing's version
}

// check refuses a listing that could not be sold. A price of zero is refused as well: a parcel of
// free things has nothing to capture, and capture is what clears a parcel.
func (l *Listing) check() error {
	if _, err := shop.ParseSKU(string(l.SKU)); err != nil {
		return err
	}
	if _, err := shop.ParseID(string(l.Dealer)); err != nil {
		return shop.Errorf(shop.Invalid, "dealer: %w", err)
	}
	if err := shop.CheckText("title", l.Title, 1, MaxTitle); err != nil {
		return err
	}
	if l.CommissionBPS < 0 || l.CommissionBPS > MaxCommissionBPS {
		return shop.Errorf(shop.Invalid, "a commission is 0 to %d basis points, not %d",
			MaxCommissionBPS, l.CommissionBPS)
	}
	return checkPrice(l.Price)
}

func checkPrice(p shop.Money) error {
	if !p.Currency.Valid() {
		return shop.Errorf(shop.Invalid, "a price has an ISO 4217 currency")
	}
	if p.Amount < 1 || p.Amount > MaxPrice {
		return shop.Errorf(shop.Invalid, "a price is 1 to %d minor units, not %d",
			int64(MaxPrice), p.Amount)
	}
	return nil
}

// sameOffer reports whether listing want again would change nothing.
func (l *Listing) sameOffer(want *Listing) bool {
	return !l.Withdrawn && l.Dealer == want.Dealer && l.Title == want.Title &&
		l.Price == want.Price && l.CommissionBPS == want.CommissionBPS
}

// ownedBy refuses anybody but the listing's dealer, an admin or a machine of the operator's.
func (l *Listing) ownedBy(c room.Caller) error {
	if c.May(room.Admin(), room.ServiceRole()) || c.May(room.Dealer()) && c.ID == l.Dealer {
		return nil
	}
	if c == (room.Caller{}) {
		return shop.Errorf(shop.Unauthorised, "sign in to change listing %s", l.SKU)
	}
	return shop.Errorf(shop.Forbidden, "listing %s belongs to another dealer", l.SKU)
}

// listed decides List.
func (l *Listing) listed() *event.Listed {
	return &event.Listed{
		SKU: l.SKU, Dealer: l.Dealer, Title: l.Title, Price: l.Price,
		CommissionBPS: l.CommissionBPS,
	}
}

// change decides what facts bring the listing to c: none when it is there already.
func (l *Listing) change(c Change) ([]event.Fact, error) {
	var facts []event.Fact
	if c.Price != nil && *c.Price != l.Price {
		if err := checkPrice(*c.Price); err != nil {
			return nil, err
		}
		if c.Price.Currency != l.Price.Currency {
			return nil, shop.Errorf(shop.Invalid,
				"listing %s is sold in %s and cannot change to %s",
				l.SKU, l.Price.Currency, c.Price.Currency)
		}
		if l.Withdrawn {
			return nil, shop.Errorf(shop.Illegal,
				"listing %s (version %d) is withdrawn and cannot be repriced", l.SKU, l.Seq)
		}
		facts = append(facts, &event.Repriced{SKU: l.SKU, Price: *c.Price})
	}
	if c.Withdraw && !l.Withdrawn {
		facts = append(facts, &event.Withdrawn{SKU: l.SKU})
	}
	return facts, nil
}

// Change is what can be changed of a listing.
type Change struct {
	Price    *shop.Money // nil: keep
	Withdraw bool
	Version  int64 // the Seq that it was decided on; 0 for whatever it is now
}
