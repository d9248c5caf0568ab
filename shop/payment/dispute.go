package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Dispute is captured money that the customer contests at the bank.
type Dispute struct {
	ID        shop.ID   `json:"id"`
	Reference string    `json:"reference"` // the provider's name for it
	Provider  string    `json:"provider"`
	Amount    int64     `json:"amount"` // contested
	Reason    string    `json:"reason"`
	Inquiry   bool      `json:"inquiry,omitempty"` // the bank only asks
	Until     time.Time `json:"until"`             // evidence counts until then
	State     string    `json:"state"`             // open, won, lost or closed
	Case      bool      `json:"case,omitempty"`    // evidence is due
	Warned    bool      `json:"warned,omitempty"`

	Evidence Stage   `json:"evidence,omitempty"` // intended, done or refused; "" is none
	Attempt  int     `json:"attempt,omitempty"`  // of handing it in
	Key      string  `json:"key,omitempty"`
	By       shop.ID `json:"by,omitempty"`

	Moves  []DisputeMove `json:"moves,omitempty"`
	Beyond int64         `json:"beyond,omitempty"` // taken, and no parcel's
	Fees   int64         `json:"fees,omitempty"`   // taken and not given back
}

// DisputeMove is money that a dispute took of a parcel, in all; or a movement of the provider's
// that is known. The one has a shipment, the other a name.
type DisputeMove struct {
	Movement string  `json:"movement,omitempty"`
	Shipment shop.ID `json:"shipment,omitempty"`
	Taken    int64   `json:"taken,omitempty"` // and not given back
}

// The states of a dispute.
const (
	disputeOpen   = "open"
	disputeWon    = "won"
	disputeLost   = "lost"
	disputeClosed = "closed"
)

// maxDisputes bounds the disputes of one payment, and maxMoves the movements of one.
const (
	maxDisputes = 50
	maxMoves    = 100
)

// Report is what a provider tells of a dispute. Nothing in it is older than the question.
type Report struct {
	Reference string
	Payment   shop.ID    // as the provider has it
	Amount    shop.Money // contested
	Reason    string
	Inquiry   bool // no money has moved
	Until     time.Time
	State     string // "open", "won", "lost" or "closed"
	Evidence  bool   // it has been handed in
	Moves     []Movement
}

// Movement is money that a dispute moved.
type Movement struct {
	ID     string
	Back   bool  // to us
	Amount int64 // minor units of the dispute's currency, without the fee
	Fee    int64 // likewise
}

// disputeID follows from the provider's name for the dispute, so that it is opened once.
func disputeID(provider, reference string) shop.ID {
	sum := sha256.Sum256([]byte(provider + "|" + reference))
	return shop.ID("dsp_" + hex.EncodeToString(sum[:13]))
}

// dispute finds a dispute by its id.
func (p *Payment) dispute(id shop.ID) *Dispute {
	for i := range p.Disputes {
		if p.Disputes[i].ID == id {
			return &p.Disputes[i]
		}
	}
	return nil
}

// contested reports whether a dispute is open that is more than an inquiry, or was lost.
func (p *Payment) contested() bool {
	for i := range p.Disputes {
		if d := &p.Disputes[i]; d.State == disputeOpen && !d.Inquiry || d.State == disputeLost {
			return true
		}
	}
	return false
}

// followDispute lists the facts that follow from what a provider reports of a dispute, in the order
// in which they happened. Nothing follows from what is known already. Call it again until it lists
// nothing: each fact changes what the next ones are.
func (p *Payment) followDispute(provider string, r Report) []event.Fact {
	id := disputeID(provider, r.Reference)
	d := p.dispute(id)
	switch {
	case r.Payment != p.ID, r.Amount.Currency != p.Currency, r.Amount.Amount <= 0:
		return p.strange(r)
	case d == nil && len(p.Disputes) >= maxDisputes:
		return nil
	case d == nil, d.Inquiry && !r.Inquiry && d.State == disputeOpen:
		return p.openDispute(id, provider, r, d == nil || !d.Case)
	}
	for _, m := range r.Moves {
		if !d.knows(m.ID) && len(d.Moves) < maxMoves && (m.Amount > 0 || m.Fee > 0) {
			return []event.Fact{p.moveDispute(d, m)}
		}
	}
	switch {
	case d.State != disputeOpen:
		return nil
	case r.Evidence && d.Evidence == intended:
		return p.submitted(d)
	case r.State == disputeWon, r.State == disputeLost, r.State == disputeClosed:
		return p.closeDispute(d, r.State)
	}
	return nil
}

