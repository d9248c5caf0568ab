package payment

import (
	"context"
	"errors"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Provider moves money outside the system. Implementations are safe for concurrent use.
type Provider interface {
	// Do performs one operation. The same Key must have its effect once. A nil error with a verdict
	// other than Missing is the provider's answer; any error, a time-out above all, says that the
	// outcome is not known, whatever may have happened. Errors must not carry the token.
	Do(ctx context.Context, r Request) (Outcome, error)
	// Status tells what became of the operation with the request's key, without any effect; the
	// rest of the request, which has no token, says where to look. Missing says that the provider
	// knows of none; an error says nothing.
	Status(ctx context.Context, r Request) (Outcome, error)
}

// Listener reads the webhooks of a provider.
type Listener interface {
	// Hear checks a webhook's signature over its raw body, and its age at that time, and says what
	// it tells. It refuses with Unauthorised what nobody of ours signed, or too long ago, and with
	// Invalid what cannot be read. A notice of a type that it does not know has no data.
	Hear(w Signed, now time.Time) (Notice, error)
}

// ErrTooMany is a provider's word that it did nothing with a call, since there were too many. It is
// asked all the same before the operation is sent again, but need not deny it more than once.
var ErrTooMany = errors.New("payment: the provider has too many calls")

// The operations, as facts and requests name them.
const (
	Authorise = "authorise"
	Capture   = "capture"
	Void      = "void"
	Refund    = "refund"
)

// Request is one operation as the provider is asked for it.
type Request struct {
	Operation string
	Key       string // idempotency key, and our name for the operation
	Payment   shop.ID
	Order     shop.ID
	Amount    shop.Money
	Token     string // of the card; only to authorise. Never logged, never kept by the caller
	Of        string // key of the authorisation or capture that this one acts on
	Reference string // the provider's name for that operation, where it is known
	Own       string // the provider's name for this one; only of a status, and where it is known
	Captures  int    // how many captures of an authorisation to expect; at least one
	Captured  int64  // of a capture or a void: what of the authorisation is taken, by our books
}

// Verdict is what a provider says of an operation.
type Verdict uint8

// The verdicts. Unknown is never a provider's answer: it stands for the lack of one.
const (
	Unknown   Verdict = iota
	Missing           // the provider knows of no such operation
	Pending           // it is being worked on
	Action            // the customer must confirm with their bank
	Succeeded         // the money moved, or is kept
	Refused           // it did not, and will not under this key
)

// Outcome is a provider's answer.
type Outcome struct {
	Verdict   Verdict
	Payment   shop.ID    // as the provider has it; compared with ours
	Amount    shop.Money // that moved; compared with ours
	Reference string     // the provider's name for the operation
	Reason    string     // of a refusal: a short word, as in "declined"
	Again     bool       // of a refused authorisation: another attempt may succeed
	Until     time.Time  // of an action: the customer's time limit
	Page      string     // of an action: where the customer confirms; whoever has it may

	sealed *shop.Sealed[string] // Page, for the customer alone
	next   string               // provider of the card that is tried after a void apart
}
