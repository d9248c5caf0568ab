// Package keying is what adapters of platform.Keys have in common: how a value is sealed under a
// person's key, how a person's stored key and its tombstone are told apart, and how a keyset signs.
//
// It promises one form of boxes, ids and refusals on every platform, so that a box which was sealed
// on one opens on another that has the key. Where keys are kept, and what wraps them, is each
// adapter's affair. Only adapters import it.
package keying
