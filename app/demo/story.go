package demo

import (
	"fmt"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Tone says what a step means to those who look on.
type Tone uint8

// The tones.
const (
	Plain Tone = iota
	Good
	Odd
	Bad
)

// Step is one fact in the life of an order, in a word or two, and how often it was so, as with the
// parcels of several dealers.
type Step struct {
	Word  string
	Tone  Tone
	Times int
}

// String is the step as it is shown.
func (s Step) String() string {
	if s.Times > 1 {
		return fmt.Sprintf("%s ×%d", s.Word, s.Times)
	}
	return s.Word
}

// Story is an order and what happened to it so far.
type Story struct {
	Order shop.ID
	Steps []Step
}

// stories keeps the life of every order, and shows a few of them, each long enough to be read.
type stories struct {
	told  map[shop.ID][]Step
	shown []window
}

// window is one line on the screen.
type window struct {
	order         shop.ID
	opened, moved time.Time
}

// The bounds of what is shown.
const (
	windows = 6
	keepFor = 1200 * time.Millisecond // a line at least
)

func newStories() *stories {
	return &stories{told: make(map[shop.ID][]Step), shown: make([]window, windows)}
}

// add notes a fact, and shows its order if there is room.
func (s *stories) add(f event.Fact, now time.Time) {
	order, step := stepOf(f)
	if order == "" {
		return
	}
	s.told[order] = with(s.told[order], step)
	oldest := 0
	for i, w := range s.shown {
		if w.order == order {
			s.shown[i].moved = now
			return
		}
		if w.moved.Before(s.shown[oldest].moved) {
			oldest = i
		}
	}
	if now.Sub(s.shown[oldest].opened) >= keepFor {
		s.shown[oldest] = window{order, now, now}
	}
}

// with returns the steps and one more. A step that was taken before moves to the end, so that there
// are never more than there are words. The old list stays as it is: somebody may be reading it.
func with(steps []Step, one Step) []Step {
	one.Times = 1
	all := make([]Step, 0, len(steps)+1)
	for _, s := range steps {
		if s.Word == one.Word {
			one.Times = s.Times + 1
			continue
		}
		all = append(all, s)
	}
	return append(all, one)
}

// view returns what is to be shown, each order in its own line for as long as it is shown.
func (s *stories) view() []Story {
	all := make([]Story, len(s.shown))
	for i, w := range s.shown {
		all[i] = Story{w.order, s.told[w.order]}
	}
	return all
}

// stepOf names the order that a fact moves, and how; nothing for other facts.
func stepOf(f event.Fact) (shop.ID, Step) {
	if id, step := orderStep(f); id != "" {
		return id, step
	}
	if id, step := stockStep(f); id != "" {
		return id, step
	}
	if id, step := paymentStep(f); id != "" {
		return id, step
	}
	return parcelStep(f)
}

func orderStep(f event.Fact) (shop.ID, Step) {
	switch f := f.(type) {
	case *event.OrderCreated:
		return f.Order, Step{Word: "created", Tone: Plain}
	case *event.OrderPlaced:
		return f.Order, Step{Word: "placed", Tone: Good}
	case *event.OrderHeld:
		return f.Order, Step{Word: "on hold", Tone: Bad}
	case *event.OrderApproved:
		return f.Order, Step{Word: "approved", Tone: Good}
	case *event.OrderCompleted:
		return f.Order, Step{Word: "completed", Tone: Good}
	case *event.OrderExpired:
		return f.Order, Step{Word: "expired", Tone: Odd}
	case *event.OrderCancelled:
		return f.Order, Step{Word: "cancelled", Tone: Odd}
	}
	return "", Step{}
}

func stockStep(f event.Fact) (shop.ID, Step) {
	switch f := f.(type) {
	case *event.StockHeld:
		return f.Order, Step{Word: "held", Tone: Plain}
	case *event.StockRejected:
		return f.Order, Step{Word: "sold out", Tone: Odd}
	case *event.StockCommitted:
		return f.Order, Step{Word: "committed", Tone: Plain}
	case *event.StockReleased:
		return f.Order, Step{Word: "released", Tone: Plain}
	}
	return "", Step{}
}

func paymentStep(f event.Fact) (shop.ID, Step) {
	switch f := f.(type) {
	case *event.PaymentAuthorized:
		return f.Order, Step{Word: "authorised", Tone: Plain}
	case *event.PaymentRequiresAction:
		return f.Order, Step{Word: "bank asks", Tone: Odd}
	case *event.PaymentFailed:
		return f.Order, Step{Word: f.Reason, Tone: Odd}
	case *event.PaymentUnresolved:
		return f.Order, Step{Word: "no answer", Tone: Odd}
	case *event.PaymentCaptured:
		return f.Order, Step{Word: "captured", Tone: Plain}
	case *event.PaymentCaptureFailed:
		return f.Order, Step{Word: "capture refused", Tone: Bad}
	case *event.PaymentVoided:
		return f.Order, Step{Word: "voided", Tone: Plain}
	case *event.PaymentRefunded:
		return f.Order, Step{Word: "refunded", Tone: Plain}
	case *event.PaymentCaseOpened:
		return f.Order, Step{Word: "case opened", Tone: Bad}
	case *event.PaymentCaseClosed:
		return f.Order, Step{Word: "case closed", Tone: Good}
	}
	return "", Step{}
}

func parcelStep(f event.Fact) (shop.ID, Step) {
	switch f := f.(type) {
	case *event.ShipmentRequested:
		return f.Order, Step{Word: "shipment", Tone: Plain}
	case *event.ShipmentSplit:
		return f.Order, Step{Word: "split", Tone: Odd}
	case *event.ReturnRequested:
		return f.Order, Step{Word: "sent back", Tone: Odd}
	case *event.ReturnReceived:
		return f.Order, Step{Word: "received", Tone: Plain}
	case *event.ReturnClosed:
		return f.Order, Step{Word: "settled", Tone: Good}
	case *event.ShipmentPacked:
		return f.Order, Step{Word: "packed", Tone: Plain}
	case *event.ShipmentDispatched:
		return f.Order, Step{Word: "dispatched", Tone: Plain}
	case *event.ShipmentDelivered:
		return f.Order, Step{Word: "delivered", Tone: Good}
	case *event.MessageSent:
		return f.Order, Step{Word: "mailed", Tone: Plain}
	}
	return "", Step{}
}
