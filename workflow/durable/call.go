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

// onCalling makes the calls of an event, each until its answer is committed. When the event comes
// again, only those are made that are still awaited.
func (e *Engine) onCalling(ctx context.Context, event platform.Event) error {
	page, err := pageOf(event)
	if err != nil {
		return err
	}
	if e.o.Pure {
		return e.follow(ctx, page.Execution, event)
	}
	if len(page.Calls) == 1 {
		return e.call(ctx, page.Execution, page.Calls[0], event)
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
			errs[i] = e.call(ctx, page.Execution, c, event)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// call makes one call, and a step of its answer.
func (e *Engine) call(
	ctx context.Context, id string, c announced, from platform.Event,
) error {
	decide, err := e.answer(ctx, id, c, from)
	if err != nil || decide == nil {
		return err
	}
	return e.step(ctx, id, causeOf(from), decide)
}

// maxFollowed is how many events of an execution one delivery follows.
const maxFollowed = 64

// follow makes the calls of an event, and at once those of the events that follow from them. Tasks
// that are pure have no effect outside the store, and whatever they commit comes later in the log
// than the commit that announced them: so nobody need wait until that is on disk. Each of those
// events is delivered all the same, and finds its calls answered.
func (e *Engine) follow(ctx context.Context, id string, event platform.Event) error {
	defer e.turns.take(id)()
	events, err := e.serve(ctx, id, event)
	for n := 1; err == nil && len(events) > 0 && n < maxFollowed; n++ {
		next := events[0]
		events = events[1:]
		if next.Type != typeCalling {
			continue
		}
		more, failed := e.serve(ctx, id, next)
		if failed != nil {
			break // it is tried again when this event is delivered
		}
		events = append(events, more...)
	}
	return err
}

// serve makes the calls of an event one after the other, and one commit of their answers. It
// answers the events that followed. The caller has the execution's turn.
func (e *Engine) serve(
	ctx context.Context, id string, event platform.Event,
) ([]platform.Event, error) {
	page, err := pageOf(event)
	if err != nil {
		return nil, err
	}
	var works []*work
	var errs []error
	for _, c := range page.Calls {
		decide, err := e.answer(ctx, id, c, event)
		switch {
		case err != nil:
			errs = append(errs, err)
		case decide != nil:
			works = append(works, &work{why: causeOf(event), decide: decide})
		}
	}
	if len(works) == 0 {
		return nil, errors.Join(errs...)
	}
	events, err := e.commit(ctx, id, works...)
	errs = append(errs, err)
	for _, w := range works {
		errs = append(errs, w.err)
	}
	return events, errors.Join(errs...)
}

// answer makes a call, if it is still awaited, and returns the decision that its answer is; nil for
// none.
func (e *Engine) answer(
	ctx context.Context, id string, c announced, from platform.Event,
) (decision, error) {
	if c.Kind == workflow.Continue {
		return e.resume, nil
	}
	awaited, err := e.awaits(ctx, id, c)
	if err != nil || !awaited {
		return nil, err
	}
	task := e.task(c.Resource)
	if task == nil {
		return nil, fmt.Errorf("execution %s calls %s, which is not known here: nothing was "+
			"called; start a program that has it and redrive this dead letter, or stop the "+
			"execution: %w", id, c.Resource, ErrUnknownTask)
	}
	output, err := task(ctx, Call{
		Key: keyOf(id, c), Execution: id, State: c.State, Attempt: c.Attempt, Kind: c.Kind,
		Resource: c.Resource, Input: c.Input.Value, Token: c.Token, Timeout: c.Timeout,
		Event: from.ID, Correlation: from.Correlation, Trace: from.TraceParent,
	})
	answer := workflow.Event{Kind: workflow.TaskSucceeded, ID: c.ID, Output: output}
	if err != nil {
		failure, ok := errors.AsType[*workflow.Failure](err)
		if !ok {
			return nil, fmt.Errorf("call %s for state %s of %s: the outcome is not known, "+
				"it is called again with the same key: %w", c.Resource, c.State, id, err)
		}
		answer = workflow.Event{Kind: workflow.TaskFailed, ID: c.ID, Failure: failure}
	}
	if err == nil && c.Token != "" {
		return handOver(c), nil
	}
	return whileAwaited(c.ID, c.Kind, advance(answer)), nil
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
	return func(st *state, m *workflow.Machine, env workflow.Env, o *outcome) error {
		if c := st.Calls[id]; c == nil || c.Kind != kind {
			return errNothing
		}
		return decide(st, m, env, o)
	}
}

// handOver notes that a task has its token, so that it is not given to it again.
func handOver(c announced) decision {
	return func(st *state, _ *workflow.Machine, _ workflow.Env, _ *outcome) error {
		waiting := st.Calls[c.ID]
		if waiting == nil || waiting.Handed {
			return errNothing // its answer was faster
		}
		waiting.Handed = true
		return nil
	}
}

func (e *Engine) resume(
	st *state, m *workflow.Machine, env workflow.Env, o *outcome,
) error {
	if !st.Execution.Yielded {
		return errNothing
	}
	return advance(workflow.Event{Kind: workflow.Resume})(st, m, env, o)
}

// onDue wakes an execution for each of its alarms that has come, one step for each.
func (e *Engine) onDue(ctx context.Context, event platform.Event) error {
	page, err := decodePage(event.Data)
	if err != nil {
		return fmt.Errorf("decode %s: %w", event.ID, err)
	}
	for more := true; more; {
		err := e.step(ctx, page.Execution, causeOf(event), func(
			st *state, m *workflow.Machine, env workflow.Env, o *outcome,
		) error {
			attempt := st.due(env.Now)
			if more = attempt != ""; !more {
				return errNothing
			}
			return advance(workflow.Event{Kind: workflow.Woken, ID: attempt})(st, m, env, o)
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
	return e.step(ctx, t.Execution, cause{}, func(
		st *state, m *workflow.Machine, env workflow.Env, o *outcome,
	) error {
		if c := st.Calls[t.ID]; c == nil || c.Token != token {
			return fmt.Errorf("token %.40q: %w", token, ErrNoTask)
		}
		return advance(event)(st, m, env, o)
	})
}
