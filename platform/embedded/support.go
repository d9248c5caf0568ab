package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
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

// pebbleLog passes Pebble's words on. Pebble calls Fatalf when its log cannot be written; the
// platform then stops for good instead of ending the process, so that requests in flight are answered.
type pebbleLog struct{ p *Platform }

func (l pebbleLog) Infof(format string, args ...any) {}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.p.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf is called when Pebble cannot write its log or manifest. Returning lets it answer its caller;
// the committer looks at broken before it believes any success.
func (l pebbleLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf("pebble: "+format, args...)
	l.p.broken.CompareAndSwap(nil, &err)
}
