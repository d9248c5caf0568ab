// Package inventory is the room that knows what is on the shelf and for whom it is kept.
//
// It promises that a unit is kept for at most one order: stock moves only by bounded adds that
// commit together with the fact that says so, so neither a race nor a redelivery can sell it twice.
// An order is held whole or not at all, however many lines it has: a large one gathers in several
// commits and one fact decides. At every moment available = onHand - reserved - aside; aside is
// what a dealer's rules keep back, and less than is promised is on hand only as far as an open
// shortage says so.
//
// It refuses to decide when a hold ends: a hold is released because the order said so, never by the
// room's own clock. It knows no prices and no people. Only the app imports it.
package inventory
