package verify

import (
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// purse is the money of one order: what a provider was asked for, and what came of it.
type purse struct {
	began      bool
	ops        []op
	currency   shop.Currency
	provider   string
	granted    bool
	late       bool // authorised after it was closed
	authorised int64
	captured   int64
	refunded   int64
	voided     int64
	closed     bool // a void was intended
	over       bool // a void was announced
	failed     bool // for good
	firstTaken place

	memo       int64 // of the books: what is authorised and not taken or given back
	receivable int64 // of the books: what is taken and not given back
	receipts   int   // refunds that the books know
	refunds    int   // refunds that were announced
	lastLedger place
}

// op is one thing that a provider was asked to do.
type op struct {
	key      string
	kind     string
	attempt  int
	amount   int64
	shipment shop.ID
	refund   shop.ID
	reason   string
	stage    stage
	cased    bool // a person has to look
	told     bool // a person had to, at some time
	round    int  // how often the provider was asked what became of it
	at       place
	external int8 // effects in the provider's ledger
}

// stage is how far an operation, or a parcel, has come.
type stage uint8

const (
	intended stage = iota
	unresolved
	action
	done
	refused
	moot
)

func (s stage) String() string {
	return [...]string{"intended", "unresolved", "action", "done", "refused", "moot"}[s]
}

// open reports whether the provider's answer is still to come.
func (o *op) open() bool { return o.stage == intended || o.stage == unresolved }

func (p *purse) op(key string) *op {
	for i := range p.ops {
		if p.ops[i].key == key {
			return &p.ops[i]
		}
	}
	return nil
}

func (p *purse) attempt(n int) *op {
	for i := range p.ops {
		if o := &p.ops[i]; o.kind == payment.Authorise && o.attempt == n {
			return o
		}
	}
	return nil
}

func (p *purse) void() *op {
	for i := range p.ops {
		if o := &p.ops[i]; o.kind == payment.Void {
			return o
		}
	}
	return nil
}

// captures counts the captures that were announced.
func (p *purse) captures() int {
	n := 0
	for i := range p.ops {
		if o := &p.ops[i]; o.kind == "capture" && o.stage == done {
			n++
		}
	}
	return n
}

// excused reports whether somebody is still at it: an operation of that kind waits for the
// provider's answer, or was refused, or a person has to look.
func (p *purse) excused(kind string) bool {
	return slices.ContainsFunc(p.ops, func(o op) bool {
		return o.cased || o.kind == kind && (o.open() || o.stage == refused)
	})
}

// lastCapture is the newest capture of a parcel, or nil.
func (p *purse) lastCapture(n int) *op {
	for i := len(p.ops) - 1; i >= 0; i-- {
		if o := &p.ops[i]; o.kind == "capture" && lastNumber(o.shipment) == n {
			return o
		}
	}
	return nil
}
