package durable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// Start says what to start.
type Start struct {
	Machine string
	Version int    // 0 for the newest
	Name    string // of the execution, 1 to 80 letters, digits, '.', '-' and '_'
	Input   workflow.Value
	// Event is the ID of the event because of which it is started, and Correlation is that event's;
	// empty for a request from outside.
	Event, Correlation string
}

// checkName refuses what cannot be the name of a machine or an execution.
func checkName(name string) error {
	if name == "" || len(name) > 80 {
		return fmt.Errorf("a name of %d characters, 1 to 80: %w", len(name), platform.ErrInvalid)
	}
	for _, r := range name {
		if !strings.ContainsRune("-_.", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') &&
			(r < 'a' || r > 'z') {
			return fmt.Errorf("a name with %q: %w", r, platform.ErrInvalid)
		}
	}
	return nil
}

// Start starts an execution and answers its ID, machine/name. It is durable then, and its first
// calls follow. A name that is taken is no error if the input is the same, and the version where
// one is asked for: then it answers the execution that is there, whatever has become of it.
// Otherwise it is ErrExists.
func (e *Engine) Start(ctx context.Context, s Start) (id string, err error) {
	if err := errors.Join(checkName(s.Machine), checkName(s.Name)); err != nil {
		return "", fmt.Errorf("start an execution of %.100q: %w", s.Machine, err)
	}
	if n := bytesOf(s.Input); n > maxInput {
		return "", fmt.Errorf("start %s with %d bytes of input, at most %d: nothing was started: "+
			"%w", s.Name, n, maxInput, platform.ErrTooLarge)
	}
	id = s.Machine + "/" + s.Name
	for attempt := 0; ; attempt++ {
		err := e.start(ctx, id, s)
		switch {
		case err == nil:
			return id, nil
		case errors.Is(err, errLimit), errors.Is(err, platform.ErrTooLarge):
			return "", fmt.Errorf("start %s: nothing was started: %w: %w",
				id, err, platform.ErrTooLarge)
		case !retryable(err) || attempt == maxAttempts:
			return "", fmt.Errorf("start %s: %w", id, err)
		}
		same, err := e.same(ctx, id, s)
		if same || err != nil {
			return id, err
		}
		if err := e.pause(ctx, attempt); err != nil {
			return "", err
		}
	}
}

func (e *Engine) start(ctx context.Context, id string, s Start) error {
	r, _, err := e.machineOf(ctx, s.Machine, s.Version)
	if err != nil {
		return err
	}
	m, err := e.compiled(ctx, r.Definition)
	if err != nil {
		return err
	}
	x, p := m.NewExecution(workflow.Execution{
		ID: id, Name: s.Name, MachineID: s.Machine, Machine: s.Machine,
		Input: workflow.Data{Value: s.Input},
	}, e.env(time.Time{}))
	st := &state{
		Execution: x, Version: r.Version, Definition: r.Definition, Chain: s.Correlation,
	}
	o := &outcome{because: s.Event}
	st.take(workflow.Event{}, p, o)
	b, err := st.batch(platform.Absent, o)
	if err != nil {
		return err
	}
	if err := e.store.Commit(ctx, b); err != nil {
		return err
	}
	e.kept.put(id, 1, st)
	return nil
}

// same reports whether the execution of an ID is there and was started in the same way.
func (e *Engine) same(ctx context.Context, id string, s Start) (bool, error) {
	st, version, err := e.load(ctx, id)
	if errors.Is(err, platform.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	e.kept.put(id, version, st)
	if workflow.Text(st.Execution.Input.Value) != workflow.Text(s.Input) ||
		s.Version != 0 && s.Version != st.Version {
		return false, fmt.Errorf("start %s: %w", id, ErrExists)
	}
	return true, nil
}

// Stop ends an execution that runs; one that has ended stays as it is. Calls that are being made
// are not called back, and their answers are ignored.
func (e *Engine) Stop(ctx context.Context, id string, why *workflow.Failure) error {
	return e.step(ctx, id, cause{}, func(
		st *state, m *workflow.Machine, env workflow.Env, o *outcome,
	) error {
		if st.Execution.Status != workflow.Running {
			return errNothing
		}
		return advance(workflow.Event{Kind: workflow.Stop, Failure: why})(st, m, env, o)
	})
}

// Redrive lets an execution that ended badly go on with the state at which it ended, under the
// definition it was started with. workflow.ErrNotRedrivable for one that runs or succeeded.
func (e *Engine) Redrive(ctx context.Context, id string) error {
	return e.step(ctx, id, cause{}, func(
		st *state, m *workflow.Machine, env workflow.Env, o *outcome,
	) error {
		p, err := m.Redrive(st.Execution, env)
		if err != nil {
			return err
		}
		st.take(workflow.Event{}, p, o)
		return nil
	})
}

// Await returns when an execution has ended, however it ended; its record is durable then. Steps of
// this engine are noticed at once, those of others within a second.
func (e *Engine) Await(ctx context.Context, id string) error {
	for {
		ended := e.ends.watch(id)
		d, err := e.Describe(ctx, id)
		if err != nil || d.Status != workflow.Running {
			e.ends.leave(id)
			return err
		}
		select {
		case <-ended:
		case <-e.o.Clock.After(time.Second):
		case <-ctx.Done():
			e.ends.leave(id)
			return context.Cause(ctx)
		}
		e.ends.leave(id)
	}
}

// Description is how an execution stands.
type Description struct {
	Summary
	Definition string            `json:"definition"` // its digest
	Input      workflow.Data     `json:"input"`
	Output     *workflow.Data    `json:"output,omitempty"`
	Failure    *workflow.Failure `json:"failure,omitempty"`
	Redrives   int               `json:"redrives"`
	Records    int64             `json:"records"` // of its history
	Calls      []Awaited         `json:"calls,omitempty"`
	Next       time.Time         `json:"next,omitzero"` // when it is woken
}

// Awaited is a call that has not been answered.
type Awaited struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Resource string `json:"resource"`
	Token    string `json:"token,omitempty"` // with which somebody answers it
}

// Describe tells how an execution stands. platform.ErrNotFound for one that does not exist.
func (e *Engine) Describe(ctx context.Context, id string) (*Description, error) {
	st, version, err := e.load(ctx, id)
	if err != nil {
		return nil, err
	}
	defer e.kept.put(id, version, st)
	x := st.Execution
	d := &Description{
		Summary: summaryOf(st), Definition: st.Definition, Input: x.Input, Output: x.Output,
		Failure: x.Failure, Redrives: x.Redrives, Records: st.Records, Next: st.Timer,
	}
	for id, c := range st.Calls {
		d.Calls = append(d.Calls, Awaited{id, c.State, c.Resource, c.Token})
	}
	slices.SortFunc(d.Calls, func(a, b Awaited) int { return strings.Compare(a.ID, b.ID) })
	return d, nil
}

// Summary is an execution on one line.
type Summary struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Machine string          `json:"machine"`
	Version int             `json:"version"`
	Status  workflow.Status `json:"status"`
	Started time.Time       `json:"started"`
	Stopped time.Time       `json:"stopped,omitzero"`
}

