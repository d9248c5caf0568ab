package embedded

import "github.com/cockroachdb/pebble/v2"

// A region is a run of keys that grow at one place: a table, or one kind of record or subject in
// it. Most grow at their end, because ids begin with the time.
//
// Pebble's files end with their region. Otherwise a file would reach from the newest keys of one
// region to those of the next, lie over everything old in between, and have it rewritten with every
// compaction: what an order costs would grow with the number of orders before it.

// kindWords is how many words name a region of a table.
func kindWords(table byte) int {
	switch table {
	case tableRecord:
		return 2 // room, kind
	case tableSubject:
		return 1 // kind
	}
	return 0
}

// regionEnd returns the first key after key's region. A word ends with '/' or '_'. Where words are
// missing, the region is all that begins with those that are there.
func regionEnd(key []byte) []byte {
	if len(key) == 0 {
		return nil
	}
	n, words := 1, kindWords(key[0])
	for i := 1; i < len(key) && words > 0 && key[i] != 0; i++ {
		if key[i] == '/' || key[i] == '_' {
			n = i + 1
			words--
		}
	}
	return tableEnd(key[:n])
}

// splitByRegion is Pebble's hook: a file that begins with key ends where it says.
func splitByRegion(key []byte) (pebble.SpanPolicy, []byte, error) {
	return pebble.SpanPolicy{}, regionEnd(key), nil
}
