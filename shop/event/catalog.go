package event

import "github.com/souk-commerce/souk/shop"

// Listed says that a dealer offers a thing at a price.
type Listed struct {
	SKU           shop.SKU   `json:"sku"`
	Dealer        shop.ID    `json:"dealer"`
	Title         string     `json:"title"`
	Price         shop.Money `json:"price"`
	CommissionBPS int64      `json:"commissionBps" doc:"the market's share, in 1/10,000"`
}

// Repriced says that a listing has another price from now on. Orders keep theirs.
type Repriced struct {
	SKU   shop.SKU   `json:"sku"`
	Price shop.Money `json:"price"`
}

// Withdrawn says that a listing can no longer be ordered.
type Withdrawn struct {
	SKU shop.SKU `json:"sku"`
}

// Type implements Fact.
func (*Listed) Type() string { return "souk.catalog.listed.v1" }

// Type implements Fact.
func (*Repriced) Type() string { return "souk.catalog.repriced.v1" }

// Type implements Fact.
func (*Withdrawn) Type() string { return "souk.catalog.withdrawn.v1" }

// Subject implements Fact.
func (f *Listed) Subject() string { return "listing/" + string(f.SKU) }

// Subject implements Fact.
func (f *Repriced) Subject() string { return "listing/" + string(f.SKU) }

// Subject implements Fact.
func (f *Withdrawn) Subject() string { return "listing/" + string(f.SKU) }

func catalogKinds() []Kind {
	return []Kind{
		kind[Listed]("a dealer offers a thing at a price",
			rule("price_not_negative", "data.price.amount >= 0",
				func(f *Listed) bool { return f.Price.Amount >= 0 }),
			rule("commission_is_a_share", "data.commissionBps >= 0 && data.commissionBps <= 10000",
				func(f *Listed) bool { return f.CommissionBPS >= 0 && f.CommissionBPS <= 10_000 })),
		kind[Repriced]("a listing has another price from now on",
			rule("price_not_negative", "data.price.amount >= 0",
				func(f *Repriced) bool { return f.Price.Amount >= 0 })),
		kind[Withdrawn]("a listing can no longer be ordered"),
	}
}
