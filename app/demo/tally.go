package demo

import (
	"fmt"
	"maps"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// Sums is money in minor units of Currency.
type Sums struct {
	Authorised int64 `json:"authorised"`
	Voided     int64 `json:"voided"`
	Captured   int64 `json:"captured"`
	Refunded   int64 `json:"refunded"`
}

// String lists the sums.
func (s Sums) String() string {
	return fmt.Sprintf("authorised %s, voided %s, captured %s, refunded %s",
		pounds(s.Authorised), pounds(s.Voided), pounds(s.Captured), pounds(s.Refunded))
}

// The states of orders and shipments, as the tally calls them.
const (
	pending   = "pending"
	placed    = "placed"
	onHold    = "on_hold"
	completed = "completed"
	cancelled = "cancelled"
	expired   = "expired"

	toPack    = "to_pack"
	packed    = "packed"
	cleared   = "cleared"
	onTheWay  = "on_the_way"
	delivered = "delivered"
)

// tally is the day as the log tells it: folded from facts alone, by code that the rooms do not
// share. It grows with the orders.
type tally struct {
	events    int64
	orders    states
	parcels   states
	reasons   map[string]int // of cancellations
	mails     int
	money     Sums
	lost      map[string]question // operations whose answer is missing
	lostInAll int
	longest   time.Duration // until a missing answer was known
	cases     int           // open
	flash     map[shop.ID]*claim
}

// states counts things by where they are.
type states struct {
	of    map[shop.ID]string
	count map[string]int
}

func (s *states) move(id shop.ID, to string) {
	if from, ok := s.of[id]; ok {
		s.count[from]--
	}
	s.of[id] = to
	s.count[to]++
}

// question is an operation whose answer is missing.
type question struct {
	payment   shop.ID
	operation string
	since     time.Time
}

// claim is what one order has of the flash sale.
type claim struct {
	units int64
	sold  bool
}

func newTally() *tally {
	return &tally{
		orders:  states{make(map[shop.ID]string), make(map[string]int)},
		parcels: states{make(map[shop.ID]string), make(map[string]int)},
		reasons: make(map[string]int), lost: make(map[string]question),
		flash: make(map[shop.ID]*claim),
	}
}

// add takes one event of the log into account.
func (t *tally) add(e platform.Event, f event.Fact) {
	t.events++
	t.addOrder(f)
	t.addStock(f)
	t.addMoney(e, f)
	t.addParcel(f)
}

func (t *tally) addOrder(f event.Fact) {
	switch f := f.(type) {
	case *event.OrderCreated:
		t.orders.move(f.Order, pending)
	case *event.OrderPlaced:
		t.orders.move(f.Order, placed)
	case *event.OrderHeld:
		t.orders.move(f.Order, onHold)
	case *event.OrderApproved:
		t.orders.move(f.Order, placed)
	case *event.OrderCompleted:
		t.orders.move(f.Order, completed)
	case *event.OrderExpired:
		t.orders.move(f.Order, expired)
	case *event.OrderCancelled:
		t.orders.move(f.Order, cancelled)
		t.reasons[f.Reason]++
	case *event.MessageSent:
		t.mails++
	}
}

func (t *tally) addStock(f event.Fact) {
	switch f := f.(type) {
	case *event.StockHeld:
		for _, item := range f.Items {
			if item.SKU == flashSKU {
				t.flash[f.Order] = &claim{units: item.Quantity}
			}
		}
	case *event.StockCommitted:
		if c := t.flash[f.Order]; c != nil {
			c.sold = true
		}
	case *event.StockReleased:
		delete(t.flash, f.Order)
	}
}

func (t *tally) addMoney(e platform.Event, f event.Fact) {
	switch f := f.(type) {
	case *event.PaymentAuthorized:
		t.money.Authorised += f.Amount.Amount
		t.answer(e.Time, func(_ string, q question) bool { return q.charges(f.Payment) })
	case *event.PaymentRequiresAction:
		t.answer(e.Time, func(_ string, q question) bool { return q.charges(f.Payment) })
	case *event.PaymentFailed:
		t.answer(e.Time, func(_ string, q question) bool { return q.charges(f.Payment) })
	case *event.PaymentVoided:
		t.money.Voided += f.Amount.Amount
		t.answer(e.Time, func(_ string, q question) bool {
			return q.payment == f.Payment && q.operation == payment.Void
		})
	case *event.PaymentCaptured:
		t.money.Captured += f.Amount.Amount
		t.answer(e.Time, func(key string, _ question) bool { return key == f.Key })
	case *event.PaymentCaptureFailed:
		t.answer(e.Time, func(key string, _ question) bool { return key == f.Key })
	case *event.PaymentRefunded:
		t.money.Refunded += f.Amount.Amount
		t.answer(e.Time, func(key string, _ question) bool { return key == f.Key })
	case *event.PaymentRefundFailed:
		t.answer(e.Time, func(key string, _ question) bool { return key == f.Key })
	case *event.PaymentUnresolved:
		t.lostInAll++
		t.lost[f.Key] = question{f.Payment, f.Operation, e.Time}
	case *event.PaymentCaseOpened:
		t.cases++
	case *event.PaymentCaseClosed:
		t.cases--
	}
}

// charges reports whether the question is about the authorisation of a payment.
func (q question) charges(id shop.ID) bool {
	return q.payment == id && q.operation == payment.Authorise
}

// answer closes the questions that an event answers.
func (t *tally) answer(at time.Time, about func(key string, q question) bool) {
	for key, q := range t.lost {
		if about(key, q) {
			t.longest = max(t.longest, at.Sub(q.since))
			delete(t.lost, key)
		}
	}
}

func (t *tally) addParcel(f event.Fact) {
	switch f := f.(type) {
	case *event.ShipmentRequested:
		t.parcels.move(f.Shipment, toPack)
	case *event.ShipmentPacked:
		t.parcels.move(f.Shipment, packed)
	case *event.ShipmentCleared:
		t.parcels.move(f.Shipment, cleared)
	case *event.ShipmentDispatched:
		t.parcels.move(f.Shipment, onTheWay)
	case *event.ShipmentDelivered:
		t.parcels.move(f.Shipment, delivered)
	case *event.ShipmentCancelled:
		t.parcels.move(f.Shipment, cancelled)
	}
}

// flashTaken counts the units of the flash sale that are taken, and of these the sold ones.
func (t *tally) flashTaken() (held, sold int64) {
	for _, c := range t.flash {
		held += c.units
		if c.sold {
			sold += c.units
		}
	}
	return held, sold
}

// Counts is what the tally shows. It is a copy.
type Counts struct {
	Events    int64
	Orders    map[string]int // by state
	Parcels   map[string]int // by state
	Money     Sums
	Mails     int
	Lost      int // answers of the provider that were lost, in all
	LostOpen  int // of these, not known yet
	FlashHeld int64
	FlashSold int64
}

func (t *tally) counts() Counts {
	c := Counts{
		Events: t.events, Orders: maps.Clone(t.orders.count), Parcels: maps.Clone(t.parcels.count),
		Money: t.money, Mails: t.mails, Lost: t.lostInAll, LostOpen: len(t.lost),
	}
	c.FlashHeld, c.FlashSold = t.flashTaken()
	return c
}
