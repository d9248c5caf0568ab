package notification

import (
	"context"
	"time"
)

// Poster takes webhooks out of the system. Implementations are safe for concurrent use.
type Poster interface {
	// Check refuses an address that nothing could ever be posted to, with a sentence that says why.
	Check(url string) error
	// Post makes one request and returns what came of it; it never repeats one. It follows no
	// redirect, and connects to no address that is not public. ctx bounds the request.
	Post(ctx context.Context, p Post) Answer
}

// Post is a webhook on its way out.
type Post struct {
	URL       string
	ID        string // of the webhook: the same in every attempt
	At        time.Time
	Signature string
	Body      string
}

// Answer is what came of a Post. It holds no word of the receiver's.
type Answer struct {
	Status     int           // of HTTP; 0 when there was no answer
	Reason     string        // when there was none: a short word, as in "timeout"
	RetryAfter time.Duration // that the receiver asked for; 0: it did not
}

// taken reports whether the receiver has the webhook.
func (a Answer) taken() bool { return a.Status >= 200 && a.Status < 300 }

// reason is a word for why it was not taken.
func (a Answer) reason() string {
	switch {
	case a.Status == 0:
		return word(a.Reason, "no_answer")
	case a.Status >= 300 && a.Status < 400:
		return "redirected" // which nobody follows
	}
	return "status"
}

// HookPolicy bounds the sending of webhooks. A zero field has the value of DefaultHookPolicy.
type HookPolicy struct {
	// Waits are the times from one attempt to the next; after the last attempt a webhook is given
	// up, until somebody has it sent again.
	Waits       []time.Duration
	CallTimeout time.Duration // of one request; less than half a minute
	Slots       int           // requests to one endpoint at once, from one process
	// Failures in a row after which an endpoint rests between two attempts, whatever waits for it.
	Failures     int
	RestBase     time.Duration // bound of the first rest; doubles with every failure
	RestMost     time.Duration // bound of every rest
	DisableAfter time.Duration // of failing, without anything taken
	Overlap      time.Duration // for which the secret before is signed with as well
	Endpoints    int           // of one owner
}

// DefaultHookPolicy attempts ten times within three days, as Standard Webhooks suggests, and
// disables an endpoint that has taken nothing for three days.
func DefaultHookPolicy() HookPolicy {
	const h = time.Hour
	return HookPolicy{
		Waits: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * h, 5 * h, 10 * h, 14 * h,
			20 * h, 24 * h,
		},
		CallTimeout: 15 * time.Second, Slots: 8, Failures: 3,
		RestBase: 5 * time.Second, RestMost: 5 * time.Minute,
		DisableAfter: 72 * h, Overlap: 24 * h, Endpoints: 20,
	}
}

func (p HookPolicy) orDefault() HookPolicy {
	d := DefaultHookPolicy()
	if p.Waits == nil {
		p.Waits = d.Waits
	}
	for _, f := range []struct{ have, std *time.Duration }{
		{&p.CallTimeout, &d.CallTimeout}, {&p.RestBase, &d.RestBase},
		{&p.RestMost, &d.RestMost}, {&p.DisableAfter, &d.DisableAfter}, {&p.Overlap, &d.Overlap},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	for _, f := range []struct{ have, std *int }{
		{&p.Slots, &d.Slots}, {&p.Failures, &d.Failures}, {&p.Endpoints, &d.Endpoints},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	return p
}

// attempts is how often a webhook is sent before it is given up.
func (p HookPolicy) attempts() int { return len(p.Waits) + 1 }

// rest is how long an endpoint is left alone after so many failures in a row.
func (p HookPolicy) rest(failures int) time.Duration {
	if failures < p.Failures {
		return 0
	}
	return min(p.RestBase<<min(failures-p.Failures, 20), p.RestMost)
}
