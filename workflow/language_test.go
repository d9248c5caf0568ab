package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/jsonata"
)

// Goal: single states do what the specification's and the service's documentation's examples say.
// Method: a table of states, executed by themselves; what a task comes to is given.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, state, input, result, output, failure string }{
		{"InputPath takes a part",
			`{"Type":"Pass","InputPath":"$.a","End":true}`, `{"a":{"b":1}}`, "", `{"b":1}`, ""},
		{"InputPath null is an empty object",
			`{"Type":"Pass","InputPath":null,"End":true}`, `[1]`, "", `{}`, ""},
		{"ResultPath null discards the result",
			`{"Type":"Task","Resource":"${x}","ResultPath":null,"End":true}`, `{"a":1}`, `2`, `{"a":1}`, ""},
		{"ResultPath makes what is missing",
			`{"Type":"Task","Resource":"${x}","ResultPath":"$.b.c","End":true}`, `{"a":1}`, `2`,
			`{"a":1,"b":{"c":2}}`, ""},
		{"ResultPath replaces what is there",
			`{"Type":"Task","Resource":"${x}","ResultPath":"$.a[1]","End":true}`, `{"a":[0,1,2]}`, `"x"`,
			`{"a":[0,"x",2]}`, ""},
		{"ResultPath does not fit",
			`{"Type":"Task","Resource":"${x}","ResultPath":"$.b","End":true}`, `"text"`, `2`, "",
			"States.ResultPathMatchFailure"},
		{"ResultSelector shapes the result",
			`{"Type":"Task","Resource":"${x}","ResultSelector":{"n.$":"$.items.length()","c":1},
			"OutputPath":"$.n","End":true}`, `{}`, `{"items":[1,2,3]}`, `3`, ""},
		{"Parameters within lists and objects",
			`{"Type":"Pass","Parameters":{"l":[{"x.$":"$.a"},{"y":"$.a"}],"o":{"z.$":"$$.State.Name"}},
			"End":true}`, `{"a":7}`, "", `{"l":[{"x":7},{"y":"$.a"}],"o":{"z":"StateName"}}`, ""},
		{"members of a Result are not computed",
			`{"Type":"Pass","Result":{"a.$":"$.b"},"End":true}`, `{}`, "", `{"a.$":"$.b"}`, ""},
		{"a path that finds nothing ends the execution",
			`{"Type":"Pass","Parameters":{"a.$":"$.b"},"End":true}`, `{}`, "", "", "States.Runtime"},
		{"numbers stay as they are",
			`{"Type":"Pass","End":true}`, `{"a":1,"b":1.0,"c":12345678901234567890,"d":1.50}`, "",
			`{"a":1,"b":1.0,"c":12345678901234567890,"d":1.5}`, ""},
		{"an object's members keep their order",
			`{"Type":"Pass","Parameters":{"s.$":"States.JsonToString($)"},"End":true}`,
			`{"b":1,"a":{"d":[],"c":"é\n"}}`, "", `{"s":"{\"b\":1,\"a\":{\"d\":[],\"c\":\"é\\n\"}}"}`, ""},
		{"Fail takes its texts from the input",
			`{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('{} failed', $.w)"}`,
			`{"e":"Oops","w":"it"}`, "", "", "Oops: it failed"},
		{"Fail needs no texts", `{"Type":"Fail"}`, `{}`, "", "", "failed without an error name"},
		{"an empty list of items", `{"Type":"Map","ItemProcessor":{"StartAt":"X","States":{"X":
			{"Type":"Succeed"}}},"End":true}`, `[]`, `[]`, `[]`, ""},
		{"items must be a list", `{"Type":"Map","ItemsPath":"$.a","ItemProcessor":{"StartAt":"X","States":
			{"X":{"Type":"Succeed"}}},"End":true}`, `{"a":1}`, `[]`, "", "States.Runtime"},
		{"JSONata computes anywhere",
			`{"Type":"Pass","QueryLanguage":"JSONata","Output":{"a":["{% $states.input.x * 2 %}"," {% no %}"]},
			"End":true}`, `{"x":21}`, "", `{"a":[42," {% no %}"]}`, ""},
		{"JSONata sees the result",
			`{"Type":"Task","QueryLanguage":"JSONata","Resource":"${x}","Output":
			"{% $merge([$states.input, $states.result]) %}","End":true}`, `{"a":1}`, `{"b":2}`,
			`{"a":1,"b":2}`, ""},
		{"JSONata without a value", `{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $nothing %}",
			"End":true}`, `{}`, "", "", "States.QueryEvaluationError"},
		{"Choice without a match", `{"Type":"Choice","Choices":[{"Variable":"$.a","NumericGreaterThan":1,
			"Next":"B"}]}`, `{"a":1}`, "", "", "States.NoChoiceMatched"},
		{"Choice needs its variable", `{"Type":"Choice","Choices":[{"Variable":"$.b","IsNull":true,
			"Next":"B"}],"Default":"C"}`, `{"a":1}`, "", "", "States.Runtime"},
		{"too much", `{"Type":"Task","Resource":"${x}","End":true}`, `{}`,
			`"` + strings.Repeat("x", 256*1024) + `"`, "", "States.DataLimitExceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			output, failure := execute(t, c.state, c.input, c.result)
			want(t, "output", output, c.output)
			if !strings.HasPrefix(failure, c.failure) || failure != "" && c.failure == "" {
				t.Errorf("failed with %q, should with %q", failure, c.failure)
			}
		})
	}
}

