package durable

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// The types of the events. Both of the first carry records of the history.
const (
	typeAdvanced = "souk.workflow.advanced.v1"
	typeCalling  = "souk.workflow.calling.v1" // has calls to be made
	typeDue      = "souk.workflow.due.v1"     // an execution's timer
)

// Entry is one record of an execution's history. How events hold it is in wire.go.
type Entry struct {
	Number    int64             `json:"number"` // from 1
	Type      string            `json:"type"`   // as the service names it
	At        time.Time         `json:"at"`
	ID        string            `json:"id,omitempty"` // of the attempt
	State     string            `json:"state,omitempty"`
	Input     *workflow.Data    `json:"input,omitempty"`
	Output    *workflow.Data    `json:"output,omitempty"`
	Variables *workflow.Object  `json:"variables,omitempty"` // that were assigned
	Failure   *workflow.Failure `json:"failure,omitempty"`
	Index     int               `json:"index,omitempty"` // of an iteration
}

// announced is a call as an event tells it.
type announced struct {
	Kind     workflow.CommandKind
	ID       string
	State    string
	Attempt  int
	Resource string
	Token    string
	Input    workflow.Data
	Timeout  time.Duration
}

// advanced is the content of an event.
type advanced struct {
	Execution string
	History   []Entry
	Calls     []announced
}

// announce packs the records and the calls of a step into events, as few as their limits allow.
func (st *state) announce(b *platform.Batch, o *outcome) error {
	page, size := &advanced{Execution: st.Execution.ID}, 0
	flush := func() error {
		if len(page.History)+len(page.Calls) == 0 {
			return nil
		}
		event, err := st.event(page, o.because)
		if err != nil {
			return err
		}
		b.Events = append(b.Events, event)
		page, size = &advanced{Execution: st.Execution.ID}, 0
		return nil
	}
	for _, r := range o.records {
		st.Records++
		page.History = append(page.History, entryOf(st.Records, r))
		size += bytesOf(r.Input) + bytesOf(r.Output)
		if r.Variables != nil {
			size += bytesOf(r.Variables)
		}
		if size > fullEvent {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	for _, c := range o.calls {
		page.Calls = append(page.Calls, c)
		size += bytesOf(c.Input.Value)
		if size > fullEvent || len(page.Calls) == maxCalls {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// bytesOf is about how long a value is as JSON: enough to decide where an event ends.
func bytesOf(v workflow.Value) int {
	switch v := v.(type) {
	case nil, bool:
		return 8
	case string:
		return len(v)
	case workflow.Number:
		return len(v)
	}
	return len(workflow.Text(v))
}

func entryOf(number int64, r workflow.Record) Entry {
	e := Entry{
		Number: number, Type: r.Type, At: r.At, ID: r.ID, State: r.State, Variables: r.Variables,
		Failure: r.Failure, Index: r.Index,
	}
	if r.Input != nil {
		e.Input = &workflow.Data{Value: r.Input}
	}
	if r.Output != nil {
		e.Output = &workflow.Data{Value: r.Output}
	}
	return e
}

func (st *state) event(page *advanced, because string) (platform.Event, error) {
	st.Sequence++
	id := st.Execution.ID
	e := platform.Event{
		ID: fmt.Sprintf("%s/%d", subjectOf(id), st.Sequence), Type: typeAdvanced,
		Subject: subjectOf(id), Sequence: st.Sequence, Correlation: st.correlation(),
		Causation: because, Data: page.encode(), Value: page,
	}
	if len(page.Calls) > 0 {
		e.Type = typeCalling
	}
	e.Idempotency = e.ID
	if len(e.Data) > maxState {
		return e, fmt.Errorf("%d bytes in one record of the history of %s: %w",
			len(e.Data), id, errLimit)
	}
	return e, nil
}

// pageOf reads what an event tells. It is shared, and not to be changed.
func pageOf(e platform.Event) (*advanced, error) {
	if page, ok := e.Value.(*advanced); ok {
		return page, nil
	}
	page, err := decodePage(e.Data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.ID, err)
	}
	return page, nil
}

// History calls fn for every record of an execution's history, in order, and returns fn's first
// error. An execution that does not exist has none: platform.ErrNotFound.
func (e *Engine) History(ctx context.Context, id string, fn func(Entry) error) error {
	var after int64
	for {
		events, err := e.log.Subject(ctx, subjectOf(id), after, 100)
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", id, err)
		}
		if len(events) == 0 && after == 0 {
			return fmt.Errorf("execution %.200q: %w", id, platform.ErrNotFound)
		}
		for _, event := range events {
			after = event.Sequence
			page, err := pageOf(event)
			if err != nil {
				return err
			}
			for _, entry := range page.History {
				if err := fn(entry); err != nil {
					return err
				}
			}
		}
		if len(events) < 100 {
			return nil
		}
	}
}
