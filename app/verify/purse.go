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

	disputes []contest
	returned int64 // refunds that came back
	bank     int64 // of disputes, in the provider's ledger: taken and not given back

	memo       int64 // of the books: what is authorised and not taken or given back
	receivable int64 // of the books: what is taken and not given back
	borne      int64 // of the books: what disputes cost the market itself
	fees       int64 // of disputes, by payment
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
	provider string
	apart    bool  // a void of its attempt alone
	freed    int64 // an authorisation that such a void gave back
	back     bool  // a refund that came back
}

// contest is a dispute, as the facts have it.
type contest struct {
	id       shop.ID
	provider string
	taken    int64 // and not given back
	cased    bool
	over     bool
	moves    []string
}

func (p *purse) dispute(id shop.ID) *contest {
	for i := range p.disputes {
		if p.disputes[i].id == id {
			return &p.disputes[i]
		}
	}
	return nil
}

// contested is what disputes have taken and not given back; at one provider, or at all with "".
func (p *purse) contested(provider string) int64 {
	var sum int64
	for _, d := range p.disputes {
		if provider == "" || d.provider == provider {
			sum += d.taken
		}
	}
	return sum
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
		if o := &p.ops[i]; o.kind == payment.Void && !o.apart {
			return o
		}
	}
	return nil
}

// freedBy is what a void gave back.
func (p *purse) freedBy(o *op) int64 {
	if !o.apart {
		return p.voided
	}
	if a := p.attempt(o.attempt); a != nil {
		return a.freed
	}
	return 0
}

// last is the newest authorisation, or nil.
func (p *purse) last() *op {
	for i := len(p.ops) - 1; i >= 0; i-- {
		if o := &p.ops[i]; o.kind == payment.Authorise {
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
