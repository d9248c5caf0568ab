package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// The limits of what is kept of one execution. One that needs more fails with
// States.DataLimitExceeded; room is left for the record that says so.
const (
	maxState  = platform.MaxItemBytes - 40_000 // bytes of the execution's record
	maxInput  = 256 * 1024                     // bytes of an input, and of a callback's output
	fullEvent = 100_000                        // bytes after which an event takes nothing more
	maxCalls  = 16                             // calls that one event announces
	// tokens that one step forgets, so that there is always room for the end of an execution
	maxForgotten = 60
)

// state is the record of an execution: all that a step needs and all that it changes.
type state struct {
	Execution  *workflow.Execution  `json:"execution"`
	Version    int                  `json:"version"`         // of the machine
	Definition string               `json:"definition"`      // digest
	Chain      string               `json:"chain,omitempty"` // of causes; its own where none is
	Sequence   int64                `json:"sequence"`        // of the last event
	Records    int64                `json:"records"`         // of the history, so far
	Calls      map[string]*pending  `json:"calls,omitempty"`
	Alarms     map[string]time.Time `json:"alarms,omitempty"`
	Timer      time.Time            `json:"timer,omitzero"` // that is set
}

// pending is a call whose answer is awaited.
type pending struct {
	Kind     workflow.CommandKind `json:"kind"`
	Resource string               `json:"resource"`
	State    string               `json:"state"`
	Token    string               `json:"token,omitempty"`
	Handed   bool                 `json:"handed,omitempty"` // made; now the token is awaited
}

func executionKey(id string) platform.Key { return platform.Key{Part: "execution/" + id} }

func tokenKey(token string) platform.Key { return platform.Key{Part: "token/" + token} }

func subjectOf(id string) string { return "execution/" + id }

// timerSubject is what the facts of an execution's timer are about.
func timerSubject(id string) string { return "timer/workflow/" + id }

// correlation names the chain of causes to which all that the execution announces belongs.
func (st *state) correlation() string {
	if st.Chain != "" {
		return st.Chain
	}
	return st.Execution.ID
}

func encode(v any) ([]byte, error) { return json.Marshal(v) }

func decode(raw []byte, v any) error { return json.Unmarshal(raw, v) }

// load reads an execution, with the version of its record. What it returns is the caller's alone.
func (e *Engine) load(ctx context.Context, id string) (*state, int64, error) {
	rec, err := e.store.Get(ctx, executionKey(id))
	if err != nil {
		return nil, 0, fmt.Errorf("read execution %s: %w", id, err)
	}
	if st := e.kept.take(id, rec.Version); st != nil {
		return st, rec.Version, nil
	}
	st := &state{}
	if err := decode(rec.Value, st); err != nil {
		return nil, 0, fmt.Errorf("decode execution %s: %w", id, err)
	}
	return st, rec.Version, nil
}

// outcome is what one step adds to the state: for the commit, not for the record.
type outcome struct {
	records  []workflow.Record
	calls    []announced
	tokens   []string // to be made
	answered []string // tokens to be forgotten
	because  string   // the event that the step follows from; empty for a request from outside
}

// take brings a state up to date after an event, and collects what the commit needs besides.
func (st *state) take(event workflow.Event, p workflow.Progress, o *outcome) {
	o.records = append(o.records, p.History...)
	switch event.Kind {
	case workflow.TaskSucceeded, workflow.TaskFailed:
		st.drop(o, event.ID)
	case workflow.Woken:
		delete(st.Alarms, event.ID)
	}
	for _, c := range p.Commands {
		switch c.Kind {
		case workflow.Wake:
			if st.Alarms == nil {
				st.Alarms = make(map[string]time.Time)
			}
			st.Alarms[c.ID] = c.At
		case workflow.Cancel:
			st.drop(o, c.ID)
		case workflow.Continue:
			o.calls = append(o.calls, announced{Kind: c.Kind, ID: c.ID})
		default:
			st.await(o, c)
		}
	}
	if st.Execution.Status != workflow.Running {
		for id := range st.Calls {
			st.drop(o, id)
		}
		st.Alarms = nil
	}
}

