package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Contact is how to reach the person who ordered. Personal data: it exists only sealed.
type Contact struct {
	Email string `json:"email"`
	Phone string `json:"phone,omitempty"` // as in +442079460123
}

// OrderLine is one line of an order, priced and frozen at checkout.
type OrderLine struct {
	SKU           shop.SKU `json:"sku"`
	Dealer        shop.ID  `json:"dealer"`
	Title         string   `json:"title"`
	Quantity      int64    `json:"quantity"`
	UnitPrice     int64    `json:"unitPrice" doc:"minor units of the order's currency"`
	Amount        int64    `json:"amount" doc:"quantity times unitPrice"`
	CommissionBPS int64    `json:"commissionBps"`
}

// OrderCreated says that a customer checked out: lines, prices, tax, shipping and commission are
// frozen from here. Nothing is held or charged yet.
type OrderCreated struct {
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Lines    []OrderLine               `json:"lines"`
	Currency shop.Currency             `json:"currency"`
	Items    int64                     `json:"items" doc:"sum of the lines' amounts"`
	Shipping int64                     `json:"shipping"`
	Tax      int64                     `json:"tax"`
	Total    int64                     `json:"total"`
	Method   shop.ID                   `json:"method" doc:"names the card, never holds it"`
	ShipTo   shop.Sealed[shop.Address] `json:"shipTo"`
	Contact  shop.Sealed[Contact]      `json:"contact"`
	At       time.Time                 `json:"at" doc:"when the customer ordered"`
	Deadline time.Time                 `json:"deadline" doc:"placed by then, or expired"`
	Cart     shop.ID                   `json:"cart,omitempty"`
	Origin   string                    `json:"origin" doc:"http, queue, import or edit"`
	Cards    int                       `json:"cards,omitempty" doc:"how many cards may be tried before the deadline; none says one"`

	Supplements shop.ID `json:"supplements,omitempty" doc:"the order to which this one adds something"`
}

// Parcel is one dealer's part of an order.
type Parcel struct {
	Dealer     shop.ID      `json:"dealer"`
	Lines      []ParcelLine `json:"lines"`
	Items      int64        `json:"items" doc:"minor units"`
	Shipping   int64        `json:"shipping" doc:"share of the order's shipping"`
	Tax        int64        `json:"tax" doc:"share of the order's tax"`
	Amount     int64        `json:"amount" doc:"items + shipping + tax"`
	Commission int64        `json:"commission" doc:"the market's share of items, in minor units"`
}

// ParcelLine is a quantity of one SKU in a parcel.
type ParcelLine struct {
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity"`
}

// OrderPlacedV1 is the first form of OrderPlaced, which did not yet split the order by dealer.
type OrderPlacedV1 struct {
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Payment  shop.ID                   `json:"payment"`
	Currency shop.Currency             `json:"currency"`
	Total    int64                     `json:"total"`
	Lines    []OrderLine               `json:"lines"`
	ShipTo   shop.Sealed[shop.Address] `json:"shipTo"`
	Contact  shop.Sealed[Contact]      `json:"contact"`
}

// OrderPlaced says that stock is held and the money is authorised: the order will be fulfilled.
type OrderPlaced struct {
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Payment  shop.ID                   `json:"payment"`
	Currency shop.Currency             `json:"currency"`
	Total    int64                     `json:"total"`
	Parcels  []Parcel                  `json:"parcels"`
	ShipTo   shop.Sealed[shop.Address] `json:"shipTo"`
	Contact  shop.Sealed[Contact]      `json:"contact"`
}

// OrderCancelled says that the order ended before it was fulfilled. Holds are released and money is
// voided or refunded because of it.
type OrderCancelled struct {
	Order    shop.ID              `json:"order"`
	Customer shop.ID              `json:"customer"`
	Reason   string               `json:"reason" doc:"customer, out_of_stock, payment_failed …"`
	By       shop.ID              `json:"by,omitempty"`
	From     string               `json:"from" doc:"the status that it left"`
	Contact  shop.Sealed[Contact] `json:"contact"`
}

// OrderExpired says that the deadline passed before stock and money were both there.
type OrderExpired struct {
	Order    shop.ID              `json:"order"`
	Customer shop.ID              `json:"customer"`
	Contact  shop.Sealed[Contact] `json:"contact"`
}

