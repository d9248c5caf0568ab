// Package sandbox is a payment provider that lives in this process and lies on demand.
//
// It promises a ledger of its own: every effect is handed to the operating system before the answer
// is given, whatever the answer then says, and the ledger is never derived from answers. Magic
// tokens (Tokens) and schedules (Schedule) choose among its behaviours: time-outs before and after
// the effect, broken answers, a status that is late or denies, a forgotten idempotency key, money
// that comes back, webhooks that are doubled, reordered, lost, late or forged. It refuses what a
// real provider refuses: more than was authorised, more than was captured, anything after a void.
//
// It starts no goroutine. Only cmd, the app's tests and the tools that check a data directory
// import it.
package sandbox
