//go:build !cgo

package main

// memoryBound is what the collector may let the heap grow to. Without cgo that is all there is, so
// the process stays below 400 MiB however long it runs.
const memoryBound = 330 << 20
