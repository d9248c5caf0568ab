package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// state is a record as the sequencer sees it: the newest decided version, durable or not.
type state struct {
	version  int64 // 0: there is none
	value    []byte
	object   any       // what the writer says that value decodes to; mostly nil
	counters []counter // sorted by name
}

type counter struct {
	name string
	n    int64
}

func (s *state) has(name string) bool {
	return slices.ContainsFunc(s.counters, func(c counter) bool { return c.name == name })
}

func (s *state) counter(name string) int64 {
	for _, c := range s.counters {
		if c.name == name {
			return c.n
		}
	}
	return 0
}

func (s *state) move(name string, delta int64) {
	i, ok := slices.BinarySearchFunc(s.counters, name, func(c counter, name string) int {
		return strings.Compare(c.name, name)
	})
	if !ok {
		s.counters = slices.Insert(s.counters, i, counter{name: name})
	}
	s.counters[i].n += delta
}

// group is what one fsync makes durable: the commits that were decided while the one before was
// being written.
type group struct {
	batch   *pebble.Batch
	dirty   []*pending // the newest values of its keys, encoded when the group was taken
	events  []logged
	handled []handled // events that are done when the group is durable
	bytes   int       // of what is not in batch yet, more or less
	commits int
	taken   chan struct{} // closed when the committer has taken it
	done    chan struct{} // closed when it is durable, or has failed
	settled bool          // it is durable, or has failed; guarded by mu
	err     error
}

// logged is an event with its place in the log.
type logged struct {
	pos   uint64
	event platform.Event
}

// handled is an event whose handler is through, except that its commits are not durable yet.
type handled struct {
	sub  *subscription
	item *item
}

// size is how large a group became.
type size struct{ bytes, dirty, events, handled int }

// maxGroupBytes bounds the memory that a slow disk can make the sequencer collect. Commits wait for
// the next group beyond it.
const maxGroupBytes = 8 << 20

// change is a checked batch with its keys encoded, ready to be decided.
type change struct {
	batch  *platform.Batch
	prefix string // of the room: "order/", or "" inside the adapter
	keys   [][]byte
	olds   []*pending // what is known of each key
	pledge *pledge    // of the handler that commits, or nil
}

// commit decides c and waits until it is durable. In a handler that gave a pledge it does not wait:
// the handler's event counts as handled when the group is durable.
func (p *Platform) commit(ctx context.Context, c *change) error {
	c.pledge = pledgeOf(ctx)
	g, err := p.decide(ctx, c)
	if err != nil || g == nil || c.pledge != nil {
		return err
	}
	<-g.done // never longer than one fsync after the one that is running; ctx could not undo it
	return g.err
}

// decide sequences c into the group being collected. After it returns nil the commit will happen
// unless the disk fails, and later decisions already see it.
func (p *Platform) decide(ctx context.Context, c *change) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", platform.ErrThrottled, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open != nil && p.open.bytes+p.open.batch.Len() > maxGroupBytes {
		taken := p.open.taken
		p.mu.Unlock()
		<-taken
		p.mu.Lock()
	}
	if err := p.writable(); err != nil {
		return nil, err
	}
	if err := p.examine(c); err != nil {
		return nil, err
	}
	g := p.collect()
	p.writeRecords(g, c)
	p.appendEvents(g, c.batch.Events)
	for i := range c.batch.Timers {
		if err := p.setTimer(g, c.prefix, &c.batch.Timers[i]); err != nil {
			return nil, p.fail(err)
		}
	}
	for _, key := range c.batch.Cancel {
		if err := p.cancelTimer(g, c.prefix+key); err != nil {
			return nil, p.fail(err)
		}
	}
	g.commits++
	if c.pledge != nil {
		c.pledge.last = g
	}
	return g, nil
}

