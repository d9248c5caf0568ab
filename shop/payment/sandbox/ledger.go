package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Entry is one effect in the provider's own books. Kind is "authorise", "capture", "void",
// "refund", or what happened without us: "lapse" (an authorisation that the bank took back),
// "chargeback" (a capture), "refund_reversal".
type Entry struct {
	Seq      int64         `json:"seq"` // 1, 2, 3 …
	Key      string        `json:"key"` // idempotency key of the operation
	Payment  shop.ID       `json:"payment"`
	Order    shop.ID       `json:"order"`
	Kind     string        `json:"kind"`
	Amount   int64         `json:"amount"` // minor units
	Currency shop.Currency `json:"currency"`
	At       time.Time     `json:"at"`
	Ref      string        `json:"ref"`          // the provider's name for it
	Of       string        `json:"of,omitempty"` // Ref of the authorisation or capture it acts on
}

// maxLine bounds a line of the ledger.
const maxLine = 4096

// journal is the ledger as lines of JSON, in a file or in memory. Concurrent appends share a
// write: the first of a batch writes for all who join while the previous write is under way.
type journal struct {
	file *os.File // nil: in memory

	mu   sync.Mutex
	next *pack // being joined
	end  int64 // bytes of all lines that were joined, ever: where the next one begins
	mem  [][]byte

	writing sync.Mutex // one write at a time
	unsaved []byte     // of a write that failed
}

// maxUnsaved bounds what a failing disk may leave in memory.
const maxUnsaved = 1 << 20

// pack is one write.
type pack struct {
	lead atomic.Bool // somebody writes it
	buf  []byte
	done chan struct{}
	err  error
}

// memChunk is how much of a ledger in memory lies in one piece.
const memChunk = 1 << 20

// openJournal opens or makes the file at path. A last line that was cut off is removed: its effect
// was never answered for.
func openJournal(path string) (*journal, error) {
	j := &journal{next: &pack{done: make(chan struct{})}}
	if path == "" {
		return j, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, shop.Errorf(shop.Unavailable, "open the sandbox's ledger: %w", err)
	}
	if j.end, err = trim(f); err != nil {
		return nil, errors.Join(shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err),
			f.Close())
	}
	j.file = f
	return j, nil
}

// trim cuts whatever follows the last complete line, and returns how long the file then is.
func trim(f *os.File) (end int64, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	from := max(0, size-maxLine)
	tail := make([]byte, size-from)
	if _, err := f.ReadAt(tail, from); err != nil {
		return 0, err
	}
	end = from + int64(bytes.LastIndexByte(tail, '\n')) + 1
	if end < size {
		return end, f.Truncate(end)
	}
	return end, nil
}

// join puts a line into the write that comes next. Lines are written in the order of joining.
// Whoever waits for the write leads it, if nobody does yet. At is where the line will be.
func (j *journal) join(line []byte) (p *pack, at int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next.buf = append(j.next.buf, line...)
	at = j.end
	j.end += int64(len(line))
	return j.next, at
}

// lead writes p, after the write that is under way.
func (j *journal) lead(p *pack) {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	j.next = &pack{done: make(chan struct{})}
	j.mu.Unlock()
	p.err = j.write(p.buf)
	p.buf = nil
	close(p.done)
}

// flush writes what an earlier write failed to.
func (j *journal) flush() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.write(nil)
}

// write appends to the ledger. What it cannot write it keeps for the next time: those effects have
// happened, and nobody was told. The caller holds writing.
func (j *journal) write(buf []byte) error {
	if j.file == nil {
		j.keep(buf)
		return nil
	}
	if len(j.unsaved) > 0 {
		j.unsaved = append(j.unsaved, buf...)
		buf = j.unsaved
	}
	if len(buf) == 0 {
		return nil
	}
	n, err := j.file.Write(buf)
	if err == nil {
		j.unsaved = nil
		return nil
	}
	j.unsaved = bytes.Clone(buf[max(n, 0):])
	return shop.Errorf(shop.Unavailable, "write the sandbox's ledger: %w", err).
		WithHint("make room on the disk; what is missing is written with the next call")
}

// keep appends to the ledger in memory.
func (j *journal) keep(buf []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := len(j.mem) - 1
	if last < 0 || len(j.mem[last])+len(buf) > memChunk {
		j.mem = append(j.mem, make([]byte, 0, max(memChunk, len(buf))))
		last++
	}
	j.mem[last] = append(j.mem[last], buf...)
}

// full reports whether nothing may happen because the ledger cannot be written.
func (j *journal) full() bool {
	j.writing.Lock()
	defer j.writing.Unlock()
	return len(j.unsaved) > maxUnsaved
}

// each calls fn for every entry that was appended before the call.
func (j *journal) each(fn func(Entry) error) error {
	r, err := j.reader(0)
	if err != nil {
		return err
	}
	return readLines(r, fn)
}

// reader reads the ledger from an offset.
func (j *journal) reader(from int64) (io.Reader, error) {
	if j.file != nil {
		info, err := j.file.Stat()
		if err != nil {
			return nil, shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err)
		}
		return io.NewSectionReader(j.file, from, info.Size()-from), nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var parts []io.Reader
	for _, m := range j.mem {
		if n := int64(len(m)); from >= n {
			from -= n
			continue
		}
		parts = append(parts, bytes.NewReader(m[from:len(m):len(m)]))
		from = 0
	}
	return io.MultiReader(parts...), nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// ReadLedger calls fn for every entry of the ledger at path, in order, in bounded memory. A ledger
// that does not exist is empty, and a last line that was cut off is left out. It stops at fn's
// first error. It needs no running provider.
func ReadLedger(path string, fn func(Entry) error) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return shop.Errorf(shop.Unavailable, "open the sandbox's ledger: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return readLines(f, fn)
}

func readLines(r io.Reader, fn func(Entry) error) error {
	return readFrom(r, 0, func(_ int64, e Entry) error { return fn(e) })
}

// readFrom also tells fn where each line begins, if r begins at from.
func readFrom(r io.Reader, from int64, fn func(at int64, e Entry) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return shop.Errorf(shop.Internal, "read line %d of the sandbox's ledger: %w", n, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return shop.Errorf(shop.Internal,
				"line %d of the sandbox's ledger is no entry: %w", n, err)
		}
		if err := fn(from, e); err != nil {
			return err
		}
		from += int64(len(line))
	}
}

// appendEntry encodes an entry as a line. It is json.Marshal for values that need no escaping,
// which ids, keys and references never do, at a tenth of the cost.
func appendEntry(b []byte, e *Entry) ([]byte, error) {
	for _, s := range []string{
		e.Key, string(e.Payment), string(e.Order), e.Kind, string(e.Currency), e.Ref, e.Of,
	} {
		if !plain(s) {
			return nil, fmt.Errorf("%q may not stand in the ledger", s)
		}
	}
	field := func(name, value string) {
		b = append(append(append(b, name...), value...), '"')
	}
	b = strconv.AppendInt(append(b, `{"seq":`...), e.Seq, 10)
	field(`,"key":"`, e.Key)
	field(`,"payment":"`, string(e.Payment))
	field(`,"order":"`, string(e.Order))
	field(`,"kind":"`, e.Kind)
	b = strconv.AppendInt(append(b, `,"amount":`...), e.Amount, 10)
	field(`,"currency":"`, string(e.Currency))
	b = append(e.At.UTC().AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano), '"')
	field(`,"ref":"`, e.Ref)
	if e.Of != "" {
		field(`,"of":"`, e.Of)
	}
	return append(b, '}', '\n'), nil
}

func plain(s string) bool {
	if len(s) > 128 {
		return false
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
