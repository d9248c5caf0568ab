// Package workflow is the Amazon States Language as a library: it parses a state machine, says what
// is wrong with it, and advances an execution of it, as pure functions over values.
//
// It promises the meaning that the specification (https://states-language.net/spec.html) and AWS
// Step Functions give to a definition: an execution takes the same path, hands its tasks the same
// inputs and ends with the same output or the same error. It refuses to do anything else: it has no
// I/O, no clock and no chance of its own, starts no goroutine and keeps no state between calls.
//
// Who runs machines keeps an [Execution] (a value that survives a round trip through JSON), gives
// [Machine.Advance] one event at a time, and carries out the commands that come back: call this
// task, wake me then. [Runner] is the smallest such loop, in memory, for tests and for trying out.
//
// The JSONata language is not built in: an [Evaluator] is handed in, so that this package needs
// nothing but the standard library. Everybody may import it; it imports nobody.
package workflow
