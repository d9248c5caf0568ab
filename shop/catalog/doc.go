// Package catalog is the room that knows what is sold, by whom and at what price. A listing is
// owned by one dealer; the dealer lists it, reprices it and withdraws it.
//
// It promises that a price it answers with is never older than the last reprice that became
// durable in this process, that every change of a listing is a fact in its sequence, and that a
// dealer changes only what is theirs. It refuses to know stock, carts, or what anybody paid: an
// order keeps its own copy of the price it was made at. The app imports it; no other room may.
package catalog
