package workflow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxSteps is how many states one call enters before it pauses: a machine that only passes and
// chooses in a circle must not hold its caller.
const maxSteps = 1000

// MaxHistory is how many records an execution may have; then it fails, as in the service (Standard
// workflows, "Maximum execution history size").
const MaxHistory = 25_000

// NewExecution starts an execution. The caller fills in who it is: ID, Name, MachineID, Machine,
// Role, Input and, if they matter, Redrives. What is to be done first comes back as progress.
func (m *Machine) NewExecution(who Execution, env Env) (*Execution, Progress) {
	x := &who
	x.Status, x.Started = Running, env.Now
	a := &advance{m: m, x: x, env: &env, steps: maxSteps}
	a.record(nil, Record{Type: "ExecutionStarted", Input: x.Input.Value})
	if limit := m.Lifetime(); limit > 0 {
		x.Due = env.Now.Add(limit)
		a.command(Command{Kind: Wake, ID: executionID, At: x.Due})
	}
	x.Root = &Frame{program: &m.program, Input: x.Input}
	a.enter(x.Root, m.start, x.Input.Value)
	a.settle(x.Root)
	return x, a.progress()
}

// executionID is the ID of the wake-up that ends an execution which takes too long.
const executionID = "execution"

// Lifetime is how long an execution may take, 0 for any time.
func (m *Machine) Lifetime() time.Duration {
	limit := time.Duration(m.timeout) * time.Second
	if m.Type == Express && (limit == 0 || limit > expressTime) {
		return expressTime
	}
	return limit
}

// Advance gives an execution one event and answers what that leads to: the commands to carry out
// and the records of its history. It changes x, and only x; the caller keeps x and the progress
// together, or neither. An event for something that is over leads to nothing. The error is for an
// execution that does not belong to this machine; then x is as it was.
func (m *Machine) Advance(x *Execution, e Event, env Env) (Progress, error) {
	if err := x.bind(m); err != nil {
		return Progress{}, err
	}
	if x.Status != Running {
		return Progress{}, nil
	}
	a := &advance{m: m, x: x, env: &env, steps: maxSteps}
	switch {
	case e.Kind == Stop:
		a.end(Aborted, nil, e.Failure)
	case e.Kind == Resume:
		if x.Yielded {
			x.Yielded = false
			a.resume(x.Root)
		}
	case e.ID == executionID:
		a.overdue()
	default:
		if f := x.frame(e.ID); f != nil {
			a.event(f, e)
			a.settle(f)
		}
	}
	return a.progress(), nil
}

// ErrNotRedrivable is given for an execution that has not failed.
var ErrNotRedrivable = errors.New("only an execution that failed, timed out or was stopped can " +
	"go on")

// Redrive lets an execution that ended badly go on: with the state of its main line at which it
// ended, that state's input and the variables of then. Branches of a Parallel and items of a Map
// that had come to their end keep what they came to; the others go on with the state at which they
// were, each under a new ID. After States.DataLimitExceeded all of them begin anew, as in the
// service.
func (m *Machine) Redrive(x *Execution, env Env) (Progress, error) {
	if x.Status == Running || x.Status == Succeeded {
		return Progress{}, fmt.Errorf("workflow: redrive %s, which is %s: %w", x.ID, x.Status,
			ErrNotRedrivable)
	}
	if err := x.bind(m); err != nil {
		return Progress{}, err
	}
	a := &advance{m: m, x: x, env: &env, steps: maxSteps}
	f := x.Root
	if x.Failure != nil && x.Failure.code() == ErrorDataLimitExceeded {
		f.clear()
	}
	x.Status, x.Failure, x.Stopped, x.Yielded = Running, nil, time.Time{}, false
	x.Redrives++
	a.record(nil, Record{Type: "ExecutionRedriven"})
	if limit := m.Lifetime(); limit > 0 {
		x.Due = env.Now.Add(limit)
		a.command(Command{Kind: Wake, ID: executionID, At: x.Due})
	}
	a.reenter(f)
	a.settle(f)
	return a.progress(), nil
}

// advance is the work of one call.
type advance struct {
	m        *Machine
	x        *Execution
	env      *Env
	commands []Command
	history  []Record
	steps    int        // that may still be made
	test     *stateTest // when one state is tested by itself
}

func (a *advance) progress() Progress {
	return Progress{Commands: a.commands, History: a.history}
}

// record adds a line to the history of a frame's execution.
func (a *advance) record(f *Frame, r Record) {
	r.At = a.env.Now
	if f != nil {
		r.ID = f.id()
		if r.State == "" {
			r.State = f.State
		}
	}
	*a.events(f)++
	a.history = append(a.history, r)
}

// events counts the records of the execution that a frame belongs to: an iteration of a distributed
// Map is an execution by itself.
func (a *advance) events(f *Frame) *int64 {
	for ; f != nil; f = f.parent {
		if f.Alone {
			return &f.Events
		}
	}
	return &a.x.Events
}

func (a *advance) command(c Command) { a.commands = append(a.commands, c) }

func (a *advance) running() bool { return a.x.Status == Running }

// settle executes states until every frame waits for something: this one, and those around it,
// which may have gone on because of it.
func (a *advance) settle(f *Frame) {
	for ; f != nil && a.running(); f = f.parent {
		a.run(f)
	}
}

// resume goes on where a pause was made, wherever that is.
func (a *advance) resume(f *Frame) {
	if f.Phase == phaseChildren {
		for _, i := range slices.Sorted(maps.Keys(f.Children)) {
			if child := f.Children[i]; child != nil && a.running() {
				a.resume(child)
			}
		}
		if f.Phase == phaseChildren && a.running() {
			a.pump(f)
		}
	}
	a.run(f)
}