// OrderHeld says that the order is stopped until OrderApproved of the same round, or
// OrderCancelled. From the moment that fulfilment hears of it no parcel of the order is packed or
// dispatched, and so nothing that was not packed before is captured by itself. What was packed
// before may still be captured, but does not leave; what has left may still arrive.
type OrderHeld struct {
	Order  shop.ID `json:"order"`
	Reason string  `json:"reason" doc:"capture_failed, admin …"`
	By     shop.ID `json:"by,omitempty"`
	Cause  string  `json:"cause,omitempty" doc:"the fact that stopped it; none if a person did"`
	Round  int64   `json:"round,omitempty" doc:"which hold of the order this is, from 1"`
}

// OrderApproved says that a held order goes on: its parcels may move again, and every capture that
// was refused since the approval before, if the order knew of it, is tried again under another key.
type OrderApproved struct {
	Order    shop.ID  `json:"order"`
	By       shop.ID  `json:"by,omitempty"`
	Round    int64    `json:"round,omitempty" doc:"the hold that it ends"`
	Captures []string `json:"captures,omitempty" doc:"to try again: keys of those that were refused"`
}

// OrderProgressed says that money moved or parcels did: the derived axes after the change. The
// counts and amounts are totals so far, not differences.
type OrderProgressed struct {
	Order      shop.ID   `json:"order"`
	Payment    string    `json:"payment" doc:"the payment axis"`
	Fulfilment string    `json:"fulfilment" doc:"the fulfilment axis"`
	Captured   int64     `json:"captured"`
	Refunded   int64     `json:"refunded"`
	Freed      int64     `json:"freed,omitempty" doc:"that will not be taken: its goods were cancelled"`
	Dispatched int64     `json:"dispatched" doc:"parcels"`
	Delivered  int64     `json:"delivered" doc:"parcels"`
	Lost       int64     `json:"lost,omitempty" doc:"parcels"`
	Deadline   time.Time `json:"deadline" doc:"the order's; a required action may move it"`
	Cause      string    `json:"cause" doc:"the fact that moved it, as in payment.captured/…"`

	Confirm Confirmation `json:"confirm,omitzero" doc:"what the customer must do"`
}

// Confirmation is what a customer's bank wants: that they confirm at Page, until Until.
type Confirmation struct {
	Attempt int                 `json:"attempt" doc:"which card"`
	Until   time.Time           `json:"until"`
	Page    shop.Sealed[string] `json:"page,omitzero"`
}

// OrderReturnMoved says that a return of the order began, went on or ended: the return axis after
// it, and what came back so far. It also says that the return window closed while something was on
// its way back: the order is completed when nothing is any more.
type OrderReturnMoved struct {
	Order  shop.ID      `json:"order"`
	Return string       `json:"return" doc:"the return axis"`
	Units  int64        `json:"units" doc:"that came back so far, of all returns"`
	Items  []ParcelLine `json:"items,omitempty" doc:"that came back with the return that ended"`
	Closed bool         `json:"closed,omitempty" doc:"the return window has closed"`
	Cause  string       `json:"cause" doc:"the fact that moved it, as in fulfilment.return_closed/…"`
}

// OrderTracked says where a carrier saw a parcel of the order: its latest word, by its own clock.
type OrderTracked struct {
	Order    shop.ID   `json:"order"`
	Shipment shop.ID   `json:"shipment"`
	Carrier  string    `json:"carrier"`
	Tracking string    `json:"tracking"`
	Status   string    `json:"status" doc:"picked_up, in_transit, delivered …"`
	At       time.Time `json:"at"`
	Cause    string    `json:"cause"`
}

// OrderCompleted says that everything was delivered and the return window is closed.
type OrderCompleted struct {
	Order    shop.ID `json:"order"`
	Customer shop.ID `json:"customer"`
}

// OrderDeadline is a timer's fact: the order's deadline has come.
type OrderDeadline struct {
	Order shop.ID   `json:"order"`
	Due   time.Time `json:"due" doc:"which deadline; the order may have got a later one since"`
}

// OrderReturnWindowClosed is a timer's fact: nothing of the order can be returned any more.
type OrderReturnWindowClosed struct {
	Order shop.ID `json:"order"`
}

// Type implements Fact.
func (*OrderCreated) Type() string { return "souk.order.created.v1" }

// Type implements Fact.
func (*OrderPlacedV1) Type() string { return "souk.order.placed.v1" }

// Type implements Fact.
func (*OrderPlaced) Type() string { return "souk.order.placed.v2" }

// Type implements Fact.
func (*OrderCancelled) Type() string { return "souk.order.cancelled.v1" }

// Type implements Fact.
func (*OrderExpired) Type() string { return "souk.order.expired.v1" }

