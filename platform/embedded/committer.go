package embedded

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// runCommitter writes groups, one after the other, until the platform closes. While one is being
// synced the next is collected, so the number of commits an fsync serves grows with the load.
func (p *Platform) runCommitter() {
	defer close(p.committed)
	for {
		select {
		case <-p.work:
			p.writeGroup()
		case <-p.stop:
			p.writeGroup() // what was decided before closed was set
			return
		}
	}
}

// maxUsualBytes bounds the memory that a group is given before it needs it.
const maxUsualBytes = 1 << 20

// writeGroup takes the group that was collected, makes it durable, and only then lets anybody know.
func (p *Platform) writeGroup() {
	g := p.take()
	if g == nil {
		return
	}
	began := p.now()
	err := p.sync(g)
	p.stats.fsync(p.now().Sub(began), g)
	p.mu.Lock()
	if err != nil {
		g.err = p.fail(err)
	}
	p.overlay.settle(g, err == nil)
	p.writing = nil
	p.mu.Unlock()
	if g.err == nil {
		_ = g.batch.Close() // gives its memory back to Pebble; after a commit it cannot fail
		p.publish(g.events)
	}
	close(g.done)
}

// sync writes a group to the log and waits for the disk.
func (p *Platform) sync(g *group) error {
	return p.guard(func() error { return g.batch.Commit(pebble.Sync) })
}

// take closes the group being collected and encodes its records.
func (p *Platform) take() *group {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.open
	if g == nil {
		return nil
	}
	p.open, p.writing = nil, g
	for i, o := range g.dirty {
		key := []byte(g.at[i])
		if o.record.version == 0 {
			_ = g.batch.Delete(key, nil) // a batch in memory cannot fail
			continue
		}
		p.encoded = appendRecord(p.encoded[:0], o.record)
		_ = g.batch.Set(key, p.encoded, nil)
	}
	p.saveCursors(g)
	p.usual = size{
		bytes: min(g.batch.Len(), maxUsualBytes), dirty: len(g.dirty), keys: len(g.keys),
		events: len(g.events),
	}
	close(g.taken)
	return g
}

// now reads the machine's monotonic clock for measurements; decisions use the platform's clock.
func (p *Platform) now() time.Time { return time.Now() }
