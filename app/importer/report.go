package importer

import (
	"encoding/json"
	"io"
	"sync/atomic"

	"github.com/souk-commerce/souk/shop"
)

// Report says what became of a file. Ordered, Cancelled and Refused count lines and add up to
// Lines. After an import that was interrupted and resumed it is the same as after one that was not,
// but for Seconds and for Before.
type Report struct {
	Lines     int64 `json:"lines"` // of the file, without its header
	Ordered   int64 `json:"ordered"`
	Cancelled int64 `json:"cancelled"`
	Refused   int64 `json:"refused"`

	Reasons map[Reason]int64 `json:"reasons"` // adds up to Refused

	Invoices      int64      `json:"invoices"`
	Listings      int64      `json:"listings"`
	Units         int64      `json:"units"` // put on the shelf
	Orders        int64      `json:"orders"`
	Before        int64      `json:"before"`        // of the orders, made by an earlier run
	Guests        int64      `json:"guests"`        // of the orders, without a customer in the file
	Worth         shop.Money `json:"worth"`         // of the orders
	Cancellations int64      `json:"cancellations"` // orders that were cancelled
	Delivered     int64      `json:"delivered"`     // parcels, with Fulfil
	Undelivered   int64      `json:"undelivered"`   // parcels that did not get there, with Fulfil
	DeadLetters   int64      `json:"deadLetters"`   // that an operator has to look at, all in all
	Waiting       int64      `json:"waiting"`       // deliveries that were not over at the end
	Seconds       float64    `json:"seconds"`
}

// Refusal is one refused line, as the report file has it.
type Refusal struct {
	Line    int64  `json:"line"` // from 1, the header
	Invoice string `json:"invoice,omitempty"`
	Code    string `json:"code,omitempty"` // the stock code
	Reason  Reason `json:"reason"`
	Detail  string `json:"detail,omitempty"`
}

// refusals writes them.
type refusals struct {
	enc *json.Encoder // nil writes nothing
	err error         // the first
}

func newRefusals(w io.Writer) *refusals {
	if w == nil {
		return &refusals{}
	}
	return &refusals{enc: json.NewEncoder(w)}
}

func (r *refusals) write(v Refusal) error {
	if r.enc != nil && r.err == nil {
		r.err = r.enc.Encode(v)
	}
	return r.err
}

// tally counts every line of an invoice: it was refused, or it went the way of the others.
func (im *Importer) tally(v *invoice, others *int64) error {
	if !v.loose {
		im.report.Invoices++
	}
	for i := range v.rows {
		r := &v.rows[i]
		if r.why == "" {
			*others++
			continue
		}
		im.report.Refused++
		im.report.Reasons[r.why]++
		err := im.out.write(Refusal{
			Line: r.line, Invoice: v.number, Code: r.code, Reason: r.why, Detail: r.detail,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Phase is what an import is doing.
type Phase uint8

// The phases, in their order.
const (
	PhaseSurvey Phase = iota // reading the file, in lines
	PhaseStock               // listings and stock, in listings
	PhaseOrder               // in lines of the file
	PhaseCancel              // in lines of the file
	PhaseQuiet               // waiting for deliveries
	PhaseFulfil              // in lines of the file
)

// String names the phase.
func (p Phase) String() string {
	return [...]string{
		"reading", "listing", "ordering", "cancelling", "settling", "fulfilling",
	}[p]
}

// Progress is how far an import is.
type Progress struct {
	Phase  Phase
	Done   int64 // of Of
	Of     int64 // 0 when it is not known
	Orders int64 // decided so far
}

// progress is read while it is counted.
type progress struct {
	phase, done, of, orders atomic.Int64
}

func (im *Importer) enter(p Phase, of int64) {
	im.progress.phase.Store(int64(p))
	im.progress.done.Store(0)
	im.progress.of.Store(of)
}

// Progress tells how far the import is. It is safe to call while Run runs.
func (im *Importer) Progress() Progress {
	return Progress{
		Phase: Phase(im.progress.phase.Load()), Done: im.progress.done.Load(),
		Of: im.progress.of.Load(), Orders: im.progress.orders.Load(),
	}
}
