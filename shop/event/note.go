package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// OrderNoted says that an administrator or a dealer wrote something down about an order. Notes have
// a sequence of their own: they change nothing of the order, and its customer, who may read its
// history, sees only those that are for them.
type OrderNoted struct {
	Order    shop.ID             `json:"order"`
	Note     int64               `json:"note" doc:"which of the order, from 1"`
	Text     shop.Sealed[string] `json:"text" doc:"sealed under the customer's key: it is erased with the person"`
	By       shop.ID             `json:"by"`
	Dealer   bool                `json:"dealer,omitempty" doc:"a dealer of the order wrote it"`
	Audience string              `json:"audience" doc:"staff; or customer: the customer and the order's dealers read it too"`
	At       time.Time           `json:"at"`
}

// Type implements Fact.
func (*OrderNoted) Type() string { return "souk.order.noted.v1" }

// Subject implements Fact.
func (f *OrderNoted) Subject() string { return "notes/" + string(f.Order) }

func noteKinds() []Kind {
	return []Kind{
		kind[OrderNoted]("somebody wrote something down about an order",
			rule("counted", "data.note > 0", func(f *OrderNoted) bool { return f.Note > 0 }),
			rule("for_somebody", "data.audience in ['staff', 'customer']",
				func(f *OrderNoted) bool {
					return f.Audience == "staff" || f.Audience == "customer"
				})),
	}
}
