package order

import (
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Order is the head of an order: everything that its life changes, and the totals that were
// frozen at checkout. It is small, since every transition reads and writes it; lines and
// personal data lie beside it and never change.
type Order struct {
	ID       shop.ID       `json:"id"`
	Customer shop.ID       `json:"customer"`
	Method   shop.ID       `json:"method"` // payment's reference to the card
	Cart     shop.ID       `json:"cart,omitempty"`
	Origin   string        `json:"origin"`
	Currency shop.Currency `json:"currency"`
	Items    int64         `json:"items"` // minor units, as are the next three
	Shipping int64         `json:"shipping"`
	Tax      int64         `json:"tax"`
	Total    int64         `json:"total"`
	Lines    int           `json:"lines"`
	Parcels  int           `json:"parcels"`         // one a dealer, in the order of the lines
	Split    Parcels       `json:"split,omitempty"` // which parcels were split from those
	At       time.Time     `json:"at"`
	Deadline time.Time     `json:"deadline"`

	Status  Status       `json:"status"`
	Returns ReturnStatus `json:"returns"`
	Reason  string       `json:"reason,omitempty"` // why it is on hold, or was cancelled
	By      shop.ID      `json:"by,omitempty"`     // the person who did that
	Holds   int64        `json:"holds,omitempty"`  // so far: the round of the last

	// Refused are the keys of the captures that were refused since the last approval; the next one
	// has them tried again. They are as many as payment makes: mostly none, some hundreds at most.
	Refused []string `json:"refused,omitempty"`

	Cards    int `json:"cards,omitempty"`    // that may be tried; 0 is one
	Acted    int `json:"acted,omitempty"`    // the last card that is to be confirmed, from 1
	Declined int `json:"declined,omitempty"` // the last card that failed while others may be tried
	Disputed int `json:"disputed,omitempty"` // disputes that are open or lost
	// Confirm is what the customer must do for the last card; only while the order waits for it.
	Confirm event.Confirmation `json:"confirm,omitzero"`

	Action     bool    `json:"action,omitempty"` // the bank asked the customer to confirm
	Failed     bool    `json:"failed,omitempty"` // the payment as a whole
	Authorized bool    `json:"authorized,omitempty"`
	Voided     bool    `json:"voided,omitempty"`
	Captured   int64   `json:"captured,omitempty"` // minor units so far
	Refunded   int64   `json:"refunded,omitempty"`
	Paid       Parcels `json:"paid,omitempty"` // which parcels were captured
	Dispatched Parcels `json:"dispatched,omitempty"`
	Delivered  Parcels `json:"delivered,omitempty"`
	Lost       Parcels `json:"lost,omitempty"` // on their way; they stay so

	Gone         Parcels `json:"gone,omitempty"`         // parcels of which everything was cancelled
	Cancelled    int64   `json:"cancelled,omitempty"`    // units that were
	CancelledFor int64   `json:"cancelledFor,omitempty"` // what they cost
	Freed        int64   `json:"freed,omitempty"`        // of that, what will not be taken

	Supplements shop.ID `json:"supplements,omitempty"` // the order to which this one adds something
	Editing     shop.ID `json:"editing,omitempty"`     // the supplement that is not decided yet
	Edits       int     `json:"edits,omitempty"`       // so far

	Seen Parcels `json:"seen,omitempty"` // of which a carrier has told where they are

	ReturnsAsked  int   `json:"returnsAsked,omitempty"`  // returns that wait for an answer
	ReturnsMoving int   `json:"returnsMoving,omitempty"` // whose goods may come back
	Returned      int64 `json:"returned,omitempty"`      // units that came back
	WindowClosed  bool  `json:"windowClosed,omitempty"`  // while something was coming back

	Seq int64 `json:"seq"` // of the last fact applied; it is the order's version
}

// Parcels is a set of parcel numbers, 1 to MaxParcels.
type Parcels uint64

// MaxParcels bounds the dealers of one order. The sets of parcels then fit into a JSON number.
const MaxParcels = 50

func (p Parcels) has(n int) bool     { return p&(1<<n) != 0 }
func (p Parcels) with(n int) Parcels { return p | 1<<n }
func (p Parcels) count() int         { return bits.OnesCount64(uint64(p)) }

func (o *Order) money(n int64) shop.Money {
	return shop.Money{Amount: n, Currency: o.Currency}
}

// payment derives the payment axis. What was taken and given back says more than what was kept or
// voided, so the order in which facts arrive does not matter.
func (o *Order) payment() PaymentStatus {
	switch {
	case o.Disputed > 0:
		return PaymentDisputed()
	case o.Refunded > 0 && o.Refunded >= o.Captured:
		return PaymentRefunded()
	case o.Refunded > 0:
		return PaymentPartlyRefunded()
	case o.Captured+o.Freed >= o.Total && o.Captured > 0:
		return PaymentCaptured()
	case o.Captured > 0:
		return PaymentPartlyCaptured()
	case o.Voided:
		return PaymentVoided()
	case o.Failed:
		return PaymentFailed()
	case o.Authorized:
		return PaymentAuthorized()
	case o.Action && o.acted() > o.Declined:
		return PaymentRequiresAction()
	case o.Declined > 0:
		return PaymentFailed()
	}
	return PaymentNone()
}

// acted is the last card that is to be confirmed. Orders of before have only had one.
func (o *Order) acted() int { return max(o.Acted, 1) }

// waits reports whether the order waits for its customer: to confirm, or to try another card.
func (o *Order) waits() bool {
	return o.Status == PendingPayment() &&
		(o.payment() == PaymentRequiresAction() || o.payment() == PaymentFailed())
}

// fulfilment derives the fulfilment axis. Lost parcels do not keep the others from having been
// delivered; where all are lost, nothing was.
func (o *Order) fulfilment() FulfilmentStatus {
	switch {
	case o.Dispatched == 0:
		return Unfulfilled()
	case o.Delivered != 0 && o.Over():
		return Delivered()
	case o.Dispatched.count() == o.parcels():
		return Fulfilled()
	}
	return PartlyFulfilled()
}

// Over reports whether every parcel has come to its end, at the address or lost.
func (o *Order) Over() bool {
	return o.Dispatched != 0 && o.Delivered.count()+o.Lost.count() == o.parcels()
}

// PaymentStatus is the payment axis.
func (o *Order) PaymentStatus() PaymentStatus { return o.payment() }

// FulfilmentStatus is the fulfilment axis.
func (o *Order) FulfilmentStatus() FulfilmentStatus { return o.fulfilment() }

// parcelOf returns the number of the parcel that a shipment of this order carries: shp_<x>_<n> of
// order ord_<x>. A number beyond the dealers' is of a parcel that was split from another; until
// that is heard of, it is too early.
func (o *Order) parcelOf(shipment shop.ID) (int, error) {
	n, err := o.numberOf(shipment)
	if err == nil && n > o.Parcels && !o.Split.has(n) {
		return 0, platform.ErrNotYet
	}
	return n, err
}

// numberOf is parcelOf for a parcel that may not be known yet: the parts of the n-th of N parcels
// have the numbers n+N, n+2N and so on.
func (o *Order) numberOf(shipment shop.ID) (int, error) {
	prefix := "shp_" + strings.TrimPrefix(string(o.ID), idPrefix) + "_"
	digits, ok := strings.CutPrefix(string(shipment), prefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > MaxParcels {
		return 0, shop.Errorf(shop.Internal, "shipment %q is no parcel of order %s, which has %d",
			shipment, o.ID, o.Parcels)
	}
	return n, nil
}

// parcels counts the parcels, those that were split from others included, but not those of which
// nothing is left.
func (o *Order) parcels() int { return o.Parcels + o.Split.count() - o.Gone.count() }

// divide decides what it changes that a parcel was split; nil if it is known already.
func (o *Order) divide(f *event.ShipmentSplit) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.numberOf(f.Rest)
	if err != nil || o.Split.has(n) {
		return nil, err
	}
	next := *o
	next.Split = o.Split.with(n)
	return next.progress(causeOf(onSplit, string(f.Rest))), nil
}

// cutCause is the kind of a cause and what it is about.
func cutCause(cause string) (kind, ref string, ok bool) { return strings.Cut(cause, "/") }

// causeOf names a fact of another room, so that its second coming is known.
func causeOf(kind string, id string) string { return kind + "/" + id }

// The kinds of causes that move the derived axes.
const (
	onAction     = "payment.requires_action"
	onCaptured   = "payment.captured"
	onRefunded   = "payment.refunded"
	onVoided     = "payment.voided"
	onSplit      = "fulfilment.split"
	onDispatched = "fulfilment.dispatched"
	onDelivered  = "fulfilment.delivered"
	onLost       = "fulfilment.lost"
	onCapFailed  = "payment.capture_failed"
	onFailed     = "payment.failed"
	onReturned   = "payment.refund_returned"
	onDisputed   = "payment.disputed"
	onSettled    = "payment.dispute_closed"
)

// started refuses what cannot have happened to an order that still waits for its money: the fact
// that placed or ended it is on its way.
func (o *Order) started() error {
	if o.Status == PendingPayment() {
		return platform.ErrNotYet
	}
	return nil
}

// capture decides what the capture of a parcel changes; nil if it is known already.
func (o *Order) capture(f *event.PaymentCaptured) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.parcelOf(f.Shipment)
	if err != nil || o.Paid.has(n) {
		return nil, err
	}
	if f.Amount.Currency != o.Currency || f.Amount.Amount > o.Total-o.Captured {
		return nil, shop.Errorf(shop.Internal,
			"order %s: capturing %s after %d passes its total of %s",
			o.ID, f.Amount, o.Captured, o.money(o.Total))
	}
	next := *o
	next.Captured += f.Amount.Amount
	return next.progress(causeOf(onCaptured, string(f.Shipment))), nil
}

