package workflow_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// Goal: what is wrong with a definition is said, with its place. Method: definitions with one
// mistake each, and the code and location of the first diagnostic.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	for definition, expected := range mistakes() {
		list := workflow.Validate([]byte(definition), workflow.Options{})
		if len(list) == 0 {
			t.Errorf("nothing is wrong with %.200s", definition)
			continue
		}
		var got []string
		for _, d := range list {
			got = append(got, strings.TrimSpace(d.Code+" "+d.Location))
		}
		if !slices.Contains(got, expected) {
			t.Errorf("%.200s\n  says %q, should say %q", definition, got, expected)
		}
		_, err := workflow.Parse([]byte(definition), workflow.Options{})
		if _, refused := errors.AsType[*workflow.InvalidError](err); !refused {
			t.Errorf("%.200s is not refused: %v", definition, err)
		}
	}
}

// mistakes are definitions with what is wrong with them: a code, and the location if there is one.
func mistakes() map[string]string {
	machine := func(states string) string { return `{"StartAt":"A","States":{` + states + `}}` }
	task := func(fields string) string {
		return machine(`"A":{"Type":"Task","Resource":"${x}","End":true,` + fields + `}`)
	}
	deep := strings.Repeat(`{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[`, 60)
	return map[string]string{
		"":                             "SCHEMA_VALIDATION_FAILED",
		"[1]":                          "SCHEMA_VALIDATION_FAILED",
		`{"StartAt":"A"}`:              "SCHEMA_VALIDATION_FAILED /",
		machine(``):                    "SCHEMA_VALIDATION_FAILED /States",
		machine(`"A":1`):               "SCHEMA_VALIDATION_FAILED /States/A",
		machine(`"A":{}`):              "SCHEMA_VALIDATION_FAILED /States/A",
		machine(`"A":{"Type":"Wait"}`): "SCHEMA_VALIDATION_FAILED /States/A",
		machine(`"A":{"Type":"Jump","End":true}`):                                                                "SCHEMA_VALIDATION_FAILED /States/A/Type",
		machine(`"A":{"Type":"Pass"}`):                                                                           "SCHEMA_VALIDATION_FAILED /States/A",
		machine(`"A":{"Type":"Pass","End":true,"Next":"A"}`):                                                     "SCHEMA_VALIDATION_FAILED /States/A",
		machine(`"A":{"Type":"Pass","End":true,"Retry":[]}`):                                                     "SCHEMA_VALIDATION_FAILED /States/A/Retry",
		machine(`"A":{"Type":"Pass","End":true,"Output":1}`):                                                     "SCHEMA_VALIDATION_FAILED /States/A/Output",
		machine(`"A":{"Type":"Pass","End":true},"A":{"Type":"Succeed"}`):                                         "INVALID_JSON_DESCRIPTION /States/A",
		machine(`"A":{"Type":"Pass","Next":"B"}`):                                                                "MISSING_TRANSITION_TARGET /States/A/Next",
		machine(`"A":{"Type":"Pass","Next":"A"}`):                                                                "MISSING_END_STATE",
		machine(`"A":{"Type":"Succeed"},"B":{"Type":"Fail"}`):                                                    "MISSING_TRANSITION_TARGET /States/B",
		`{"StartAt":"B","States":{"A":{"Type":"Succeed"}}}`:                                                      "MISSING_TRANSITION_TARGET /StartAt",
		`{"StartAt":"A","QueryLanguage":"JSONata","TimeoutSeconds":"{% 1 %}","States":{"A":{"Type":"Succeed"}}}`: "SCHEMA_VALIDATION_FAILED /TimeoutSeconds",
		`{"StartAt":"A","TimeoutSecondsPath":"$.t","States":{"A":{"Type":"Succeed"}}}`:                           "SCHEMA_VALIDATION_FAILED /TimeoutSecondsPath",
		`{"StartAt":"A","Version":"2","States":{"A":{"Type":"Succeed"}}}`:                                        "SCHEMA_VALIDATION_FAILED /Version",
		machine(`"A":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":
			"Succeed"}}}]}`): "DUPLICATE_STATE_NAME /States/A/Branches[0]/States/A",
		machine(`"A":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"X"}],
			"Default":"B"},"B":{"Type":"Succeed"}`): "MISSING_TRANSITION_TARGET /States/A/Choices[0]/Next",
		machine(`"A":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"B"}]},
			"B":{"Type":"Succeed"}`): "SCHEMA_VALIDATION_FAILED /States/A/Choices[0]/NumericEquals",
		machine(`"A":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"IsString":true,
			"Next":"B"}]},"B":{"Type":"Succeed"}`): "SCHEMA_VALIDATION_FAILED /States/A/Choices[0]",
		task(`"ResultPath":"$.a[*]"`):                                 "SCHEMA_VALIDATION_FAILED /States/A/ResultPath",
		task(`"InputPath":"a.b"`):                                     "SCHEMA_VALIDATION_FAILED /States/A/InputPath",
		task(`"Parameters":{"a.$":"b"}`):                              "SCHEMA_VALIDATION_FAILED /States/A/Parameters/a.$",
		task(`"Parameters":{"a.$":"States.No()"}`):                    "SCHEMA_VALIDATION_FAILED /States/A/Parameters/a.$",
		task(`"TimeoutSeconds":0`):                                    "SCHEMA_VALIDATION_FAILED /States/A/TimeoutSeconds",
		task(`"TimeoutSeconds":5,"HeartbeatSeconds":5`):               "SCHEMA_VALIDATION_FAILED /States/A/HeartbeatSeconds",
		task(`"Assign":{"states":1}`):                                 "SCHEMA_VALIDATION_FAILED /States/A/Assign/states",
		task(`"Retry":[{"ErrorEquals":["States.ALL","E"]}]`):          "SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/ErrorEquals",
		task(`"Retry":[{"ErrorEquals":[]}]`):                          "SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/ErrorEquals",
		task(`"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]`):     "SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/BackoffRate",
		task(`"QueryLanguage":"SQL"`):                                 "SCHEMA_VALIDATION_FAILED /States/A/QueryLanguage",
		machine(`"A":{"Type":"Task","Resource":"refund","End":true}`): "SCHEMA_VALIDATION_FAILED /States/A/Resource",
		strings.Repeat("[", 5000):                                     "SCHEMA_VALIDATION_FAILED",
		deep:                                                          "SCHEMA_VALIDATION_FAILED",
		deep + strings.Repeat(`]}}}`, 60): "SCHEMA_VALIDATION_FAILED " +
			strings.Repeat("/States/P/Branches[0]", 50),
		strings.Repeat(" ", 2<<20): "SCHEMA_VALIDATION_FAILED",
	}
}

