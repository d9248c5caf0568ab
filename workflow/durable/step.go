package durable

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// maxAttempts bounds how often a step is decided anew after somebody else was faster.
const maxAttempts = 24

// errNothing is a decision to leave the execution as it is.
var errNothing = errors.New("nothing to do")

// decision changes a state and answers what the commit needs besides it. It may be made again, on a
// fresh state, so it has no other effect.
type decision func(st *state, m *workflow.Machine, env workflow.Env) (*outcome, error)

// step makes one step of an execution: one commit. An unknown outcome comes back as an error;
// making the step again is then right.
func (e *Engine) step(ctx context.Context, id string, cause time.Time, decide decision) error {
	turn := e.turn(id)
	turn.Lock()
	defer turn.Unlock()
	for attempt := 0; ; attempt++ {
		err := e.try(ctx, id, cause, decide)
		if errors.Is(err, errLimit) || errors.Is(err, platform.ErrTooLarge) {
			err = e.try(ctx, id, cause, tooLarge(err))
		}
		switch {
		case err == nil, errors.Is(err, errNothing):
			return nil
		case !retryable(err) || attempt == maxAttempts:
			return fmt.Errorf("advance execution %s: %w", id, err)
		}
		if err := e.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (e *Engine) try(ctx context.Context, id string, cause time.Time, decide decision) error {
	st, version, err := e.load(ctx, id)
	if err != nil {
		return err
	}
	m, err := e.compiled(ctx, st.Definition)
	if err != nil {
		return err
	}
	o, err := decide(st, m, e.env(cause))
	if err != nil {
		return err
	}
	b, err := st.batch(version, o)
	if err != nil {
		return err
	}
	if err := e.store.Commit(ctx, b); err != nil {
		return err
	}
	if st.Execution.Status != workflow.Running {
		e.ends.tell(id)
	}
	e.kept.put(id, version+1, st)
	return nil
}

// advance is the decision to give an execution one event.
func advance(event workflow.Event) decision {
	return func(st *state, m *workflow.Machine, env workflow.Env) (*outcome, error) {
		p, err := m.Advance(st.Execution, event, env)
		if err != nil {
			return nil, err
		}
		return st.take(event, p), nil
	}
}

// tooLarge ends an execution whose next step cannot be kept.
func tooLarge(why error) decision {
	return func(st *state, m *workflow.Machine, env workflow.Env) (*outcome, error) {
		x := st.Execution
		if x.Status != workflow.Running {
			return nil, why // it has ended already, so there is nobody to tell but the caller
		}
		failure := workflow.NewFailure(workflow.ErrorDataLimitExceeded, why.Error())
		event := workflow.Event{Kind: workflow.Stop, Failure: failure}
		p, err := m.Advance(x, event, env)
		if err != nil {
			return nil, err
		}
		x.Status = workflow.Failed
		p.History[len(p.History)-1].Type = "ExecutionFailed"
		return st.take(event, p), nil
	}
}

// retryable says that deciding again on a fresh state may succeed.
func retryable(err error) bool {
	return errors.Is(err, platform.ErrConflict) || errors.Is(err, platform.ErrThrottled)
}

// pause waits a random time between nothing and 0.1 ms · 2^attempt, at most 25 ms. Chance decides
// only when, never what.
func (e *Engine) pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.o.Clock.After(time.Duration(rand.Int64N(100_000 << min(attempt, 8)))):
		return nil
	}
}
