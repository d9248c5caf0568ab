package embedded

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// A queue's records. A message has one record, whose value (when it was sent, and the body) never
// changes and whose counters say where it stands; and one entry, without a value, in the lane where
// it waits, sorted by time. Both always change in one commit.
//
//	<queue>/message  <id>         value: sent, body; counters: below
//	<queue>/due      <time><id>   to be received at that time or later
//	<queue>/last     <time><id>   in somebody's hands for the last time; dead at that time
//	<queue>/dead     <time><id>   died at that time
//	<queue>/count    ""           counters: how many are held, how many are dead
type lane int64

const (
	laneDue lane = iota
	laneLast
	laneDead
)

func (l lane) String() string { return [...]string{"due", "last", "dead"}[l] }

// The names of counters.
const (
	counterAttempts = "attempts"
	counterAt       = "at"
	counterExpires  = "expires"
	counterLane     = "lane"
	counterReceipt  = "receipt"
	counterHeld     = "held"
	counterDead     = "dead"
)

// standing is where a message stands: its counters.
type standing struct {
	lane     lane
	at       int64 // nanoseconds; the time of its entry
	attempts int64
	expires  int64 // nanoseconds; past it the message is dropped
	receipt  int64 // of the last Receive; 0 before the first
}

// moves returns what turns s into next.
func (s standing) moves(next standing) []platform.Move {
	var moves []platform.Move
	for _, c := range [...]struct {
		name     string
		from, to int64
	}{
		{counterAttempts, s.attempts, next.attempts},
		{counterAt, s.at, next.at},
		{counterExpires, s.expires, next.expires},
		{counterLane, int64(s.lane), int64(next.lane)},
		{counterReceipt, s.receipt, next.receipt},
	} {
		if c.from != c.to {
			moves = append(moves, platform.Move{
				Counter: c.name, Delta: c.to - c.from, Floor: platform.NoFloor,
			})
		}
	}
	return moves
}

// queued is a message in its queue.
type queued struct {
	id      string
	version int64
	sent    time.Time
	body    []byte
	standing
}

// sentBytes is the length of the time in front of a body.
const sentBytes = 8

func decodeQueued(rec platform.Record) (*queued, error) {
	if len(rec.Value) < sentBytes {
		return nil, fmt.Errorf("message %s: %w", rec.Key.Sort, platform.ErrCorrupt)
	}
	l := lane(rec.Counters[counterLane])
	if l < laneDue || l > laneDead {
		return nil, fmt.Errorf("message %s is in lane %d: %w", rec.Key.Sort, l, platform.ErrCorrupt)
	}
	return &queued{
		id: rec.Key.Sort, version: rec.Version,
		sent: time.Unix(0, int64(binary.BigEndian.Uint64(rec.Value))).UTC(),
		body: rec.Value[sentBytes:],
		standing: standing{
			lane: l, at: rec.Counters[counterAt], attempts: rec.Counters[counterAttempts],
			expires: rec.Counters[counterExpires], receipt: rec.Counters[counterReceipt],
		},
	}, nil
}

func encodeQueued(m *queued) []byte {
	value := make([]byte, 0, sentBytes+len(m.body))
	value = binary.BigEndian.AppendUint64(value, uint64(m.sent.UnixNano()))
	return append(value, m.body...)
}

// timeDigits is the length of a time in an entry: it sorts as time does, also before 1970.
const timeDigits = 16

func entryTime(at int64) string { return fmt.Sprintf("%016x", uint64(at)^1<<63) }

func parseEntry(sort string) (at int64, id string, err error) {
	if len(sort) > timeDigits {
		n, err := strconv.ParseUint(sort[:timeDigits], 16, 64)
		if err == nil {
			return int64(n ^ 1<<63), sort[timeDigits:], nil
		}
	}
	return 0, "", fmt.Errorf("queue entry %.40q: %w", sort, platform.ErrCorrupt)
}

// A receipt names a message and one Receive of it.
func formatReceipt(receipt int64, id string) string { return fmt.Sprintf("%016x.%s", receipt, id) }

func parseReceipt(s string) (receipt int64, id string, err error) {
	hex, id, ok := strings.Cut(s, ".")
	if ok {
		if receipt, err = strconv.ParseInt(hex, 16, 64); err == nil && receipt > 0 && id != "" {
			return receipt, id, nil
		}
	}
	return 0, "", fmt.Errorf("%.40q is not a receipt: %w", s, platform.ErrNotFound)
}

// edit gathers the writes of one commit of a queue.
type edit struct {
	name       string
	writes     []platform.Write
	held, dead int64
	entries    []entry // that are new
}

// entry is a message's place in a lane.
type entry struct {
	lane lane
	at   int64
}