// collect returns the group being collected, making one and waking the committer if there is none.
// The caller holds mu.
func (p *Platform) collect() *group {
	if p.open == nil {
		// Groups that follow each other are of one size, more or less.
		p.open = &group{
			batch:   p.db.NewBatchWithSize(max(p.usual.bytes, 1024)),
			dirty:   make([]*pending, 0, p.usual.dirty),
			events:  make([]logged, 0, p.usual.events),
			handled: make([]handled, 0, p.usual.handled),
			taken:   make(chan struct{}), done: make(chan struct{}),
		}
		select {
		case p.work <- struct{}{}:
		default:
		}
	}
	return p.open
}

// examine reads the newest state of every record and refuses what the batch does not expect:
// versions first, then sequences, then bounds.
func (p *Platform) examine(c *change) error {
	for i := range c.batch.Writes {
		w := &c.batch.Writes[i]
		s, err := p.newest(c.keys[i])
		if err != nil {
			return p.fail(err)
		}
		c.olds = append(c.olds, s)
		if w.Expect != platform.Any && w.Expect != s.version {
			return &platform.ConflictError{Key: w.Key, Want: w.Expect, Have: s.version}
		}
	}
	for i := range c.batch.Events {
		if err := p.examineSequence(&c.batch.Events[i]); err != nil {
			return err
		}
	}
	for i := range c.batch.Writes {
		w := &c.batch.Writes[i]
		if err := checkGrown(w, &c.olds[i].state); err != nil {
			return err
		}
		for _, m := range w.Moves {
			have := c.olds[i].counter(m.Counter)
			sum := have + m.Delta
			wrapped := (sum < have) != (m.Delta < 0)
			if wrapped || sum < m.Floor {
				return &platform.BoundError{
					Key: w.Key, Counter: m.Counter, Have: have, Delta: m.Delta, Floor: m.Floor,
				}
			}
		}
	}
	return nil
}

// checkGrown refuses a write after which value and counters together would be too large.
func checkGrown(w *platform.Write, s *state) error {
	size := len(w.Key.Part) + len(w.Key.Sort)
	switch {
	case w.Kind == platform.Put && (len(s.counters) > 0 || len(w.Moves) > 0):
		size += len(w.Value)
	case w.Kind == platform.Add:
		size += len(s.value)
	default:
		return nil // its size was checked by itself
	}
	for _, c := range s.counters {
		size += len(c.name) + platform.CounterBytes
	}
	for _, m := range w.Moves {
		if !s.has(m.Counter) {
			size += len(m.Counter) + platform.CounterBytes
		}
	}
	if size > platform.MaxItemBytes {
		return fmt.Errorf("%d bytes in one record, at most %d: %w",
			size, platform.MaxItemBytes, platform.ErrTooLarge)
	}
	return nil
}

// examineSequence refuses an event whose place in its subject is taken.
func (p *Platform) examineSequence(e *platform.Event) error {
	if e.Sequence == 0 {
		return nil
	}
	p.scratch = subjectKey(p.scratch[:0], e.Subject, e.Sequence)
	if p.known.absent(p.scratch) {
		return nil
	}
	taken := p.open.has(e) || p.writing.has(e)
	if !taken {
		_, closer, err := p.db.Get(p.scratch)
		switch {
		case err == nil:
			taken = true
			_ = closer.Close() // releasing a read cannot fail
		case !errors.Is(err, pebble.ErrNotFound):
			return p.fail(err)
		}
	}
	if taken {
		return &platform.ConflictError{
			Key: platform.Key{Part: e.Subject}, Want: e.Sequence - 1, Have: e.Sequence,
		}
	}
	return nil
}

// has reports whether a group, which may be nil, holds an event at the same place of its subject.
func (g *group) has(e *platform.Event) bool {
	return g != nil && slices.ContainsFunc(g.events, func(l logged) bool {
		return l.event.Sequence == e.Sequence && l.event.Subject == e.Subject
	})
}

// newest returns the newest decided state of a record. The caller holds mu and must not change it.
func (p *Platform) newest(key []byte) (*pending, error) {
	if o := p.overlay.get(key); o != nil {
		return o, nil
	}
	if p.known.absent(key) {
		return &pending{}, nil
	}
	st, err := p.load(key)
	if err != nil {
		return nil, err
	}
	return p.remember(key, st), nil
}

