// Package roomtest gives a room's test a world to live in: the embedded platform in memory behind
// the default faults of platformtest, a clock that stands still, ids that count, and the questions
// that tests ask (what was announced, is all quiet, does the folded log equal the records).
//
// It promises that nothing in it sleeps, that a world is unkind in the same way every time (the
// seed comes from the test's name), and that a fault never reaches a call which the test makes
// itself, unless the test asks for that. Only tests import it.
package roomtest
