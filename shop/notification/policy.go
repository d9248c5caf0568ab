package notification

import (
	"io"
	"math/rand/v2"
	"time"
)

// Options is what the app decides for the room. The zero value keeps every message in the mailbox:
// nothing leaves the system, and nothing is committed for it.
type Options struct {
	Mail   Carrier // nil: nothing is mailed
	SMS    Carrier // nil: nothing is sent by SMS
	Poster Poster  // nil: there are no webhooks
	Policy Policy
	Hooks  HookPolicy
	// PublicURL is where the doors are seen from outside, as in "https://shop.example"; "" leaves
	// the door out of a topic out of mails.
	PublicURL string
	// Owners and Parcels answer whose things are; nil: dealers are not told of what needs it.
	Owners  Owners
	Parcels Parcels
	// Chance makes the secrets of endpoints; nil is the machine's own.
	Chance io.Reader
	// Jitter chooses a wait between nothing and most; nil chooses at random. Chance decides only
	// when, never what.
	Jitter func(most time.Duration) time.Duration
}

// Policy bounds sending. A zero field has the value of DefaultPolicy.
type Policy struct {
	CallTimeout time.Duration // of one call to a vendor
	Lease       time.Duration // after which an attempt without an outcome is unknown; < 5 min
	Base        time.Duration // bound of the wait after the first refusal; doubles with every one
	Most        time.Duration // bound of every such wait
	Attempts    int           // of one message on one channel, while refusals are not final
	AskAfter    time.Duration // from an unknown outcome to each question, where one can be asked
	Questions   int           // after which an outcome stays unknown
	MaxAge      time.Duration // an older message is not sent for the first time
}

// DefaultPolicy attempts eight times within some twenty minutes, asks for an hour, and sends
// nothing that is older than a day.
func DefaultPolicy() Policy {
	return Policy{
		CallTimeout: 10 * time.Second, Lease: 45 * time.Second,
		Base: 5 * time.Second, Most: 10 * time.Minute, Attempts: 8,
		AskAfter: 2 * time.Minute, Questions: 30, MaxAge: 24 * time.Hour,
	}
}

func (p Policy) orDefault() Policy {
	d := DefaultPolicy()
	for _, f := range []struct{ have, std *time.Duration }{
		{&p.CallTimeout, &d.CallTimeout}, {&p.Lease, &d.Lease}, {&p.Base, &d.Base},
		{&p.Most, &d.Most}, {&p.AskAfter, &d.AskAfter}, {&p.MaxAge, &d.MaxAge},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	if p.Attempts == 0 {
		p.Attempts = d.Attempts
	}
	if p.Questions == 0 {
		p.Questions = d.Questions
	}
	return p
}

// soonest is the least wait. It is not nothing: a timer's fact is named after its key and its
// moment, and in this one the timer before may just have fired.
const soonest = time.Millisecond

// anyWait is the Jitter of an operator who has none: full jitter.
func anyWait(most time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(most))) }

// wait is the time until the attempt after so many: between nothing and a bound that doubles.
func (o *Options) wait(attempts int) time.Duration {
	most := min(o.Policy.Base<<min(max(attempts-1, 0), 20), o.Policy.Most)
	return soonest + o.Jitter(max(most, 1))
}
