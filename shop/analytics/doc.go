// Package analytics is the room that counts what happened: orders, money, units of each product and
// revenue of each dealer, live.
//
// It promises that a fact counts once however often and in whatever order it arrives, and that
// counting the log again from its beginning gives the same numbers. It has no facts of its own,
// decides nothing, and holds no personal data. Nobody may decide by its numbers: they run behind.
// Only the app imports it.
package analytics
