// Package rooms opens the rooms that a process needs on the platform it is given, and lets them ask
// each other through the seams that they declare. It knows no doors: who only reacts to events
// links no HTTP, no document and no metrics.
//
// It promises that a process that opens a few rooms comes to the same outcome as one that opens
// all: a question to a room that is not open here is answered as its seam declares, by reading the
// neighbour's keys through a store that refuses to write, or not at all. The app and the function
// binaries import it.
package rooms
