package workflow_test

import (
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// smallMachine is an order in miniature: two tasks, a choice, a pass.
const smallMachine = `{"StartAt":"Prepare","States":{
	"Prepare":{"Type":"Pass","Parameters":{"order.$":"$.order","attempt":1},"Next":"Authorize"},
	"Authorize":{"Type":"Task","Resource":"${payment.authorize}","ResultPath":"$.payment",
		"Next":"Paid?"},
	"Paid?":{"Type":"Choice","Choices":[
		{"Variable":"$.payment.status","StringEquals":"paid","Next":"Record"}],"Default":"Refused"},
	"Record":{"Type":"Task","Resource":"${order.record}","ResultPath":null,"Next":"Done"},
	"Done":{"Type":"Succeed"},
	"Refused":{"Type":"Fail","Error":"Refused"}}}`

// BenchmarkAdvance measures transitions: states entered, with all that is done to input and output,
// without keeping anything. Wanted are 200,000 a second on one core.
func BenchmarkAdvance(b *testing.B) {
	m, err := workflow.Parse([]byte(smallMachine), workflow.Options{})
	if err != nil {
		b.Fatal(err)
	}
	env := testEnv(time.Unix(1700000000, 0))
	input := workflow.NewObject("order", workflow.NewObject("id", "ord_1", "total", workflow.Int(
		1020)))
	paid := workflow.NewObject("status", "paid")
	who := workflow.Execution{ID: "e", Name: "e", Input: workflow.Data{Value: input}}
	entered := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		x, p := m.NewExecution(who, env)
		for x.Status == workflow.Running {
			e := workflow.Event{Kind: workflow.TaskSucceeded, ID: p.Commands[0].ID, Output: paid}
			if p, err = m.Advance(x, e, env); err != nil {
				b.Fatal(err)
			}
		}
		entered += x.Entered
	}
	b.ReportMetric(float64(entered)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkKeep measures what keeping an execution costs: writing it as JSON and reading it back.
func BenchmarkKeep(b *testing.B) {
	m, err := workflow.Parse([]byte(smallMachine), workflow.Options{})
	if err != nil {
		b.Fatal(err)
	}
	input := workflow.NewObject("order", workflow.NewObject("id", "ord_1", "total", workflow.Int(
		1020)))
	x, _ := m.NewExecution(workflow.Execution{ID: "e", Name: "e",
		Input: workflow.Data{Value: input}},
		testEnv(time.Unix(1700000000, 0)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Clone(); err != nil {
			b.Fatal(err)
		}
	}
}
