// Package faults holds no code of the product. Its tests run the whole shop, from the doors to the
// file system, while something fails: the power at any write, the disk at any operation, the disk's
// room, bytes at rest, the payment provider's honesty, and the shop's own capacity.
//
// Every campaign asks the same: whoever kept trying ends where nobody had to, each effect happened
// once, and verify finds nothing. What is survived, and what is not, is in docs/faults.md.
package faults
