// Package function is what every function binary is made of: it reads the environment, speaks the
// Lambda Runtime API, and ends in an orderly way.
//
// It promises that a wrong environment ends the process before its first invocation, with what to
// do; that one invocation at a time is worked on, within its deadline, and always answered or
// reported; that a panic is reported and ends the process, so that the next one starts clean; and
// that SIGTERM lets the invocation under way finish. It links nothing but the standard library, so
// that a binary holds what its role needs and no more. Only the mains beside it import it.
package function
