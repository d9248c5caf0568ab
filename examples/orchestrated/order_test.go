package orchestrated_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Goal: the machine does what its README says: what was done is undone, in reverse, and nothing
// else. Method: every test case of the mock configuration; the states that were entered, in order.
func TestOrder(t *testing.T) {
	t.Parallel()
	m, err := workflow.Parse(read(t, "order.asl.json"), workflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	input, err := workflow.ParseValue(read(t, "input.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		status workflow.Status
		states string
	}{
		"Placed": {workflow.Succeeded,
			"Validate, Hold the stock, Authorise, Record, Tell, Customer, Dealers, Placed"},
		"Sold out": {workflow.Failed, "Validate, Hold the stock, Refuse"},
		"Declined": {workflow.Failed,
			"Validate, Hold the stock, Authorise, Release the stock, Refuse"},
		"Not recorded": {workflow.Failed, "Validate, Hold the stock, Authorise, Record, Void, " +
			"Release the stock, Refuse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mocks, err := workflow.ParseMocks(read(t, "mocks.json"), "order", name)
			if err != nil {
				t.Fatal(err)
			}
			var states []string
			now := time.Unix(0, 0)
			r := &workflow.Runner{
				Machine: m,
				Env: func() workflow.Env {
					return workflow.Env{
						Now: now, Random: func() float64 { return 0 },
						UUID: func() string { return "" },
					}
				},
				Sleep: func(d time.Duration) { now = now.Add(d) },
				Do: func(c workflow.Command) (workflow.Value, error) {
					v, failure, ok := mocks.Answer(c.State)
					if !ok {
						t.Errorf("%s is called, and has no mock", c.State)
					}
					if failure != nil {
						return nil, failure
					}
					return v, nil
				},
				Observe: func(r workflow.Record) {
					if strings.HasSuffix(r.Type, "StateEntered") {
						states = append(states, r.State)
					}
				},
			}
			x, err := r.Run(workflow.Execution{Input: workflow.Data{Value: input}})
			if err != nil {
				t.Fatal(err)
			}
			if have := strings.Join(states, ", "); x.Status != want.status || have != want.states {
				t.Errorf("%s after %s", x.Status, have)
			}
			if done := slices.Contains(states, "Placed"); done != (x.Status == workflow.Succeeded) {
				t.Errorf("%s, and placed is %v", x.Status, done)
			}
		})
	}
}
