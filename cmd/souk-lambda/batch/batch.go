// Package batch decodes what event sources hand to a function, batches of queue messages and of
// stream records, and answers which of them must come again.
//
// It promises that one bad message costs nobody else an attempt: only it is named. It knows no
// adapter; what is in a message or a record is decoded by who is given it. Only function binaries
// import it.
package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Message is one message of a queue, in this process' hands until its visibility ends.
type Message struct {
	ID         string
	Receipt    string
	Body       string
	Attempts   int       // receives, with this one
	Sent       time.Time // zero if the source does not say
	Attributes map[string]string
}

// queueEvent is what the source of a queue sends.
type queueEvent struct {
	Records []struct {
		ID         string                     `json:"messageId"`
		Receipt    string                     `json:"receiptHandle"`
		Body       string                     `json:"body"`
		System     map[string]string          `json:"attributes"`
		Attributes map[string]json.RawMessage `json:"messageAttributes"`
	} `json:"Records"`
}

// failures is what a source takes: what is not named is done.
type failures struct {
	Items []failure `json:"batchItemFailures"`
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

// errNoBatch is a payload that is no batch.
var errNoBatch = errors.New("not a batch of an event source; nothing was done")

// Messages has the messages of one payload handled. handle returns the ids of those that must come
// again; an error makes all of them come again.
func Messages(
	ctx context.Context, raw []byte,
	handle func(ctx context.Context, messages []Message) (failed []string, err error),
) ([]byte, error) {
	list, err := decodeMessages(raw)
	if err != nil {
		return nil, err
	}
	failed, err := handle(ctx, list)
	if err != nil {
		return nil, err
	}
	out := failures{Items: []failure{}}
	for _, id := range failed {
		if !slices.ContainsFunc(list, func(m Message) bool { return m.ID == id }) {
			return nil, fmt.Errorf("message %q failed and was not in the batch; "+
				"the whole batch comes again", id)
		}
		out.Items = append(out.Items, failure{id})
	}
	return json.Marshal(out)
}

func decodeMessages(raw []byte) ([]Message, error) {
	var e queueEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoBatch, err)
	}
	if len(e.Records) == 0 {
		return nil, fmt.Errorf("%w: it has no records", errNoBatch)
	}
	list := make([]Message, len(e.Records))
	for i, r := range e.Records {
		if r.ID == "" {
			return nil, fmt.Errorf("%w: record %d has no messageId", errNoBatch, i)
		}
		m := Message{ID: r.ID, Receipt: r.Receipt, Body: r.Body}
		m.Attempts, _ = strconv.Atoi(r.System["ApproximateReceiveCount"]) // 0: it does not say
		if ms, err := strconv.ParseInt(r.System["SentTimestamp"], 10, 64); err == nil {
			m.Sent = time.UnixMilli(ms)
		}
		m.Attributes = make(map[string]string, len(r.Attributes))
		for name, attr := range r.Attributes {
			var v struct {
				Text string `json:"stringValue"`
			}
			if err := json.Unmarshal(attr, &v); err != nil {
				return nil, fmt.Errorf("%w: attribute %q: %w", errNoBatch, name, err)
			}
			m.Attributes[name] = v.Text
		}
		list[i] = m
	}
	return list, nil
}

// Record is one change of a table, as its stream tells it.
type Record struct {
	Change   string // INSERT, MODIFY or REMOVE
	Sequence string // its place in its shard
	Image    map[string]Value
}

// Value is one attribute of an item; the field of its kind is set.
type Value struct {
	S    *string          `json:"S,omitempty"`
	N    *string          `json:"N,omitempty"`
	B    []byte           `json:"B,omitempty"`
	BOOL *bool            `json:"BOOL,omitempty"`
	M    map[string]Value `json:"M,omitempty"`
	L    []Value          `json:"L,omitempty"`
}

type streamEvent struct {
	Records []struct {
		Change string `json:"eventName"`
		Item   struct {
			Sequence string           `json:"SequenceNumber"`
			Image    map[string]Value `json:"NewImage"`
		} `json:"dynamodb"`
	} `json:"Records"`
}

// Stream carries the events of one payload of a table's stream on, in order. decode tells what a
// record holds: ok is false for one that holds no event. carry returns how many of the events,
// from the first, are safe where they were carried to, and why the next is not. What follows the
// first that is not comes again, so that each subject keeps its order.
func Stream(
	ctx context.Context, raw []byte,
	decode func(r Record) (e platform.Event, ok bool, err error),
	carry func(ctx context.Context, events []platform.Event) (done int, err error),
	tell func(msg string, args ...any),
) ([]byte, error) {
	var in streamEvent
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoBatch, err)
	}
	if len(in.Records) == 0 {
		return nil, fmt.Errorf("%w: it has no records", errNoBatch)
	}
	var (
		events []platform.Event
		places []string // sequence numbers of events
		stop   string   // of a record that cannot be read
	)
	for _, r := range in.Records {
		e, ok, err := decode(Record{r.Change, r.Item.Sequence, r.Item.Image})
		if err != nil {
			tell("a stream record cannot be read", "sequence", r.Item.Sequence, "cause", err)
			stop = r.Item.Sequence
			break
		}
		if ok {
			events, places = append(events, e), append(places, r.Item.Sequence)
		}
	}
	if len(events) > 0 {
		done, err := carry(ctx, events)
		if err == nil && done < len(events) {
			err = errors.New("no reason was given")
		}
		if err != nil {
			at := min(done, len(events)-1)
			tell("events wait in the stream", "from", events[at].ID, "cause", err)
			stop = places[at]
		}
	}
	out := failures{Items: []failure{}}
	if stop != "" {
		out.Items = append(out.Items, failure{stop})
	}
	return json.Marshal(out)
}
