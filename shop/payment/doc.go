// Package payment authorises, captures, voids and refunds, and is the only room that may see a card
// token.
//
// It promises that a provider is asked to move money only after the intent is on disk, that an
// operation keeps one idempotency key for ever, that a call without an answer is followed by
// questions and not by another charge, and that a doubt which lasts becomes an open case. It
// refuses to capture more than was authorised, to refund more than was captured, and to keep a card
// number.
//
// Providers live below it (payment/sandbox) behind the seam Provider. Only the app imports it, and
// those providers.
package payment
