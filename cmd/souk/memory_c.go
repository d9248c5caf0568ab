//go:build cgo

package main

// memoryBound is what the collector may let the heap grow to. With cgo, Pebble keeps its cache and
// its memtables outside of it, some 130 MiB.
const memoryBound = 200 << 20
