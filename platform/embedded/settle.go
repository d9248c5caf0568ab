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
	maxDepth   = 12
	settleFrom = 24    // files of one region
	stopDepth  = 120   // level 0 so deep holds writes up; orders at work add a step with each file
	maxLevel0  = 2_000 // files; some 40 regions stay far below it
)

// flushed is told by Pebble, and must not wait. Memtables that were cut short do not count: what
// settling itself cuts short must not be a reason to settle.
func (p *Platform) flushed(i pebble.FlushInfo) {
	if i.InputBytes < memTableBytes/2 {
		return
	}
	select {
	case p.flushes <- struct{}{}:
	default:
	}
}

// settle moves on what was appended, one region with each memtable, until the platform closes.
func (p *Platform) settle() {
	defer p.filling.Done()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends in Close
		<-p.stop
		cancel()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.flushes:
		}
		err := p.guard(func() error { return p.settleOne(ctx, settleFrom) })
		if err != nil && ctx.Err() == nil {
			p.log.Warn("old data was not settled; it is tried again", "error", err)
		}
	}
}

// settleOne compacts the region that has the most files in level 0, if they are at least n: all of
// it but the end of the newest two, which is still being written to.
func (p *Platform) settleOne(ctx context.Context, n int) error {
	tables, err := p.db.SSTables()
	if err != nil {
		return err
	}
	regions := make(map[string][]pebble.SSTableInfo)
	most := ""
	for _, t := range tables[0] {
		end := string(regionEnd(t.Smallest.UserKey))
		regions[end] = append(regions[end], t)
		if len(regions[end]) > len(regions[most]) {
			most = end
		}
	}
	files := regions[most]
	if len(files) < n {
		return nil
	}
	slices.SortFunc(files, func(a, b pebble.SSTableInfo) int {
		return bytes.Compare(a.Largest.UserKey, b.Largest.UserKey)
	})
	for _, r := range apart(files[:len(files)-2]) {
		// Taken apart, what lies on nothing is moved instead of written.
		if err := p.db.Compact(ctx, r.from, r.to, true); err != nil {
			return err
		}
	}
	return nil
}

// keyRange is the first and the last key of some files.
type keyRange struct{ from, to []byte }

// apart joins files, in the order of their last keys, where they lie over each other. The log's
// never do: each is moved as it is.
func apart(files []pebble.SSTableInfo) []keyRange {
	var list []keyRange
	for _, f := range files {
		from := f.Smallest.UserKey
		for len(list) > 0 && bytes.Compare(list[len(list)-1].to, from) >= 0 {
			if last := list[len(list)-1]; bytes.Compare(last.from, from) < 0 {
				from = last.from
			}
			list = list[:len(list)-1]
		}
		if bytes.Compare(from, f.Largest.UserKey) < 0 {
			list = append(list, keyRange{from, f.Largest.UserKey})
		}
	}
	return list
}
