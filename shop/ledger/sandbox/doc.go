// Package sandbox is a provider that pays dealers, for tests, demos and crash campaigns: it sends
// no money, keeps a ledger of its own, and lies on request. What it does with a payout is decided
// by the magic token of the account, listed by Tokens.
//
// It promises that a key has its effect once, that an effect is with the operating system before it
// is answered, and that a sandbox which is opened again knows what is in its ledger. It refuses
// payouts of nothing. cmd and tests import it, behind the seam ledger.Provider.
package sandbox
