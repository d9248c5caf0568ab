package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/souk-commerce/souk/platform"
)

// bus carries events from the relay to the queues of the subscriptions that match their type.
type bus interface {
	// publish returns the indexes of the messages that the bus did not take, and why the last one
	// was not. What it took is on its way, at least once, in no order.
	publish(ctx context.Context, list []busMessage) (failed []int, err error)
}

// busMessage is an event as both buses carry it: the body is the same bytes on each.
type busMessage struct {
	kind string // the event's type, which rules and filters look at
	body string
	time time.Time
}

const (
	// maxWireBytes is the largest body that travels by itself: 256 KiB is what EventBridge, SNS and
	// SQS take, names and attributes included.
	maxWireBytes = 250_000
	maxCallBytes = 256_000 // of one call with several messages
	maxCall      = 10      // messages of one call
)

// envelope is the JSON form of an event on a bus and in a queue, in the names of CloudEvents. Data
// is a string that holds the event's JSON: a bus may write a message anew, with other spaces and
// escapes, and the bytes of an event are not to change.
type envelope struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"`
	Sequence    int64     `json:"sequence,omitempty"`
	Correlation string    `json:"correlationid,omitempty"`
	Causation   string    `json:"causationid,omitempty"`
	Idempotency string    `json:"idempotencykey,omitempty"`
	TraceParent string    `json:"traceparent,omitempty"`
	Data        string    `json:"data,omitempty"`
	DataBase64  []byte    `json:"data_base64,omitempty"` // of data that is no text
	// Claim is the digest of a file that holds the whole envelope, where that is too large.
	Claim string `json:"claim,omitempty"`
	// Again says that an operator has asked for it: it is handled whatever was handled before.
	Again bool `json:"again,omitempty"`
}

// busSource is the source of every event.
const busSource = platform.EventSource

// packEvent encodes an event for a queue. One that no message can carry goes to files, and the
// message says where.
func packEvent(
	ctx context.Context, files platform.Files, e platform.Event, again bool,
) (string, error) {
	env := envelope{
		SpecVersion: "1.0", ID: e.ID, Source: busSource, Type: e.Type, Subject: e.Subject,
		Time: e.Time.UTC(), Sequence: e.Sequence, Correlation: e.Correlation,
		Causation: e.Causation, Idempotency: e.Idempotency, TraceParent: e.TraceParent,
		Again: again,
	}
	if utf8.Valid(e.Data) {
		env.Data = string(e.Data)
	} else {
		env.DataBase64 = e.Data
	}
	wire, err := encodeEnvelope(env)
	if err != nil || len(wire) <= maxWireBytes {
		return wire, err
	}
	digest, err := files.Put(ctx, strings.NewReader(wire))
	if err != nil {
		return "", fmt.Errorf("store event %s, which is too large for a message: %w", e.ID, err)
	}
	env.Data, env.DataBase64, env.Claim = "", nil, digest
	return encodeEnvelope(env)
}

func encodeEnvelope(env envelope) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(env); err != nil {
		return "", fmt.Errorf("encode event %s: %w", env.ID, err)
	}
	wire := strings.TrimSuffix(b.String(), "\n")
	// SQS refuses these two, which JSON allows inside its strings.
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(wire), nil
}

// unpackEvent decodes what packEvent encoded, also where EventBridge put its own envelope around it
// because the rule's target has no InputPath.
func unpackEvent(
	ctx context.Context, files platform.Files, wire string,
) (e platform.Event, again bool, err error) {
	var message struct {
		envelope
		Detail *envelope `json:"detail"`
	}
	err = json.Unmarshal([]byte(wire), &message)
	env := message.envelope
	if message.Detail != nil {
		env = *message.Detail
	}
	if err != nil || env.ID == "" || env.Type == "" {
		return e, false, fmt.Errorf("a message is no event: %w", platform.ErrCorrupt)
	}
	again = env.Again
	if env.Claim != "" {
		whole, err := readClaim(ctx, files, env.Claim)
		if err != nil {
			return e, false, fmt.Errorf("fetch event %s: %w", env.ID, err)
		}
		if err := json.Unmarshal(whole, &env); err != nil {
			return e, false, fmt.Errorf("event %s in file %s: %w", env.ID, env.Claim,
				platform.ErrCorrupt)
		}
	}
	e = platform.Event{
		ID: env.ID, Type: env.Type, Subject: env.Subject, Sequence: env.Sequence, Time: env.Time,
		Correlation: env.Correlation, Causation: env.Causation, Idempotency: env.Idempotency,
		TraceParent: env.TraceParent, Data: []byte(env.Data),
	}
	if env.DataBase64 != nil {
		e.Data = env.DataBase64
	}
	return e, again, nil
}

func readClaim(ctx context.Context, files platform.Files, digest string) (_ []byte, err error) {
	r, err := files.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err2 := r.Close(); err == nil {
			err = err2
		}
	}()
	return io.ReadAll(r)
}

// chunks calls fn with indexes of messages that may go into one call, until all had their turn.
func chunks(n int, size func(i int) int, fn func(chunk []int)) {
	var chunk []int
	total := 0
	for i := range n {
		if len(chunk) == maxCall || len(chunk) > 0 && total+size(i) > maxCallBytes {
			fn(chunk)
			chunk, total = nil, 0
		}
		chunk, total = append(chunk, i), total+size(i)
	}
	if len(chunk) > 0 {
		fn(chunk)
	}
}
