package workflow

import (
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
	a.record(Record{Type: "ExecutionStarted", Input: x.Input.Value})
	if limit := m.lifetime(); limit > 0 {
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

// lifetime is how long an execution may take, 0 for any time.
func (m *Machine) lifetime() time.Duration {
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

func (a *advance) record(r Record) {
	r.At = a.env.Now
	a.x.Events++
	a.history = append(a.history, r)
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
		if a.x.Events >= MaxHistory {
			a.end(Failed, nil, runtimef("The execution reached the maximum number of history events (%d).",
				MaxHistory))
			return
		}
		if err := a.execute(f); err != nil {
			a.fail(f, failureOf(err))
		}
	}
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
	a.record(Record{Type: string(s.kind) + "StateEntered", ID: f.id(), State: name, Input: input})
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
	case e.Kind == TaskFailed && (f.Phase == phaseTask || f.Phase == phaseReading || f.Phase == phaseWriting):
		failure := e.Failure
		if failure == nil {
			failure = &Failure{}
		}
		if f.Phase == phaseTask {
			a.record(Record{Type: failedType(failure), ID: f.id(), State: f.State, Failure: failure})
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
		a.record(Record{Type: "TaskSucceeded", ID: f.id(), State: f.State, Output: output})
		if size := sizeOf(output); size > maxPayload {
			return failf(ErrorDataLimitExceeded, "The state/task '%s' returned a result with a size "+
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
	a.record(Record{Type: "TaskTimedOut", ID: f.id(), State: f.State, Failure: failure})
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

// end ends the execution.
func (a *advance) end(status Status, output *Value, failure *Failure) {
	if !a.running() {
		return
	}
	a.cancel(a.x.Root, true)
	a.x.Status, a.x.Stopped = status, a.env.Now
	r := Record{Failure: failure}
	switch status {
	case Succeeded:
		a.x.Output = &Data{*output}
		r.Type, r.Output = "ExecutionSucceeded", *output
	case Failed:
		r.Type = "ExecutionFailed"
	case TimedOut:
		r.Type = "ExecutionTimedOut"
	default:
		r.Type = "ExecutionAborted"
	}
	a.x.Failure = failure
	a.record(r)
}

// cancel tells that nobody waits for the answers to a frame's commands, nor to its children's.
func (a *advance) cancel(f *Frame, own bool) {
	if own {
		switch f.Phase {
		case phaseTask, phaseWait, phaseRetry, phaseReading, phaseWriting:
			a.command(Command{Kind: Cancel, ID: f.id()})
		}
	}
	for _, i := range slices.Sorted(maps.Keys(f.Children)) {
		a.cancel(f.Children[i], true)
	}
	f.Children = nil
}

// leave ends a state: variables are assigned, and the frame goes on or is over.
func (a *advance) leave(f *Frame, s *state, next string, output Value, assigned *Object) error {
	if size := sizeOf(output); size > maxPayload {
		return failf(ErrorDataLimitExceeded, "The state/task '%s' returned a result with a size "+
			"exceeding the maximum number of bytes service limit.", s.name)
	}
	if err := f.assign(assigned); err != nil {
		return err
	}
	a.record(Record{
		Type: string(s.kind) + "StateExited", ID: f.id(), State: s.name, Output: output,
		Variables: assigned,
	})
	f.clear()
	if a.test != nil {
		a.test.next = next
		a.end(Succeeded, &output, nil)
		return nil
	}
	if next != "" {
		a.enter(f, next, output)
		return nil
	}
	a.finish(f, output)
	return nil
}

// assign sets variables of the frame's own scope (states-language.net, "Assign": all at once, with
// values from before).
func (f *Frame) assign(assigned *Object) error {
	if assigned == nil {
		return nil
	}
	own := f.Own
	for i := range assigned.Len() {
		name, v := assigned.At(i)
		if sizeOf(v) > maxPayload {
			return runtimef("The value of the variable '%s' exceeds %d bytes", name, maxPayload)
		}
		own = own.With(name, v)
	}
	if sizeOf(own) > maxVariables {
		return runtimef("The variables exceed %d bytes", maxVariables)
	}
	f.Own = own
	return nil
}

// clear forgets what belonged to the attempt that is over.
func (f *Frame) clear() {
	f.Due, f.Limit, f.BeatDue, f.Beat = time.Time{}, time.Time{}, time.Time{}, 0
	f.Items, f.Results, f.Children = nil, nil, nil
	f.Started, f.Width, f.Bad, f.Batched, f.Token = 0, 0, 0, false, ""
}

// finish ends a frame: the execution, or a child of another frame.
func (a *advance) finish(f *Frame, output Value) {
	f.Phase = ""
	if f.parent == nil {
		a.end(Succeeded, &output, nil)
		return
	}
	a.childDone(f.parent, f, output)
}

// fail handles the failure of a frame's state: it is tried again, or caught, or ends the frame.
func (a *advance) fail(f *Frame, failure *Failure) {
	if !a.running() {
		return
	}
	s := f.program.states[f.State]
	a.cancel(f, false)
	if !failure.fatal {
		if delay, ok := a.retryIn(f, s, failure); ok {
			if a.test != nil {
				a.test.retriable = true
				a.end(Failed, nil, failure)
				return
			}
			f.clear()
			f.Attempt++
			f.Phase, f.Due = phaseRetry, a.env.Now.Add(delay)
			a.command(Command{Kind: Wake, ID: f.id(), At: f.Due})
			return
		}
		if a.test != nil {
			a.test.failure = failure
		}
		caught, err := a.catch(f, s, failure)
		if err == nil && caught {
			return
		}
		if err != nil {
			failure = failureOf(err)
		}
	}
	f.Phase = ""
	if f.parent == nil {
		a.end(Failed, nil, a.told(f, failure))
		return
	}
	a.childFailed(f.parent, f, failure)
}

// told adds to the cause of a runtime failure in which state it happened, as the service does.
func (a *advance) told(f *Frame, failure *Failure) *Failure {
	code := failure.code()
	if code != ErrorRuntime && code != ErrorQueryEvaluation || failure.Cause == nil {
		return failure
	}
	cause := fmt.Sprintf("An error occurred while executing the state '%s'. %s", f.State, *failure.Cause)
	return &Failure{Code: failure.Code, Cause: &cause, fatal: failure.fatal}
}
