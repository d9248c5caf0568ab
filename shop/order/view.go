package order

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// View is an order as clients see it. ShipTo and Email are only in the answer to a GET of one
// order, opened for its owner: whatever is stored as an answer holds no personal data.
type View struct {
	ID       shop.ID `json:"id"`
	Customer shop.ID `json:"customer"`

	Status string `json:"status" enum:"pending_payment,placed,on_hold,completed,cancelled,expired"`

	PaymentStatus    string        `json:"paymentStatus"`
	FulfilmentStatus string        `json:"fulfilmentStatus"`
	ReturnStatus     string        `json:"returnStatus"`
	Reason           string        `json:"reason,omitempty" doc:"why it is on hold, or ended"`
	Total            shop.Money    `json:"total"`
	ItemsTotal       shop.Money    `json:"itemsTotal"`
	Shipping         shop.Money    `json:"shipping"`
	Tax              shop.Money    `json:"tax"`
	Captured         shop.Money    `json:"captured"`
	Refunded         shop.Money    `json:"refunded"`
	Cancelled        shop.Money    `json:"cancelled" doc:"what cancelled units cost: not charged, or refunded; the total stays"`
	Lines            int           `json:"lines" doc:"how many items there are"`
	Parcels          int           `json:"parcels"`
	Lost             int           `json:"lost,omitempty" doc:"parcels that will not arrive"`
	Items            []LineView    `json:"items,omitempty" maxItems:"1200" doc:"not in a list"`
	CreatedAt        time.Time     `json:"createdAt"`
	Deadline         time.Time     `json:"deadline" doc:"placed by then, or expired"`
	CartID           shop.ID       `json:"cartId,omitempty"`
	Version          int64         `json:"version"`
	Supplements      shop.ID       `json:"supplements,omitempty" doc:"the order to which this one adds something"`
	Edits            []EditView    `json:"edits,omitempty" maxItems:"20" doc:"what was added; not in a list"`
	Tracking         []TrackedView `json:"tracking,omitempty" maxItems:"50" doc:"not in a list"`
	Action           *ActionView   `json:"action,omitempty" doc:"what the customer must do, or no card is charged"`
	ShipTo           *shop.Address `json:"shipTo,omitempty"`
	Email            string        `json:"email,omitempty"`
}

// ActionView is what the customer's bank wants.
type ActionView struct {
	URL   string    `json:"url,omitempty" doc:"where the customer confirms: only in the answer to its own GET of the order"`
	Until time.Time `json:"until"`
}

// LineView is one line of an order as clients see it.
type LineView struct {
	SKU       shop.SKU `json:"sku"`
	Title     string   `json:"title"`
	Dealer    shop.ID  `json:"dealer"`
	Quantity  int64    `json:"quantity"`
	UnitPrice int64    `json:"unitPrice" doc:"minor units of the order's currency"`
	Amount    int64    `json:"amount" doc:"quantity times unitPrice"`
	Returned  int64    `json:"returned,omitempty" doc:"units that came back"`
	Cancelled int64    `json:"cancelled,omitempty" doc:"units that are not sent"`
}

// viewOf shows an order; without lines, as in a list.
func viewOf(o *Order, lines []event.OrderLine) View {
	v := View{
		ID: o.ID, Customer: o.Customer, Status: o.Status.String(),
		PaymentStatus: o.payment().String(), FulfilmentStatus: o.fulfilment().String(),
		ReturnStatus: o.Returns.String(), Reason: o.Reason,
		Total: o.money(o.Total), ItemsTotal: o.money(o.Items), Shipping: o.money(o.Shipping),
		Tax: o.money(o.Tax), Captured: o.money(o.Captured), Refunded: o.money(o.Refunded),
		Cancelled: o.money(o.CancelledFor),
		Lines:     o.Lines, Parcels: o.parcels(), Lost: o.Lost.count(), CreatedAt: o.At,
		Deadline: o.Deadline, CartID: o.Cart, Version: o.Seq, Supplements: o.Supplements,
	}
	if o.Status == PendingPayment() && o.payment() == PaymentRequiresAction() {
		v.Action = &ActionView{Until: o.Confirm.Until}
		if o.Confirm.Until.IsZero() {
			v.Action.Until = o.Deadline
		}
	}
	if lines == nil {
		return v
	}
	v.Items = make([]LineView, len(lines))
	for i, l := range lines {
		v.Items[i] = LineView{
			SKU: l.SKU, Title: l.Title, Dealer: l.Dealer, Quantity: l.Quantity,
			UnitPrice: l.UnitPrice, Amount: l.Amount,
		}
	}
	return v
}
