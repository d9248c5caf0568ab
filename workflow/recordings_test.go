package workflow_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/jsonata"
)

// floor is what part of the recordings, as the mean over their groups, must be answered as the
// service did.
const floor = 0.999

// recording is one recorded answer of the service.
type recording struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind"`
	Group      string           `json:"group"`
	Definition json.RawMessage  `json:"definition"`
	Type       workflow.Type    `json:"type"`
	Input      workflow.Data    `json:"input"`
	Mocks      *workflow.Object `json:"mocks"`
	Mock       *workflow.Object `json:"mock"`
	State      string           `json:"state"`
	Variables  *workflow.Object `json:"variables"`
	Context    *workflow.Object `json:"context"`
	Objects    map[string]string
	Config     struct {
		Retries  int64  `json:"retrierRetryCount"`
		Failures int64  `json:"mapIterationFailureCount"`
		FailedBy string `json:"errorCausedByState"`
	} `json:"configuration"`
	Expect struct {
		Status string           `json:"status"`
		Output *workflow.Data   `json:"output"`
		Error  *string          `json:"error"`
		Cause  *string          `json:"cause"`
		Path   []string         `json:"path"`
		Vars   *workflow.Object `json:"vars"`
		Next   string           `json:"nextState"`
		Any    []string         `json:"any"`
		Loose  []string         `json:"loose"`
		Calls  []struct {
			State string        `json:"state"`
			Input workflow.Data `json:"input"`
			Any   []string      `json:"any"`
		} `json:"calls"`
	} `json:"expect"`
}

