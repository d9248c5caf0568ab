package verify

import (
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// logCheck is what must hold of the envelopes: positions and sequences have no gap, ids occur once,
// causes come first. It remembers hashes of ids and chains, no text, and of a long log only those
// of one part of the ids in each reading: whatever needs an id is looked at when its part is. A log
// that is not in the order of the commits is read twice for each part: a cause may come later in
// it, so causes are looked for when all ids are known.
type logCheck struct {
	*sheet
	seed        maphash.Seed
	ordered     bool // the log is in the order of the commits
	known       bool // all ids of this part are known: this reading is for the causes
	seen        ids
	part, parts uint64 // of the ids: this reading's, and of how many
	most        int    // ids of a log whose length is not known
	over        bool   // there are more: it has to be read again in parts
	last        int64  // position
	time        time.Time
	buf         []byte
}

// newLogCheck makes a check of a log of so many events; 0 is unknown.
func newLogCheck(s *sheet, h *hints, events int64, ordered bool) *logCheck {
	c := &logCheck{
		sheet: s, seed: h.seed, parts: uint64(max(1, (events+h.limits.ids-1)/h.limits.ids)),
		ordered: ordered, seen: ids{timed: !ordered},
	}
	if c.most = math.MaxInt; events == 0 {
		c.most = int(h.limits.ids)
	}
	c.begin(0, events)
	return c
}

// readings is how often the log is read for each part of its ids.
func (c *logCheck) readings() int {
	if c.ordered {
		return 1
	}
	return 2
}

// begin prepares the reading for one part of the ids.
func (c *logCheck) begin(part uint64, events int64) {
	c.part, c.known = part, false
	if events > 0 {
		c.seen.room(int(events/int64(c.parts)) + 1)
	}
}

func (c *logCheck) take(items []item) {
	for i := range items {
		it := &items[i]
		if c.known {
			c.cause(it)
			continue
		}
		id := c.hash(it.e.ID)
		mine := id%c.parts == c.part
		again := false
		if mine {
			_, again = c.seen.get(id)
		}
		if c.part == 0 {
			c.position(it)
		}
		c.sequence(it, again)
		if c.ordered {
			c.cause(it)
		}
		if it.e.Sequence == 0 {
			c.timer(it, again)
		}
		if c.over = c.over || c.seen.used > c.most; mine && !c.over {
			c.seen.put(id, uint32(c.hash(chainOf(it.e.Correlation, it.e.ID))))
			if !c.ordered && !again {
				c.seen.stamp(id, it.e.Time.Unix())
			}
		}
	}
}

// hash is never 0.
func (c *logCheck) hash(s string) uint64 { return max(1, maphash.String(c.seed, s)) }

// chainOf names the chain of causes that an event belongs to: its own, when it has none.
func chainOf(correlation, id string) string {
	if correlation == "" {
		return id
	}
	return correlation
}

func (c *logCheck) position(it *item) {
	c.check(gapless)
	if !c.ordered {
		return
	}
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
		if c.part == 0 && !strings.HasPrefix(e.Subject, "timer/") {
			c.broken(gapless, it.at, "an event that no timer announced has no sequence",
				"type", e.Type, "subject", e.Subject)
		}
		return
	case e.Sequence < 0 || string(c.idOf(e.Subject, e.Sequence)) != e.ID:
		if c.part == 0 {
			c.broken(gapless, it.at, "the id is not that of its place in its subject",
				"id", e.ID, "expected", room.EventID(e.Subject, e.Sequence))
		}
		return
	case e.Sequence == 1:
		return
	}
	before := max(1, maphash.Bytes(c.seed, c.idOf(e.Subject, e.Sequence-1)))
	if before%c.parts != c.part {
		return
	}
	if _, ok := c.seen.get(before); !ok {
		c.broken(gapless, it.at, "the subject's sequence has a gap",
			"subject", e.Subject, "sequence", e.Sequence, "missing", e.Sequence-1)
		return
	}
	if c.backwards(before, it) {
		c.broken(gapless, it.at, "the event was recorded before the one in front of it",
			"subject", e.Subject, "time", e.Time, "before", c.recorded(before))
	}
}

