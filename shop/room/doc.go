// Package room is what every room has in common: a desk to work at (store, keys, clock, ids), a
// unit of work that commits records and facts together, reactions, idempotent doors, and the fold
// that turns a log into state.
//
// It promises that a room's records change only by applying facts (the same Apply serves the live
// commit, verify and rebuild), that a unit of work is retried on conflict with full jitter, and
// that nothing a room reads or writes lies outside its own prefix. It holds no business. Rooms and
// the app import it.
package room
