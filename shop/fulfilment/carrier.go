package fulfilment

import (
	"context"
	"io"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Carrier takes parcels from door to door. Implementations are safe for concurrent use.
type Carrier interface {
	// Name is what the carrier is called in facts, and in the path of its webhooks.
	Name() string
	// Buy buys a label. The same Key must buy one label. A nil error is the carrier's answer; any
	// error, a time-out above all, says that the outcome is not known, whatever may have happened.
	Buy(ctx context.Context, o LabelOrder) (Bought, error)
	// Find tells what became of the label with that key, without any effect. Missing says that the
	// carrier knows of none; an error says nothing.
	Find(ctx context.Context, key string) (Bought, error)
	// Read turns a webhook's body into our words. It reports false for a kind that it does not
	// know, and an error for what is no webhook of the carrier's.
	Read(body []byte) (n Notice, known bool, err error)
}

// LabelOrder is what a carrier is asked to take.
type LabelOrder struct {
	Key      string // idempotency key, and our name for the label
	For      shop.ID
	From, To shop.Address
	Units    int64
	Back     bool // a return
}

// Verdict is what a carrier says of a label.
type Verdict uint8

// The verdicts. Unheard is never a carrier's answer: it stands for the lack of one.
const (
	Unheard  Verdict = iota
	Missing          // the carrier knows of no such label
	Taken            // it was bought
	Rejected         // it was not, and will not be under this key
)

// Bought is a carrier's answer.
type Bought struct {
	Verdict  Verdict
	Reason   string // of a rejection: a short word, as in "address_refused"
	Tracking string
	PDF      []byte
}

// Notice is what a carrier's webhook says, in our words.
type Notice struct {
	Kind     string // as the carrier calls it; counted when it is not known
	Tracking string
	Status   string // one of event.TrackingStatuses
	At       time.Time
}

// Printer makes the papers that are ours.
type Printer interface {
	// Slip makes a packing slip, as PDF.
	Slip(s Slip) ([]byte, error)
}

// Slip is what is on a packing slip.
type Slip struct {
	Shipment, Order, Dealer shop.ID
	At                      time.Time
	To                      shop.Address
	Lines                   []SlipLine
}

// SlipLine is one line of a packing slip.
type SlipLine struct {
	SKU      shop.SKU
	Title    string
	Quantity int64
}

// Files keeps papers under their digest; the platform's is one.
type Files interface {
	Put(ctx context.Context, r io.Reader) (digest string, err error)
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
}

const (
	// callTimeout bounds one call to a carrier.
	callTimeout = 10 * time.Second
	// firstCheck is when a carrier is asked again that did not answer; it doubles up to lastCheck.
	firstCheck, lastCheck = time.Second, 10 * time.Minute
	// maxPaper bounds a label, in bytes.
	maxPaper = 4 << 20
)
