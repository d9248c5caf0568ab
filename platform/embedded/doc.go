// Package embedded is the default world: one process, one data directory or memory, nothing to
// install. It stands on Pebble, a log-structured store, and adds what the ports promise: versioned
// records, bounded adds, events and timers in the same commit, and delivery from the log.
//
// One sequencer decides every commit under a short lock and releases it before the disk is asked,
// so a hot record is limited by the processor and not by fsync; one committer writes whatever the
// sequencer has decided since the last fsync as one group. Nothing is delivered, answered or read
// before its group is on disk. When the disk fails the platform stops for good rather than guess;
// when it is full the platform refuses writes until there is room.
//
// It knows no business. Only cmd and tests import it.
package embedded