// strange opens the case of a dispute that cannot be about this payment's money as we know it.
func (p *Payment) strange(r Report) []event.Fact {
	a := p.last(Authorise)
	if a == nil || a.Case {
		return nil
	}
	why := "dispute_amount"
	switch {
	case r.Payment != p.ID:
		why = "dispute_reference"
	case r.Amount.Currency != p.Currency:
		why = "dispute_currency"
	}
	return []event.Fact{&event.PaymentCaseOpened{
		Payment: p.ID, Order: p.Order, Key: a.Key, Operation: a.Kind, Reason: why,
	}}
}

func (p *Payment) openDispute(id shop.ID, provider string, r Report, fresh bool) []event.Fact {
	facts := []event.Fact{&event.PaymentDisputed{
		Payment: p.ID, Order: p.Order, Dispute: id, Amount: r.Amount, Reason: reasonOf(r.Reason),
		Inquiry: r.Inquiry, Until: r.Until.UTC(), Provider: provider, Reference: word(r.Reference),
	}}
	if fresh && r.State == disputeOpen && !r.Evidence {
		facts = append(facts, &event.PaymentCaseOpened{
			Payment: p.ID, Order: p.Order, Key: string(id), Operation: "dispute",
			Reason: "evidence_due",
		})
	}
	return facts
}

func reasonOf(s string) string {
	if w := word(s); w != "" {
		return w
	}
	return "general"
}

func (p *Payment) submitted(d *Dispute) []event.Fact {
	facts := []event.Fact{&event.PaymentEvidenceSubmitted{
		Payment: p.ID, Order: p.Order, Dispute: d.ID, Attempt: d.Attempt, Key: d.Key,
	}}
	return append(facts, p.noCase(d, "submitted")...)
}

func (p *Payment) closeDispute(d *Dispute, outcome string) []event.Fact {
	facts := []event.Fact{&event.PaymentDisputeClosed{
		Payment: p.ID, Order: p.Order, Dispute: d.ID, Outcome: outcome, Amount: p.money(d.Amount),
		Inquiry: d.Inquiry,
	}}
	return append(facts, p.noCase(d, outcome)...)
}

func (p *Payment) noCase(d *Dispute, resolution string) []event.Fact {
	if !d.Case {
		return nil
	}
	return []event.Fact{&event.PaymentCaseClosed{
		Payment: p.ID, Order: p.Order, Key: string(d.ID), Resolution: resolution,
	}}
}

// moveDispute says whose money moved. What is taken is shared among the parcels by what is left of
// each; what comes back goes where it was taken, the market's own share last.
func (p *Payment) moveDispute(d *Dispute, m Movement) event.Fact {
	f := &event.PaymentDisputeMoved{
		Payment: p.ID, Order: p.Order, Dispute: d.ID, Back: m.Back, Amount: p.money(m.Amount),
		Fee: m.Fee, Movement: clip(m.ID), Shares: []event.DisputeShare{},
	}
	ids, left := p.leftOf(d, m.Back)
	var whole int64
	for _, n := range left {
		whole += n
	}
	shared := min(m.Amount, whole)
	f.Beyond = m.Amount - shared
	if shared == 0 {
		return f
	}
	parts, err := p.money(shared).Allocate(left)
	if err != nil {
		panic(fmt.Sprintf("payment: %s cannot be shared by %v: %v", p.money(shared), left, err))
	}
	for i, part := range parts {
		if part.Amount > 0 {
			f.Shares = append(f.Shares, event.DisputeShare{Shipment: ids[i], Amount: part.Amount})
		}
	}
	return f
}

