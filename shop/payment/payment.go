package payment

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Payment is the money of one order: what is due, what a provider keeps for us, what was taken and
// what went back. It changes only by Apply.
type Payment struct {
	ID         shop.ID       `json:"id"`
	Order      shop.ID       `json:"order"`
	Customer   shop.ID       `json:"customer,omitempty"`
	Method     shop.ID       `json:"method,omitempty"`
	Provider   string        `json:"provider,omitempty"`
	Currency   shop.Currency `json:"currency,omitempty"`
	Due        int64         `json:"due"` // minor units, like every amount here
	Attempts   int           `json:"attempts"`
	Granted    bool          `json:"granted,omitempty"` // authorised, if only for nothing
	Authorised int64         `json:"authorised"`
	Captured   int64         `json:"captured"`
	Refunded   int64         `json:"refunded"`
	Voided     int64         `json:"voided,omitempty"`
	Failed     string        `json:"failed,omitempty"` // why no money will come
	Closed     bool          `json:"closed,omitempty"` // nothing more is authorised or captured
	Late       bool          `json:"late,omitempty"`   // authorised after it was closed
	Until      time.Time     `json:"until,omitzero"`   // the customer's time to confirm
	Reference  string        `json:"reference,omitempty"`
	Parts      []Part        `json:"parts,omitempty"`
	Operations []Operation   `json:"operations,omitempty"`
	Captures   int           `json:"captures,omitempty"` // how many are to be expected; 0 is one
	Cards      int           `json:"cards,omitempty"`    // how many may be tried; 0 is one
	Disputes   []Dispute     `json:"disputes,omitempty"`
	Reductions []Reduction   `json:"reductions,omitempty"` // what is not taken any more
	Seq        int64         `json:"seq"`
}

// Part is the money of one shipment.
type Part struct {
	Shipment  shop.ID `json:"shipment"`
	Captured  int64   `json:"captured"`
	Refunded  int64   `json:"refunded"`
	Disputed  int64   `json:"disputed,omitempty"` // that disputes took, and have not given back
	Key       string  `json:"key"`                // of the capture
	Reference string  `json:"reference"`          // the provider's name for it
}

// Operation is one thing that a provider was, or will be, asked to do.
type Operation struct {
	Kind      string  `json:"kind"`
	Attempt   int     `json:"attempt"`
	Key       string  `json:"key"`
	Amount    int64   `json:"amount"`
	Shipment  shop.ID `json:"shipment,omitempty"`
	Refund    shop.ID `json:"refund,omitempty"`
	Reason    string  `json:"reason,omitempty"` // why it was intended, or refused
	Reference string  `json:"reference,omitempty"`
	State     Stage   `json:"state"`
	Case      bool    `json:"case,omitempty"` // a person has to look

	// What an authorisation after the first has of its own, and the void that gives one up.
	Method   shop.ID `json:"method,omitempty"`   // of a void: the one to try next
	Provider string  `json:"provider,omitempty"` // "" is the payment's
	Apart    bool    `json:"apart,omitempty"`    // of a void: of its attempt alone
	Instead  shop.ID `json:"instead,omitempty"`  // of a refund: the one that came back
	Returned bool    `json:"returned,omitempty"` // of a refund: it came back
}

// Stage is how far an operation has come. The set is closed: intended, unresolved, action, done,
// refused, moot.
type Stage string

const (
	intended   Stage = "intended"   // committed; there is no answer yet
	unresolved Stage = "unresolved" // a call ended without an answer
	action     Stage = "action"     // the customer must confirm
	done       Stage = "done"
	refused    Stage = "refused"
	moot       Stage = "moot" // a void of what was never authorised
)

// open reports whether the provider's answer is still to come.
func (s Stage) open() bool { return s == intended || s == unresolved }

// maxOperations bounds a payment's record well below the store's limit for one item.
const maxOperations = 500

// Status names the payment's state on the published axis: "processing", "requires_action",
// "requires_method" (another card may be tried), "authorized", "partially_captured", "captured",
// "partially_refunded", "refunded", "disputed", "voided" or "failed".
func (p *Payment) Status() string {
	switch {
	case p.contested():
		return "disputed"
	case p.Captured > 0 && p.Refunded >= p.Captured:
		return "refunded"
	case p.Refunded > 0:
		return "partially_refunded"
	case p.Captured > 0 && p.Captured+p.freed() >= p.Due:
		return "captured"
	case p.Captured > 0:
		return "partially_captured"
	case p.Failed != "":
		return "failed"
	case p.Granted:
		if void := p.closing(); void != nil && void.State == done {
			return "voided"
		}
		return "authorized"
	}
	if a := p.last(Authorise); a != nil {
		switch a.State {
		case action:
			return "requires_action"
		case refused:
			return "requires_method"
		}
	}
	return "processing"
}