// refund decides what a refund changes. The caller knows whether it was counted before.
func (o *Order) refund(f *event.PaymentRefunded) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.parcelOf(f.Shipment)
	if err != nil {
		return nil, err
	}
	if !o.Paid.has(n) || f.Amount.Amount > o.Captured-o.Refunded {
		return nil, platform.ErrNotYet // money goes back after it came: the capture is on its way
	}
	next := *o
	next.Refunded += f.Amount.Amount
	return next.progress(causeOf(onRefunded, string(f.Refund))), nil
}

// void decides what the end of the authorisation changes; nil if it is known already.
func (o *Order) void(f *event.PaymentVoided) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil || o.Voided {
		return nil, err
	}
	next := *o
	next.Voided = true
	return next.progress(causeOf(onVoided, string(f.Payment))), nil
}

// dispatch decides what the departure of a parcel changes; nil if it is known already.
func (o *Order) dispatch(f *event.ShipmentDispatched) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.parcelOf(f.Shipment)
	if err != nil || o.Dispatched.has(n) {
		return nil, err
	}
	if f.Rest != "" {
		if _, err := o.parcelOf(f.Rest); err != nil {
			return nil, err // or the order would look as if everything had left
		}
	}
	next := *o
	next.Dispatched = o.Dispatched.with(n)
	return next.progress(causeOf(onDispatched, string(f.Shipment))), nil
}

