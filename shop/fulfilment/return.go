package fulfilment

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Stage is what was decided about a return. The set is closed; the zero Stage is none of them.
type Stage struct{ name string }

// Asked is a return that waits for the dealer's answer.
func Asked() Stage { return Stage{"requested"} }

// Allowed is a return whose goods may come back.
func Allowed() Stage { return Stage{"approved"} }

// Refused is a return that does not take place. It stays so.
func Refused() Stage { return Stage{"declined"} }

// Withdrawn is a return that the customer gave up. It stays so.
func Withdrawn() Stage { return Stage{"cancelled"} }

// Closed is a return of which nothing more comes. It stays so.
func Closed() Stage { return Stage{"closed"} }

// Stages lists them all.
func Stages() []Stage {
	return []Stage{Asked(), Allowed(), Refused(), Withdrawn(), Closed()}
}

// String returns the stage's name.
func (s Stage) String() string { return s.name }

// Over reports whether nothing more comes of a return.
func (s Stage) Over() bool { return s != Asked() && s != Allowed() }

// MarshalText writes the stage's name.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// UnmarshalText reads a stage's name and refuses any other text.
func (s *Stage) UnmarshalText(text []byte) error {
	for _, known := range Stages() {
		if known.name == string(text) {
			*s = known
			return nil
		}
	}
	return shop.Errorf(shop.Invalid, "there is no stage %q of a return", text)
}

// Return is goods of one delivered parcel on their way back.
type Return struct {
	ID          shop.ID        `json:"id"`
	Order       shop.ID        `json:"order"`
	Shipment    shop.ID        `json:"shipment"`
	Customer    shop.ID        `json:"customer"`
	Dealer      shop.ID        `json:"dealer"`
	Payment     shop.ID        `json:"payment"`
	Currency    shop.Currency  `json:"currency"`
	Lines       []ReturnedLine `json:"lines"`
	Stage       Stage          `json:"stage"`
	By          shop.ID        `json:"by,omitempty"`     // who decided last; none if time did
	Reason      string         `json:"reason,omitempty"` // why it is over
	At          time.Time      `json:"at"`
	AnswerBy    time.Time      `json:"answerBy"`
	ArriveBy    time.Time      `json:"arriveBy,omitzero"`
	Receipts    int            `json:"receipts,omitempty"`
	Inspections int            `json:"inspections,omitempty"`
	Refunds     []Refund       `json:"refunds,omitempty"`
}

// ReturnedLine is how far the units of one SKU have come back.
type ReturnedLine struct {
	SKU         shop.SKU `json:"sku"`
	Quantity    int64    `json:"quantity"` // requested
	Reason      string   `json:"reason"`
	Units       int64    `json:"units"`            // in the parcel
	Due         int64    `json:"due"`              // minor units paid for all of those
	Missing     int64    `json:"missing,omitzero"` // did not arrive in time
	Received    int64    `json:"received,omitzero"`
	Restocked   int64    `json:"restocked,omitzero"`
	Scrapped    int64    `json:"scrapped,omitzero"`
	Quarantined int64    `json:"quarantined,omitzero"`
}

// inspected counts the units of which it is known what becomes of them.
func (l *ReturnedLine) inspected() int64 { return l.Restocked + l.Scrapped + l.Quarantined }

// awaited counts the units that may still arrive.
func (l *ReturnedLine) awaited() int64 { return l.Quantity - l.Missing - l.Received }

// Refund is the money of one inspection on its way back.
type Refund struct {
	ID     shop.ID `json:"id"`
	Amount int64   `json:"amount"` // minor units: what is to go back, and then what went
	State  string  `json:"state"`  // "wanted", "refused" or "done"
	Reason string  `json:"reason,omitempty"`
}

// The states of a refund.
const (
	refundWanted  = "wanted"
	refundRefused = "refused"
	refundDone    = "done"
)

// Status names how far a return is: "requested", "approved", "partially_received", "received",
// "inspected", "closed", "declined" or "cancelled".
func (r *Return) Status() string {
	var awaited, received, inspected int64
	for i := range r.Lines {
		l := &r.Lines[i]
		awaited += l.awaited()
		received += l.Received
		inspected += l.inspected()
	}
	switch {
	case r.Stage != Allowed() || received == 0:
		return r.Stage.String()
	case awaited > 0:
		return "partially_received"
	case inspected < received:
		return "received"
	}
	return "inspected"
}

// Refunded is what went back so far, in minor units.
func (r *Return) Refunded() int64 {
	var sum int64
	for i := range r.Refunds {
		if r.Refunds[i].State == refundDone {
			sum += r.Refunds[i].Amount
		}
	}
	return sum
}

// returned lists the units that came back.
func (r *Return) returned() []event.ParcelLine {
	return r.count(func(l *ReturnedLine) int64 { return l.Received })
}

// count lists the SKUs of which of counts some units.
func (r *Return) count(of func(*ReturnedLine) int64) []event.ParcelLine {
	var list []event.ParcelLine
	for i := range r.Lines {
		if n := of(&r.Lines[i]); n > 0 {
			list = append(list, event.ParcelLine{SKU: r.Lines[i].SKU, Quantity: n})
		}
	}
	return list
}

// line finds the line of a SKU.
func (r *Return) line(sku shop.SKU) *ReturnedLine {
	for i := range r.Lines {
		if r.Lines[i].SKU == sku {
			return &r.Lines[i]
		}
	}
	return nil
}

// refund finds a refund by its name.
func (r *Return) refund(id shop.ID) *Refund {
	for i := range r.Refunds {
		if r.Refunds[i].ID == id {
			return &r.Refunds[i]
		}
	}
	return nil
}

// follow brings the return to where a fact says it is.
func (r *Return) follow(f event.Fact) {
	switch f := f.(type) {
	case *event.ReturnApproved:
		r.Stage, r.By, r.ArriveBy = Allowed(), f.By, f.ArriveBy
	case *event.ReturnDeclined:
		r.Stage, r.By, r.Reason = Refused(), f.By, f.Reason
	case *event.ReturnCancelled:
		r.Stage, r.By, r.Reason = Withdrawn(), f.By, "customer"
	case *event.ReturnReceived:
		r.Receipts = f.Receipt
		for _, i := range f.Items {
			if l := r.line(i.SKU); l != nil {
				l.Received += i.Quantity
			}
		}
	case *event.ReturnInspected:
		r.inspect(f)
	case *event.ReturnRefunded:
		if one := r.refund(f.Refund); one != nil {
			one.State, one.Amount, one.Reason = refundDone, f.Amount.Amount, ""
		}
	case *event.ReturnUnpaid:
		if one := r.refund(f.Refund); one != nil {
			one.State, one.Reason = refundRefused, f.Reason
		}
	case *event.ReturnLapsed:
		for _, i := range f.Items {
			if l := r.line(i.SKU); l != nil {
				l.Missing += i.Quantity
			}
		}
	case *event.ReturnClosed:
		r.Stage, r.Reason = Closed(), f.Reason
	}
}

func (r *Return) inspect(f *event.ReturnInspected) {
	r.Inspections = f.Inspection
	for _, u := range f.Units {
		l := r.line(u.SKU)
		if l == nil {
			continue
		}
		switch u.Verdict {
		case Restock:
			l.Restocked += u.Quantity
		case Scrap:
			l.Scrapped += u.Quantity
		case Quarantine:
			l.Quarantined += u.Quantity
		}
	}
	if f.Refund != "" {
		r.Refunds = append(r.Refunds,
			Refund{ID: f.Refund, Amount: f.Amount.Amount, State: refundWanted})
	}
}
