package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// store is the platform's store as one room sees it. The adapter's own parts use it with no prefix.
type store struct {
	p      *Platform
	prefix string
	strict bool // waits for the disk whatever a handler pledged
}

var _ platform.Store = (*store)(nil)

// Store implements platform.Platform.
func (p *Platform) Store(room string) platform.Store {
	return &store{p: p, prefix: room + "/"}
}

// Commit implements platform.Store.
func (s *store) Commit(ctx context.Context, b platform.Batch) error {
	if b.Items() == 0 {
		return nil
	}
	c := &change{batch: &b, prefix: s.prefix}
	if err := s.p.checkBatch(c); err != nil {
		return err
	}
	return s.p.commit(s.context(ctx), c)
}

// context hides a handler's pledge from a store that must not rely on it.
func (s *store) context(ctx context.Context) context.Context {
	if s.strict {
		return context.WithValue(ctx, pledgeKey{}, (*pledge)(nil))
	}
	return ctx
}

// Get implements platform.Store.
func (s *store) Get(ctx context.Context, key platform.Key) (platform.Record, error) {
	if err := key.Check(); err != nil {
		return platform.Record{}, err
	}
	raw := roomKey(make([]byte, 0, usualKey), s.prefix, key)
	st, err := s.p.durable(s.context(ctx), raw)
	if err != nil {
		return platform.Record{}, err
	}
	if st.version == 0 {
		return platform.Record{}, platform.ErrNotFound
	}
	return st.export(key), nil
}

func (s *state) export(key platform.Key) platform.Record {
	rec := platform.Record{Key: key, Version: s.version, Value: s.value, Object: s.object}
	if len(s.counters) > 0 {
		rec.Counters = make(map[string]int64, len(s.counters))
		for _, c := range s.counters {
			rec.Counters[c.name] = c.n
		}
	}
	return rec
}

// durable reads the newest decided state of a record and waits until that is on disk, except in a
// handler that gave a pledge: whatever it decides on that ground comes later in the log. A record
// that is written all the time keeps nobody waiting for longer than two fsyncs.
func (p *Platform) durable(ctx context.Context, key []byte) (*state, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, platform.ErrClosed
	}
	o, turns := p.overlay.get(key), p.overlay.turns
	if o != nil {
		return p.settledRecord(ctx, o)
	}
	if p.known.absent(key) {
		p.mu.Unlock()
		return &state{}, p.failure()
	}
	p.mu.Unlock()
	st, err := p.read(slices.Clone(key))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	// Pebble shows a batch to readers before it is synced: what was read is durable only if nothing
	// was decided about the key meanwhile. If something was, that is at least as new.
	if o := p.overlay.get(key); o != nil {
		return p.settledRecord(ctx, o)
	}
	if p.overlay.turns == turns { // otherwise something could have been decided and forgotten again
		p.remember(key, st)
	}
	p.mu.Unlock()
	return &st, p.failure()
}

// settledRecord unlocks mu, waits until what is known of a record is durable, and returns it.
func (p *Platform) settledRecord(ctx context.Context, o *pending) (*state, error) {
	g := o.group
	p.mu.Unlock()
	if g == nil || pledgeOf(ctx) != nil {
		return &o.state, p.failure()
	}
	return &o.state, g.wait(ctx)
}

func (g *group) wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Platform) read(key []byte) (state, error) {
	if !p.enter() {
		return state{}, platform.ErrClosed
	}
	defer p.leave()
	st, err := p.load(key)
	if err != nil {
		return state{}, fmt.Errorf("read: %w", err)
	}
	return st, nil
}

// List implements platform.Store.
func (s *store) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	if q.Limit < 1 || q.Limit > platform.MaxList {
		return nil, fmt.Errorf("a list of %d records, allowed are 1 to %d: %w",
			q.Limit, platform.MaxList, platform.ErrInvalid)
	}
	if err := (platform.Key{Part: q.Part, Sort: q.After}).Check(); err != nil {
		return nil, err
	}
	if err := pledgeOf(ctx).kept(ctx); err != nil { // a handler sees what it wrote itself
		return nil, err
	}
	lower := roomKey(nil, s.prefix, platform.Key{Part: q.Part, Sort: q.Prefix})
	upper := tableEnd(lower)
	if q.After != "" {
		after := roomKey(nil, s.prefix, platform.Key{Part: q.Part, Sort: q.After})
		if q.Reverse {
			upper = smaller(upper, after)
		} else {
			lower = larger(lower, append(after, 0))
		}
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil, nil
	}
	var list []platform.Record
	err := s.p.scan(ctx, lower, upper, q.Reverse, func(key, raw []byte) (bool, error) {
		k, err := parseRecordKey(key)
		if err != nil {
			return false, err
		}
		st, err := decodeRecord(raw)
		if err != nil {
			return false, err
		}
		k.Part = strings.TrimPrefix(k.Part, s.prefix)
		list = append(list, st.export(k))
		return len(list) < q.Limit, nil
	})
	if err != nil {
		return nil, err
	}
	return list, s.p.settled(ctx)
}

// settled waits until everything that Pebble showed to readers so far is durable.
func (p *Platform) settled(ctx context.Context) error {
	p.mu.Lock()
	g := p.writing
	p.mu.Unlock()
	if g == nil {
		return p.failure()
	}
	return g.wait(ctx)
}

// scan walks keys from lower to upper, or backwards, until fn says no.
func (p *Platform) scan(
	ctx context.Context, lower, upper []byte, reverse bool,
	fn func(key, value []byte) (more bool, err error),
) (err error) {
	if !p.enter() {
		return platform.ErrClosed
	}
	defer p.leave()
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	move, valid := it.Next, it.First()
	if reverse {
		move, valid = it.Prev, it.Last()
	}
	for ; valid; valid = move() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err := fn(it.Key(), it.Value()); err != nil || !more {
			return err
		}
	}
	return explain(it.Error())
}

func smaller(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return a
	}
	return b
}

func larger(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}