// execute executes one state and answers its output or its failure.
func execute(t *testing.T, state, input, result string) (output, failure string) {
	t.Helper()
	v, err := workflow.ParseValue([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	test := workflow.StateTest{Definition: []byte(state), Input: v}
	if result != "" {
		r, err := workflow.ParseValue([]byte(result))
		if err != nil {
			t.Fatal(err)
		}
		test.Mock = &workflow.Mock{Result: r}
	}
	options := workflow.Options{Evaluator: jsonata.New(jsonata.Limits{})}
	got, err := test.Run(options, testEnv(time.Unix(1700000000, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Failure != nil {
		return "", got.Failure.Error()
	}
	return workflow.Text(got.Output), ""
}

// Goal: the intrinsic functions do what the service's documentation shows. Method: its examples,
// and the edges of each function.
func TestIntrinsicFunctions(t *testing.T) {
	t.Parallel()
	const input = `{"name":"Arnav","n":[1,2,3,3,1.0],"o":{"a":{"x":1},"b":1},"p":{"a":{"y":2},"c":3},
		"text":"{\"k\":[1]}"}`
	for call, expected := range map[string]string{
		`States.Format('Hello, my name is {}.', $.name)`:               `"Hello, my name is Arnav."`,
		`States.Format('{}{} \{\} \'{}\'', 1, null, true)`:             `"1null {} 'true'"`,
		`States.Format('{}', $.o)`:                                     `"{a={x=1}, b=1}"`,
		`States.Format('{}')`:                                          `States.IntrinsicFailure`,
		`States.Format('x', 1)`:                                        `States.IntrinsicFailure`,
		`States.StringToJson($.text)`:                                  `{"k":[1]}`,
		`States.StringToJson('no')`:                                    `States.IntrinsicFailure`,
		`States.JsonToString($.o)`:                                     `"{\"a\":{\"x\":1},\"b\":1}"`,
		`States.Array('a', 1, $.name, States.Array())`:                 `["a",1,"Arnav",[]]`,
		`States.ArrayPartition($.n, 2)`:                                `[[1,2],[3,3],[1.0]]`,
		`States.ArrayPartition($.n, 0)`:                                `States.IntrinsicFailure`,
		`States.ArrayContains($.n, 3)`:                                 `true`,
		`States.ArrayRange(1, 9, 2)`:                                   `[1,3,5,7,9]`,
		`States.ArrayRange(3, 1, -1)`:                                  `[3,2,1]`,
		`States.ArrayRange(1, 2000, 1)`:                                `States.IntrinsicFailure`,
		`States.ArrayGetItem($.n, 1)`:                                  `2`,
		`States.ArrayGetItem($.n, 5)`:                                  `States.IntrinsicFailure`,
		`States.ArrayLength($.n)`:                                      `5`,
		`States.ArrayUnique($.n)`:                                      `[1,2,3]`,
		`States.Base64Encode('Data to encode')`:                        `"RGF0YSB0byBlbmNvZGU="`,
		`States.Base64Decode('RGF0YSB0byBlbmNvZGU=')`:                  `"Data to encode"`,
		`States.Hash('input data', 'SHA-1')`:                           `"aaff4a450a104cd177d28d18d74485e8cae074b7"`,
		`States.Hash('x', 'SHA-3')`:                                    `States.IntrinsicFailure`,
		`States.JsonMerge($.o, $.p, false)`:                            `{"a":{"y":2},"b":1,"c":3}`,
		`States.JsonMerge($.o, $.p, true)`:                             `States.IntrinsicFailure`,
		`States.MathRandom(1, 999)`:                                    `500`,
		`States.MathAdd(1.5, -1)`:                                      `1`,
		`States.StringSplit('This.is+a,test=string', '.+,=')`:          `["This","is","a","test","string"]`,
		`States.UUID()`:                                                `"00000000-0000-4000-8000-000000000000"`,
		`States.ArrayGetItem(States.StringSplit('a-b', '-'), 1)`:       `"b"`,
		`States.MathAdd(States.ArrayLength($.n), States.MathAdd(1,1))`: `7`,
	} {
		state := workflow.Text(workflow.NewObject("Type", "Pass", "End", true, "OutputPath", "$.x",
			"Parameters", workflow.NewObject("x.$", call)))
		output, failure := execute(t, state, input, "")
		if failure != "" {
			output, _, _ = strings.Cut(failure, ":")
		}
		want(t, call, output, expected)
	}
}

// Goal: paths find what the service's dialect finds. Method: a document and a table of paths; an
// indefinite one answers a list, also an empty one, a definite one must find its value.
func TestPaths(t *testing.T) {
	t.Parallel()
	doc, err := workflow.ParseValue([]byte(`{"store":{"book":[{"t":"A","p":8.95,"isbn":"1"},
		{"t":"B","p":12},{"t":"C","p":8.99,"tags":["x","y"]}],"from-x":{"it's":1}},"n":null}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, expected := range map[string]string{
		"$.store.book[0].t":           `"A"`,
		"$['store']['book'][-1]['t']": `"C"`,
		"$.store.book[5]":             "nothing",
		"$.store.none":                "nothing",
		"$.n":                         `null`,
		"$.n.x":                       "nothing",
		"$.store.book[*].t":           `["A","B","C"]`,
		"$.store.book[1:].t":          `["B","C"]`,
		"$.store.book[:-1].t":         `["A","B"]`,
		"$.store.book[0,2].p":         `[8.95,8.99]`,
		"$.store.none[*]":             `[]`,
		"$..t":                        `["A","B","C"]`,
		"$..book[0].t":                `["A"]`,
		"$.store.book[?(@.p < 10)].t": `["A","C"]`,
		"$.store.book[?(@.isbn)].t":   `["A"]`,
		"$.store.book[?(!(@.isbn) && @.p > 10)].t":    `["B"]`,
		"$.store.book[?(@.t == 'A' || @.t == 'C')].p": `[8.95,8.99]`,
		"$.store.book[?(@.t =~ /[ab]/i)].t":           `["A","B"]`,
		"$.store.book[?(@.t in ['B'])].p":             `[12]`,
		"$.store.book[?('x' in @.tags)].t":            `["C"]`,
		"$.store.book[?(@.tags size 2)].t":            `["C"]`,
		"$.store.from-x":                              `{"it's":1}`,
		"$.['store'].['n']":                           "nothing",
		"$.store.a=b":                                 "nothing",
		`$.store.from-x['it\'s']`:                     `1`,
		"$.store.book.length()":                       `3`,
		"$.store.book[*].p.max()":                     `12.0`,
		"$.store.book[0]['t','p']":                    `[{"t":"A","p":8.95}]`,
		"$":                                           workflow.Text(doc),
	} {
		p, err := workflow.ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := "nothing"
		if v, err := p.Find(doc); err == nil {
			got = workflow.Text(v)
		}
		want(t, path, got, expected)
	}
	for _, path := range []string{
		"", "a", "$.", "$[", "$[]", "$['a", "$.a[?(@.b ==)]", "$.a[1:2:0]", "$..", "$.a b",
		"$.a[?(" + strings.Repeat("!(", 100) + "@.a" + strings.Repeat(")", 100) + ")]",
		"$.a.none()",
	} {
		if _, err := workflow.ParsePath(path); err == nil {
			t.Errorf("%q is taken for a path", path)
		}
	}
}
