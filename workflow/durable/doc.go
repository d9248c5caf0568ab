// Package durable runs state machines in the Amazon States Language on any platform.Platform, so
// that an execution survives whatever happens to the process.
//
// It promises that every step of an execution is one commit: the execution as it then is, the
// records of its history, the calls that follow and the time at which it must be woken, all of it
// or nothing. A call is announced by the commit that needs it and made by a reaction to that event,
// so it is made at least once, always with the same idempotency key, and never again once its
// answer is committed. Answers that come twice or too late change nothing. A running execution
// keeps the definition that it was started with.
//
// It refuses to guess: a task that answers neither a value nor a [*workflow.Failure] is called
// again, with its key, until it does. It knows no use case; tasks are functions that the caller
// hands in. Child executions, activities and calls over HTTP are such functions too, or nothing.
//
// Everybody who has a platform may import it; it imports the interpreter and the ports alone.
package durable
