package workflow_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// start compiles a machine and starts it at a moment; the machine's mistakes fail the test.
func start(
	t *testing.T, definition, input string,
) (*workflow.Machine, *workflow.Execution, workflow.Progress) {
	t.Helper()
	m, err := workflow.Parse([]byte(definition), workflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := workflow.ParseValue([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	x, p := m.NewExecution(workflow.Execution{ID: "e", Name: "e", Input: workflow.Data{Value: v}},
		at(0))
	return m, x, p
}

// at is the world so many seconds after the start.
func at(seconds int) workflow.Env {
	return testEnv(time.Unix(1700000000, 0).Add(time.Duration(seconds) * time.Second))
}

// says are commands in short.
func says(p workflow.Progress) string {
	var list []string
	for _, c := range p.Commands {
		s := string(c.Kind) + " " + c.ID
		if c.Kind == workflow.Wake {
			s += fmt.Sprintf(" +%d", c.At.Unix()-1700000000)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// advance gives an execution one event and answers the commands in short.
func advance(
	t *testing.T, m *workflow.Machine, x *workflow.Execution, e workflow.Event, env workflow.Env,
) string {
	t.Helper()
	p, err := m.Advance(x, e, env)
	if err != nil {
		t.Fatal(err)
	}
	return says(p)
}

func want(t *testing.T, what, got, expected string) {
	t.Helper()
	if got != expected {
		t.Errorf("%s: %s, should be %s", what, got, expected)
	}
}

// Goal: an answer that comes twice, too late or for another attempt changes nothing. Method: a task
// that is tried again, and every answer to its first attempt after that.
func TestAnswersToAttemptsThatAreOver(t *testing.T) {
	t.Parallel()
	m, x, p := start(t, `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"${a}",
		"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxAttempts":1}],"End":true}}}`, `{}`)
	want(t, "start", says(p), "Call 1.0")
	thrown := workflow.Event{Kind: workflow.TaskFailed, ID: "1.0", Failure: workflow.NewFailure(
		"E", "")}
	want(t, "failed", advance(t, m, x, thrown, at(1)), "Wake 1.1 +6")
	want(t, "failed again", advance(t, m, x, thrown, at(1)), "")
	late := workflow.Event{Kind: workflow.TaskSucceeded, ID: "1.0", Output: "late"}
	want(t, "late", advance(t, m, x, late, at(2)), "")
	want(t, "early", advance(t, m, x, workflow.Event{Kind: workflow.Woken, ID: "1.1"}, at(3)),
		"Wake 1.1 +6")
	want(t, "woken", advance(t, m, x, workflow.Event{Kind: workflow.Woken, ID: "1.1"}, at(6)),
		"Call 1.1")
	done := workflow.Event{Kind: workflow.TaskSucceeded, ID: "1.1", Output: "done"}
	want(t, "done", advance(t, m, x, done, at(7)), "")
	want(t, "status", string(x.Status), "SUCCEEDED")
	want(t, "done again", advance(t, m, x, late, at(8)), "")
	want(t, "output", workflow.Text(x.Output.Value), `"done"`)
}

// Goal: who does not answer in time, or does not send heartbeats, has failed. Method: a task with
// both limits; heartbeats move one of them and not the other.
func TestTimeoutsAndHeartbeats(t *testing.T) {
	t.Parallel()
	const definition = `{"StartAt":"A","States":{"A":{"Type":"Task",
		"Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","TimeoutSeconds":25,
		"HeartbeatSeconds":10,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"B"}],
		"End":true},"B":{"Type":"Succeed"}}}`
	beat := workflow.Event{Kind: workflow.TaskHeartbeat, ID: "1.0"}
	woken := workflow.Event{Kind: workflow.Woken, ID: "1.0"}
	m, x, p := start(t, definition, `{}`)
	want(t, "start", says(p), "Call 1.0, Wake 1.0 +10")
	want(t, "beat", advance(t, m, x, beat, at(8)), "")
	want(t, "woken", advance(t, m, x, woken, at(10)), "Wake 1.0 +18")
	want(t, "no beat", advance(t, m, x, woken, at(18)), "Cancel 1.0")
	want(t, "status", string(x.Status), "SUCCEEDED")
	want(t, "caught", workflow.Text(x.Output.Value), `{"Error":"States.HeartbeatTimeout","Cause":""}`)

	m, x, _ = start(t, definition, `{}`)
	for _, second := range []int{9, 18} {
		advance(t, m, x, beat, at(second))
		advance(t, m, x, woken, at(second+1))
	}
	want(t, "too long", advance(t, m, x, woken, at(25)), "Cancel 1.0")
	want(t, "status", string(x.Status)+" "+x.Failure.Error(), "FAILED States.Timeout")
}

// Goal: the failure of a branch fails its Parallel at once: its siblings are cancelled, and an
// attempt starts all of them anew, under new names. Method: three branches, of which one fails.
func TestBranchesFailTogether(t *testing.T) {
	t.Parallel()
	branch := func(name string) string {
		return `{"StartAt":"` + name + `","States":{"` + name +
			`":{"Type":"Task","Resource":"${x}","End":true}}}`
	}
	m, x, p := start(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[`+branch("A")+","+
		branch("B")+","+branch("C")+`],"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}}}`, `{}`)
	want(t, "start", says(p), "Call 1.0/0/1.0, Call 1.0/1/1.0, Call 1.0/2/1.0")
	ok := workflow.Event{Kind: workflow.TaskSucceeded, ID: "1.0/0/1.0", Output: "a"}
	want(t, "one is done", advance(t, m, x, ok, at(1)), "")
	bad := workflow.Event{Kind: workflow.TaskFailed, ID: "1.0/1/1.0"}
	want(t, "one fails", advance(t, m, x, bad, at(2)), "Cancel 1.0/2/1.0, Wake 1.1 +3")
	c, err := x.Clone()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "again", advance(t, m, c, workflow.Event{Kind: workflow.Woken, ID: "1.1"}, at(3)),
		"Call 1.1/0/1.0, Call 1.1/1/1.0, Call 1.1/2/1.0")
}

// Goal: a Map keeps to MaxConcurrency, and its results to the order of the items. Method: five
// items two at a time, answered backwards.
func TestMapConcurrency(t *testing.T) {
	t.Parallel()
	m, x, p := start(t, `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"ItemProcessor":
		{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"${x}","End":true}}},"End":true}}}`,
		`[0,1,2,3,4]`)
	open := strings.Split(says(p), ", ")
	most := len(open)
	for len(open) > 0 && x.Status == workflow.Running {
		id := strings.TrimPrefix(open[len(open)-1], "Call ")
		open = open[:len(open)-1]
		e := workflow.Event{Kind: workflow.TaskSucceeded, ID: id, Output: strings.Split(id, "/")[1]}
		if more := advance(t, m, x, e, at(1)); more != "" {
			open = append(open, strings.Split(more, ", ")...)
		}
		most = max(most, len(open))
	}
	want(t, "at a time", fmt.Sprint(most), "2")
	want(t, "output", workflow.Text(x.Output.Value), `["0","1","2","3","4"]`)
}

// Goal: a machine that goes round in circles holds nobody up and ends. Method: two states that lead
// to each other, pauses answered.
func TestCirclesPauseAndEnd(t *testing.T) {
	t.Parallel()
	m, x, p := start(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice",
		"Choices":[{"Variable":"$.stop","IsPresent":true,"Next":"C"}],"Default":"A"},
		"C":{"Type":"Succeed"}}}`, `{}`)
	pauses := 0
	for x.Status == workflow.Running {
		want(t, "pause", says(p), "Continue execution")
		pauses++
		var err error
		if p, err = m.Advance(x, workflow.Event{Kind: workflow.Resume}, at(pauses)); err != nil {
			t.Fatal(err)
		}
	}
	if pauses == 0 || x.Failure == nil || *x.Failure.Code != workflow.ErrorRuntime {
		t.Errorf("after %d pauses it ended with %v", pauses, x.Failure)
	}
}

// Goal: an execution that takes too long is over, with all that it waits for. Method: a wait that
// is longer than the machine may take; then one that somebody stops.
func TestTimedOutAndStopped(t *testing.T) {
	t.Parallel()
	const definition = `{"StartAt":"W","TimeoutSeconds":10,"States":{"W":{"Type":"Wait","Seconds":60,
		"End":true}}}`
	m, x, p := start(t, definition, `{}`)
	want(t, "start", says(p), "Wake execution +10, Wake 1.0 +60")
	woken := workflow.Event{Kind: workflow.Woken, ID: "execution"}
	want(t, "early", advance(t, m, x, woken, at(9)), "Wake execution +10")
	want(t, "late", advance(t, m, x, woken, at(10)), "Cancel 1.0")
	want(t, "status", string(x.Status), "TIMED_OUT")

	m, x, _ = start(t, definition, `{}`)
	stop := workflow.Event{Kind: workflow.Stop, Failure: workflow.NewFailure("Stopped", "by hand")}
	want(t, "stop", advance(t, m, x, stop, at(1)), "Cancel 1.0")
	want(t, "status", string(x.Status)+" "+x.Failure.Error(), "ABORTED Stopped: by hand")
}

// Goal: an execution does not go on by another definition than its own. Method: another machine.
func TestAnotherMachineIsRefused(t *testing.T) {
	t.Parallel()
	_, x, _ := start(t, smallMachine, `{"order":{}}`)
	other, _, _ := start(t, `{"StartAt":"X","States":{"X":{"Type":"Succeed"}}}`, `{}`)
	c, err := x.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Advance(c, workflow.Event{Kind: workflow.Woken, ID: "1.0"}, at(
		1)); err == nil {
		t.Error("the execution went on by a definition that lacks its state")
	}
}

// Goal: an execution that failed can go on where it failed, and one that did not cannot. Method: a
// task that fails once; its second life has the input and the variables of the first.
func TestRedrive(t *testing.T) {
	t.Parallel()
	m, x, _ := start(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"B"},
		"B":{"Type":"Task","Resource":"${b}","Parameters":{"v.$":"$v",
		"n.$":"$$.Execution.RedriveCount"},"End":true}}}`, `{}`)
	bad := workflow.Event{Kind: workflow.TaskFailed, ID: "2.0", Failure: workflow.NewFailure("E",
		"")}
	want(t, "failed", advance(t, m, x, bad, at(1)), "")
	want(t, "status", string(x.Status), "FAILED")
	p, err := m.Redrive(x, at(2))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "again", says(p), "Call 3.0")
	want(t, "input", workflow.Text(p.Commands[0].Input), `{"v":1,"n":1}`)
	if _, err := m.Redrive(x, at(3)); !errors.Is(err, workflow.ErrNotRedrivable) {
		t.Errorf("a running execution was redriven: %v", err)
	}
	advance(t, m, x, workflow.Event{Kind: workflow.TaskSucceeded, ID: "3.0", Output: "ok"}, at(4))
	want(t, "status", string(x.Status), "SUCCEEDED")
}

// Goal: a redrive does not run again what had come to its end: branches, nested ones too, and items
// of a Map keep their results, the others go on where they were, no more at a time than allowed.
// Method: a Parallel with a branch that is done, one that fails and one that waits; a Map of four
// items, two at a time, the second of which fails; kept as JSON between failure and redrive.
func TestRedriveKeepsFinishedBranches(t *testing.T) {
	t.Parallel()
	m, x, p := start(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"${a}","End":true}}},
		{"StartAt":"B","States":{"B":{"Type":"Task","Resource":"${b}","Next":"Q"},
			"Q":{"Type":"Parallel","End":true,"Branches":[
			{"StartAt":"C","States":{"C":{"Type":"Task","Resource":"${c}","End":true}}},
			{"StartAt":"D","States":{"D":{"Type":"Task","Resource":"${d}","End":true}}}]}}},
		{"StartAt":"E","States":{"E":{"Type":"Task","Resource":"${e}","End":true}}}]}}}`, `{}`)
	want(t, "begun", says(p), "Call 1.0/0/1.0, Call 1.0/1/1.0, Call 1.0/2/1.0")
	done := func(id, output string) string {
		return advance(t, m, x, workflow.Event{
			Kind: workflow.TaskSucceeded, ID: id, Output: output,
		}, at(1))
	}
	done("1.0/0/1.0", "a")
	want(t, "inner", done("1.0/1/1.0", "b"), "Call 1.0/1/2.0/0/1.0, Call 1.0/1/2.0/1/1.0")
	done("1.0/1/2.0/0/1.0", "c")
	advance(t, m, x, workflow.Event{
		Kind: workflow.TaskFailed, ID: "1.0/1/2.0/1/1.0", Failure: workflow.NewFailure("E", ""),
	}, at(2))
	want(t, "status", string(x.Status), "FAILED")
	x, err := x.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = m.Redrive(x, at(3)); err != nil {
		t.Fatal(err)
	}
	want(t, "again", says(p), "Call 1.0/1/2.0/1/2.0, Call 1.0/2/2.0")
	done("1.0/1/2.0/1/2.0", "d")
	done("1.0/2/2.0", "e")
	want(t, "output", workflow.Text(x.Output.Value), `["a",["c","d"],"e"]`)

	m, x, p = start(t, `{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$","MaxConcurrency":2,
		"End":true,"ItemProcessor":{"StartAt":"T","States":{
		"T":{"Type":"Task","Resource":"${t}","End":true}}}}}}`, `["a","b","c","d"]`)
	want(t, "two", says(p), "Call 1.0/0/1.0, Call 1.0/1/1.0")
	want(t, "the next", done("1.0/0/1.0", "a"), "Call 1.0/2/1.0")
	advance(t, m, x, workflow.Event{
		Kind: workflow.TaskFailed, ID: "1.0/1/1.0", Failure: workflow.NewFailure("E", ""),
	}, at(2))
	if p, err = m.Redrive(x, at(3)); err != nil {
		t.Fatal(err)
	}
	want(t, "again", says(p), "Call 1.0/1/2.0, Call 1.0/2/2.0")
	want(t, "the last", done("1.0/1/2.0", "b"), "Call 1.0/3/1.0")
	done("1.0/2/2.0", "c")
	done("1.0/3/1.0", "d")
	want(t, "output", workflow.Text(x.Output.Value), `["a","b","c","d"]`)
}
