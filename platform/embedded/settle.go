package embedded

import (
	"bytes"
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// The shape of level 0, which has a file of every region that a memtable wrote to. Pebble compacts
// a region as soon as its files lie over each other maxDepth deep, as those of keys without order
// do. Files of a region that grows at its end hardly do, and would stay for ever; so we have what a
// region has appended moved on, once it is settleFrom files. If the number of all files made Pebble
// choose, it would choose the deepest region, and rewrite keys without order again and again.
const (
	maxDepth    = 12
	settleFrom  = 24    // files of one region
	settleEvery = 8     // memtables written between looks
	stopDepth   = 120   // level 0 so deep holds writes up; two orders at work make one step of it
	maxLevel0   = 2_000 // files; some 40 regions stay far below it
)

// flushed is told by Pebble, and must not wait.
func (p *Platform) flushed() {
	select {
	case p.flushes <- struct{}{}:
	default:
	}
}

// settle moves on what was appended, until the platform closes.
func (p *Platform) settle() {
	defer p.filling.Done()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends in Close
		<-p.stop
		cancel()
	}()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-p.flushes:
		}
		if n%settleEvery != 0 {
			continue
		}
		err := p.guard(func() error { return p.settleOnce(ctx, settleFrom) })
		if err != nil && ctx.Err() == nil {
			p.log.Warn("old data was not settled; it is tried again", "error", err)
		}
	}
}

// settleOnce compacts every region that has at least n files in level 0, but for its newest two,
// whose end is still being written to.
func (p *Platform) settleOnce(ctx context.Context, n int) error {
	tables, err := p.db.SSTables()
	if err != nil {
		return err
	}
	regions := make(map[string][]pebble.SSTableInfo)
	for _, t := range tables[0] {
		end := string(regionEnd(t.Smallest.UserKey))
		regions[end] = append(regions[end], t)
	}
	for _, files := range regions {
		if len(files) < n {
			continue
		}
		slices.SortFunc(files, func(a, b pebble.SSTableInfo) int {
			return bytes.Compare(a.Largest.UserKey, b.Largest.UserKey)
		})
		from, to := files[0].Smallest.UserKey, files[len(files)-3].Largest.UserKey
		for _, f := range files {
			if bytes.Compare(f.Smallest.UserKey, from) < 0 {
				from = f.Smallest.UserKey
			}
		}
		if bytes.Compare(from, to) >= 0 {
			continue
		}
		// Taken apart, what lies on nothing is moved instead of written.
		if err := p.db.Compact(ctx, from, to, true); err != nil {
			return err
		}
	}
	return nil
}
