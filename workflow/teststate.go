package workflow

import (
	"errors"
	"fmt"
)

// StateTest is one state executed by itself, as the service's TestState does it: with an input,
// variables and a context of the caller's, and with a mock where the state would do work.
type StateTest struct {
	Definition []byte // one state, or a machine
	State      string // which state of a machine; its first if empty
	Input      Value
	Variables  *Object
	Context    *Object // the Context Object; one is made up if nil
	Mock       *Mock   // what the work of a Task, a Map or a Parallel comes to
	Role       string

	Retries  int64 // how often the retrier that names the error has already tried again
	FailedBy string
	Failures int64 // how many iterations of a Map have failed
}

// Mock is what a piece of work comes to: a result, or a failure.
type Mock struct {
	Result  Value
	Failure *Failure
}

// The statuses of a StateTest, beside Succeeded and Failed.
const (
	Retriable   Status = "RETRIABLE"    // failed, and a retrier would try again
	CaughtError Status = "CAUGHT_ERROR" // failed, and a catcher leads on
)

// StateResult is what came of a StateTest.
type StateResult struct {
	Status    Status
	Output    Value
	HasOutput bool
	Failure   *Failure
	NextState string
	Variables *Object // as they are afterwards
}

// ErrNoMock says that a state would do work and that no mock says what comes of it.
var ErrNoMock = errors.New("the state does work and has no mock")

// stateTest is a StateTest while it runs.
type stateTest struct {
	*StateTest
	next      string
	retriable bool
	failure   *Failure // that a catcher may have taken
	noMock    bool
}

// Run executes the state. The error is for a test that cannot be made: a definition that is refused
// ([*InvalidError]), a state that does not exist, work without a mock ([ErrNoMock]).
func (t *StateTest) Run(o Options, env Env) (*StateResult, error) {
	m, name, err := t.machine(o)
	if err != nil {
		return nil, err
	}
	x := &Execution{
		ID:   "arn:aws:states:us-east-1:123456789012:express:TestState:test",
		Name: "test", MachineID: "arn:aws:states:us-east-1:123456789012:stateMachine:TestState",
		Machine: "TestState", Role: t.Role, Started: env.Now, Input: Data{t.Input}, Status: Running,
	}
	run := &stateTest{StateTest: t}
	a := &advance{m: m, x: x, env: &env, steps: maxSteps, test: run}
	x.Root = &Frame{program: programOf(&m.program, name), Own: t.Variables}
	a.enter(x.Root, name, t.Input)
	if retry := x.Root.program.states[name].retry; len(retry) > 0 {
		x.Root.Retries = make([]int64, len(retry))
		for i := range retry {
			x.Root.Retries[i] = t.Retries
		}
	}
	a.settle(x.Root)
	if x.Status == Running && x.Root.Phase == phaseTask {
		if err := a.mocked(x.Root, x.Root.program.states[name]); err != nil {
			a.fail(x.Root, failureOf(err))
		}
	}
	if run.noMock {
		return nil, fmt.Errorf("test state %q: %w: give a result or an error output", name, ErrNoMock)
	}
	return run.result(x), nil
}

// machine compiles the definition and says which state is meant.
func (t *StateTest) machine(o Options) (*Machine, string, error) {
	v, err := ParseValue(t.Definition)
	source, ok := v.(*Object)
	if err != nil || !ok {
		_, err := Parse(t.Definition, o)
		return nil, "", err
	}
	if _, isMachine := source.Get("States"); isMachine {
		m, err := Parse(t.Definition, o)
		if err != nil {
			return nil, "", err
		}
		name := t.State
		if name == "" {
			name = m.start
		}
		if programOf(&m.program, name) == nil {
			return nil, "", fmt.Errorf("test state: the definition has no state %q: name one that it has", name)
		}
		return m, name, nil
	}
	name := t.State
	if name == "" {
		name = "State"
	}
	raw := Text(NewObject("StartAt", name, "States", NewObject(name, source)))
	c := &compiler{options: o, named: make(map[string]string), single: true}
	m, diagnostics := c.compile([]byte(raw))
	for _, d := range diagnostics {
		if d.Severity == SeverityError {
			return nil, "", &InvalidError{Diagnostics: diagnostics}
		}
	}
	return m, name, nil
}

// programOf finds the program that has a state, also within branches and item processors.
func programOf(p *program, name string) *program {
	if p.states[name] != nil {
		return p
	}
	for _, n := range p.names {
		s := p.states[n]
		inner := s.branches
		if s.maps != nil && s.maps.processor != nil {
			inner = []*program{s.maps.processor}
		}
		for _, q := range inner {
			if found := programOf(q, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// mocked ends the work of a state as the test says.
func (a *advance) mocked(f *Frame, s *state) error {
	t := a.test
	if s.kind == KindMap && (len(s.retry) > 0 || len(s.catch) > 0) && t.Failures > 0 {
		input, err := a.effective(f, s)
		if err != nil {
			return err
		}
		count, percentage, err := s.maps.tolerance(a.scope(f, input))
		if err != nil {
			return err
		}
		if percentage == 0 && t.Failures > count {
			return failf(ErrorExceedTolerated, "The specified tolerated failure threshold was exceeded")
		}
	}
	switch {
	case t.Mock == nil:
		t.noMock = true
		return runtimef("no mock")
	case t.Mock.Failure != nil:
		return t.Mock.Failure
	}
	return a.complete(f, s, t.Mock.Result)
}

func (t *stateTest) result(x *Execution) *StateResult {
	r := &StateResult{Status: x.Status, NextState: t.next, Failure: x.Failure, Variables: x.Variables()}
	if x.Output != nil {
		r.Output, r.HasOutput = x.Output.Value, true
	}
	switch {
	case t.retriable:
		r.Status = Retriable
	case x.Status == Succeeded && t.failure != nil:
		r.Status, r.Failure = CaughtError, t.failure
	}
	return r
}
