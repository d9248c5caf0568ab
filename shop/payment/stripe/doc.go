// Package stripe is the payment provider Stripe, behind the seams of the payment room:
// PaymentIntents that are captured by hand, refunds, disputes, and signed webhooks.
//
// It promises that what it calls refused is dead: a declined PaymentIntent is cancelled before it
// is said to be declined. Every call carries the operation's own idempotency key, and the objects
// it makes carry our names in their metadata, by which they are found again. The library repeats no
// call by itself, and a connection only under the same key; errors tell neither tokens nor what
// Stripe wrote. It refuses to guess: what Stripe does not say clearly has no answer. Only cmd and
// tests import it.
package stripe