func (e *edit) add(m *queued) {
	e.writes = append(e.writes, platform.Write{
		Kind: platform.Put, Key: messageKey(e.name, m.id), Expect: platform.Absent,
		Value: encodeQueued(m), Moves: standing{}.moves(m.standing),
	})
	e.enter(m.standing, m.id)
	e.count(m.lane, 1)
}

func (e *edit) move(m *queued, next standing) {
	moves := m.moves(next)
	if len(moves) == 0 {
		return
	}
	e.writes = append(e.writes, platform.Write{
		Kind: platform.Add, Key: messageKey(e.name, m.id), Expect: m.version, Moves: moves,
	})
	if m.lane != next.lane || m.at != next.at {
		e.leave(m)
		e.enter(next, m.id)
	}
	e.count(m.lane, -1)
	e.count(next.lane, 1)
}

func (e *edit) remove(m *queued) {
	e.writes = append(e.writes, platform.Write{
		Kind: platform.Delete, Key: messageKey(e.name, m.id), Expect: m.version,
	})
	e.leave(m)
	e.count(m.lane, -1)
}

func (e *edit) enter(s standing, id string) {
	e.writes = append(e.writes, platform.Write{
		Kind: platform.Put, Key: entryKey(e.name, s.lane, s.at, id), Expect: platform.Absent,
	})
	e.entries = append(e.entries, entry{lane: s.lane, at: s.at})
}

func (e *edit) leave(m *queued) {
	e.writes = append(e.writes, platform.Write{
		Kind: platform.Delete, Key: entryKey(e.name, m.lane, m.at, m.id), Expect: platform.Any,
	})
}

func (e *edit) count(l lane, delta int64) {
	if l == laneDead {
		e.dead += delta
	} else {
		e.held += delta
	}
}

func (e *edit) batch() platform.Batch {
	var moves []platform.Move
	if e.held != 0 {
		moves = append(moves, platform.Move{
			Counter: counterHeld, Delta: e.held, Floor: platform.NoFloor,
		})
	}
	if e.dead != 0 {
		moves = append(moves, platform.Move{
			Counter: counterDead, Delta: e.dead, Floor: platform.NoFloor,
		})
	}
	if len(moves) > 0 {
		e.writes = append(e.writes, platform.Write{
			Kind: platform.Add, Key: countKey(e.name), Expect: platform.Any, Moves: moves,
		})
	}
	return platform.Batch{Writes: e.writes}
}

func messageKey(name, id string) platform.Key {
	return platform.Key{Part: name + "/message", Sort: id}
}

func entryKey(name string, l lane, at int64, id string) platform.Key {
	return platform.Key{Part: lanePart(name, l), Sort: entryTime(at) + id}
}

func lanePart(name string, l lane) string { return name + "/" + l.String() }

func countKey(name string) platform.Key { return platform.Key{Part: name + "/count"} }

func checkMessage(m *platform.Message, delay time.Duration) error {
	switch {
	case m.ID == "" || len(m.ID) > maxMessageID:
		return fmt.Errorf("an id of %d bytes, allowed are 1 to %d: %w",
			len(m.ID), maxMessageID, platform.ErrInvalid)
	case len(m.Body) > platform.MaxMessageBytes:
		return fmt.Errorf("a body of %d bytes, at most %d: %w",
			len(m.Body), platform.MaxMessageBytes, platform.ErrTooLarge)
	case delay < 0 || delay > platform.MaxQueueDelay:
		return fmt.Errorf("a delay of %v, at most %v: %w",
			delay, platform.MaxQueueDelay, platform.ErrInvalid)
	}
	return nil
}

func isQueueName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= maxQueueName
}

// head remembers where a lane begins, so that looking for its first entry does not walk over all
// that were removed, and an empty lane is not looked at. Every new entry is announced before it is
// committed; one scan at a time runs between begin and end.
type head struct {
	mu      sync.Mutex
	floor   int64         // no entry is before it
	lowest  int64         // the earliest that was announced since begin
	pending map[int64]int // announced, outcome not known
}

// noEntry is later than every entry.
const noEntry int64 = math.MaxInt64

func newHead() *head {
	return &head{floor: math.MinInt64, lowest: noEntry, pending: make(map[int64]int)}
}

func (h *head) announce(at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor, h.lowest = min(h.floor, at), min(h.lowest, at)
	h.pending[at]++
}

// settle ends an announcement whose outcome is known.
func (h *head) settle(at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending[at]--; h.pending[at] == 0 {
		delete(h.pending, at)
	}
}

// start returns a time before which there is no entry.
func (h *head) start() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.floor
}

// begin starts a scan and returns where from.
func (h *head) begin() (floor int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lowest = noEntry
	for at := range h.pending {
		h.lowest = min(h.lowest, at)
	}
	return h.floor
}

// end moves the floor up to the first entry that a scan saw, or noEntry.
func (h *head) end(first int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor = min(first, h.lowest)
}
