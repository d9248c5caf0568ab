// Package shop is the language of the market: identifiers, SKUs, money, addresses, sealed personal
// data and the one error vocabulary. Every room speaks it.
//
// It promises that a value which exists is valid: constructors refuse, arithmetic is checked, and
// nothing here reads a clock, a random source, a file or the network. It refuses to hold what only
// one room uses. Everybody may import it; it imports only the standard library.
package shop