// load reads a record from Pebble. One that does not exist has version 0.
func (p *Platform) load(key []byte) (state, error) {
	raw, closer, err := p.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, explain(err)
	}
	defer func() { _ = closer.Close() }()
	return decodeRecord(raw)
}

// remember keeps a durable record at hand. The caller holds mu and has found nothing known of it.
func (p *Platform) remember(key []byte, st state) *pending {
	o := &pending{state: st, key: string(key)}
	if o.worthKeeping() {
		p.overlay.put(o)
	}
	return o
}

// writeRecords moves every written record to its next state in the overlay. The encoding happens
// once a group, when the committer has taken it, however often a hot record was written in between.
func (p *Platform) writeRecords(g *group, c *change) {
	for i := range c.batch.Writes {
		w, old := &c.batch.Writes[i], c.olds[i]
		next := &pending{state: state{
			version: old.version + 1, value: old.value, object: old.object,
			counters: old.counters,
		}}
		switch w.Kind {
		case platform.Check:
			continue
		case platform.Delete:
			if old.version == 0 {
				continue
			}
			next.state = state{}
		case platform.Put:
			next.value, next.object = w.Value, w.Object // the caller gave them away
		case platform.Add:
		}
		if len(w.Moves) > 0 {
			next.counters = slices.Clone(old.counters)
			for _, m := range w.Moves {
				next.move(m.Counter, m.Delta)
			}
		}
		if next.version == 1 {
			p.known.add(c.keys[i])
		}
		g.bytes += len(c.keys[i]) + len(next.value)
		p.overwrite(g, c.keys[i], old, next)
	}
}

// overwrite makes next what is known of a key. old is what was.
func (p *Platform) overwrite(g *group, key []byte, old, next *pending) {
	next.key, next.group = old.key, g
	if next.key == "" {
		next.key = string(key)
	}
	if old.group == g {
		next.at = old.at
		g.dirty[next.at] = next
	} else {
		next.at = len(g.dirty)
		g.dirty = append(g.dirty, next)
	}
	p.overlay.put(next)
}

// appendEvents gives events their positions and times. Time never runs backwards along the log,
// whatever the clock does.
func (p *Platform) appendEvents(g *group, events []platform.Event) {
	if len(events) == 0 {
		return
	}
	if now := p.clock.Now().UTC(); now.After(p.lastTime) {
		p.lastTime = now
	}
	for i := range events {
		e := &events[i]
		p.head++
		if e.Sequence > 0 {
			p.scratch = subjectKey(p.scratch[:0], e.Subject, e.Sequence)
			p.known.add(p.scratch)
		}
		g.events = append(g.events, logged{pos: p.head, event: *e})
		g.events[len(g.events)-1].event.Time = p.lastTime
		g.bytes += len(e.Subject) + len(e.Data)
	}
}

// writable says why nothing can be written now, if so. The caller holds mu.
func (p *Platform) writable() error {
	switch {
	case p.failure() != nil:
		return p.failure()
	case p.closed:
		return platform.ErrClosed
	case p.readOnly:
		return fmt.Errorf("%w: it was opened only to be read", platform.ErrReadOnly)
	case p.full.Load():
		return fmt.Errorf(
			"%w: the disk is nearly full; free some space and writing resumes by itself",
			platform.ErrReadOnly)
	}
	return nil
}

// fail stops the platform for good: after an error of the disk nothing that it says can be trusted
// before a restart has recovered the log.
func (p *Platform) fail(err error) error {
	if p.broken.CompareAndSwap(nil, &err) {
		p.log.Error("the disk failed; restart to recover to the last durable commit", "error", err)
		close(p.fatal)
	}
	return fmt.Errorf("the disk failed: %w", err)
}

// failure is why the platform stopped for good, or nil.
func (p *Platform) failure() error {
	if cause := p.broken.Load(); cause != nil {
		return fmt.Errorf("%w: the disk failed: %w", platform.ErrClosed, *cause)
	}
	return nil
}

func be64(dst []byte, n uint64) []byte {
	return append(dst, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// timeOf turns nanoseconds since 1970 into a time.
func timeOf(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() }
