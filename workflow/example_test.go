package workflow_test

import (
	"fmt"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// A machine that refunds, run in memory: what the task does is a function of the caller's.
func Example() {
	m, err := workflow.Parse([]byte(`{
		"StartAt": "Refund",
		"States": {
			"Refund": {
				"Type": "Task",
				"Resource": "${payment.refund}",
				"Parameters": {"order.$": "$.order", "amount.$": "$.amount"},
				"Retry": [{"ErrorEquals": ["Provider.Unavailable"], "MaxAttempts": 2}],
				"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Review"}],
				"Next": "Refunded"
			},
			"Refunded": {"Type": "Succeed"},
			"Review": {"Type": "Fail", "Error": "NeedsReview"}
		}
	}`), workflow.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	attempts := 0
	runner := &workflow.Runner{
		Machine: m,
		Env: func() workflow.Env {
			return workflow.Env{
				Now: time.Unix(1700000000, 0), Random: func() float64 { return 0 },
				UUID: func() string { return "" },
			}
		},
		Do: func(c workflow.Command) (workflow.Value, error) {
			fmt.Println(c.ID, c.Resource, workflow.Text(c.Input))
			if attempts++; attempts == 1 {
				return nil, workflow.NewFailure("Provider.Unavailable", "try again")
			}
			return workflow.NewObject("refund", "re_1"), nil
		},
	}
	input, _ := workflow.ParseValue([]byte(`{"order":"ord_1","amount":1020}`))
	x, err := runner.Run(workflow.Execution{ID: "e1", Name: "e1",
		Input: workflow.Data{Value: input}})
	fmt.Println(x.Status, workflow.Text(x.Output.Value), err)
	// Output:
	// 1.0 ${payment.refund} {"order":"ord_1","amount":1020}
	// 1.1 ${payment.refund} {"order":"ord_1","amount":1020}
	// SUCCEEDED {"refund":"re_1"} <nil>
}
