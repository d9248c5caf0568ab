package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

// Scrub removes the keys of erased persons from the store's files. Erasing replaces a key at once
// for every reader, but a log-structured store keeps the bytes of what was replaced until it
// happens to rewrite them; this rewrites them now, at the cost of a flush and of reading all
// persons' keys. Call it after erasures, as often as the law or the owner wants. Old write-ahead
// logs may keep their bytes until they are reused, and a disk may keep those of removed files.
func (p *Platform) Scrub(ctx context.Context) error {
	if !p.enter() {
		return platform.ErrClosed
	}
	defer p.leave()
	if p.readOnly {
		return fmt.Errorf("scrub: %w", platform.ErrReadOnly)
	}
	return p.guard(func() error { return scrub(ctx, p.db) })
}

func scrub(ctx context.Context, db *pebble.DB) error {
	if err := db.Flush(); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	first := append([]byte{tableRecord}, keysPrefix+personPrefix...)
	if err := db.Compact(ctx, first, tableEnd(first), false); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	return awaitRemoval(ctx, db)
}

// removalTime bounds how long Pebble may take to remove the files that a scrub replaced; it does so
// in the background, when no reader is in them any more.
const removalTime = 30 * time.Second

// awaitRemoval waits until no replaced file is left.
func awaitRemoval(ctx context.Context, db *pebble.DB) error {
	ctx, cancel := context.WithTimeout(ctx, removalTime)
	defer cancel()
	for {
		m := db.Metrics()
		if m.Table.ObsoleteCount == 0 && m.Table.ZombieCount == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("scrub: %d replaced files are still in use; scrub again later: %w",
				m.Table.ObsoleteCount+m.Table.ZombieCount, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// scrubCopy scrubs the copy of a store that nobody else has open. Its logs, which may hold old
// bytes behind their end, become tables and are removed.
func scrubCopy(ctx context.Context, fs vfs.FS, dir string) (err error) {
	o := Options{Dir: dir, FS: fs, CacheSize: 8 << 20}
	p := newPlatform(o) // only to be told of Pebble's failures
	db, err := p.openPebble(dir, p.pebbleOptions(o))
	if err != nil {
		return explainOpen(dir, err)
	}
	err = p.guard(func() error { return scrub(ctx, db) })
	return errors.Join(err, p.guard(db.Close))
}