// deliver decides what the arrival of a parcel changes; nil if it is known already.
func (o *Order) deliver(f *event.ShipmentDelivered) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.parcelOf(f.Shipment)
	if err != nil || o.Delivered.has(n) {
		return nil, err
	}
	if !o.Dispatched.has(n) {
		return nil, platform.ErrNotYet // a parcel arrives after it left
	}
	next := *o
	next.Delivered = o.Delivered.with(n)
	return next.progress(causeOf(onDelivered, string(f.Shipment))), nil
}

// lose decides what it changes that a parcel is given up as lost; nil if it is known already.
func (o *Order) lose(f *event.ShipmentLost) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	n, err := o.parcelOf(f.Shipment)
	if err != nil || o.Lost.has(n) {
		return nil, err
	}
	if !o.Dispatched.has(n) {
		return nil, platform.ErrNotYet // a parcel is lost after it left
	}
	next := *o
	next.Lost = o.Lost.with(n)
	return next.progress(causeOf(onLost, string(f.Shipment))), nil
}

// act decides what the bank's wish for a confirmation changes: the deadline moves once, to the
// bank's own, but never beyond most after checkout. nil if it is too late or known already.
func (o *Order) act(f *event.PaymentRequiresAction, most time.Duration) *event.OrderProgressed {
	if o.Status != PendingPayment() || f.Attempt <= o.Declined ||
		o.Action && f.Attempt <= o.acted() {
		return nil
	}
	next := *o
	next.Action, next.Acted = true, f.Attempt
	until := f.Until
	if limit := o.Deadline.Add(most); until.After(limit) {
		until = limit
	}
	if until.After(o.Deadline) && !o.Action {
		next.Deadline = until.UTC()
	}
	p := next.progress(causeOf(onAction, ofAttempt(f.Payment, f.Attempt)))
	p.Confirm = event.Confirmation{Attempt: f.Attempt, Until: f.Until, Page: f.Page}
	return p
}

// decline decides what a card that failed changes while others may be tried; nil if it is too late
// or known already.
func (o *Order) decline(f *event.PaymentFailed) *event.OrderProgressed {
	if o.Status != PendingPayment() || o.Cards < 2 || f.Attempt <= o.Declined {
		return nil
	}
	next := *o
	next.Declined = f.Attempt
	return next.progress(causeOf(onFailed, ofAttempt(f.Payment, f.Attempt)))
}

