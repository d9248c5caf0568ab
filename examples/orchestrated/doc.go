// Package orchestrated is the classic order as a state machine, an example to run and compare: see
// its README. The shop itself does not use it.
package orchestrated
