package event

import "github.com/souk-commerce/souk/shop"

// OrderEditBegun says that something is to be added to a placed order. What is added is an order of
// its own, Edit, which names this one: it is held, authorised, packed and charged by itself, so the
// totals of this one never change. OrderEditClosed follows.
type OrderEditBegun struct {
	Order shop.ID `json:"order"`
	Edit  shop.ID `json:"edit" doc:"the order that has what is added"`
	Total int64   `json:"total" doc:"what that costs, in minor units of the order's currency"`
	By    shop.ID `json:"by"`
}

// OrderEditClosed says that what was to be added is placed, stock and money both being there; or
// that it is not, and everything is as if nobody had asked.
type OrderEditClosed struct {
	Order  shop.ID `json:"order"`
	Edit   shop.ID `json:"edit"`
	Done   bool    `json:"done"`
	Reason string  `json:"reason,omitempty" doc:"why it is not: out_of_stock, payment_failed, expired, customer …"`
}

// Type implements Fact.
func (*OrderEditBegun) Type() string { return "souk.order.edit_begun.v1" }

// Type implements Fact.
func (*OrderEditClosed) Type() string { return "souk.order.edit_closed.v1" }

// Subject implements Fact.
func (f *OrderEditBegun) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderEditClosed) Subject() string { return orderSubject(f.Order) }

func editKinds() []Kind {
	return []Kind{
		kind[OrderEditBegun]("something is to be added to a placed order",
			rule("total_not_negative", "data.total >= 0",
				func(f *OrderEditBegun) bool { return f.Total >= 0 })),
		kind[OrderEditClosed]("what was to be added is placed, or is not",
			rule("refused_with_a_reason", "data.done || size(data.reason) > 0",
				func(f *OrderEditClosed) bool { return f.Done || f.Reason != "" })),
	}
}
