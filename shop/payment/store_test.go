package payment_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sort"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

func (p *process) Get(_ context.Context, key platform.Key) (platform.Record, error) {
	rec, ok := p.records[key]
	if !ok {
		return rec, platform.ErrNotFound
	}
	return rec, nil
}

func (p *process) List(_ context.Context, q platform.Query) ([]platform.Record, error) {
	var all []platform.Record
	for k, rec := range p.records {
		if k.Part == q.Part && k.Sort > q.After {
			all = append(all, rec)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Key.Sort < all[j].Key.Sort })
	return all[:min(len(all), q.Limit)], nil
}

func (p *process) Commit(_ context.Context, b platform.Batch) error {
	if p.dead || p.crash == beforeCommit {
		p.dead = true
		return errDead
	}
	for _, w := range b.Writes {
		if have := p.records[w.Key].Version; w.Expect != platform.Any && w.Expect != have {
			return &platform.ConflictError{Key: w.Key, Want: w.Expect, Have: have}
		}
	}
	for _, e := range b.Events {
		if err := p.cat.Check(e.Value.(event.Fact)); err != nil {
			return fmt.Errorf("%w: %w", platform.ErrContract, err)
		}
		if e.Sequence != p.seqs[e.Subject]+1 {
			p.t.Fatalf("%s announces number %d after %d", e.Subject, e.Sequence, p.seqs[e.Subject])
		}
		p.seqs[e.Subject]++
		p.announced(e)
	}
	for _, w := range b.Writes {
		p.write(w)
	}
	for _, t := range b.Timers {
		if !t.Due.After(p.now) { // a fact of that name may have been announced in this moment
			p.t.Fatalf("the timer %s is set for %s, which has come", t.Key, t.Due)
		}
		p.timers[t.Key] = t
	}
	for _, k := range b.Cancel {
		delete(p.timers, k)
	}
	if p.crash == afterCommit {
		p.dead = true
		return errDead
	}
	return nil
}

func (st *stage) announced(e platform.Event) {
	e.Value = nil // as after a restart: decoded from the log
	st.log = append(st.log, e)
	st.queue = append(st.queue, e)
}

func (st *stage) write(w platform.Write) {
	rec := st.records[w.Key]
	rec.Key = w.Key
	rec.Version++
	switch w.Kind {
	case platform.Delete:
		delete(st.records, w.Key)
		return
	case platform.Put:
		rec.Value = bytes.Clone(w.Value)
	}
	counters := map[string]int64{}
	for name, n := range rec.Counters {
		counters[name] = n
	}
	for _, m := range w.Moves {
		counters[m.Counter] += m.Delta
	}
	rec.Counters = counters
	st.records[w.Key] = rec
}

// keys seals by turning bytes over, so that a test can look for the plain text.
type keys struct{}

func (keys) Seal(_ context.Context, person string, plain []byte) ([]byte, error) {
	box := append([]byte(person+"|"), plain...)
	for i := range box {
		box[i] ^= 0x5a
	}
	return box, nil
}

func (keys) Open(_ context.Context, person string, box []byte) ([]byte, error) {
	plain := bytes.Clone(box)
	for i := range plain {
		plain[i] ^= 0x5a
	}
	rest, ok := bytes.CutPrefix(plain, []byte(person+"|"))
	if !ok {
		return nil, platform.ErrInvalid
	}
	return rest, nil
}

func (keys) Erase(context.Context, string) error { return nil }

func (keys) Sign(context.Context, []byte) ([]byte, string, error) { return nil, "", nil }

func (keys) PublicKeys(context.Context) (map[string]ed25519.PublicKey, error) { return nil, nil }