// Type implements Fact.
func (*OrderHeld) Type() string { return "souk.order.held.v1" }

// Type implements Fact.
func (*OrderApproved) Type() string { return "souk.order.approved.v1" }

// Type implements Fact.
func (*OrderProgressed) Type() string { return "souk.order.progressed.v1" }

// Type implements Fact.
func (*OrderReturnMoved) Type() string { return "souk.order.return_moved.v1" }

// Type implements Fact.
func (*OrderTracked) Type() string { return "souk.order.tracked.v1" }

// Type implements Fact.
func (*OrderCompleted) Type() string { return "souk.order.completed.v1" }

// Type implements Fact.
func (*OrderDeadline) Type() string { return "souk.order.deadline.v1" }

// Type implements Fact.
func (*OrderReturnWindowClosed) Type() string { return "souk.order.return_window_closed.v1" }

// Subject implements Fact.
func (f *OrderCreated) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderPlacedV1) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderPlaced) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderCancelled) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderExpired) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderHeld) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderApproved) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderProgressed) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderReturnMoved) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderTracked) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact.
func (f *OrderCompleted) Subject() string { return orderSubject(f.Order) }

// Subject implements Fact. The timer's facts have a subject of their own: the platform announces
// them, so they are outside the order's sequence.
func (f *OrderDeadline) Subject() string { return "timer/order-deadline/" + string(f.Order) }

// Subject implements Fact.
func (f *OrderReturnWindowClosed) Subject() string {
	return "timer/order-returns/" + string(f.Order)
}

func orderSubject(id shop.ID) string { return "order/" + string(id) }

func orderKinds() []Kind {
	return []Kind{
		kind[OrderCreated]("a customer checked out; lines and prices are frozen",
			orderCreatedRules()...),
		orderPlacedV1(),
		kind[OrderPlaced]("stock is held and the money is authorised: the order will be fulfilled",
			orderPlacedRules()...),
		kind[OrderCancelled]("the order ended before it was fulfilled"),
		kind[OrderExpired]("the deadline passed before stock and money were both there"),
		kind[OrderHeld]("the order is stopped until somebody approves or cancels it: once " +
			"fulfilment knows, no parcel is packed or dispatched"),
		kind[OrderApproved]("a held order goes on, and its refused captures are tried again"),
		kind[OrderProgressed]("money or parcels moved; the derived axes after the change",
			rule("refunds_within_captures", "data.refunded >= 0 && data.refunded <= data.captured",
				func(f *OrderProgressed) bool {
					return f.Refunded >= 0 && f.Refunded <= f.Captured
				}),
			rule("deliveries_within_dispatches",
				"data.delivered >= 0 && data.delivered <= data.dispatched",
				func(f *OrderProgressed) bool {
					return f.Delivered >= 0 && f.Delivered <= f.Dispatched
				})),
		kind[OrderReturnMoved]("a return of the order began, went on or ended",
			rule("units_not_negative", "data.units >= 0",
				func(f *OrderReturnMoved) bool { return f.Units >= 0 })),
		kind[OrderTracked]("where a carrier saw a parcel of the order last"),
		kind[OrderCompleted]("everything was delivered and the return window is closed"),
		kind[OrderDeadline]("the order's deadline has come (announced by its timer)"),
		kind[OrderReturnWindowClosed]("the return window has closed (announced by its timer)"),
	}
}

func orderCreatedRules() []Invariant {
	return []Invariant{
		rule("has_lines", "size(data.lines) > 0",
			func(f *OrderCreated) bool { return len(f.Lines) > 0 }),
		rule("quantities_positive", "data.lines.all(l, l.quantity > 0)",
			func(f *OrderCreated) bool {
				return all(f.Lines, func(l OrderLine) bool { return l.Quantity > 0 })
			}),
		rule("line_amounts_multiply", "data.lines.all(l, l.amount == l.quantity * l.unitPrice)",
			func(f *OrderCreated) bool {
				return all(f.Lines, func(l OrderLine) bool {
					return isProduct(l.Amount, l.Quantity, l.UnitPrice)
				})
			}),
		rule("items_add_up", "data.lines.map(l, l.amount).sum() == data.items",
			func(f *OrderCreated) bool { return addUp(f.Lines, lineAmount, f.Items) }),
		rule("total_adds_up", "data.items + data.shipping + data.tax == data.total",
			func(f *OrderCreated) bool { return partsOf(f.Total, f.Items, f.Shipping, f.Tax) }),
		rule("nothing_negative", "data.shipping >= 0 && data.tax >= 0 && data.total >= 0",
			func(f *OrderCreated) bool { return f.Shipping >= 0 && f.Tax >= 0 && f.Total >= 0 }),
	}
}