// skew is how much clocks may differ where several of them tell when something was recorded, and
// how long a commit may take; in seconds.
const skew = int64(grace / time.Second)

// backwards reports whether an event that must come before another one was recorded after it, as
// far as the clocks can tell. In an ordered log the order is looked at itself.
func (c *logCheck) backwards(before uint64, it *item) bool {
	return !c.ordered && c.seen.second(before) > it.e.Time.Unix()+skew
}

func (c *logCheck) recorded(id uint64) time.Time { return time.Unix(c.seen.second(id), 0).UTC() }

// idOf is room.EventID without garbage. It is good until the next call.
func (c *logCheck) idOf(subject string, seq int64) []byte {
	c.buf = append(append(c.buf[:0], subject...), '/')
	c.buf = strconv.AppendInt(c.buf, seq, 10)
	return c.buf
}

// cause requires that what an event follows from is in the log before it, in the same chain.
func (c *logCheck) cause(it *item) {
	e := &it.e
	if c.part == 0 {
		c.check(causality)
	}
	if e.Causation == "" {
		if c.part == 0 && mustFollow(e) {
			c.broken(causality, it.at, "nothing caused this, and no request can",
				"type", e.Type, "subject", e.Subject)
		}
		return
	}
	cause := c.hash(e.Causation)
	if cause%c.parts != c.part {
		return
	}
	chain, ok := c.seen.get(cause)
	switch {
	case !ok && c.ordered:
		c.broken(causality, it.at, "what caused this is not in the log before it",
			"type", e.Type, "causation", e.Causation)
	case !ok:
		c.broken(causality, it.at, "what caused this is not in the log",
			"type", e.Type, "causation", e.Causation)
	case !c.ordered && notBefore(e):
		c.broken(causality, it.at, "what caused this comes later in its own subject",
			"type", e.Type, "causation", e.Causation)
	case c.backwards(cause, it):
		c.broken(causality, it.at, "what caused this was recorded after it",
			"type", e.Type, "causation", e.Causation, "time", e.Time, "cause", c.recorded(cause))
	case chain != uint32(c.hash(e.Correlation)):
		c.broken(causality, it.at, "this is in another chain than what caused it",
			"type", e.Type, "causation", e.Causation, "correlation", e.Correlation)
	}
}

// notBefore reports whether an event's cause is of its own subject, and not before it.
func notBefore(e *platform.Event) bool {
	rest, ok := strings.CutPrefix(e.Causation, e.Subject)
	if ok {
		rest, ok = strings.CutPrefix(rest, "/")
	}
	seq, err := strconv.ParseInt(rest, 10, 64)
	return ok && err == nil && e.Sequence > 0 && seq >= e.Sequence
}

// mustFollow lists the facts that only another fact brings about. The others can also come from a
// request, or from a provider's webhook.
func mustFollow(e *platform.Event) bool {
	switch e.Type {
	case "souk.ledger.posted.v2":
		return !strings.HasPrefix(e.Subject, "transaction/txn_payout")
	case "souk.inventory.gathered.v1", "souk.inventory.held.v1", "souk.inventory.rejected.v1",
		"souk.inventory.committed.v1", "souk.inventory.released.v1", "souk.inventory.consumed.v1",
		"souk.inventory.freed.v1", "souk.payment.reduced.v1", "souk.order.reduced.v1",
		"souk.order.placed.v1", "souk.order.placed.v2", "souk.order.expired.v1",
		"souk.order.progressed.v1", "souk.order.completed.v1",
		"souk.fulfilment.requested.v1", "souk.fulfilment.cancelled.v1",
		"souk.ledger.posted.v1", "souk.notification.sent.v1",
		"souk.notification.attempted.v1", "souk.notification.handed_over.v1",
		"souk.notification.refused.v1", "souk.notification.unresolved.v1",
		"souk.notification.send_due.v1":
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
	if c.part != 0 {
		return
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
