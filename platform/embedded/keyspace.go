package embedded

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// The first byte of every Pebble key names its table.
const (
	tableRecord    = 'r' // escaped part, sort → record
	tableLog       = 'l' // position → event
	tableSubject   = 's' // escaped subject, sequence → position
	tableTimer     = 't' // timer key → due, event
	tableDue       = 'd' // due, timer key → nothing
	tableCursor    = 'c' // subscription → position, paused
	tableException = 'x' // escaped subscription, position → failure
	tableDead      = 'y' // escaped subscription, position → failure
	tableMark      = 'm' // → number of the last mark
)

// appendEscaped appends s so that encoded strings sort as s does and none is a prefix of another:
// 0x00 becomes 0x00 0xFF, and 0x00 0x01 ends it.
func appendEscaped(dst []byte, s string) []byte {
	return append(appendPlain(dst, s), 0x00, 0x01)
}

// appendPlain is appendEscaped without the end.
func appendPlain(dst []byte, s string) []byte {
	for {
		zero := strings.IndexByte(s, 0)
		if zero < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:zero+1]...), 0xFF)
		s = s[zero+1:]
	}
}

// cutEscaped is the reverse: it returns the string and what follows it.
func cutEscaped(src []byte) (string, []byte, error) {
	out := make([]byte, 0, len(src))
	for i := 0; i+1 < len(src); i++ {
		if src[i] != 0 {
			out = append(out, src[i])
			continue
		}
		if src[i+1] == 0x01 {
			return string(out), src[i+2:], nil
		}
		if src[i+1] != 0xFF {
			break
		}
		out = append(out, 0)
		i++
	}
	return "", nil, fmt.Errorf("key %x: %w", src, platform.ErrCorrupt)
}

func recordKey(dst []byte, k platform.Key) []byte {
	return append(appendEscaped(append(dst, tableRecord), k.Part), k.Sort...)
}

// usualKey is room for most keys of records.
const usualKey = 128

// roomKey is recordKey for a record of a room.
func roomKey(dst []byte, prefix string, k platform.Key) []byte {
	dst = appendPlain(append(dst, tableRecord), prefix)
	return append(appendEscaped(dst, k.Part), k.Sort...)
}

func parseRecordKey(raw []byte) (platform.Key, error) {
	part, sort, err := cutEscaped(raw[1:])
	return platform.Key{Part: part, Sort: string(sort)}, err
}

func logKey(dst []byte, pos uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, tableLog), pos)
}

func subjectKey(dst []byte, subject string, seq int64) []byte {
	dst = appendEscaped(append(dst, tableSubject), subject)
	return binary.BigEndian.AppendUint64(dst, uint64(seq))
}

func timerKey(dst []byte, key string) []byte {
	return append(append(dst, tableTimer), key...)
}

func dueKey(dst []byte, due time.Time, key string) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, tableDue), uint64(due.UnixNano()))
	return append(dst, key...)
}

func cursorKey(name string) []byte { return append([]byte{tableCursor}, name...) }

func failureKey(table byte, name string, pos uint64) []byte {
	return binary.BigEndian.AppendUint64(appendEscaped([]byte{table}, name), pos)
}

// tableEnd is the first key after a table or a prefix.
func tableEnd(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// appendRecord encodes version, counters in the order of their names, and value.
func appendRecord(dst []byte, r *state) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.version))
	dst = binary.AppendUvarint(dst, uint64(len(r.counters)))
	for _, c := range r.counters {
		dst = appendString(dst, c.name)
		dst = binary.AppendVarint(dst, c.n)
	}
	return append(dst, r.value...)
}