func summaryOf(st *state) Summary {
	x := st.Execution
	return Summary{
		ID: x.ID, Name: x.Name, Machine: x.Machine, Version: st.Version, Status: x.Status,
		Started: x.Started, Stopped: x.Stopped,
	}
}

// listed is the line of an execution in its machine's list, which is in the order of their starts.
func listed(st *state) (platform.Write, error) {
	s := summaryOf(st)
	raw, err := encode(s)
	return platform.Write{
		Kind: platform.Put, Expect: platform.Any, Value: raw, Key: platform.Key{
			Part: "list/" + s.Machine, Sort: s.Started.UTC().Format(sortable) + "/" + s.Name,
		},
	}, err
}

// sortable is a time whose text sorts as the time does.
const sortable = "20060102T150405.000000000Z"

// Query selects executions of one machine.
type Query struct {
	Machine string
	Status  workflow.Status // empty for all
	After   string          // what the page before answered
	Limit   int             // 1 to 1000; 0 is 100
}

// List answers executions, the last started first, and where the next page begins; empty at the
// end.
func (e *Engine) List(ctx context.Context, q Query) (list []Summary, next string, err error) {
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	for next = q.After; ; {
		page, err := e.store.List(ctx, platform.Query{
			Part: "list/" + q.Machine, After: next, Limit: limit, Reverse: true,
		})
		if err != nil {
			return nil, "", fmt.Errorf("list the executions of %.100q: %w", q.Machine, err)
		}
		for _, rec := range page {
			var s Summary
			if err := decode(rec.Value, &s); err != nil {
				return nil, "", fmt.Errorf("decode line %s: %w", rec.Key.Sort, err)
			}
			next = rec.Key.Sort
			if q.Status != "" && q.Status != s.Status {
				continue
			}
			if list = append(list, s); len(list) == limit {
				return list, next, nil
			}
		}
		if len(page) < limit {
			return list, "", nil
		}
	}
}
