package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

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
	a.record(nil, r)
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
		f.halt(f.Children[i])
	}
	for _, child := range f.Again {
		f.halt(child)
	}
	f.Children, f.Again = nil, nil
}

// halt keeps a child that did not come to its end: a redrive goes on with it.
func (f *Frame) halt(child *Frame) {
	if f.Halted == nil {
		f.Halted = make(map[int]*Frame)
	}
	f.Halted[child.Index] = child
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
	a.record(f, Record{Type: string(s.kind) + "StateExited", Output: output, Variables: assigned})
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
	f.Items, f.Results, f.Children, f.Halted, f.Again = nil, nil, nil, nil, nil
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
	failure = a.told(f, failure)
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
			failure = a.told(f, failureOf(err))
		}
	}
	f.Phase = ""
	if f.parent == nil {
		a.end(Failed, nil, failure)
		return
	}
	a.childFailed(f.parent, f, failure)
}

// told adds to the cause of a failure that the interpreter found in which state it happened and
// where its history begins, as the service does.
func (a *advance) told(f *Frame, failure *Failure) *Failure {
	const phrase = "An error occurred while executing the state "
	switch failure.code() {
	case ErrorRuntime, ErrorQueryEvaluation, ErrorIntrinsicFailure, ErrorParameterPathFailure,
		ErrorResultPathMatchFailure:
	default:
		return failure
	}
	if failure.byTask || failure.Cause == nil || strings.HasPrefix(*failure.Cause, phrase) {
		return failure
	}
	cause := fmt.Sprintf("%s'%s' (entered at the event id #%d). %s",
		phrase, f.State, f.Since, *failure.Cause)
	return &Failure{Code: failure.Code, Cause: &cause, fatal: failure.fatal}
}
