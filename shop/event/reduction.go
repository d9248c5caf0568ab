package event

import "github.com/souk-commerce/souk/shop"

// ShipmentReduced says that units of a parcel which has not left were cancelled: they will not be
// sent, and their share of the parcel's money is not taken, or goes back if it was. Whether it was,
// payment knows. It is decided on the parcel's own record, so of packing and cancelling the same
// units exactly one wins.
type ShipmentReduced struct {
	Shipment     shop.ID      `json:"shipment"`
	Order        shop.ID      `json:"order"`
	Payment      shop.ID      `json:"payment"`
	Dealer       shop.ID      `json:"dealer"`
	Cancellation shop.ID      `json:"cancellation" doc:"what was asked for at once; it may be of several parcels"`
	Refund       shop.ID      `json:"refund" doc:"names this reduction, and the refund if there is one"`
	Lines        []ParcelLine `json:"lines" doc:"that are not sent"`
	Amount       shop.Money   `json:"amount" doc:"their share of what the parcel cost"`
	Left         shop.Money   `json:"left" doc:"what the parcel costs without them"`
	Empty        bool         `json:"empty,omitempty" doc:"nothing is left in the parcel; it is cancelled with this"`
	Reason       string       `json:"reason" doc:"changed_mind, mistake …"`
	By           shop.ID      `json:"by"`
}

// StockFreed says that units of a placed order are available again because they were cancelled. The
// hold goes on with the others; with Last there are none.
type StockFreed struct {
	Order    shop.ID     `json:"order"`
	Shipment shop.ID     `json:"shipment"`
	Refund   shop.ID     `json:"refund" doc:"the reduction"`
	Chunk    int         `json:"chunk" doc:"of the reduction, from 0"`
	Items    []StockItem `json:"items"`
	Last     bool        `json:"last" doc:"nothing of the hold is left"`
}

// PaymentReduced says that money of a parcel will not be taken, because its goods were cancelled
// before it was. What was taken already is refunded instead.
type PaymentReduced struct {
	Payment  shop.ID    `json:"payment"`
	Order    shop.ID    `json:"order"`
	Shipment shop.ID    `json:"shipment"`
	Refund   shop.ID    `json:"refund" doc:"the reduction"`
	Amount   shop.Money `json:"amount" doc:"of what was authorised"`
	Left     shop.Money `json:"left" doc:"what the parcel costs without it"`
}

// OrderReduced says that units of the order were cancelled. The totals stay as they were frozen:
// what is not charged, or goes back, is an amount of its own. An order of which everything was
// cancelled is cancelled with this.
type OrderReduced struct {
	Order        shop.ID      `json:"order"`
	Shipment     shop.ID      `json:"shipment"`
	Cancellation shop.ID      `json:"cancellation"`
	Lines        []ParcelLine `json:"lines" doc:"that are not sent"`
	Units        int64        `json:"units" doc:"that were cancelled so far"`
	Amount       int64        `json:"amount" doc:"what they cost, so far, in minor units"`
	Empty        bool         `json:"empty,omitempty" doc:"nothing is left in the parcel"`
	Fulfilment   string       `json:"fulfilment" doc:"the fulfilment axis"`
	Reason       string       `json:"reason"`
	By           shop.ID      `json:"by"`
	Cause        string       `json:"cause" doc:"as in fulfilment.reduced/…"`
}

// Type implements Fact.
func (*ShipmentReduced) Type() string { return "souk.fulfilment.reduced.v1" }

// Type implements Fact.
func (*StockFreed) Type() string { return "souk.inventory.freed.v1" }

// Type implements Fact.
func (*PaymentReduced) Type() string { return "souk.payment.reduced.v1" }

// Type implements Fact.
func (*OrderReduced) Type() string { return "souk.order.reduced.v1" }

// Subject implements Fact.
func (f *ShipmentReduced) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *StockFreed) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *PaymentReduced) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *OrderReduced) Subject() string { return orderSubject(f.Order) }

// reductionKinds are what several rooms say of units that are cancelled before they leave.
func reductionKinds() []Kind {
	const linesPositive = "data.lines.all(l, l.quantity > 0)"
	positiveLines := func(lines []ParcelLine) bool {
		return all(lines, func(l ParcelLine) bool { return l.Quantity > 0 })
	}
	return []Kind{
		kind[ShipmentReduced]("units of a parcel that has not left were cancelled",
			rule("has_lines", "size(data.lines) > 0",
				func(f *ShipmentReduced) bool { return len(f.Lines) > 0 }),
			rule("quantities_positive", linesPositive,
				func(f *ShipmentReduced) bool { return positiveLines(f.Lines) }),
			rule("amounts_not_negative", "data.amount.amount >= 0 && data.left.amount >= 0",
				func(f *ShipmentReduced) bool {
					return f.Amount.Amount >= 0 && f.Left.Amount >= 0
				})),
		kind[StockFreed]("units of a placed order are available again",
			rule("has_items", hasItems,
				func(f *StockFreed) bool { return len(f.Items) > 0 }),
			rule("quantities_positive", itemsPositive,
				func(f *StockFreed) bool { return positive(f.Items) })),
		kind[PaymentReduced]("money of a parcel will not be taken: its goods were cancelled",
			rule("amount_positive", amountPositive,
				func(f *PaymentReduced) bool { return f.Amount.Amount > 0 })),
		kind[OrderReduced]("units of the order were cancelled; its totals stay",
			rule("has_lines", "size(data.lines) > 0",
				func(f *OrderReduced) bool { return len(f.Lines) > 0 }),
			rule("quantities_positive", linesPositive,
				func(f *OrderReduced) bool { return positiveLines(f.Lines) }),
			rule("sums_not_negative", "data.units > 0 && data.amount >= 0",
				func(f *OrderReduced) bool { return f.Units > 0 && f.Amount >= 0 })),
	}
}
