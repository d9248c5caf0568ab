// Package event holds every fact that the rooms announce: one file a room, one Go struct a version.
// The struct is the contract. JSON Schema, AsyncAPI and docs/events.md are generated from it, and
// each kind states its semantic invariants twice in one line: as CEL text for readers and other
// languages, and as Go for the commit path; a property test proves the two equal.
//
// Facts are values: nobody modifies one after it was announced. Old versions stay readable for ever
// through upcasters. The package imports only shop; it knows no platform, and no room owns it.
package event