// recordings reads what was recorded; it lies beside the repository, and not everybody has it.
func recordings(t *testing.T) []recording {
	t.Helper()
	const name = "shared/data/recordings/asl-executions.jsonl.gz"
	f, err := os.Open(filepath.Join("..", "..", name))
	if errors.Is(err, os.ErrNotExist) { // a worktree lies one folder deeper
		f, err = os.Open(filepath.Join("..", "..", "..", name))
	}
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the recordings of the service are not beside this repository: %s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []recording
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Goal: machines mean here what they mean to the service. Method: every recorded execution, single
// state and definition through this package; what the service answered must come back, and the mean
// over groups must not fall.
func TestRecordings(t *testing.T) {
	t.Parallel()
	type score struct{ right, all int }
	groups := make(map[string]*score)
	for _, r := range recordings(t) {
		s := groups[r.Group]
		if s == nil {
			s = &score{}
			groups[r.Group] = s
		}
		s.all++
		if wrong := r.check(t); len(wrong) > 0 {
			t.Logf("%s (%s)\n    %s", r.ID, r.Kind, strings.Join(wrong, "\n    "))
			continue
		}
		s.right++
	}
	var names []string
	mean := 0.0
	for name, s := range groups {
		mean += float64(s.right) / float64(s.all) / float64(len(groups))
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Logf("%-20s %3d of %3d", name, groups[name].right, groups[name].all)
	}
	t.Logf("mean over groups %.4f", mean)
	if mean < floor {
		t.Errorf("the mean over groups is %.4f, it was %.4f before", mean, floor)
	}
}

// check answers what is not as it was recorded.
func (r *recording) check(t *testing.T) []string {
	options := workflow.Options{Evaluator: jsonata.New(jsonata.Limits{}), Type: r.Type}
	switch r.Kind {
	case "definition":
		raw := []byte(r.Definition)
		var text string
		if json.Unmarshal(raw, &text) == nil {
			raw = []byte(text)
		}
		status := "VALID"
		if _, err := workflow.Parse(raw, options); err != nil {
			status = "INVALID"
		}
		if status != r.Expect.Status {
			return []string{fmt.Sprintf("is %s, was %s: %v", status, r.Expect.Status,
				workflow.Validate(raw, options))}
		}
		return nil
	case "state":
		return r.checkState(options)
	}
	return r.checkExecution(t, options)
}

func (r *recording) checkState(options workflow.Options) []string {
	test := workflow.StateTest{
		Definition: r.Definition, State: r.State, Input: r.Input.Value, Variables: r.Variables,
		Context: r.Context, Retries: r.Config.Retries, Failures: r.Config.Failures,
		FailedBy: r.Config.FailedBy,
	}
	if result, ok := r.Mock.Get("result"); ok {
		test.Mock = &workflow.Mock{Result: result}
	}
	if thrown, ok := r.Mock.Get("errorOutput"); ok {
		test.Mock = &workflow.Mock{Failure: workflow.ParseFailure(thrown.(*workflow.Object))}
	}
	got, err := test.Run(options, testEnv(time.Unix(1700000000, 0)))
	if err != nil {
		return []string{err.Error()}
	}
	w := &wrong{}
	w.status(string(got.Status), r, got.Failure)
	w.output(got.Output, got.HasOutput, r)
	if r.Expect.Next != "" && got.NextState != r.Expect.Next {
		w.add("next state %q, was %q", got.NextState, r.Expect.Next)
	}
	return w.list
}

func (r *recording) checkExecution(t *testing.T, options workflow.Options) []string {
	m, err := workflow.Parse(r.Definition, options)
	if err != nil {
		return []string{err.Error()}
	}
	mocks := r.mocks(t)
	var path []string
	var calls []workflow.Command
	vars := &workflow.Object{}
	runner := &workflow.Runner{
		Machine: m,
		Env:     func() workflow.Env { return testEnv(time.Unix(1700000000, 0)) },
		Do: func(c workflow.Command) (workflow.Value, error) {
			if c.Kind == workflow.Read {
				return r.read(c)
			}
			if c.Kind == workflow.Call {
				calls = append(calls, c)
			}
			v, failure, ok := mocks.Answer(c.State)
			switch {
			case !ok:
				return nil, fmt.Errorf("no mock for %s", c.State)
			case failure != nil:
				return nil, failure
			}
			return v, nil
		},
		Observe: func(rec workflow.Record) {
			if strings.HasSuffix(rec.Type, "StateEntered") {
				path = append(path, rec.State)
			}
			for i := range rec.Variables.Len() {
				vars = vars.With(rec.Variables.At(i))
			}
		},
	}
	x, err := runner.Run(workflow.Execution{
		ID: "arn:aws:states:us-east-1:111111111111:execution:m:e", Name: "e", Machine: "m",
		MachineID: "arn:aws:states:us-east-1:111111111111:stateMachine:m", Role: "snf_role_arn",
		Input: r.Input,
	})
	if err != nil {
		return []string{err.Error()}
	}
	w := &wrong{}
	w.status(string(x.Status), r, x.Failure)
	if x.Output != nil {
		w.output(x.Output.Value, true, r)
	} else {
		w.output(nil, false, r)
	}
	if r.Expect.Path != nil && !slices.Equal(path, r.Expect.Path) {
		w.add("path %v, was %v", path, r.Expect.Path)
	}
	for i := range r.Expect.Vars.Len() {
		name, v := r.Expect.Vars.At(i)
		got, ok := vars.Get(name)
		if !ok || !same(v, got, "", nil, nil) {
			w.add("variable %s is %s, was %s", name, workflow.Text(got), workflow.Text(v))
		}
	}
	if r.Expect.Calls != nil && len(calls) != len(r.Expect.Calls) {
		w.add("%d calls, were %d", len(calls), len(r.Expect.Calls))
		return w.list
	}
	for i, c := range r.Expect.Calls {
		if c.State != calls[i].State || !same(c.Input.Value, calls[i].Input, "", c.Any, nil) {
			w.add("call %d is %s %s, was %s %s", i, calls[i].State, workflow.Text(calls[i].Input),
				c.State, workflow.Text(c.Input.Value))
		}
	}
	return w.list
}

func (r *recording) mocks(t *testing.T) *workflow.Mocks {
	given := make(map[string][]workflow.Mock)
	for i := range r.Mocks.Len() {
		state, v := r.Mocks.At(i)
		for _, item := range v.(workflow.Array) {
			o := item.(*workflow.Object)
			m := workflow.Mock{}
			if result, ok := o.Get("Return"); ok {
				m.Result = result
			} else if thrown, ok := o.Get("Throw"); ok {
				m.Failure = workflow.ParseFailure(thrown.(*workflow.Object))
			} else {
				t.Fatalf("%s: a mock that does nothing: %s", r.ID, workflow.Text(v))
			}
			given[state] = append(given[state], m)
		}
	}
	return workflow.NewMocks(given)
}

func (r *recording) read(c workflow.Command) (workflow.Value, error) {
	o, _ := c.Input.(*workflow.Object)
	bucket, _ := o.Get("Bucket")
	key, _ := o.Get("Key")
	text, ok := r.Objects[fmt.Sprintf("%v/%v", bucket, key)]
	if !ok {
		return nil, workflow.NewFailure(workflow.ErrorItemReaderFailed, "no such object")
	}
	return text, nil
}

// wrong collects differences.
type wrong struct{ list []string }

func (w *wrong) add(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	w.list = append(w.list, s[:min(len(s), 600)])
}

func (w *wrong) status(got string, r *recording, failure *workflow.Failure) {
	if got != r.Expect.Status {
		w.add("status %s, was %s (%v)", got, r.Expect.Status, failure)
	}
	text := func(s *string) string {
		if s == nil {
			return "(none)"
		}
		return *s
	}
	if failure == nil {
		failure = &workflow.Failure{}
	}
	if text(failure.Code) != text(r.Expect.Error) {
		w.add("error %s, was %s (%v)", text(failure.Code), text(r.Expect.Error), failure)
	}
	if r.Expect.Cause != nil && text(failure.Cause) != *r.Expect.Cause {
		w.add("cause %s, was %s", text(failure.Cause), *r.Expect.Cause)
	}
}

func (w *wrong) output(got workflow.Value, has bool, r *recording) {
	if r.Expect.Output == nil {
		return
	}
	if !has || !same(r.Expect.Output.Value, got, "", r.Expect.Any, r.Expect.Loose) {
		w.add("output %s\n     was %s", workflow.Text(got), workflow.Text(r.Expect.Output.Value))
	}
}

// same compares values; at pointers of any, whatever stands there is right, and at those of loose
// there may be more members than were recorded.
func same(want, got workflow.Value, at string, any, loose []string) bool {
	if slices.Contains(any, at) {
		return true
	}
	switch want := want.(type) {
	case workflow.Array:
		list, ok := got.(workflow.Array)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !same(want[i], list[i], fmt.Sprintf("%s/%d", at, i), any, loose) {
				return false
			}
		}
		return true
	case *workflow.Object:
		o, ok := got.(*workflow.Object)
		more := slices.ContainsFunc(loose, func(l string) bool { return strings.HasPrefix(at, l) })
		if !ok || o.Len() != want.Len() && !more {
			return false
		}
		for i := range want.Len() {
			name, v := want.At(i)
			member, ok := o.Get(name)
			if !ok || !same(v, member, at+"/"+name, any, loose) {
				return false
			}
		}
		return true
	}
	return workflow.Equal(want, got)
}

// testEnv is a world in which nothing is left to chance.
func testEnv(now time.Time) workflow.Env {
	return workflow.Env{
		Now: now, Random: func() float64 { return 0.5 },
		UUID: func() string { return "00000000-0000-4000-8000-000000000000" },
	}
}
