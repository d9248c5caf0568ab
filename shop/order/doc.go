// Package order is the room of an order's life: cart, checkout, and whatever then happens to it
// until it is completed, cancelled or expired. It is the one arbiter of that: exactly one of
// placed, cancelled and expired wins on the order's record, and the other rooms follow.
//
// It promises that prices come from the catalogue and totals from arithmetic that loses no unit,
// that lines, prices, tax, shipping and commission are frozen at checkout, that one idempotency
// key and one cart make at most one order, that a transition which is not in the table is
// refused, that an ended order is never reopened, and that any order and repetition of the facts
// it listens to leaves the same record. It refuses to see a card token in a commit, to move
// money or stock itself, and to keep a name or an address in clear. The app imports it; no other
// room may.
package order
