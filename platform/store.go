package platform

import (
	"context"
	"math"
)

// The limits of every Store. A commit over one of them is refused with ErrTooLarge and no effect.
const (
	MaxItems      = 100       // writes, events and timers (set or cancelled) in one Batch, together
	MaxBatchBytes = 4_000_000 // keys, values, counters and events of one Batch
	MaxItemBytes  = 400_000   // one record's or event's key, value and counters; see Move
	MaxPartBytes  = 1000      // Key.Part; a room's prefix comes on top
	MaxSortBytes  = 1000      // Key.Sort
	MaxMoves      = 32        // counters that one Write moves
	MaxList       = 1000      // records of one List
)

// Key addresses a record: a partition, and a place in the partition's order. Both compare as bytes.
// Part must not be empty.
type Key struct{ Part, Sort string }

// Record is one stored item. Version starts at 1 when the record is created and grows by one with
// every write; a record that was deleted and made again starts at 1 again.
type Record struct {
	Key      Key
	Version  int64
	Value    []byte           // never modified by the store or the caller after it was handed over
	Counters map[string]int64 // moved by Add; nil when the record has none
	Object   any              // what the writer gave with Value, if at hand; not to be changed
}

// What a Write expects of the record's version. Any other number means exactly that version.
const (
	Absent int64 = 0  // the record must not exist
	Any    int64 = -1 // whatever is there, also nothing
)

// Kind says what a Write does.
type Kind uint8

// The kinds of Write.
const (
	Put    Kind = iota + 1 // replace Value; the counters of an existing record stay as they are
	Add                    // move counters; Value stays; makes the record if Expect allows
	Delete                 // remove the record and its counters; not an error if absent under Any
	Check                  // write nothing, but require Expect
)

// NoFloor lets a counter fall as far as it will.
const NoFloor int64 = math.MinInt64

// Move changes one counter of a record. The commit is refused with a BoundError when the counter
// would fall below Floor or leave int64; a counter that does not exist counts as 0. Where counters
// that earlier commits made take a record over MaxItemBytes, a store may let up to 9,600 bytes more
// pass before it refuses: not every store can add up what it already holds.
type Move struct {
	Counter string
	Delta   int64
	Floor   int64
}

// Write is one conditional change of one record. A Put may carry Moves as well: value and counters
// then change together, under one condition.
type Write struct {
	Kind   Kind
	Key    Key
	Expect int64
	Value  []byte
	Moves  []Move
	Object any // what Value decodes to; may be nil. Given away like Value
}

// Batch is everything that one commit does. Nothing may occur twice in it: no key among Writes, no
// counter in one Write, no subject with the same sequence among Events, no timer's key among Timers
// and Cancel together. Otherwise it is ErrInvalid. The bytes of Values and of events' Data are
// given away with the commit: neither side changes them any more.
type Batch struct {
	Writes []Write
	Events []Event
	Timers []Timer
	Cancel []string // keys of timers to cancel; cancelling what is not set is not an error
}

// Items counts what MaxItems bounds.
func (b *Batch) Items() int {
	return len(b.Writes) + len(b.Events) + len(b.Timers) + len(b.Cancel)
}

// Store holds records. All methods are safe for concurrent use.
type Store interface {
	// Get returns the record at key, or ErrNotFound. The read is strongly consistent, and what it
	// returns is durable.
	Get(ctx context.Context, key Key) (Record, error)

	// List returns records of one partition in the order of Sort, at most q.Limit (1 to MaxList).
	// Fewer than Limit means that there are no more. What it returns is durable.
	List(ctx context.Context, q Query) ([]Record, error)

	// Commit applies the whole batch or nothing. When it returns nil the batch is durable, and only
	// then are its events delivered. The outcomes:
	//
	//  1. nil: committed.
	//  2. ConflictError: a record did not have the expected version, or an event's subject already
	//     has that sequence number. Nothing happened. Read again and decide again.
	//  3. BoundError: versions agreed, but a counter would have passed its floor. Nothing happened.
	//  4. ErrTooLarge, ErrInvalid: a limit or a rule of Batch was broken. Nothing happened.
	//  5. ErrContract: the store's check refused an event. Nothing happened.
	//  6. ErrReadOnly, ErrClosed, ErrThrottled: nothing happened; ErrThrottled is worth a retry.
	//  7. anything else, and a cancelled context: the outcome is unknown. Read before writing
	//     again.
	//
	// An empty batch succeeds. Concurrent commits that touch different records do not conflict;
	// commits that only Add to the same record may conflict on some platforms (see Features).
	Commit(ctx context.Context, b Batch) error
}

// Query selects records of one partition.
type Query struct {
	Part    string
	Prefix  string // of Sort
	After   string // exclusive: only Sort greater (or less, when Reverse) than this; "" is no bound
	Limit   int
	Reverse bool
}
