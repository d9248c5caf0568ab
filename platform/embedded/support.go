package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now implements platform.Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// After implements platform.Clock.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func decode64(raw []byte) uint64 { return binary.BigEndian.Uint64(raw) }

// isLocked recognises the refusal of a directory that another process, or this one, has locked.
func isLocked(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process") ||
		strings.Contains(err.Error(), "resource temporarily unavailable")
}

// pebbleLog passes Pebble's words on. Pebble calls Fatalf when it cannot write its log or manifest
// and counts on it not to return. The goroutine ends there, and whoever waits for Pebble is told.
type pebbleLog struct{ p *Platform }

// Infof implements pebble.Logger. Pebble's chatter is not for operators.
func (l pebbleLog) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l pebbleLog) Errorf(format string, args ...any) {
	l.p.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (l pebbleLog) Fatalf(format string, args ...any) {
	_ = l.p.fail(fmt.Errorf("pebble: "+format, args...))
	runtime.Goexit()
}

// guard runs something of Pebble's that may end in Fatalf, panic, or wait for a part of Pebble that
// did. After that Pebble is left as it is: only a new process can trust the directory.
func (p *Platform) guard(fn func() error) error {
	done := make(chan error, 1)
	go func() { // ends with fn; if Pebble is broken that may be never, and the platform is too
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("pebble: %v", r)
			}
		}()
		done <- fn()
	}()
	select {
	case err := <-done:
		if cause := p.broken.Load(); cause != nil {
			return *cause
		}
		return err
	case <-p.fatal:
		return *p.broken.Load()
	}
}

// Failed is closed when the disk has failed and the process should end. Writing is refused from
// then on; everything that was acknowledged is safe.
func (p *Platform) Failed() <-chan struct{} { return p.fatal }

// pebbleFS is the file system as Pebble sees it, with two things made safe. The name of each new
// manifest is durable before anything can point to it: without that, a crash can leave a pointer to
// a manifest that is not there, on file systems that do not keep the order of directory changes.
// And where a directory cannot be synced Pebble panics, wherever it is; here only that goroutine
// ends, and the platform stops for good.
type pebbleFS struct {
	vfs.FS
	p *Platform
}

// Create implements vfs.FS.
func (n pebbleFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := n.FS.Create(name, c)
	if err == nil && strings.HasPrefix(n.PathBase(name), "MANIFEST-") {
		if err := syncDir(n.FS, n.PathDir(name)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, err
}

// OpenDir implements vfs.FS.
func (n pebbleFS) OpenDir(name string) (vfs.File, error) {
	f, err := n.FS.OpenDir(name)
	if err != nil || name != n.p.path(storeDir) {
		return f, err // a checkpoint elsewhere may fail without harm to the store
	}
	return pebbleDir{f, n.p}, nil
}

// Unwrap implements vfs.FS.
func (n pebbleFS) Unwrap() vfs.FS { return n.FS }

// pebbleDir is an open directory of Pebble's.
type pebbleDir struct {
	vfs.File
	p *Platform
}

// Sync implements vfs.File.
func (d pebbleDir) Sync() error {
	if err := d.File.Sync(); err != nil {
		_ = d.p.fail(fmt.Errorf("sync a directory: %w", err))
		runtime.Goexit()
	}
	return nil
}
