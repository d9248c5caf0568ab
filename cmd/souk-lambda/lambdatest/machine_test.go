package lambdatest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/app/machines/tasks"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
)

// orchestra is what Step Functions does between a machine and its functions.
type orchestra struct {
	*market
	tasks map[string]*lambdatest.Function
	calls map[string]int
	asked []string // questions to a person
}

// lambda is the address of a task's function.
func lambda(task string) string {
	return "arn:aws:lambda:eu-west-1:123456789012:function:souk-t-" +
		strings.ReplaceAll(task, ".", "-")
}

// substituted is a machine as CloudFormation makes it: functions for placeholders.
func substituted(t *testing.T, name string) *workflow.Machine {
	t.Helper()
	for _, d := range machines.Definitions() {
		if d.Name != name {
			continue
		}
		text := string(d.ASL)
		for _, task := range tasks.All() {
			text = strings.ReplaceAll(text, "${"+task.Name+"}", lambda(task.Name))
		}
		m, err := workflow.Parse([]byte(text), workflow.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Fatalf("there is no machine %s", name)
	return nil
}

// do carries out a call of a machine, twice, as a service that does not know that it has. Both
// answers must be the same.
func (o *orchestra) do(c workflow.Command) (workflow.Value, error) {
	o.carry()
	name, input := c.Resource, c.Input
	waits := strings.HasPrefix(name, "arn:aws:states:::lambda:invoke")
	if waits {
		in := input.(*workflow.Object)
		called, _ := in.Get("FunctionName")
		name = called.(string)
		input, _ = in.Get("Payload")
	}
	f := o.tasks[name]
	if f == nil {
		o.t.Fatalf("the machine calls %s", name)
	}
	o.calls[name]++
	first, failed := f.Invoke(o.t.Context(), []byte(workflow.Text(input)))
	again, failedAgain := f.Invoke(o.t.Context(), []byte(workflow.Text(input)))
	if string(first) != string(again) || (failed == nil) != (failedAgain == nil) {
		o.t.Errorf("%s answers %s (%v), and then %s (%v)", name, first, failed, again, failedAgain)
	}
	if report, ok := errors.AsType[*lambdatest.FunctionError](failed); ok {
		var said struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal([]byte(report.Body), &said); err != nil {
			o.t.Fatal(err)
		}
		return nil, workflow.NewFailure(said.ErrorType, said.ErrorMessage)
	}
	if failed != nil {
		return nil, failed
	}
	if waits {
		o.asked = append(o.asked, workflow.Text(input))
		return workflow.ParseValue([]byte(`{"decision":"refund"}`)) // says the person
	}
	return workflow.ParseValue(first)
}

// Goal: the room's machine gives back a lost parcel's money, once, where functions answer its tasks
// and each is invoked twice. Method: its own file with functions for its placeholders, as a
// deployment makes it, stepped by our interpreter in the place of Step Functions; every task is a
// process of the worker's binary, and the refund is payment's workers'.
func lostParcel(t *testing.T, dir string) {
	o := &orchestra{market: openMarket(t, dir), tasks: make(map[string]*lambdatest.Function),
		calls: make(map[string]int)}
	for _, task := range tasks.All() {
		o.tasks[lambda(task.Name)] = o.deploy(function.Worker, "SOUK_TASK", task.Name)
	}
	o.list("LAMP")
	order := o.checkout("LAMP", "tok_visa", "k1")
	o.carry()
	parcel := "shp_" + strings.TrimPrefix(order, "ord_") + "_1"
	for _, step := range []string{"pack", "dispatch"} {
		o.want(200, "POST", "/v1/shipments/"+parcel+"/"+step, o.token("dlr_1", room.Dealer()), "",
			step)
		o.carry()
	}
	runner := &workflow.Runner{Machine: substituted(t, "lost-shipment"), Do: o.do,
		Env: func() workflow.Env {
			return workflow.Env{Now: time.Now(), UUID: func() string { return "the-token" },
				Random: func() float64 { return 0.5 }}
		}}
	x, err := runner.Run(workflow.Execution{
		ID:   "arn:aws:states:eu-west-1:123456789012:execution:souk-t-fulfilment-lost-shipment:1",
		Name: "1", Input: workflow.Data{Value: workflow.NewObject("shipment", parcel,
			"order", order, "carrier", "dealer", "tracking", "", "patience", workflow.Int(259200))},
	})
	if err != nil || x.Status != workflow.Succeeded {
		t.Fatalf("%v, %+v", err, x)
	}
	for _, task := range tasks.All() {
		if o.calls[lambda(task.Name)] == 0 {
			t.Errorf("%s was never called", task.Name)
		}
	}
	if len(o.asked) != 1 || !strings.Contains(o.asked[0], parcel) {
		t.Errorf("a person was asked %v", o.asked)
	}
	ask := o.tasks[lambda("operator.ask")]
	ask.Close() // and all that it wrote is there
	if log, _ := ask.Log.(*lines); !strings.Contains(log.String(), "the-token") {
		t.Errorf("nobody learns the token: %s", log)
	}
	refunds := o.calls[lambda("payment.refund")]
	have := o.show("/v1/orders/"+order, room.Admin(), "adm_1")
	if !strings.Contains(have, `"paymentStatus":"refunded"`) || refunds != 1 {
		t.Errorf("after %d refunds: %s", refunds, have)
	}
}
