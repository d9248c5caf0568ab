// Package tasks is the list of what the shop's machines may call, wherever they run: the embedded
// engine and the functions that answer Step Functions take it from here.
//
// Each task either only reads, or has its effect once for the key that it is called with. It
// decides nothing about the shop: the rooms do, and a refusal is the machine's affair, by its code.
package tasks