// Apply moves the payment by one of its own facts. It reads no clock and cannot fail: what may not
// happen is refused before it is announced.
func (p *Payment) Apply(f event.Fact, seq int64) {
	p.Seq = seq
	switch f := f.(type) {
	case *event.PaymentIntended:
		p.intend(f)
	case *event.PaymentAuthorized:
		p.authorise(f)
	case *event.PaymentRequiresAction:
		if op := p.attempt(f.Attempt); op != nil {
			op.State, op.Reference, p.Until = action, f.Reference, f.Until
		}
	case *event.PaymentFailed:
		p.fail(f)
	case *event.PaymentUnresolved:
		if op := p.operation(f.Key); op != nil {
			op.State = unresolved
		}
	case *event.PaymentCaptured:
		p.capture(f)
	case *event.PaymentCaptureFailed:
		p.refuseCapture(f)
	case *event.PaymentVoided:
		p.Voided += f.Amount.Amount
		if op := p.closing(); op != nil {
			op.State = done
		}
	case *event.PaymentAttemptVoided:
		if op := p.operation(f.Key); op != nil {
			op.State = done
		}
	case *event.PaymentRefunded:
		p.refund(f)
	case *event.PaymentRefundReturned:
		p.takeBack(f)
	case *event.PaymentRefundFailed:
		p.refuseRefund(f)
	case *event.PaymentReduced:
		p.reduce(f)
	case *event.PaymentCaseOpened:
		p.setCase(f.Key, true)
	case *event.PaymentCaseClosed:
		p.setCase(f.Key, false)
	default:
		p.applyDispute(f)
	}
}

func (p *Payment) setCase(key string, open bool) {
	if op := p.operation(key); op != nil {
		op.Case = open
		return
	}
	p.change(shop.ID(key), func(d *Dispute) { d.Case = open })
}

// intend keeps an operation. The payment's method and provider are those of its first attempt, and
// of its only one nearly always.
func (p *Payment) intend(f *event.PaymentIntended) {
	op := Operation{
		Kind: f.Operation, Attempt: f.Attempt, Key: f.Key, Amount: f.Amount.Amount,
		Shipment: f.Shipment, Refund: f.Refund, Reason: f.Reason, State: intended,
		Apart: f.Apart, Instead: f.Instead,
	}
	p.ID, p.Order = f.Payment, f.Order
	switch {
	case f.Operation == Authorise && f.Attempt == 1:
		p.Customer, p.Method, p.Provider = f.Customer, f.Method, f.Provider
		p.Captures, p.Cards = f.Captures, f.Cards
		p.Currency, p.Due, p.Attempts = f.Amount.Currency, f.Amount.Amount, f.Attempt
	case f.Operation == Authorise:
		p.Attempts = f.Attempt
		if f.Method != p.Method {
			op.Method = f.Method
		}
	case f.Apart:
		op.Method = f.Next
	case f.Operation == Void:
		p.Closed = true
	}
	if f.Provider != p.Provider {
		op.Provider = f.Provider
	}
	p.Operations = append(p.Operations, op)
}

func (p *Payment) authorise(f *event.PaymentAuthorized) {
	p.Granted, p.Late = true, p.Closed
	p.Authorised, p.Reference = f.Amount.Amount, f.Reference
	if op := p.attempt(f.Attempt); op != nil {
		op.State, op.Reference = done, f.Reference
	}
}

func (p *Payment) fail(f *event.PaymentFailed) {
	p.ID, p.Order = f.Payment, f.Order
	if op := p.attempt(f.Attempt); op != nil {
		op.State, op.Reason = refused, f.Reason
	}
	if !f.Final {
		return
	}
	p.Failed, p.Closed = f.Reason, true
	if op := p.closing(); op != nil && op.State != done {
		op.State = moot
	}
}

func (p *Payment) capture(f *event.PaymentCaptured) {
	if op := p.operation(f.Key); op != nil {
		op.State, op.Reference = done, f.Reference
	}
	p.Captured += f.Amount.Amount
	part := p.part(f.Shipment)
	if part == nil {
		p.Parts = append(p.Parts, Part{Shipment: f.Shipment})
		part = &p.Parts[len(p.Parts)-1]
	}
	part.Captured += f.Amount.Amount
	part.Key, part.Reference = f.Key, f.Reference
}

