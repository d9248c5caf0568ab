package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// segment is one object of the archive: a header and events, each on a line of JSON.
type segment struct {
	head   header
	events []platform.Event
}

// header is the first line of a segment.
type header struct {
	Number int64             `json:"segment"`
	Before string            `json:"before"` // digest of the segment before it; "" of the first
	Until  int64             `json:"until"`  // greatest time of an event up to here, nanoseconds
	At     map[string]string `json:"at"`     // last archived sequence number of each shard

	digest string // of the segment itself, with its events, as it was written or read
}

// digestOf names a segment by its bytes.
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// next makes the segment after h of what is new in a batch.
func (h header) next(b batch) segment {
	s := segment{head: h.merge(header{
		Number: h.Number + 1, Before: h.digest, At: map[string]string{b.shard: b.last},
	})}
	for _, e := range b.events {
		if laterNumber(e.number, h.At[b.shard]) {
			s.events = append(s.events, e.event)
			s.head.Until = max(s.head.Until, e.event.Time.UnixNano())
		}
	}
	return s
}

// line is an event as the archive keeps it. Data stands as it is where it is one line of JSON, and
// in base64 otherwise, so that it always comes back byte for byte.
type line struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	Sequence    int64           `json:"sequence,omitempty"`
	Time        int64           `json:"time"` // nanoseconds since 1970
	Correlation string          `json:"correlationid,omitempty"`
	Causation   string          `json:"causationid,omitempty"`
	Idempotency string          `json:"idempotencykey,omitempty"`
	TraceParent string          `json:"traceparent,omitempty"`
	Base64      []byte          `json:"data_base64,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// encode writes the segment's lines.
func (s segment) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s.head); err != nil {
		return nil, fmt.Errorf("encode the header: %w", err)
	}
	for i := range s.events {
		if err := encodeLine(&b, enc, &s.events[i]); err != nil {
			return nil, fmt.Errorf("encode event %s: %w", s.events[i].ID, err)
		}
	}
	return b.Bytes(), nil
}

func encodeLine(b *bytes.Buffer, enc *json.Encoder, e *platform.Event) error {
	l := line{
		ID: e.ID, Type: e.Type, Subject: e.Subject, Sequence: e.Sequence, Time: e.Time.UnixNano(),
		Correlation: e.Correlation, Causation: e.Causation, Idempotency: e.Idempotency,
		TraceParent: e.TraceParent,
	}
	asIs := json.Valid(e.Data) && !bytes.ContainsAny(e.Data, "\r\n") &&
		len(bytes.TrimSpace(e.Data)) == len(e.Data)
	if !asIs {
		l.Base64 = e.Data
	}
	if err := enc.Encode(l); err != nil {
		return err
	}
	if asIs { // an encoder would change the spaces of raw JSON
		b.Truncate(b.Len() - len("}\n"))
		b.WriteString(`,"data":`)
		b.Write(e.Data)
		b.WriteString("}\n")
	}
	return nil
}

func decodeSegment(body []byte) (s segment, err error) {
	first := true
	for text := range strings.Lines(string(body)) {
		if first {
			first = false
			if err := json.Unmarshal([]byte(text), &s.head); err != nil {
				return s, fmt.Errorf("header: %w: %w", platform.ErrCorrupt, err)
			}
			continue
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return s, fmt.Errorf("event %d: %w: %w", len(s.events)+1, platform.ErrCorrupt, err)
		}
		s.events = append(s.events, l.event())
	}
	if first {
		return s, fmt.Errorf("it is empty: %w", platform.ErrCorrupt)
	}
	s.head.digest = digestOf(body)
	return s, nil
}

func (l *line) event() platform.Event {
	e := platform.Event{
		ID: l.ID, Type: l.Type, Subject: l.Subject, Sequence: l.Sequence,
		Time: time.Unix(0, l.Time).UTC(), Correlation: l.Correlation, Causation: l.Causation,
		Idempotency: l.Idempotency, TraceParent: l.TraceParent, Data: l.Data,
	}
	if l.Data == nil {
		e.Data = l.Base64
	}
	return e
}