// leftOf lists what a dispute can still take of each parcel, or give back. A refund that has no
// answer yet may have been made, so what it would give back is not there to be taken.
func (p *Payment) leftOf(d *Dispute, back bool) (ids []shop.ID, left []int64) {
	if back {
		for _, m := range d.Moves {
			if m.Shipment != "" && m.Taken > 0 {
				ids, left = append(ids, m.Shipment), append(left, m.Taken)
			}
		}
		return ids, left
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		n := part.Captured - part.Refunded - part.Disputed - p.inFlight(Refund, part.Shipment)
		if n > 0 {
			ids, left = append(ids, part.Shipment), append(left, n)
		}
	}
	return ids, left
}

// knows reports whether a movement was announced.
func (d *Dispute) knows(movement string) bool {
	for _, m := range d.Moves {
		if m.Movement == clip(movement) {
			return true
		}
	}
	return false
}

// taken is how much money the dispute has of ours now.
func (d *Dispute) taken() int64 {
	sum := d.Beyond
	for _, m := range d.Moves {
		sum += m.Taken
	}
	return sum
}

// over reports whether nothing more is to come of a dispute: it is closed, and the money is where
// the outcome says.
func (d *Dispute) over() bool {
	switch d.State {
	case disputeLost:
		return d.taken() >= d.Amount
	case disputeWon, disputeClosed:
		return d.taken() == 0
	}
	return false
}

// applyDispute moves the payment by a fact about a dispute.
func (p *Payment) applyDispute(f event.Fact) {
	switch f := f.(type) {
	case *event.PaymentDisputed:
		p.applyDisputed(f)
	case *event.PaymentEvidenceWarned:
		p.change(f.Dispute, func(d *Dispute) { d.Warned = true })
	case *event.PaymentEvidenceIntended:
		p.change(f.Dispute, func(d *Dispute) {
			d.Evidence, d.Attempt, d.Key, d.By = intended, f.Attempt, f.Key, f.By
		})
	case *event.PaymentEvidenceSubmitted:
		p.change(f.Dispute, func(d *Dispute) { d.Evidence = done })
	case *event.PaymentEvidenceFailed:
		p.change(f.Dispute, func(d *Dispute) { d.Evidence = refused })
	case *event.PaymentDisputeMoved:
		p.change(f.Dispute, func(d *Dispute) { p.applyMoved(d, f) })
	case *event.PaymentDisputeClosed:
		p.change(f.Dispute, func(d *Dispute) { d.State = f.Outcome })
	}
}

func (p *Payment) change(id shop.ID, do func(d *Dispute)) {
	if d := p.dispute(id); d != nil {
		do(d)
	}
}

func (p *Payment) applyDisputed(f *event.PaymentDisputed) {
	d := p.dispute(f.Dispute)
	if d == nil {
		p.Disputes = append(p.Disputes, Dispute{ID: f.Dispute, State: disputeOpen})
		d = &p.Disputes[len(p.Disputes)-1]
	}
	d.Reference, d.Provider, d.Amount = f.Reference, f.Provider, f.Amount.Amount
	d.Reason, d.Inquiry, d.Until, d.Warned = f.Reason, f.Inquiry, f.Until, false
}

func (p *Payment) applyMoved(d *Dispute, f *event.PaymentDisputeMoved) {
	sign := int64(1)
	if f.Back {
		sign = -1
	}
	d.Moves = append(d.Moves, DisputeMove{Movement: f.Movement})
	d.Beyond += sign * f.Beyond
	d.Fees += sign * f.Fee
	for _, share := range f.Shares {
		d.take(share.Shipment, sign*share.Amount)
		if part := p.part(share.Shipment); part != nil {
			part.Disputed += sign * share.Amount
		}
	}
}

func (d *Dispute) take(shipment shop.ID, amount int64) {
	for i := range d.Moves {
		if m := &d.Moves[i]; m.Shipment == shipment {
			m.Taken += amount
			return
		}
	}
	d.Moves = append(d.Moves, DisputeMove{Shipment: shipment, Taken: amount})
}
