// Package ledger is the room that keeps the books: double entry, one transaction for every fact
// that moves money, and each party's share of a parcel frozen when its order was placed. It pays
// dealers what has matured, and keeps their statements.
//
// It promises that every transaction balances, that a fact is booked once however often it arrives,
// that refunds never exceed what was captured, that refunding all of it takes every share back to
// the last unit, and that no earning is paid out twice. It refuses to correct a transaction, which
// is answered by another one, to pay out what is not there, and to keep the number of an account.
// Only the app and the code of payout providers import it.
package ledger
