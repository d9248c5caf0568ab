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

// decision changes a state, and adds what the commit needs besides it to the outcome; an error
// leaves both as they were. It may be made again, on a fresh state, so it has no other effect.
type decision func(st *state, m *workflow.Machine, env workflow.Env, o *outcome) error

// cause is the event that a step follows from; the zero cause is a request from outside.
type cause struct {
	event string // its ID
	at    time.Time
}

func causeOf(e platform.Event) cause { return cause{e.ID, e.Time} }

// work is one decision to be made about an execution, and what came of it.
type work struct {
	why    cause
	decide decision
	err    error
}

// step makes one decision about an execution: one commit, which it may share with others. An
// unknown outcome comes back as an error; making the step again is then right.
func (e *Engine) step(ctx context.Context, id string, why cause, decide decision) error {
	w := &work{why: why, decide: decide}
	if !e.o.Pure {
		return e.share(ctx, id, w)
	}
	defer e.turns.take(id)()
	_, err := e.commit(ctx, id, w)
	return errors.Join(err, w.err)
}

// commit makes decisions about one execution in one commit, in their order, and answers the events
// that it announced. What each came to is in the work; the error is for all of them: nothing was
// committed, or nobody knows. The caller has the execution's turn.
func (e *Engine) commit(
	ctx context.Context, id string, works ...*work,
) ([]platform.Event, error) {
	for attempt := 0; ; attempt++ {
		events, err := e.try(ctx, id, works)
		switch {
		case err == nil:
			return events, nil
		case errors.Is(err, errLimit), errors.Is(err, platform.ErrTooLarge):
			if len(works) == 1 {
				events, err = e.try(ctx, id, []*work{{why: works[0].why, decide: tooLarge(err)}})
				break
			}
			return e.oneByOne(ctx, id, works)
		}
		switch {
		case err == nil:
			return events, nil
		case !retryable(err) || attempt == maxAttempts:
			return nil, fmt.Errorf("advance execution %s: %w", id, err)
		}
		if err := e.pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// oneByOne makes decisions that do not fit into one commit in one for each.
func (e *Engine) oneByOne(
	ctx context.Context, id string, works []*work,
) (all []platform.Event, err error) {
	for _, w := range works {
		events, err := e.commit(ctx, id, w)
		if err != nil {
			return all, err
		}
		all = append(all, events...)
	}
	return all, nil
}

// try makes the decisions on what is stored now.
func (e *Engine) try(ctx context.Context, id string, works []*work) ([]platform.Event, error) {
	st, version, err := e.load(ctx, id)
	if err != nil {
		return nil, err
	}
	m, err := e.compiled(ctx, st.Definition)
	if err != nil {
		return nil, err
	}
	o, changed := &outcome{}, false
	for _, w := range works {
		w.err = w.decide(st, m, e.env(w.why.at), o)
		if w.err == nil && !changed {
			o.because, changed = w.why.event, true
		}
		if errors.Is(w.err, errNothing) {
			w.err = nil
		}
	}
	if !changed {
		e.kept.put(id, version, st)
		return nil, nil
	}
	b, err := st.batch(version, o)
	if err != nil {
		return nil, err
	}
	if err := e.store.Commit(ctx, b); err != nil {
		return nil, err
	}
	if st.Execution.Status != workflow.Running {
		e.ends.tell(id)
	}
	e.kept.put(id, version+1, st)
	return b.Events, nil
}

// advance is the decision to give an execution one event.
func advance(event workflow.Event) decision {
	return func(st *state, m *workflow.Machine, env workflow.Env, o *outcome) error {
		p, err := m.Advance(st.Execution, event, env)
		if err != nil {
			return err
		}
		st.take(event, p, o)
		return nil
	}
}

// tooLarge ends an execution whose next step cannot be kept.
func tooLarge(why error) decision {
	return func(st *state, m *workflow.Machine, env workflow.Env, o *outcome) error {
		x := st.Execution
		if x.Status != workflow.Running {
			return why // it has ended already, so there is nobody to tell but the caller
		}
		failure := workflow.NewFailure(workflow.ErrorDataLimitExceeded, why.Error())
		event := workflow.Event{Kind: workflow.Stop, Failure: failure}
		p, err := m.Advance(x, event, env)
		if err != nil {
			return err
		}
		x.Status = workflow.Failed
		p.History[len(p.History)-1].Type = "ExecutionFailed"
		st.take(event, p, o)
		return nil
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
