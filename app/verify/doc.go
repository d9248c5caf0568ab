// Package verify checks a whole history against the invariants of the shop: the log, the records
// that were made of it, and the payment provider's own ledger. It takes ports and rooms, no running
// app, and reads everything once: the log, then the records, then the ledger.
//
// It promises that a finding names the invariant, the first bad position and the smallest witness;
// that it decides by what is stored alone, with no help from caches or from the code that announced
// the facts (the rooms' own Apply is used only to fold the log, and the order room's table to judge
// transitions); and that checks are never guessed: what could not be checked is said in the notes.
// It refuses to write: it has no store. What is checked, and what is not yet, is listed in
// docs/invariants.md.
//
// It asks what the platform promises. Where the log is in the order of the commits every law is
// checked at every prefix. Where only each subject is in order, what is about one order is kept
// until all of it was seen and is then read behind its causes; what no cause tells is judged at the
// order's end, or at the log's.
//
// Memory grows with the log, mostly with the orders in it: an order of two parcels that lived its
// whole life, thirty events, takes about 12 KB for the fold of all rooms, 2 KB for the checks and
// 1 KB for the causes of its events. Only cmd and tests import it.
package verify
