// Package ledger is the room that keeps the books: double entry, one transaction for every fact
// that moves money, and each party's share of a parcel frozen when its order was placed.
//
// It promises that every transaction balances, that a fact is booked once however often it arrives,
// that refunds never exceed what was captured, and that refunding all of it takes every share back
// to the last unit. It moves no money itself and refuses to correct a transaction: a mistake is
// answered by another one. Only the app imports it.
package ledger