// ofAttempt names an attempt of a payment; the first is the payment's.
func ofAttempt(payment shop.ID, attempt int) string {
	if attempt <= 1 {
		return string(payment)
	}
	return string(payment) + "#" + strconv.Itoa(attempt)
}

func attemptOf(ref string) int {
	_, digits, _ := strings.Cut(ref, "#")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1
	}
	return n
}

// takeBack decides what a refund that came back changes.
func (o *Order) takeBack(f *event.PaymentRefundReturned) (*event.OrderProgressed, error) {
	if err := o.started(); err != nil {
		return nil, err
	}
	if f.Amount.Amount > o.Refunded {
		return nil, platform.ErrNotYet // it had been announced: that is on its way
	}
	next := *o
	next.Refunded -= f.Amount.Amount
	return next.progress(causeOf(onReturned, f.Key)), nil
}

// contest decides what a dispute changes, when it begins, or ends with the money ours.
func (o *Order) contest(cause string, by int) *event.OrderProgressed {
	next := *o
	next.Disputed += by
	return next.progress(cause)
}

func (o *Order) progress(cause string) *event.OrderProgressed {
	return &event.OrderProgressed{
		Order: o.ID, Payment: o.payment().String(), Fulfilment: o.fulfilment().String(),
		Captured: o.Captured, Refunded: o.Refunded, Freed: o.Freed,
		Dispatched: int64(o.Dispatched.count()), Delivered: int64(o.Delivered.count()),
		Lost:     int64(o.Lost.count()),
		Deadline: o.Deadline, Cause: cause,
	}
}

// apply changes the order by one of its own facts.
func (o *Order) apply(f event.Fact, seq int64) error {
	o.Seq = seq
	switch f := f.(type) {
	case *event.OrderPlaced:
		o.Status, o.Authorized, o.Confirm = Placed(), true, event.Confirmation{}
	case *event.OrderCancelled:
		o.Status, o.Reason, o.By = Cancelled(), f.Reason, f.By
		o.Confirm = event.Confirmation{}
		o.Failed = f.Reason == reasonFailed
	case *event.OrderExpired:
		o.Status, o.Confirm = Expired(), event.Confirmation{}
	case *event.OrderHeld:
		o.Status, o.Reason, o.By, o.Holds = OnHold(), f.Reason, f.By, f.Round
		o.refuse(f.Cause)
	case *event.OrderApproved:
		o.Status, o.Reason, o.By, o.Refused = Placed(), "", f.By, nil
	case *event.OrderCompleted:
		o.Status = Completed()
	case *event.OrderProgressed:
		return o.applyProgress(f)
	}
	return nil
}

// refuse keeps the key of a capture that was refused, if that is what the cause says.
func (o *Order) refuse(cause string) {
	if key, ok := strings.CutPrefix(cause, causeOf(onCapFailed, "")); ok {
		o.Refused = append(o.Refused, key)
	}
}

// applyProgress takes the totals from the fact and the parcel from its cause.
func (o *Order) applyProgress(f *event.OrderProgressed) error {
	o.Captured, o.Refunded, o.Deadline = f.Captured, f.Refunded, f.Deadline
	o.Freed = f.Freed
	kind, ref, _ := strings.Cut(f.Cause, "/")
	switch kind {
	case onAction:
		o.Action, o.Acted, o.Confirm = true, attemptOf(ref), f.Confirm
		return nil
	case onFailed:
		o.Declined, o.Confirm = attemptOf(ref), event.Confirmation{}
		return nil
	case onDisputed:
		o.Disputed++
		return nil
	case onSettled:
		o.Disputed--
		return nil
	case onReturned, onFreed:
		return nil
	case onVoided:
		o.Voided = true
		return nil
	case onCapFailed:
		o.refuse(f.Cause)
		return nil
	case onSplit:
		n, err := o.numberOf(shop.ID(ref))
		o.Split = o.Split.with(n)
		return err
	case onRefunded:
		return nil // what else there is to remember is a record of its own
	}
	n, err := o.parcelOf(shop.ID(ref))
	if err != nil {
		return err
	}
	switch kind {
	case onCaptured:
		o.Paid = o.Paid.with(n)
	case onDispatched:
		o.Dispatched = o.Dispatched.with(n)
	case onDelivered:
		o.Delivered = o.Delivered.with(n)
	case onLost:
		o.Lost = o.Lost.with(n)
	default:
		return shop.Errorf(shop.Internal, "order %s was moved by %q, which moves none",
			o.ID, f.Cause)
	}
	return nil
}