// Goal: big and hostile input ends with an answer, soon. Method: ten megabytes of input, paths and
// patterns made to explode, lists that multiply; each must end with a failure of the language or
// with an output within the limits.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	big := make(workflow.Array, 100_000)
	for i := range big {
		big[i] = workflow.NewObject("k", strings.Repeat("a", 80), "n", workflow.Int(int64(i)))
	}
	for _, state := range []string{
		`{"Type":"Pass","End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"$..*"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"$..*..*..*..*"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"$[?(@..k == $..k)]"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"$[?(@.k =~ /(a*)*(a*)*b/)]"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"$[` + strings.Repeat("0,", 1500) + `0]"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"States.Array(` + strings.Repeat("$,", 900) + `$)"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"States.JsonToString(States.Array($,$,$,$))"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"States.ArrayUnique($)"},"End":true}`,
		`{"Type":"Pass","Parameters":{"x.$":"States.ArrayPartition($, 1)"},"End":true}`,
		`{"Type":"Choice","Choices":[{"Variable":"$[0].k","StringMatches":"` +
			strings.Repeat("*a", 2000) + `b","Next":"X"}],"Default":"Y"}`,
	} {
		test := workflow.StateTest{Definition: []byte(state), Input: big}
		r, err := test.Run(workflow.Options{}, testEnv(time.Unix(1700000000, 0)))
		if err != nil {
			t.Fatalf("%.100s: %v", state, err)
		}
		if r.Failure == nil && len(workflow.Text(r.Output)) > 256*1024 {
			t.Errorf("%.100s: answered more than may be", state)
		}
	}
}

// Goal: values survive being written and read, however odd they are. Method: texts and back.
func TestValuesSurvive(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"b":1,"a":[null,true,"é\u0001\"\\\n",1.0,-0,1.0E10,12345678901234567890123]}`, `[]`, `{}`, `""`,
	} {
		v, err := workflow.ParseValue([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want(t, "text", workflow.Text(v), text)
	}
	for _, text := range []string{"", "1 2", "{", `{"a":}`, strings.Repeat("[", 100_000), "nul"} {
		if v, err := workflow.ParseValue([]byte(text)); err == nil {
			t.Errorf("%.40q was read as %s", text, fmt.Sprint(v))
		}
	}
}
