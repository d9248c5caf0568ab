// Package contract turns the facts of shop/event into contracts that others can read and machines
// can check: a JSON Schema 2020-12 with CEL invariants for each version of each event, one AsyncAPI
// 3 document, and docs/events.md.
//
// It promises that the same code gives the same bytes; that a payload which passes Validate is one
// that the commit path would have let through, and the other way round; and that Check finds every
// change since the last release that could surprise somebody who reads the events. It refuses types
// that a contract should not hold: floats, maps, pointers, recursion.
//
// This is the only place under shop/event where libraries are allowed. Rooms never import it: they
// enforce the same invariants in Go. The command line and tests do.
package contract
