package embedded

import (
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// runCommitter writes groups, one after the other, until the platform closes. While one is being
// synced the next is collected, so the number of commits an fsync serves grows with the load.
func (p *Platform) runCommitter() {
	defer close(p.committed)
	defer close(p.writes)
	for {
		select {
		case <-p.work:
			p.gather()
			p.writeGroup()
		case <-p.stop:
			p.writeGroup() // what was decided before closed was set
			return
		}
	}
}

// crowd is the number of commits in a group from which on the next one is given gatherTime.
const (
	crowd      = 64
	gatherTime = 300 * time.Microsecond
)

// gather lets whoever could commit now come along: fewer fsyncs at half load, and shorter tails. At
// full load there is always somebody who could, so the time for that is bounded.
func (p *Platform) gather() {
	if p.before >= crowd {
		time.Sleep(gatherTime)
		return
	}
	runtime.Gosched()
}

// maxUsualBytes bounds the memory that a group is given before it needs it.
const maxUsualBytes = 1 << 20

// writeGroup takes the group that was collected, makes it durable, and only then lets anybody know.
func (p *Platform) writeGroup() {
	g := p.take()
	if g == nil {
		return
	}
	p.encode(g)
	began := p.now()
	err := p.sync(g)
	p.stats.fsync(p.now().Sub(began), g)
	p.before = g.commits
	p.mu.Lock()
	if err != nil {
		g.err = p.fail(err)
	}
	p.overlay.settle(g, err == nil)
	p.writing, g.settled = nil, true
	p.mu.Unlock()
	if g.err == nil {
		_ = g.batch.Close() // gives its memory back to Pebble; after a commit it cannot fail
		p.publish(g.events)
		for _, h := range g.handled { // nobody adds to it any more
			h.sub.finish(h.item, true)
		}
	}
	close(g.done)
}

// sync writes a group to the log and waits for the disk.
func (p *Platform) sync(g *group) error {
	select {
	case p.writes <- g:
	case <-p.fatal: // the writer may never come back for it
		return *p.broken.Load()
	}
	select {
	case err := <-p.written:
		if cause := p.broken.Load(); cause != nil {
			return *cause
		}
		return err
	case <-p.fatal:
		return *p.broken.Load()
	}
}

// runWriter hands groups to Pebble, apart from the committer for guard's reason: when Pebble breaks
// it may never come back.
func (p *Platform) runWriter() {
	for g := range p.writes {
		p.written <- commitBatch(g.batch)
	}
}

func commitBatch(b *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble: %v", r)
		}
	}()
	return b.Commit(pebble.Sync)
}

// take closes the group being collected.
func (p *Platform) take() *group {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.open
	if g == nil {
		return nil
	}
	p.open, p.writing = nil, g
	p.saveCursors(g)
	close(g.taken)
	return g
}

// encode puts the records and events of a group that was taken into its batch.
func (p *Platform) encode(g *group) {
	for _, o := range g.dirty {
		switch {
		case o.isTimer(): // is in the batch already
		case o.version == 0:
			op := g.batch.DeleteDeferred(len(o.key))
			copy(op.Key, o.key)
			_ = op.Finish() // a batch in memory cannot fail
		default:
			op := g.batch.SetDeferred(len(o.key), recordSize(&o.state))
			copy(op.Key, o.key)
			appendRecord(op.Value[:0], &o.state)
			_ = op.Finish()
		}
	}
	for i := range g.events {
		e := &g.events[i].event
		p.key = logKey(p.key[:0], g.events[i].pos)
		p.encoded = appendEvent(p.encoded[:0], e)
		_ = g.batch.Set(p.key, p.encoded, nil)
		if e.Sequence > 0 {
			p.key = subjectKey(p.key[:0], e.Subject, e.Sequence)
			p.encoded = be64(p.encoded[:0], g.events[i].pos)
			_ = g.batch.Set(p.key, p.encoded, nil)
		}
	}
	p.mu.Lock()
	p.usual = size{
		bytes: min(g.batch.Len(), maxUsualBytes), dirty: len(g.dirty), events: len(g.events),
		handled: len(g.handled),
	}
	p.mu.Unlock()
}

// now reads the machine's monotonic clock for measurements; decisions use the platform's clock.
func (p *Platform) now() time.Time { return time.Now() }
