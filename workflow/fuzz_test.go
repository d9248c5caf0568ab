package workflow_test

import (
	"errors"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// Goal: no definition, however broken, panics, hangs or makes an execution that cannot be kept.
// Method: definitions as they come; those that are accepted are run, written and read back after
// every event, with tasks that answer by turns.
func FuzzParse(f *testing.F) {
	f.Add([]byte(smallMachine), []byte(`{"order":{"id":"x"}}`))
	f.Add([]byte(`{"StartAt":"A","States":{"A":{"Type":"Map","ItemProcessor":{"StartAt":"B","States":`+
		`{"B":{"Type":"Pass","End":true}}},"End":true}}}`), []byte(`[1,2,3]`))
	f.Add([]byte(`{"StartAt":"A","States":{"A":{"Type":"Pass","ResultPath":"$.a","Next":"B"},"B":{"Type":`+
		`"Choice","Choices":[{"Variable":"$.a[0]","IsPresent":true,"Next":"C"}],"Default":"A"},"C":`+
		`{"Type":"Succeed"}}}`), []byte(`{}`))
	f.Add([]byte(`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"W","States":`+
		`{"W":{"Type":"Wait","Seconds":1,"End":true}}},{"StartAt":"F","States":{"F":{"Type":"Fail"}}}],`+
		`"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}}}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, definition, input []byte) {
		m, err := workflow.Parse(definition, workflow.Options{})
		if err != nil {
			return
		}
		v, err := workflow.ParseValue(input)
		if err != nil {
			v = &workflow.Object{}
		}
		m.Mermaid()
		m.SVG()
		runBounded(t, m, v)
	})
}

// errEnough ends a run that is long enough.
var errEnough = errors.New("enough")

// runBounded runs a machine for a number of events.
func runBounded(t *testing.T, m *workflow.Machine, input workflow.Value) {
	events, calls := 0, 0
	runner := &workflow.Runner{
		Machine: m, Env: func() workflow.Env { return testEnv(time.Unix(1700000000, 0)) },
		Do: func(c workflow.Command) (workflow.Value, error) {
			if calls++; calls%3 == 0 {
				return nil, &workflow.Failure{}
			}
			return c.Input, nil
		},
		Keep: func(x *workflow.Execution) (*workflow.Execution, error) {
			if events++; events > 200 {
				return x, errEnough
			}
			return x.Clone()
		},
	}
	who := workflow.Execution{ID: "e", Name: "e", Input: workflow.Data{Value: input}}
	if _, err := runner.Run(who); err != nil && !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
}

// Goal: no path panics, hangs or looks at more than its budget. Method: paths and documents as they
// come.
func FuzzPath(f *testing.F) {
	doc := []byte(`{"a":[{"b":1},{"b":"x","c":[1,2,3]}],"d":{"e":null}}`)
	for _, path := range []string{
		"$", "$$.State", "$v.a", "$.a[0].b", "$['a'][1:].c[*]", "$..b", "$..*..*",
		"$.a[?(@.b == 1)]",
		"$.a[?(@.b =~ /x.*/i && !(@.c size 2))]", "$.a.length()", "$.a[0,1]", "$['a','d']",
		"$.a[-1]",
	} {
		f.Add(path, doc)
	}
	f.Fuzz(func(t *testing.T, text string, doc []byte) {
		p, err := workflow.ParsePath(text)
		if err != nil {
			return
		}
		if v, err := workflow.ParseValue(doc); err == nil {
			_, _ = p.Find(v) // any answer is right, as long as there is one
		}
	})
}

// Goal: no intrinsic function panics or makes a value without bound. Method: calls as they come, in
// a state that is executed.
func FuzzIntrinsic(f *testing.F) {
	for _, call := range []string{
		"States.Format('{} \\\\{', $.a)", "States.ArrayRange(1, 9, 2)",
		"States.JsonMerge($, $, false)",
		"States.ArrayPartition($.a, 2)", "States.MathRandom(1, 9, 3)", "States.UUID()",
		"States.StringToJson(States.JsonToString($))", "States.Hash('x', 'SHA-1')",
		"States.StringSplit('a,b', ',')", "States.ArrayGetItem(States.Array(1, 2), 1)",
	} {
		f.Add(call, []byte(`{"a":[1,2,3]}`))
	}
	f.Fuzz(func(t *testing.T, call string, input []byte) {
		v, err := workflow.ParseValue(input)
		if err != nil {
			return
		}
		test := workflow.StateTest{
			Definition: []byte(workflow.Text(workflow.NewObject("Type", "Pass", "End", true,
				"Parameters", workflow.NewObject("x.$", call)))),
			Input: v,
		}
		_, _ = test.Run(workflow.Options{}, testEnv(time.Unix(1700000000, 0)))
	})
}
