package ledger

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Provider pays dealers, outside the system. Implementations are safe for concurrent use.
type Provider interface {
	// Pay sends a dealer's money. The same Key must have its effect once. A nil error with a
	// verdict other than Missing is the provider's answer; any error, a time-out above all, says
	// that the outcome is not known, whatever may have happened. Errors must not carry the token.
	Pay(ctx context.Context, r Request) (Outcome, error)
	// Status tells what became of the payout with that key, without any effect. Missing says that
	// the provider knows of none; an error says nothing.
	Status(ctx context.Context, key string) (Outcome, error)
}

// Request is one payout as the provider is asked for it.
type Request struct {
	Key    string // idempotency key, and our name for it
	Payout shop.ID
	Dealer shop.ID
	Amount shop.Money
	Token  string // of the dealer's account. Never logged, never kept by the caller
}

// Verdict is what a provider says of a payout.
type Verdict uint8

// The verdicts. Unknown is never a provider's answer: it stands for the lack of one.
const (
	Unknown  Verdict = iota
	Missing          // the provider knows of no such payout
	OnItsWay         // it has not arrived, and may still fail
	Sent             // the money left
	Refused          // it did not, and will not under this key
	Returned         // it left, and came back
)

// Outcome is a provider's answer.
type Outcome struct {
	Verdict   Verdict
	Payout    shop.ID    // as the provider has it; compared with ours
	Amount    shop.Money // likewise
	Reference string     // the provider's name for it
	Reason    string     // of what was refused or returned: a short word
}

// Options is what the app decides for the room. Without a provider nothing is paid out: who asks
// for a payout is refused, and schedules wait.
type Options struct {
	Name     string // of the provider, as in "sandbox": part of facts
	Provider Provider
	Describe func(token string) string // what may be shown of an account; nil shows nothing
	Policy   Policy
}

// Policy bounds waiting and asking. A zero field has the value of DefaultPolicy.
type Policy struct {
	// Minimum is the least that is paid out, in minor units of whatever currency: less waits for
	// more. So nothing is paid out of a balance that is below nothing.
	Minimum      int64
	CallTimeout  time.Duration   // of one call to the provider
	FirstCheck   time.Duration   // after a call without an answer; doubles with every round
	LastCheck    time.Duration   // bound of that wait, kept for as long as it takes
	Missing      int             // denials in a row before a payout is sent again
	ResendWithin time.Duration   // after which nothing is sent again, only asked
	Watch        []time.Duration // waits between looks whether what was sent came back
}

// DefaultPolicy pays 1.00 or more, asks after 4, 8, 16 seconds … an hour, sends nothing again after
// half a day, since providers forget idempotency keys after a day, and looks for ten days whether
// the money came back.
func DefaultPolicy() Policy {
	const days = 24 * time.Hour
	return Policy{
		Minimum: 100, CallTimeout: 10 * time.Second,
		FirstCheck: 4 * time.Second, LastCheck: time.Hour, Missing: 3,
		ResendWithin: 12 * time.Hour, Watch: []time.Duration{days, 2 * days, 3 * days, 4 * days},
	}
}

func (p Policy) orDefault() Policy {
	d := DefaultPolicy()
	for _, f := range []struct{ have, std *time.Duration }{
		{&p.CallTimeout, &d.CallTimeout}, {&p.FirstCheck, &d.FirstCheck},
		{&p.LastCheck, &d.LastCheck}, {&p.ResendWithin, &d.ResendWithin},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	if p.Minimum <= 0 {
		p.Minimum = d.Minimum
	}
	if p.Missing == 0 {
		p.Missing = d.Missing
	}
	if p.Watch == nil {
		p.Watch = d.Watch
	}
	return p
}

// wait is how long to wait before the given round of asking, from 1.
func (p Policy) wait(round int) time.Duration {
	return min(p.FirstCheck<<min(max(round-1, 0), 20), p.LastCheck)
}
