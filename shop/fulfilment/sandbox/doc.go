// Package sandbox is a carrier that takes parcels nowhere. It makes real labels, answers like a
// carrier that is well or ill, and tells by signed webhooks where parcels would be.
//
// What it does depends on the city of the address, see Places. It remembers nothing beyond the
// process, and need not: a label follows from its key, so the same key gives the same label after a
// restart as well.
package sandbox