// refuseCapture also keeps a capture that was refused without asking the provider.
func (p *Payment) refuseCapture(f *event.PaymentCaptureFailed) {
	op := p.operation(f.Key)
	if op == nil {
		p.Operations = append(p.Operations, Operation{
			Kind: Capture, Key: f.Key, Shipment: f.Shipment, Amount: f.Amount.Amount,
			Attempt: p.attempts(f.Shipment) + 1,
		})
		op = &p.Operations[len(p.Operations)-1]
	}
	op.State, op.Reason = refused, f.Reason
}

func (p *Payment) refund(f *event.PaymentRefunded) {
	if op := p.operation(f.Key); op != nil {
		op.State, op.Reference = done, f.Reference
	}
	p.Refunded += f.Amount.Amount
	if part := p.part(f.Shipment); part != nil {
		part.Refunded += f.Amount.Amount
	}
}

// takeBack is a refund whose money is with us again.
func (p *Payment) takeBack(f *event.PaymentRefundReturned) {
	if op := p.operation(f.Key); op != nil {
		op.State, op.Reason, op.Returned = refused, f.Reason, true
	}
	p.Refunded -= f.Amount.Amount
	if part := p.part(f.Shipment); part != nil {
		part.Refunded -= f.Amount.Amount
	}
}

// operation finds an operation by its key.
func (p *Payment) operation(key string) *Operation {
	for i := range p.Operations {
		if p.Operations[i].Key == key {
			return &p.Operations[i]
		}
	}
	return nil
}

// attempt finds an authorisation by its number.
func (p *Payment) attempt(n int) *Operation {
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Authorise && op.Attempt == n {
			return op
		}
	}
	return nil
}

// last finds the newest operation of a kind.
func (p *Payment) last(kind string) *Operation {
	for i := len(p.Operations) - 1; i >= 0; i-- {
		if p.Operations[i].Kind == kind {
			return &p.Operations[i]
		}
	}
	return nil
}

// closing finds the void that ends the payment.
func (p *Payment) closing() *Operation {
	if op := p.last(Void); op == nil || !op.Apart {
		return op
	}
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Void && !op.Apart {
			return op
		}
	}
	return nil
}

// captureOf finds the newest capture of a shipment.
func (p *Payment) captureOf(shipment shop.ID) *Operation {
	for i := len(p.Operations) - 1; i >= 0; i-- {
		if op := &p.Operations[i]; op.Kind == Capture && op.Shipment == shipment {
			return op
		}
	}
	return nil
}

// inDoubt reports whether a person has to look at a capture of a shipment: its money may have been
// taken, whatever was said at first.
func (p *Payment) inDoubt(shipment shop.ID) bool {
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind == Capture && op.Shipment == shipment && op.Case {
			return true
		}
	}
	return false
}

// attempts counts the captures of a shipment.
func (p *Payment) attempts(shipment shop.ID) int {
	n := 0
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Capture && op.Shipment == shipment {
			n++
		}
	}
	return n
}

// refundOf finds the newest attempt of a refund.
func (p *Payment) refundOf(id shop.ID) *Operation {
	for i := len(p.Operations) - 1; i >= 0; i-- {
		if op := &p.Operations[i]; op.Kind == Refund && op.Refund == id {
			return op
		}
	}
	return nil
}

func (p *Payment) part(shipment shop.ID) *Part {
	for i := range p.Parts {
		if p.Parts[i].Shipment == shipment {
			return &p.Parts[i]
		}
	}
	return nil
}

// inFlight adds up the amounts of a kind that still wait for an answer; of one shipment, or of all
// when shipment is "".
func (p *Payment) inFlight(kind string, shipment shop.ID) int64 {
	var sum int64
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind == kind && op.State.open() && (shipment == "" || op.Shipment == shipment) {
			sum += op.Amount
		}
	}
	return sum
}

// blocked reports whether a void must wait: what it gives back is not known before every
// authorisation and capture has its answer.
func (p *Payment) blocked(op *Operation) bool {
	if op.Kind != Void || op.Apart {
		return false
	}
	for i := range p.Operations {
		o := &p.Operations[i]
		if (o.Kind == Authorise || o.Kind == Capture) && o.State.open() {
			return true
		}
	}
	return false
}

func (p *Payment) money(amount int64) shop.Money {
	return shop.Money{Amount: amount, Currency: p.Currency}
}