// orderPlacedV1 states what the upcaster needs to make a true second version of a first one.
func orderPlacedV1() Kind {
	k := kind[OrderPlacedV1]("stock is held and the money is authorised (first form)",
		rule("has_lines", "size(data.lines) > 0",
			func(f *OrderPlacedV1) bool { return len(f.Lines) > 0 }),
		rule("amounts_not_negative", "data.lines.all(l, l.amount >= 0)",
			func(f *OrderPlacedV1) bool {
				return all(f.Lines, func(l OrderLine) bool { return l.Amount >= 0 })
			}),
		rule("commission_is_a_share",
			"data.lines.all(l, l.commissionBps >= 0 && l.commissionBps <= 10000)",
			func(f *OrderPlacedV1) bool {
				return all(f.Lines, func(l OrderLine) bool {
					return l.CommissionBPS >= 0 && l.CommissionBPS <= wholeBPS
				})
			}),
		rule("lines_within_total", "data.lines.map(l, l.amount).sum() <= data.total",
			func(f *OrderPlacedV1) bool {
				items, ok := sumOf(f.Lines, lineAmount)
				return ok && items <= f.Total
			}))
	k.Upcast = func(f Fact) Fact { return splitByDealer(f.(*OrderPlacedV1)) }
	return k
}

func orderPlacedRules() []Invariant {
	return []Invariant{
		rule("has_parcels", "size(data.parcels) > 0",
			func(f *OrderPlaced) bool { return len(f.Parcels) > 0 }),
		rule("parcels_add_up", "data.parcels.map(p, p.amount).sum() == data.total",
			func(f *OrderPlaced) bool {
				return addUp(f.Parcels, func(p Parcel) int64 { return p.Amount }, f.Total)
			}),
		rule("parcel_amounts_add_up",
			"data.parcels.all(p, p.items + p.shipping + p.tax == p.amount)",
			func(f *OrderPlaced) bool {
				return all(f.Parcels, func(p Parcel) bool {
					return partsOf(p.Amount, p.Items, p.Shipping, p.Tax)
				})
			}),
		rule("commission_within_items",
			"data.parcels.all(p, p.commission >= 0 && p.commission <= p.items)",
			func(f *OrderPlaced) bool {
				return all(f.Parcels, func(p Parcel) bool {
					return p.Commission >= 0 && p.Commission <= p.Items
				})
			}),
		rule("parcels_have_lines", "data.parcels.all(p, size(p.lines) > 0)",
			func(f *OrderPlaced) bool {
				return all(f.Parcels, func(p Parcel) bool { return len(p.Lines) > 0 })
			}),
	}
}

func lineAmount(l OrderLine) int64 { return l.Amount }

// wholeBPS is the whole of an amount, in basis points.
const wholeBPS = 10_000

// splitByDealer upcasts the first form: it groups the lines by dealer, first come first, and
// gives whatever the lines do not explain (shipping and tax, which the first form did not carry
// apart) to the first parcel as shipping, so that the parcels add up to the total.
func splitByDealer(v1 *OrderPlacedV1) *OrderPlaced {
	v2 := &OrderPlaced{
		Order: v1.Order, Customer: v1.Customer, Payment: v1.Payment, Currency: v1.Currency,
		Total: v1.Total, ShipTo: v1.ShipTo, Contact: v1.Contact,
	}
	at := make(map[shop.ID]int)
	rest := v1.Total
	for _, l := range v1.Lines {
		i, ok := at[l.Dealer]
		if !ok {
			i = len(v2.Parcels)
			at[l.Dealer] = i
			v2.Parcels = append(v2.Parcels, Parcel{Dealer: l.Dealer})
		}
		p := &v2.Parcels[i]
		p.Lines = append(p.Lines, ParcelLine{SKU: l.SKU, Quantity: l.Quantity})
		p.Items += l.Amount
		p.Amount += l.Amount
		p.Commission += share(l.Amount, l.CommissionBPS)
		rest -= l.Amount
	}
	if len(v2.Parcels) > 0 {
		v2.Parcels[0].Shipping += rest
		v2.Parcels[0].Amount += rest
	}
	return v2
}

// share is bps 1/10,000 of amount, rounded down. Splitting the amount first keeps the largest one
// that Money allows from overflowing.
func share(amount, bps int64) int64 {
	return amount/wholeBPS*bps + amount%wholeBPS*bps/wholeBPS
}
