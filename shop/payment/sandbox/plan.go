package sandbox

import "hash/fnv"

// Behaviour is one way in which the provider departs from honesty and health.
type Behaviour uint8

// The behaviours. Those of a call show at the first call with a key only, so that whoever asks
// again learns the truth; those of the status last for Options.LieFor.
const (
	Declined       Behaviour = iota // the authorisation is refused
	TryAgain                        // the first authorisation of a payment is refused: try again
	NeedsAction                     // the customer must confirm
	CaptureRefused                  // every capture is refused
	CaptureOnce                     // the first capture of a payment is refused
	RefundRefused                   // every refund is refused
	PartialCapture                  // half of the amount is captured
	LaterDeclined                   // authorised, and taken back by the bank later
	Chargeback                      // captured, and taken back by the customer later
	RefundReversed                  // refunded, and it comes back later
	ForgetsKey                      // the idempotency key is forgotten: a second call acts again

	TimeoutBefore  // no effect, no answer
	TimeoutAfter   // effect, no answer
	ErrorAfter     // effect, "500"
	ResetAfter     // effect, the connection breaks in the middle of the answer
	MalformedAfter // effect, an answer that is no JSON
	Throttled      // no effect, "429", for the first three calls
	Slow           // effect, the answer takes three seconds
	LateSuccess    // no answer; the effect comes half a minute later
	WrongAmount    // effect, the answer names another amount
	WrongCurrency  // effect, the answer names another currency
	WrongReference // effect, the answer names another payment

	StatusStale // the status says "pending" although it is over
	StatusLies  // the status says that there is no such operation
	StatusDown  // the status gives no answer

	HookTwice     // the webhook comes three times
	HookReordered // the webhook comes after later ones
	HookMissing   // the webhook does not come
	HookLate      // the webhook comes three days later
	HookEarly     // the webhook comes before the answer
	HookForged    // the webhook's signature is not ours
	HookExpired   // the webhook's time stamp is too old
	HookWrong     // the webhook names another amount, currency and payment

	// Behaviours that came later.

	ActionRefused  // the bank refuses what the customer has confirmed
	RefusedThenYes // the authorisation is refused, and succeeds half a minute later all the same
	RefundPending  // the bank works on a refund for two days
	Disputed       // captured, and contested later; evidence that comes in time wins
	DisputedLost   // the same, and nothing wins
	Inquiry        // captured, and the bank asks later; no money moves
	HookAmount     // the webhook names another amount
	HookCurrency   // the webhook names another currency
	HookReference  // the webhook names another operation of the provider's
	HookUnknown    // a webhook of a type that nobody knows comes with every other
	behaviours
)

// Plan is a set of behaviours. The zero Plan is an honest provider.
type Plan uint64

// With returns p with the behaviours added.
func (p Plan) With(bs ...Behaviour) Plan {
	for _, b := range bs {
		p |= 1 << b
	}
	return p
}

// Has reports whether b is in p.
func (p Plan) Has(b Behaviour) bool { return p&(1<<b) != 0 }

// Schedule chooses behaviours by chance that depends on its seed, the key and the number of the
// call alone, so that a campaign can be run again whatever the order of calls.
type Schedule struct {
	Seed uint64
	// Percent of the calls are not honest; and, independently, of the statuses and the webhooks.
	Percent int
}

// Plan is the plan of one call (from 1) of an operation. It never joins what no client could
// survive: an idempotency key that is forgotten, and a status that denies what happened or is about
// to.
func (s Schedule) Plan(operation, key string, call int) Plan {
	var p Plan
	first, odd := s.pick(key, 1, 'c', choices(operation))
	if odd && call == 1 {
		p = p.With(first)
	}
	if b, ok := s.pick(key, 0, 's', []Behaviour{StatusStale, StatusLies, StatusDown}); ok {
		p = p.With(b)
	}
	if b, ok := s.pick(key, 0, 'w', []Behaviour{
		HookTwice, HookReordered, HookMissing, HookLate, HookEarly, HookForged, HookExpired,
		HookWrong,
	}); ok {
		p = p.With(b)
	}
	if b, ok := s.pick(key, 0, 'f', []Behaviour{ForgetsKey}); ok && operation != Void &&
		!p.Has(StatusLies) && !(odd && first == LateSuccess) {
		p = p.With(b)
	}
	return p
}

// choices lists what a call of an operation may do.
func choices(operation string) []Behaviour {
	all := []Behaviour{
		TimeoutBefore, TimeoutAfter, ErrorAfter, ResetAfter, MalformedAfter, Throttled, LateSuccess,
		WrongAmount, WrongCurrency, WrongReference,
	}
	switch operation {
	case Authorise:
		all = append(all, Declined, TryAgain, NeedsAction, LaterDeclined)
	case Capture:
		all = append(all, CaptureRefused, PartialCapture, Chargeback)
	case Refund:
		all = append(all, RefundRefused, RefundReversed)
	}
	return all
}

// pick chooses one of the behaviours, or none.
func (s Schedule) pick(key string, call int, what byte, among []Behaviour) (Behaviour, bool) {
	h := fnv.New64a()
	_, _ = h.Write([]byte{what, byte(call)}) // a hash never fails
	_, _ = h.Write([]byte(key))
	x := mix(h.Sum64() ^ mix(s.Seed))
	if int(x%100) >= s.Percent {
		return 0, false
	}
	return among[int(mix(x)%uint64(len(among)))], true
}

// mix is the finaliser of splitmix64: every bit of x moves every bit of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
