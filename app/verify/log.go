package verify

import (
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop/room"
)

// logCheck is what must hold of the envelopes: positions and sequences have no gap, ids occur once,
// causes come first. It remembers a hash of 64 bits of every id and of its correlation, no text.
type logCheck struct {
	*sheet
	seed maphash.Seed
	seen map[uint64]uint64 // id to correlation
	last int64             // position
	time time.Time         // of the event there
	buf  []byte
}

func newLogCheck(s *sheet) *logCheck {
	return &logCheck{sheet: s, seed: maphash.MakeSeed(), seen: make(map[uint64]uint64)}
}

func (c *logCheck) take(items []item) {
	for i := range items {
		it := &items[i]
		c.position(it)
		id := maphash.String(c.seed, it.e.ID)
		_, again := c.seen[id]
		c.sequence(it, again)
		c.cause(it)
		if it.e.Sequence == 0 {
			c.timer(it, again)
		}
		c.seen[id] = maphash.String(c.seed, chainOf(it.e.Correlation, it.e.ID))
	}
}

// chainOf names the chain of causes that an event belongs to: its own, when it has none.
func chainOf(correlation, id string) string {
	if correlation == "" {
		return id
	}
	return correlation
}

func (c *logCheck) position(it *item) {
	c.check(gapless)
	if it.at.pos != c.last+1 {
		c.broken(gapless, it.at, "the log's positions have a gap or a repetition",
			"position", it.at.pos, "expected", c.last+1)
	}
	c.last = it.at.pos
	if it.e.Time.Before(c.time) {
		c.broken(gapless, it.at, "the event was recorded before the one in front of it",
			"time", it.e.Time, "before", c.time)
	}
	c.time = it.e.Time
}

// sequence relies on ids being derived: the event before this one in its subject has the id that
// this one would have, with one number less.
func (c *logCheck) sequence(it *item, again bool) {
	e := &it.e
	if again {
		c.broken(gapless, it.at, "an id occurs twice", "id", e.ID, "subject", e.Subject)
	}
	switch {
	case e.Sequence == 0:
		if !strings.HasPrefix(e.Subject, "timer/") {
			c.broken(gapless, it.at, "an event that no timer announced has no sequence",
				"type", e.Type, "subject", e.Subject)
		}
		return
	case e.Sequence < 0 || string(c.idOf(e.Subject, e.Sequence)) != e.ID:
		c.broken(gapless, it.at, "the id is not that of its place in its subject",
			"id", e.ID, "expected", room.EventID(e.Subject, e.Sequence))
		return
	case e.Sequence == 1:
		return
	}
	if _, ok := c.seen[maphash.Bytes(c.seed, c.idOf(e.Subject, e.Sequence-1))]; !ok {
		c.broken(gapless, it.at, "the subject's sequence has a gap",
			"subject", e.Subject, "sequence", e.Sequence, "missing", e.Sequence-1)
	}
}

// idOf is room.EventID without garbage. It is good until the next call.
func (c *logCheck) idOf(subject string, seq int64) []byte {
	c.buf = append(append(c.buf[:0], subject...), '/')
	c.buf = strconv.AppendInt(c.buf, seq, 10)
	return c.buf
}

// cause requires that what an event follows from is in the log before it, in the same chain.
func (c *logCheck) cause(it *item) {
	c.check(causality)
	e := &it.e
	if e.Causation == "" {
		if mustFollow(e.Type) {
			c.broken(causality, it.at, "nothing caused this, and no request can",
				"type", e.Type, "subject", e.Subject)
		}
		return
	}
	chain, ok := c.seen[maphash.String(c.seed, e.Causation)]
	switch {
	case !ok:
		c.broken(causality, it.at, "what caused this is not in the log before it",
			"type", e.Type, "causation", e.Causation)
	case chain != maphash.String(c.seed, e.Correlation):
		c.broken(causality, it.at, "this is in another chain than what caused it",
			"type", e.Type, "causation", e.Causation, "correlation", e.Correlation)
	}
}

// mustFollow lists the facts that only another fact brings about. The others can also come from a
// request, or from a provider's webhook.
func mustFollow(typ string) bool {
	switch typ {
	case "souk.inventory.gathered.v1", "souk.inventory.held.v1", "souk.inventory.rejected.v1",
		"souk.inventory.committed.v1", "souk.inventory.released.v1", "souk.inventory.consumed.v1",
		"souk.order.placed.v1", "souk.order.placed.v2", "souk.order.expired.v1",
		"souk.order.progressed.v1", "souk.order.completed.v1",
		"souk.fulfilment.requested.v1", "souk.fulfilment.cancelled.v1",
		"souk.ledger.posted.v1", "souk.notification.sent.v1":
		return true
	}
	return false
}

// timer reads the moment from the id that the platform made of the timer's key and its due time.
func (c *logCheck) timer(it *item, again bool) {
	if again {
		c.check(timers)
		c.broken(timers, it.at, "a timer fired twice", "id", it.e.ID)
	}
	_, digits, ok := strings.Cut(it.e.ID[strings.LastIndexByte(it.e.ID, '/')+1:], "@")
	digits, _, _ = strings.Cut(digits, "#") // what follows only makes the id unique
	due, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return
	}
	c.check(timers)
	if it.e.Time.UnixNano() < due {
		c.broken(timers, it.at, "a timer fired early", "id", it.e.ID,
			"due", time.Unix(0, due).UTC(), "fired", it.e.Time)
	}
}
