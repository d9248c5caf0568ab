package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// item is a DynamoDB item.
type item = map[string]types.AttributeValue

// The names of attributes. They are short because DynamoDB bills them with every item.
const (
	attrPart    = "pk"  // "<room>/<partition, subject or timer key>", see wide
	attrSort    = "sk"  // a mark, and a place
	attrVersion = "v"   // of a record or row
	attrValue   = "d"   // of a record or row; data of an event
	attrNonce   = "w"   // who wrote it last: of a timer or row
	attrExpires = "x"   // when a row may go, in seconds since 1970
	attrShard   = "ts"  // of a timer in the index of due timers
	attrDue     = "due" // of a timer, in nanoseconds since 1970
	attrTime    = "t"   // of an event, in nanoseconds since 1970
	attrID      = "id"
	attrType    = "ty"
	attrCorr    = "co"
	attrCause   = "ca"
	attrIdem    = "ik"
	attrTrace   = "tp"
	attrSubject = "su" // of a timer's event; an event's own is in its key

	counterPrefix = "c_" // of a record's counters
)

// The marks say what an item is, so that nothing a room can name collides with something else.
const (
	markRecord = 'r' // then Sort
	markEvent  = 'e' // then the sequence, 19 digits
	markLoose  = 'l' // then a digest of the id: an event outside any sequence
	markTimer  = 't'
	markRow    = 'p' // then the row's place
)

// wide writes bytes as UTF-8, each byte as the character of its number. It keeps the order of
// bytes, lets every byte pass through a DynamoDB string, and leaves ASCII as it is. At most it
// doubles the length.
func wide(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] < 0x80
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// narrow is the reverse of wide.
func narrow(s string) (string, error) {
	var b strings.Builder
	for _, r := range s {
		if r > math.MaxUint8 {
			return "", fmt.Errorf("key %.60q: %w", s, platform.ErrCorrupt)
		}
		b.WriteByte(byte(r))
	}
	return b.String(), nil
}

func text(s string) types.AttributeValue  { return &types.AttributeValueMemberS{Value: s} }
func raw(b string) types.AttributeValue   { return &types.AttributeValueMemberB{Value: []byte(b)} }
func number(n int64) types.AttributeValue { return digits(strconv.FormatInt(n, 10)) }
func digits(n string) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: n}
}

func bytesOf(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{}
	}
	return &types.AttributeValueMemberB{Value: b}
}

func textOf(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS) // absent is ""
	if s == nil {
		return ""
	}
	return s.Value
}

func valueOf(v types.AttributeValue) []byte {
	b, _ := v.(*types.AttributeValueMemberB) // absent is nothing
	if b == nil {
		return nil
	}
	return b.Value
}

// numberOf reads a number; absent is 0.
func numberOf(v types.AttributeValue) (int64, error) {
	n, ok := v.(*types.AttributeValueMemberN)
	if v == nil {
		return 0, nil
	}
	if !ok {
		return 0, fmt.Errorf("a number was expected: %w", platform.ErrCorrupt)
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("number %q: %w", n.Value, platform.ErrCorrupt)
	}
	return i, nil
}

// key is the key of a record, event or timer: its room, its partition, its mark and place.
func key(room, part string, mark byte, place string) item {
	return item{attrPart: text(room + "/" + wide(part)), attrSort: raw(string(mark) + place)}
}

func eventKey(room string, e *platform.Event) item {
	if e.Sequence > 0 {
		return key(room, e.Subject, markEvent, sequencePlace(e.Sequence))
	}
	digest := sha256.Sum256([]byte(e.ID)) // an id may be longer than a sort key
	return key(room, e.Subject, markLoose, hex.EncodeToString(digest[:]))
}

func sequencePlace(n int64) string { return fmt.Sprintf("%019d", n) }

// splitKey takes an item's key apart. The part is still with its room: "<room>/<part>".
func splitKey(i item) (part string, mark byte, place string, err error) {
	sort := valueOf(i[attrSort])
	if len(sort) == 0 {
		return "", 0, "", fmt.Errorf("an item without a sort key: %w", platform.ErrCorrupt)
	}
	part, err = narrow(textOf(i[attrPart]))
	return part, sort[0], string(sort[1:]), err
}

// decodeRecord reads a record. Its Part is with its room.
func decodeRecord(i item) (platform.Record, error) {
	part, mark, place, err := splitKey(i)
	if err != nil {
		return platform.Record{}, err
	}
	rec := platform.Record{
		Key: platform.Key{Part: part, Sort: place}, Value: valueOf(i[attrValue]),
	}
	if rec.Version, err = numberOf(i[attrVersion]); err != nil || mark != markRecord {
		return rec, fmt.Errorf("record %q %q: %w", part, place, platform.ErrCorrupt)
	}
	for name, v := range i {
		wideName, ok := strings.CutPrefix(name, counterPrefix)
		if !ok {
			continue
		}
		counter, err := narrow(wideName)
		if err != nil {
			return rec, err
		}
		if rec.Counters == nil {
			rec.Counters = make(map[string]int64)
		}
		if rec.Counters[counter], err = numberOf(v); err != nil {
			return rec, fmt.Errorf("record %q %q, counter %q: %w", part, place, counter, err)
		}
	}
	return rec, nil
}

// putEvent adds an event's attributes to an item that has its key. Data is not copied.
func putEvent(i item, e *platform.Event) item {
	for name, s := range map[string]string{
		attrID: e.ID, attrType: e.Type, attrCorr: e.Correlation, attrCause: e.Causation,
		attrIdem: e.Idempotency, attrTrace: e.TraceParent,
	} {
		if s != "" {
			i[name] = text(s)
		}
	}
	i[attrValue] = bytesOf(e.Data)
	return i
}

// eventOf reads the attributes that putEvent wrote.
func eventOf(i item) platform.Event {
	return platform.Event{
		ID: textOf(i[attrID]), Type: textOf(i[attrType]), Correlation: textOf(i[attrCorr]),
		Causation: textOf(i[attrCause]), Idempotency: textOf(i[attrIdem]),
		TraceParent: textOf(i[attrTrace]), Data: valueOf(i[attrValue]),
	}
}

// decodeEvent reads an event item; ok is false for an item of another kind.
func decodeEvent(i item) (e platform.Event, ok bool, err error) {
	part, mark, place, err := splitKey(i)
	if err != nil || mark != markEvent && mark != markLoose {
		return platform.Event{}, false, err
	}
	e = eventOf(i)
	at, err := numberOf(i[attrTime])
	if err == nil && mark == markEvent {
		e.Sequence, err = strconv.ParseInt(place, 10, 64)
	}
	_, subject, found := strings.Cut(part, "/")
	if err != nil || !found || e.ID == "" {
		return e, false, fmt.Errorf("event %q %q: %w", part, place, platform.ErrCorrupt)
	}
	e.Subject, e.Time = subject, time.Unix(0, at).UTC()
	return e, true, nil
}