func (st *state) await(o *outcome, c workflow.Command) {
	if st.Calls == nil {
		st.Calls = make(map[string]*pending)
	}
	st.Calls[c.ID] = &pending{Kind: c.Kind, Resource: c.Resource, State: c.State}
	if c.Pattern == workflow.WaitForTaskToken {
		st.Calls[c.ID].Token = c.Token
		o.tokens = append(o.tokens, c.ID)
	}
	o.calls = append(o.calls, announced{
		Kind: c.Kind, ID: c.ID, State: c.State, Attempt: c.Attempt, Resource: c.Resource,
		Token: st.Calls[c.ID].Token, Input: workflow.Data{Value: c.Input}, Timeout: c.Timeout,
	})
}

// drop forgets a call and its alarm: it is answered, or nobody waits for it any more. One that this
// very step announced is not announced.
func (st *state) drop(o *outcome, id string) {
	delete(st.Alarms, id)
	c := st.Calls[id]
	if c == nil {
		return
	}
	delete(st.Calls, id)
	kept := o.calls[:0]
	for _, a := range o.calls {
		if a.ID != id || a.Kind == workflow.Continue {
			kept = append(kept, a)
		}
	}
	o.calls = kept
	if c.Token == "" {
		return
	}
	for i, fresh := range o.tokens {
		if fresh == id {
			o.tokens = append(o.tokens[:i], o.tokens[i+1:]...)
			return
		}
	}
	o.answered = append(o.answered, c.Token)
}

// errLimit says that a step does not fit into one commit.
var errLimit = errors.New("the execution is too large to be kept")

// batch is the commit of one step.
func (st *state) batch(version int64, o *outcome) (platform.Batch, error) {
	var b platform.Batch
	x := st.Execution
	if err := st.announce(&b, o); err != nil {
		return b, err
	}
	st.retime(&b)
	for _, id := range o.tokens {
		raw, err := encode(tokenRecord{Execution: x.ID, ID: id})
		if err != nil {
			return b, err
		}
		b.Writes = append(b.Writes, platform.Write{
			Kind: platform.Put, Key: tokenKey(st.Calls[id].Token), Value: raw,
		})
	}
	// A record too many is no harm: a token is worth nothing without the call that waits for it.
	for _, token := range o.answered[:min(len(o.answered), maxForgotten)] {
		b.Writes = append(b.Writes, platform.Write{
			Kind: platform.Delete, Key: tokenKey(token), Expect: platform.Any,
		})
	}
	raw, err := st.encode()
	if err != nil {
		return b, fmt.Errorf("encode execution %s: %w", x.ID, err)
	}
	if len(raw) > maxState && x.Status == workflow.Running {
		return b, fmt.Errorf("%d bytes of execution %s, at most %d: %w",
			len(raw), x.ID, maxState, errLimit)
	}
	b.Writes = append(b.Writes, platform.Write{
		Kind: platform.Put, Key: executionKey(x.ID), Expect: version, Value: raw,
	})
	if version == platform.Absent || x.Status != workflow.Running || o.redrives() {
		line, err := listed(st)
		if err != nil {
			return b, err
		}
		b.Writes = append(b.Writes, line)
	}
	if n := b.Items(); n > platform.MaxItems {
		return b, fmt.Errorf("%d calls, callbacks and records at once, set a MaxConcurrency: %w",
			n, errLimit)
	}
	return b, nil
}

func (o *outcome) redrives() bool {
	return slices.ContainsFunc(o.records, func(r workflow.Record) bool {
		return r.Type == "ExecutionRedriven"
	})
}

// retime sets the one timer of an execution to the next of its alarms.
func (st *state) retime(b *platform.Batch) {
	var next time.Time
	for _, at := range st.Alarms {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.Equal(st.Timer) {
		return
	}
	st.Timer = next
	id := st.Execution.ID
	if next.IsZero() {
		b.Cancel = []string{id}
		return
	}
	b.Timers = []platform.Timer{{Key: id, Due: next, Event: platform.Event{
		Type: typeDue, Subject: timerSubject(id), Correlation: st.correlation(), Idempotency: id,
		Data: append(appendText([]byte(`{"execution":`), id), '}'),
	}}}
}
