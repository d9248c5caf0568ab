// Package remote lets function processes of a test share the platform of the test: a client that
// is a platform, and a handler that serves one, JSON over loopback.
//
// It promises that errors of the store are the same on both sides, and nothing else of production:
// it is for tests, and what functions do not ask of a platform it refuses. Only function binaries
// that are built for tests, and those tests, import it.
package remote

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/platform"
)

// call is one question to the far side. The fields that its Method needs are set.
type call struct {
	Method string
	Room   string          `json:",omitempty"`
	Key    platform.Key    `json:",omitzero"`
	Query  platform.Query  `json:",omitzero"`
	Batch  *platform.Batch `json:",omitempty"`

	Name   string               `json:",omitempty"` // of a person, a subject, a prefix or a queue
	Data   []byte               `json:",omitempty"`
	After  int64                `json:",omitempty"`
	Limit  int                  `json:",omitempty"`
	Policy platform.QueuePolicy `json:",omitzero"`

	Message platform.Message `json:",omitzero"`
	Receipt string           `json:",omitempty"`
	Delay   time.Duration    `json:",omitempty"`
	Events  []platform.Event `json:",omitempty"`
}

// result is its answer.
type result struct {
	Fault *fault `json:",omitempty"`

	Record  platform.Record               `json:",omitzero"`
	Records []platform.Record             `json:",omitempty"`
	Events  []platform.Event              `json:",omitempty"`
	Data    []byte                        `json:",omitempty"`
	Name    string                        `json:",omitempty"`
	Keys    map[string][]byte             `json:",omitempty"`
	Count   int                           `json:",omitempty"`
	Status  []platform.SubscriptionStatus `json:",omitempty"`
	Depth   platform.QueueDepth           `json:",omitzero"`
}

// fault is an error on its way.
type fault struct {
	Kind     int // place in sentinels, from 1; 0: none of them
	Text     string
	Conflict *platform.ConflictError `json:",omitempty"`
	Bound    *platform.BoundError    `json:",omitempty"`
}

func sentinels() []error {
	return []error{
		platform.ErrNotFound, platform.ErrConflict, platform.ErrBound, platform.ErrTooLarge,
		platform.ErrInvalid, platform.ErrContract, platform.ErrReadOnly, platform.ErrThrottled,
		platform.ErrClosed, platform.ErrErased, platform.ErrCorrupt,
	}
}

func faultOf(err error) *fault {
	if err == nil {
		return nil
	}
	f := &fault{Text: err.Error()}
	f.Conflict, _ = errors.AsType[*platform.ConflictError](err)
	f.Bound, _ = errors.AsType[*platform.BoundError](err)
	for i, s := range sentinels() {
		if errors.Is(err, s) {
			f.Kind = i + 1
			break
		}
	}
	return f
}

// far is an error of the far side.
type far struct {
	text string
	is   error
}

func (f far) Error() string { return f.text }
func (f far) Unwrap() error { return f.is }

func (f *fault) err() error {
	switch {
	case f == nil:
		return nil
	case f.Conflict != nil:
		return f.Conflict
	case f.Bound != nil:
		return f.Bound
	case f.Kind > 0:
		return far{f.Text, sentinels()[f.Kind-1]}
	}
	return far{text: f.Text}
}

// bare takes out of events what does not travel.
func bare(events []platform.Event) []platform.Event {
	out := make([]platform.Event, len(events))
	for i, e := range events {
		e.Value = nil
		out[i] = e
	}
	return out
}

// image is the attribute in which a record of the test's stream holds its event.
const image = "event"

// Image is an event as a record of the test's stream holds it.
func Image(e platform.Event) (map[string]batch.Value, error) {
	raw, err := json.Marshal(bare([]platform.Event{e})[0])
	return map[string]batch.Value{image: {B: raw}}, err
}

// DecodeRecord reads what Image made. A record without it holds no event.
func DecodeRecord(r batch.Record) (e platform.Event, ok bool, err error) {
	v, ok := r.Image[image]
	if !ok || r.Change != "INSERT" {
		return e, false, nil
	}
	err = json.Unmarshal(v.B, &e)
	return e, err == nil, err
}

// DecodeMessage reads a message of the purchase queue.
func DecodeMessage(m batch.Message) (platform.Received, error) {
	r := platform.Received{Receipt: m.Receipt, Attempts: m.Attempts}
	r.ID, r.Body, r.Sent = m.ID, []byte(m.Body), m.Sent
	return r, nil
}
