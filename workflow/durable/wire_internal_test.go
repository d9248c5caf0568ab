package durable

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// Goal: a state that is written by hand is what its tags say, no field forgotten. Method: a state
// with something in every field, and one with nothing, written and read back.
func TestStateEncodes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	full := &state{
		Execution: &workflow.Execution{ID: "m/n", Input: workflow.Data{Value: "x"}}, Version: 3,
		Definition: "d\"", Chain: "c", Sequence: 4, Records: 5, Timer: at,
		Calls: map[string]*pending{
			"1.0": {Kind: workflow.Call, Resource: "r", State: "S \\", Token: "t", Handed: true},
			"2.0": {},
		},
		Alarms: map[string]time.Time{"1.0": at, "execution": at.Add(time.Hour)},
	}
	v := reflect.ValueOf(full).Elem()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test has nothing in %s", v.Type().Field(i).Name)
		}
	}
	for _, st := range []*state{full, {Execution: &workflow.Execution{}}} {
		raw, err := st.encode()
		if err != nil {
			t.Fatal(err)
		}
		have := &state{}
		if err := json.Unmarshal(raw, have); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if !reflect.DeepEqual(have, st) {
			t.Errorf("%+v is written as\n%s", st, raw)
		}
	}
}

// Goal: an event that is written by hand is read back as it was. Method: a page with something in
// every field, with texts that need escapes and bytes that are no UTF-8.
func TestPageEncodes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	value := func(v workflow.Value) *workflow.Data { return &workflow.Data{Value: v} }
	page := &advanced{
		Execution: "m/n",
		History: []Entry{
			{
				Number: 1, Type: "TaskStateEntered", At: at, ID: "1.0",
				State: "a\"\\\n\t\x01é\u2028",
				Input: value(workflow.NewObject("k", "v\"")), Output: value(nil),
				Variables: workflow.NewObject("n", workflow.Number("1.5")),
				Failure:   workflow.NewFailure("E\"", "c"), Index: 4,
			},
			{Number: 2, Type: "x", At: at, Failure: &workflow.Failure{}},
		},
		Calls: []announced{
			{
				Kind: workflow.Call, ID: "1.0", State: "S", Attempt: 2, Resource: "r", Token: "t",
				Input: workflow.Data{Value: workflow.Array{"x", true}}, Timeout: time.Second,
			},
			{Kind: workflow.Continue, ID: "execution"},
		},
	}
	have, err := decodePage(page.encode())
	if err != nil || !reflect.DeepEqual(have, page) {
		t.Errorf("%+v is read as\n%+v, %v", page, have, err)
	}
	var text string
	if err := json.Unmarshal(appendText(nil, "a\xffb"), &text); err != nil || text != "a\uFFFDb" {
		t.Errorf("bytes that are no UTF-8 are written as %q, %v", text, err)
	}
}
