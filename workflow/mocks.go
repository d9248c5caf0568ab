package workflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Mocks answer calls in place of what a machine would call: the configuration file of Step
// Functions Local (docs.aws.amazon.com, "Using mocked service integrations for testing"). They count
// how often each state has called, so they belong to one execution.
type Mocks struct {
	responses map[string][]Mock // by state, in the order of its calls
	calls     map[string]int
}

// NewMocks are mocks given directly: per state, the answers to its calls in order.
func NewMocks(responses map[string][]Mock) *Mocks {
	return &Mocks{responses: responses, calls: make(map[string]int)}
}

// ParseMocks reads one test case out of a mock configuration file. The machine may be empty when the
// file has one only, or when only one has a test case of that name; a test case may also be named
// as machine#case.
func ParseMocks(config []byte, machine, testCase string) (*Mocks, error) {
	v, err := ParseValue(config)
	if err != nil {
		return nil, fmt.Errorf("read mocks: %w", err)
	}
	root, _ := v.(*Object)
	machines, err := member(root, "StateMachines")
	if err != nil {
		return nil, err
	}
	if m, c, ok := strings.Cut(testCase, "#"); ok {
		machine, testCase = m, c
	}
	states, err := findCase(machines, machine, testCase)
	if err != nil {
		return nil, err
	}
	responses, err := member(root, "MockedResponses")
	if err != nil && states.Len() > 0 {
		return nil, err
	}
	mocks := NewMocks(make(map[string][]Mock))
	for i := range states.Len() {
		state, v := states.At(i)
		name, _ := v.(string)
		given, err := member(responses, name)
		if err != nil {
			return nil, fmt.Errorf("read mocks: state %q: %w", state, err)
		}
		if mocks.responses[state], err = parseResponses(name, given); err != nil {
			return nil, err
		}
	}
	return mocks, nil
}

// findCase finds the test case's map from states to responses.
func findCase(machines *Object, machine, testCase string) (*Object, error) {
	var found []*Object
	var known []string
	for i := range machines.Len() {
		name, v := machines.At(i)
		m, _ := v.(*Object)
		cases, err := member(m, "TestCases")
		if err != nil {
			return nil, fmt.Errorf("read mocks: machine %q: %w", name, err)
		}
		for j := range cases.Len() {
			c, states := cases.At(j)
			known = append(known, name+"#"+c)
			o, ok := states.(*Object)
			if ok && (machine == "" || machine == name) && (testCase == "" || testCase == c) {
				found = append(found, o)
			}
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("read mocks: %d test cases are meant by %q: name one of %s",
			len(found), strings.Trim(machine+"#"+testCase, "#"), strings.Join(known, ", "))
	}
	return found[0], nil
}

func member(o *Object, name string) (*Object, error) {
	v, ok := o.Get(name)
	if !ok {
		return nil, fmt.Errorf("there is no %q", name)
	}
	m, ok := v.(*Object)
	if !ok {
		return nil, fmt.Errorf("%q must be an object", name)
	}
	return m, nil
}

// maxMockedCalls is how many calls of one state a file may answer.
const maxMockedCalls = 100_000

// parseResponses reads the answers of one name: "0", "1-2" and so on, each a Return or a Throw.
func parseResponses(name string, o *Object) ([]Mock, error) {
	var list []Mock
	for i := range o.Len() {
		calls, v := o.At(i)
		first, last, isRange := strings.Cut(calls, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if errors.Join(err, err2) != nil || from < 0 || to < from || to >= maxMockedCalls {
			return nil, fmt.Errorf(`read mocks: response %q: %q is neither a number nor a range as "1-2"`,
				name, calls)
		}
		one, err := parseMock(v)
		if err != nil {
			return nil, fmt.Errorf("read mocks: response %q, call %s: %w", name, calls, err)
		}
		for n := from; n <= to; n++ {
			for len(list) <= n {
				list = append(list, Mock{})
			}
			list[n] = one
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read mocks: response %q answers no call", name)
	}
	return list, nil
}

func parseMock(v Value) (Mock, error) {
	o, _ := v.(*Object)
	if result, ok := o.Get("Return"); ok {
		return Mock{Result: result}, nil
	}
	thrown, err := member(o, "Throw")
	if err != nil {
		return Mock{}, errors.New("a response has a Return or a Throw")
	}
	return Mock{Failure: ParseFailure(thrown)}, nil
}

// ParseFailure reads an object with Error and Cause, or error and cause, which may both be missing.
func ParseFailure(o *Object) *Failure {
	f := &Failure{}
	for _, part := range []struct {
		names [2]string
		to    **string
	}{{[2]string{"Error", "error"}, &f.Code}, {[2]string{"Cause", "cause"}, &f.Cause}} {
		for _, name := range part.names {
			if s, ok := o.Get(name); ok {
				if text, isText := s.(string); isText {
					*part.to = &text
				}
			}
		}
	}
	return f
}

// Answer is the answer to the next call of a state. Calls beyond the last answer get the last one
// again. ok is false for a state that has no mock.
func (m *Mocks) Answer(state string) (v Value, failure *Failure, ok bool) {
	list := m.responses[state]
	if len(list) == 0 {
		return nil, nil, false
	}
	n := min(m.calls[state], len(list)-1)
	m.calls[state]++
	return list[n].Result, list[n].Failure, true
}