// recordSize is how much appendRecord appends.
func recordSize(r *state) int {
	var buf [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(buf[:], uint64(r.version)) +
		binary.PutUvarint(buf[:], uint64(len(r.counters))) + len(r.value)
	for _, c := range r.counters {
		n += binary.PutUvarint(buf[:], uint64(len(c.name))) + len(c.name) +
			binary.PutVarint(buf[:], c.n)
	}
	return n
}

// decodeRecord reads what appendRecord wrote. The value is a copy.
func decodeRecord(raw []byte) (state, error) {
	d := decoder{raw: raw}
	r := state{version: int64(d.uvarint())}
	n := d.uvarint()
	if n > uint64(len(raw)) {
		return r, fmt.Errorf("record: %w", platform.ErrCorrupt)
	}
	for range n {
		name := d.string()
		r.counters = append(r.counters, counter{name: name, n: d.varint()})
	}
	r.value = slices.Clone(d.raw)
	return r, d.err
}

// What an encoded event does not repeat.
const (
	derivedID = 1 << iota // ID is "<subject>/<sequence>"
	idemIsID              // Idempotency is ID
)

// appendEvent encodes an event. The position is in the key.
func appendEvent(dst []byte, e *platform.Event) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Time.UnixNano()))
	dst = binary.AppendVarint(dst, e.Sequence)
	id, idem, flags := e.ID, e.Idempotency, byte(0)
	if isDerivedID(e) {
		id, flags = "", flags|derivedID
	}
	if idem == e.ID {
		idem, flags = "", flags|idemIsID
	}
	dst = append(dst, flags)
	for _, s := range [...]string{
		id, e.Type, e.Subject, e.Correlation, e.Causation, idem, e.TraceParent,
	} {
		dst = appendString(dst, s)
	}
	return append(dst, e.Data...)
}

// isDerivedID reports whether an event's ID says no more than its place.
func isDerivedID(e *platform.Event) bool {
	n := len(e.Subject)
	if len(e.ID) <= n+1 || e.ID[:n] != e.Subject || e.ID[n] != '/' {
		return false
	}
	var digits [20]byte
	return e.ID[n+1:] == string(strconv.AppendInt(digits[:0], e.Sequence, 10))
}

// decodeEvent reads what appendEvent wrote. Nothing of it aliases raw.
func decodeEvent(raw []byte) (platform.Event, error) {
	if len(raw) < 8 {
		return platform.Event{}, fmt.Errorf("event: %w", platform.ErrCorrupt)
	}
	e := platform.Event{Time: time.Unix(0, int64(binary.BigEndian.Uint64(raw))).UTC()}
	d := decoder{raw: raw[8:]}
	e.Sequence = d.varint()
	flags := d.byte()
	begin, texts := len(raw)-len(d.raw), [7]span{}
	for i := range texts {
		texts[i] = d.span(raw)
	}
	all := string(raw[begin : len(raw)-len(d.raw)]) // one copy for all of them
	for i, s := range [...]*string{
		&e.ID, &e.Type, &e.Subject, &e.Correlation, &e.Causation, &e.Idempotency, &e.TraceParent,
	} {
		*s = all[texts[i].from-begin : texts[i].to-begin]
	}
	if flags&derivedID != 0 {
		e.ID = e.Subject + "/" + strconv.FormatInt(e.Sequence, 10)
	}
	if flags&idemIsID != 0 {
		e.Idempotency = e.ID
	}
	e.Data = slices.Clone(d.raw)
	return e, d.err
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decoder reads values off the front of raw and remembers the first failure.
type decoder struct {
	raw []byte
	err error
}

func (d *decoder) fail() {
	d.raw, d.err = nil, fmt.Errorf("stored value: %w", platform.ErrCorrupt)
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.raw)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.raw = d.raw[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.raw) == 0 {
		d.fail()
		return 0
	}
	b := d.raw[0]
	d.raw = d.raw[1:]
	return b
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.raw)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.raw = d.raw[n:]
	return v
}

// span is where a string lies.
type span struct{ from, to int }

// span moves over a string and says where in raw it lies, of which d reads the rest.
func (d *decoder) span(raw []byte) span {
	n := d.uvarint()
	if n > uint64(len(d.raw)) {
		d.fail()
	}
	if d.err != nil {
		return span{len(raw), len(raw)}
	}
	from := len(raw) - len(d.raw)
	d.raw = d.raw[n:]
	return span{from, from + int(n)}
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.raw)) {
		d.fail()
		return ""
	}
	s := string(d.raw[:n])
	d.raw = d.raw[n:]
	return s
}