// run executes the states of a frame until it waits or is over.
func (a *advance) run(f *Frame) {
	for f.Phase == phaseEnter && a.running() {
		if a.steps == 0 {
			a.pause()
			return
		}
		a.steps--
		if *a.events(f) >= MaxHistory {
			a.exhausted(f)
			return
		}
		if err := a.execute(f); err != nil {
			a.fail(f, failureOf(err))
		}
	}
}

// exhausted ends an execution whose history is full.
func (a *advance) exhausted(f *Frame) {
	failure := runtimef("The execution reached the maximum number of history events (%d).",
		MaxHistory)
	for ; f.parent != nil; f = f.parent {
		if f.Alone {
			a.cancel(f, true)
			f.Phase = ""
			a.childFailed(f.parent, f, failure)
			return
		}
	}
	a.end(Failed, nil, failure)
}

func (a *advance) pause() {
	if !a.x.Yielded {
		a.x.Yielded = true
		a.command(Command{Kind: Continue, ID: executionID})
	}
}

// enter brings a frame to a state.
func (a *advance) enter(f *Frame, name string, input Value) {
	f.State, f.Input = name, Data{input}
	f.Step++
	f.Attempt, f.Retries, f.Token = 0, nil, ""
	f.Phase, f.Entered = phaseEnter, a.env.Now
	a.x.Entered++
	s := f.program.states[name]
	a.record(f, Record{Type: string(s.kind) + "StateEntered", Input: input})
	f.Since = *a.events(f)
}

// execute does what the state of a frame does when it begins. An error is the state's failure.
func (a *advance) execute(f *Frame) error {
	s := f.program.states[f.State]
	switch s.kind {
	case KindPass:
		return a.pass(f, s)
	case KindTask:
		return a.task(f, s)
	case KindChoice:
		return a.choose(f, s)
	case KindWait:
		return a.wait(f, s)
	case KindSucceed:
		return a.succeed(f, s)
	case KindFail:
		return a.failState(f, s)
	case KindParallel:
		return a.parallel(f, s)
	}
	return a.mapState(f, s)
}

// event takes an answer to a command of a frame's current attempt.
func (a *advance) event(f *Frame, e Event) {
	s := f.program.states[f.State]
	var err error
	switch {
	case e.Kind == Woken:
		err = a.woken(f, s)
	case e.Kind == TaskHeartbeat && f.Phase == phaseTask && f.Beat > 0:
		f.BeatDue = a.env.Now.Add(time.Duration(f.Beat) * time.Second)
	case e.Kind == TaskFailed && (f.Phase == phaseTask || f.Phase == phaseReading ||
		f.Phase == phaseWriting):
		failure := &Failure{byTask: true}
		if e.Failure != nil {
			failure.Code, failure.Cause = e.Failure.Code, e.Failure.Cause
		}
		if f.Phase == phaseTask {
			a.record(f, Record{Type: failedType(failure), Failure: failure})
		}
		err = failure
	case e.Kind == TaskSucceeded:
		err = a.answered(f, s, e.Output)
	}
	if err != nil {
		a.fail(f, failureOf(err))
	}
}

func failedType(f *Failure) string {
	if code := f.code(); code == ErrorTimeout || code == ErrorHeartbeatTimeout {
		return "TaskTimedOut"
	}
	return "TaskFailed"
}

func (a *advance) answered(f *Frame, s *state, output Value) error {
	switch f.Phase {
	case phaseTask:
		a.record(f, Record{Type: "TaskSucceeded", Output: output})
		if size := sizeOf(output); size > maxPayload {
			return failf(ErrorDataLimitExceeded,
				"The state/task '%s' returned a result with a size "+
					"exceeding the maximum number of bytes service limit.", s.task.resource)
		}
		return a.complete(f, s, output)
	case phaseReading:
		return a.itemsRead(f, s, output)
	case phaseWriting:
		return a.complete(f, s, output)
	}
	return nil
}

// woken looks which of a frame's times has come. A wake-up that is too early, because a heartbeat
// has moved the time, is asked for again.
func (a *advance) woken(f *Frame, s *state) error {
	now := a.env.Now
	switch f.Phase {
	case phaseWait, phaseRetry:
		if now.Before(f.Due) {
			a.command(Command{Kind: Wake, ID: f.id(), At: f.Due})
			return nil
		}
		if f.Phase == phaseRetry {
			f.Phase = phaseEnter
			return nil
		}
		return a.leaveWait(f, s)
	case phaseTask:
		switch {
		case !f.Limit.IsZero() && !now.Before(f.Limit):
			return a.timeout(f, ErrorTimeout)
		case f.Beat > 0 && !now.Before(f.BeatDue):
			return a.timeout(f, ErrorHeartbeatTimeout)
		}
		a.alarm(f)
	}
	return nil
}

func (a *advance) timeout(f *Frame, code string) error {
	failure := &Failure{Code: &code}
	a.record(f, Record{Type: "TaskTimedOut", Failure: failure})
	a.command(Command{Kind: Cancel, ID: f.id()})
	return failure
}

// alarm asks to be woken at the next of a call's two times.
func (a *advance) alarm(f *Frame) {
	at := f.Limit
	if f.Beat > 0 && (at.IsZero() || f.BeatDue.Before(at)) {
		at = f.BeatDue
	}
	if !at.IsZero() {
		a.command(Command{Kind: Wake, ID: f.id(), At: at})
	}
}

// overdue ends an execution that has taken longer than the machine allows.
func (a *advance) overdue() {
	switch {
	case a.x.Due.IsZero():
	case a.env.Now.Before(a.x.Due):
		a.command(Command{Kind: Wake, ID: executionID, At: a.x.Due})
	default:
		a.end(TimedOut, nil, nil)
	}
}
