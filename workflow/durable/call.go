package durable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// onCalling makes the calls of an event, all at a time, each until its answer is committed. When
// the event comes again, only those are made that are still awaited.
func (e *Engine) onCalling(ctx context.Context, event platform.Event) error {
	page, err := pageOf(event)
	if err != nil {
		return err
	}
	if len(page.Calls) == 1 {
		return e.call(ctx, page.Execution, page.Calls[0], event.Time)
	}
	errs := make([]error, len(page.Calls))
	var all sync.WaitGroup
	for i, c := range page.Calls {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("call %s for %s panicked: %v", c.Resource, c.State, r)
				}
			}()
			errs[i] = e.call(ctx, page.Execution, c, event.Time)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (e *Engine) call(ctx context.Context, id string, c announced, cause time.Time) error {
	if c.Kind == workflow.Continue {
		return e.step(ctx, id, cause, e.resume)
	}
	awaited, err := e.awaits(ctx, id, c)
	if err != nil || !awaited {
		return err
	}
	task := e.task(c.Resource)
	if task == nil {
		return fmt.Errorf("execution %s calls %s, which is not known here: nothing was called; "+
			"start a program that has it and redrive this dead letter, or stop the execution: %w",
			id, c.Resource, ErrUnknownTask)
	}
	output, err := task(ctx, Call{
		Key: keyOf(id, c), Execution: id, State: c.State, Attempt: c.Attempt, Kind: c.Kind,
		Resource: c.Resource, Input: c.Input.Value, Token: c.Token, Timeout: c.Timeout,
	})
	answer := workflow.Event{Kind: workflow.TaskSucceeded, ID: c.ID, Output: output}
	if err != nil {
		failure, ok := errors.AsType[*workflow.Failure](err)
		if !ok {
			return fmt.Errorf("call %s for state %s of %s: the outcome is not known, "+
				"it is called again with the same key: %w", c.Resource, c.State, id, err)
		}
		answer = workflow.Event{Kind: workflow.TaskFailed, ID: c.ID, Failure: failure}
	}
	if err == nil && c.Token != "" {
		return e.step(ctx, id, cause, handOver(c))
	}
	return e.step(ctx, id, cause, whileAwaited(c.ID, c.Kind, advance(answer)))
}

// keyOf is the idempotency key of a call: the same for the same attempt, another for any other.
func keyOf(id string, c announced) string {
	key := id + ":" + c.ID
	if c.Kind != workflow.Call { // a Map reads and writes under one attempt
		key += ":" + string(c.Kind)
	}
	return key
}

// awaits reports whether a call is still to be made.
func (e *Engine) awaits(ctx context.Context, id string, c announced) (awaited bool, err error) {
	look := func(st *state) {
		waiting := st.Calls[c.ID]
		awaited = waiting != nil && waiting.Kind == c.Kind && !waiting.Handed
	}
	rec, err := e.store.Get(ctx, executionKey(id))
	if err != nil {
		return false, fmt.Errorf("read execution %s: %w", id, err)
	}
	if e.kept.peek(id, rec.Version, look) {
		return awaited, nil
	}
	var st state
	if err := decode(rec.Value, &st); err != nil {
		return false, fmt.Errorf("decode execution %s: %w", id, err)
	}
	look(&st)
	return awaited, nil
}

// whileAwaited makes a decision only as long as the answer to a call is awaited.
func whileAwaited(id string, kind workflow.CommandKind, decide decision) decision {
	return func(st *state, m *workflow.Machine, env workflow.Env) (*outcome, error) {
		if c := st.Calls[id]; c == nil || c.Kind != kind {
			return nil, errNothing
		}
		return decide(st, m, env)
	}
}

// handOver notes that a task has its token, so that it is not given to it again.
func handOver(c announced) decision {
	return func(st *state, _ *workflow.Machine, _ workflow.Env) (*outcome, error) {
		waiting := st.Calls[c.ID]
		if waiting == nil || waiting.Handed {
			return nil, errNothing // its answer was faster
		}
		waiting.Handed = true
		return &outcome{}, nil
	}
}

func (e *Engine) resume(
	st *state, m *workflow.Machine, env workflow.Env,
) (*outcome, error) {
	if !st.Execution.Yielded {
		return nil, errNothing
	}
	return advance(workflow.Event{Kind: workflow.Resume})(st, m, env)
}

// onDue wakes an execution for each of its alarms that has come, one step for each.
func (e *Engine) onDue(ctx context.Context, event platform.Event) error {
	id := event.Correlation
	for more := true; more; {
		err := e.step(ctx, id, event.Time, func(
			st *state, m *workflow.Machine, env workflow.Env,
		) (*outcome, error) {
			attempt := st.due(env.Now)
			if more = attempt != ""; !more {
				return nil, errNothing
			}
			return advance(workflow.Event{Kind: workflow.Woken, ID: attempt})(st, m, env)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// due is the earliest alarm that has come, the first by name of several; empty if there is none.
func (st *state) due(now time.Time) string {
	first := ""
	for id, at := range st.Alarms {
		if at.After(now) {
			continue
		}
		if first == "" || at.Before(st.Alarms[first]) ||
			at.Equal(st.Alarms[first]) && id < first {
			first = id
		}
	}
	return first
}

// tokenRecord says whose a token is.
type tokenRecord struct {
	Execution string `json:"execution"`
	ID        string `json:"id"`
}

// SendTaskSuccess answers the task that waits for a token, once: ErrNoTask after that. If it is not
// known whether it succeeded, send it again and take ErrNoTask for a yes.
func (e *Engine) SendTaskSuccess(
	ctx context.Context, token string, output workflow.Value,
) error {
	if n := bytesOf(output); n > maxInput {
		return fmt.Errorf("answer a task with %d bytes, at most %d: nothing was done: %w",
			n, maxInput, platform.ErrTooLarge)
	}
	return e.send(ctx, token, workflow.Event{Kind: workflow.TaskSucceeded, Output: output})
}

// SendTaskFailure lets the task that waits for a token fail, under the terms of SendTaskSuccess.
func (e *Engine) SendTaskFailure(ctx context.Context, token string, f *workflow.Failure) error {
	return e.send(ctx, token, workflow.Event{Kind: workflow.TaskFailed, Failure: f})
}

// SendTaskHeartbeat says that the task which waits for a token is alive.
func (e *Engine) SendTaskHeartbeat(ctx context.Context, token string) error {
	return e.send(ctx, token, workflow.Event{Kind: workflow.TaskHeartbeat})
}

func (e *Engine) send(ctx context.Context, token string, event workflow.Event) error {
	if token == "" {
		return fmt.Errorf("answer a task without a token: %w", platform.ErrInvalid)
	}
	rec, err := e.store.Get(ctx, tokenKey(token))
	if errors.Is(err, platform.ErrNotFound) {
		return fmt.Errorf("token %.40q: %w", token, ErrNoTask)
	}
	if err != nil {
		return fmt.Errorf("read token %.40q: %w", token, err)
	}
	var t tokenRecord
	if err := decode(rec.Value, &t); err != nil {
		return fmt.Errorf("decode token %.40q: %w", token, err)
	}
	event.ID = t.ID
	return e.step(ctx, t.Execution, time.Time{}, func(
		st *state, m *workflow.Machine, env workflow.Env,
	) (*outcome, error) {
		if c := st.Calls[t.ID]; c == nil || c.Token != token {
			return nil, fmt.Errorf("token %.40q: %w", token, ErrNoTask)
		}
		return advance(event)(st, m, env)
	})
}
