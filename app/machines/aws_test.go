package machines_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/app/machines/tasks"
)

// state is what of a state matters to functions that answer it.
type state struct {
	Type, Resource string
	Parameters     map[string]any
	Retry          []struct{ ErrorEquals []string }
}

// Goal: every machine can be answered by functions: what it calls exists, each call says which
// attempt it is, and an error of which nobody knows what was done is asked again. Method: the
// states of every definition that the rooms own.
func TestMachinesCanBeAnsweredByFunctions(t *testing.T) {
	t.Parallel()
	calls := 0
	for _, d := range machines.Definitions() {
		var m struct{ States map[string]state }
		if err := json.Unmarshal(d.ASL, &m); err != nil {
			t.Fatal(err)
		}
		for name, s := range m.States {
			if s.Type != "Task" {
				if s.Type == "Map" || s.Type == "Parallel" {
					t.Errorf("%s: this test does not look into %s", d.Name, name)
				}
				continue
			}
			calls++
			called, _ := s.Parameters["FunctionName"].(string)
			if called == "" {
				called = s.Resource
			}
			i := slices.IndexFunc(tasks.All(), func(t tasks.Task) bool {
				return "${"+t.Name+"}" == called
			})
			if i < 0 {
				t.Errorf("%s: %s calls %s, which is no task", d.Name, name, called)
				continue
			}
			saysWhich(t, d.Name+": "+name, s, tasks.All()[i])
		}
	}
	if calls == 0 {
		t.Error("no machine calls anything")
	}
}

func saysWhich(t *testing.T, where string, s state, task tasks.Task) {
	t.Helper()
	attempt, _ := s.Parameters["attempt"].(map[string]any)
	for part, want := range map[string]string{
		"execution.$": "$$.Execution.Id", "state.$": "$$.State.Name",
		"entered.$": "$$.State.EnteredTime",
	} {
		if !task.Asks && attempt[part] != want {
			t.Errorf("%s: its attempt says %q of %s", where, attempt[part], part)
		}
	}
	if waits := strings.HasSuffix(s.Resource, ".waitForTaskToken"); waits != task.Asks {
		t.Errorf("%s: it waits for a token: %v", where, waits)
	}
	for _, unknown := range []string{"souk.failed", "souk.panicked", "Runtime.ExitError",
		"Sandbox.Timedout", "Lambda.Unknown", "Lambda.ServiceException",
		"Lambda.AWSLambdaException", "Lambda.SdkClientException",
		"Lambda.ClientExecutionTimeoutException", "Lambda.TooManyRequestsException"} {
		if !slices.ContainsFunc(s.Retry, func(r struct{ ErrorEquals []string }) bool {
			return slices.Contains(r.ErrorEquals, unknown)
		}) {
			t.Errorf("%s: it does not ask again after %s", where, unknown)
		}
	}
}
