package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/workflow"
)

// workflowTestState executes one state.
type workflowTestState struct {
	definitionFlags
	Input         string `help:"File with the input; {} if none is named." type:"path" placeholder:"FILE"`
	StateName     string `help:"Which state, when the definition is a machine." placeholder:"NAME"`
	Mock          string `help:"What the state's work comes to, as JSON or a file: {\"result\":…} or {\"errorOutput\":{\"error\":…,\"cause\":…}}." placeholder:"JSON|FILE"`
	Variables     string `help:"File with the variables." type:"path" placeholder:"FILE"`
	Context       string `help:"File with the Context Object." type:"path" placeholder:"FILE"`
	Configuration string `help:"As JSON or a file: {\"retrierRetryCount\":…,\"mapIterationFailureCount\":…}." placeholder:"JSON|FILE"`
}

// Run implements the command.
func (c *workflowTestState) Run(e *env) error {
	raw, options, err := c.read()
	if err != nil {
		return err
	}
	test := &workflow.StateTest{
		Definition: raw, State: c.StateName, Input: &workflow.Object{},
	}
	if c.Input != "" {
		if test.Input, err = readValue(c.Input); err != nil {
			return err
		}
	}
	if test.Variables, err = readObject(c.Variables); err != nil {
		return err
	}
	if test.Context, err = readObject(c.Context); err != nil {
		return err
	}
	if err := c.mock(test); err != nil {
		return err
	}
	r, err := test.Run(options, worldEnv())
	switch {
	case errors.Is(err, workflow.ErrNoMock):
		return misused("%w, with --mock", err)
	case err != nil:
		if refused := e.refused(err); refused != err {
			return refused
		}
		return misused("%w", err)
	}
	return tellState(e, r)
}

// given reads an object that is written on the command line, or the file that is named there.
func given(s string) (*workflow.Object, error) {
	if !strings.HasPrefix(strings.TrimSpace(s), "{") {
		return readObject(s)
	}
	v, err := workflow.ParseValue([]byte(s))
	o, ok := v.(*workflow.Object)
	if err != nil || !ok {
		return nil, misused("%s is no JSON object: %w", s, err)
	}
	return o, nil
}

// mock reads --mock and --configuration.
func (c *workflowTestState) mock(test *workflow.StateTest) error {
	o, err := given(c.Mock)
	if err != nil {
		return err
	}
	if result, ok := o.Get("result"); ok {
		test.Mock = &workflow.Mock{Result: decoded(result)}
	}
	if thrown, ok := o.Get("errorOutput"); ok {
		f, _ := thrown.(*workflow.Object)
		test.Mock = &workflow.Mock{Failure: workflow.ParseFailure(f)}
	}
	if o, err = given(c.Configuration); err != nil {
		return err
	}
	number := func(name string) int64 {
		v, _ := o.Get(name)
		n, _ := v.(workflow.Number)
		i, _ := n.Int64()
		return i
	}
	test.Retries, test.Failures = number("retrierRetryCount"), number("mapIterationFailureCount")
	return nil
}

// decoded takes a result that is written as a text, the form of the service's own API, for what the
// text says, if it says an object or an array.
func decoded(v workflow.Value) workflow.Value {
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, "{") && !strings.HasPrefix(s, "[") {
		return v
	}
	if parsed, err := workflow.ParseValue([]byte(s)); err == nil {
		return parsed
	}
	return v
}

// tellState prints what came of the state.
func tellState(e *env, r *workflow.StateResult) error {
	members := []any{"status", string(r.Status)}
	if r.HasOutput {
		members = append(members, "output", r.Output)
	}
	if r.Failure != nil {
		members = append(members, failureMembers(r.Failure)...)
	}
	if r.NextState != "" {
		members = append(members, "nextState", r.NextState)
	}
	if _, err := fmt.Fprintln(e.out, workflow.Text(workflow.NewObject(members...))); err != nil {
		return err
	}
	if r.Status == workflow.Failed || r.Status == workflow.Retriable {
		return errFound
	}
	return nil
}
