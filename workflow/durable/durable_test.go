package durable_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// Goal: a machine runs to its end, and each attempt is called once with a key of its own. Method:
// the saga on a calm platform.
func TestRuns(t *testing.T) {
	t.Parallel()
	w := begin(t, saga, setup{})
	id := w.start("one")
	d := w.until(id, ended)
	if d.Status != workflow.Succeeded || d.ID != "m/one" || len(d.Calls) != 0 || !d.Next.IsZero() {
		t.Errorf("ended as %+v", d)
	}
	if took := d.Stopped.Sub(d.Started); took < 8*time.Second {
		t.Errorf("it took %s, and has to wait 2, 5 and 1 s", took)
	}
	if len(w.book.effects) != 9 {
		t.Errorf("9 attempts have %d keys: %v", len(w.book.effects), w.book.effects)
	}
	for key, n := range w.book.calls {
		if n != 1 || !strings.HasPrefix(key, "m/one:") {
			t.Errorf("%s was called %d times", key, n)
		}
	}
	if n := int64(len(w.history(id))); n != d.Records {
		t.Errorf("the history has %d records, %d are counted", n, d.Records)
	}
	w.noDead()
}

// Goal: deliveries that are doubled, late and out of order, commits that are lost or of unknown
// outcome: the same history, the same output and the same effects as on a calm day. Method: the
// saga behind the default faults, several seeds, several executions each.
func TestFaultsChangeNothing(t *testing.T) {
	t.Parallel()
	const n = 5
	run := func(t *testing.T, f *platformtest.Faults, pure bool) (*world, [][]string) {
		w := begin(t, saga, setup{faults: f, pure: pure})
		var all [][]string
		for i := range n {
			w.start(fmt.Sprint("e", i))
		}
		for i := range n {
			d := w.until(fmt.Sprint("m/e", i), ended)
			all = append(all, append(w.history(d.ID), workflow.Text(d.Output.Value)))
		}
		return w, all
	}
	calm, want := run(t, nil, false)
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := platformtest.DefaultFaults(seed)
			w, have := run(t, &f, seed%2 == 1)
			for i := range have {
				if !slices.Equal(have[i], want[i]) {
					t.Errorf("history\n%s\nwant\n%s",
						strings.Join(have[i], "\n"), strings.Join(want[i], "\n"))
				}
			}
			if !maps.Equal(w.book.outcome(), calm.book.outcome()) {
				t.Errorf("effects %v, want %v", w.book.effects, calm.book.effects)
			}
			c := w.p.(*platformtest.Faulty).Counts()
			if c.Double == 0 || c.Again == 0 || c.HoldBack == 0 {
				t.Errorf("no faults to speak of: %+v", c)
			}
			w.noDead()
		})
	}
}

// Goal: a call of unknown outcome is made again with the same key; only a Failure is the machine's
// affair. Method: a task that had its effect and does not know it, twice.
func TestUnknownOutcomeIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := newBook()
	tasks := b.tasks()
	tasks["step"] = func(_ context.Context, c durable.Call) (workflow.Value, error) {
		v, err := b.do(c, "")
		if b.calls[c.Key] < 3 {
			return nil, errors.New("the connection broke")
		}
		return v, err
	}
	w := begin(t, `{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "${step}", "End": true}}}`, setup{book: b, tasks: tasks})
	d := w.until(w.start("one"), ended)
	if d.Status != workflow.Succeeded || len(b.calls) != 1 || b.calls["m/one:1.0"] != 3 {
		t.Errorf("%s after %v", d.Status, b.calls)
	}
}

const callback = `{"StartAt": "Ask", "States": {
	"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
		"TimeoutSeconds": 3600, "HeartbeatSeconds": 60,
		"Parameters": {"token.$": "$$.Task.Token"},
		"Catch": [{"ErrorEquals": ["Declined"], "Next": "Bad"}],
		"Next": "Good"},
	"Good": {"Type": "Succeed"}, "Bad": {"Type": "Fail", "Error": "Bad"}}}`

// handed says that a task was given its token.
func (w *world) handed(id string) string {
	w.t.Helper()
	w.until(id, func(d *durable.Description) bool { return w.book.token("Ask") != "" })
	return w.book.token("Ask")
}

// Goal: a task that waits for its token goes on when it is sent, once. Method: send success twice,
// failure once, an unknown token; nothing is called again.
func TestCallbackOnce(t *testing.T) {
	t.Parallel()
	w := begin(t, callback, setup{})
	ctx := t.Context()
	id := w.start("good")
	token := w.handed(id)
	if err := w.e.SendTaskHeartbeat(ctx, token); err != nil {
		t.Errorf("heartbeat: %v", err)
	}
	if err := w.e.SendTaskSuccess(ctx, token, workflow.NewObject("ok", true)); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{token, "unknown"} {
		if err := w.e.SendTaskSuccess(ctx, token, "x"); !errors.Is(err, durable.ErrNoTask) {
			t.Errorf("a token that nobody waits for: %v", err)
		}
		err := w.e.SendTaskFailure(ctx, token, workflow.NewFailure("Declined", ""))
		if !errors.Is(err, durable.ErrNoTask) {
			t.Errorf("a token that nobody waits for: %v", err)
		}
	}
	d := w.until(id, ended)
	if d.Status != workflow.Succeeded || workflow.Text(d.Output.Value) != `{"ok":true}` {
		t.Errorf("ended as %+v", d)
	}
	w.book.tokens = make(map[string]string)
	id = w.start("bad")
	err := w.e.SendTaskFailure(ctx, w.handed(id), workflow.NewFailure("Declined", "no"))
	d = w.until(id, ended)
	if err != nil || d.Status != workflow.Failed || *d.Failure.Code != "Bad" {
		t.Errorf("ended as %+v, %v", d, err)
	}
	for key, n := range w.book.calls {
		if n != 1 {
			t.Errorf("%s was called %d times", key, n)
		}
	}
}

// Goal: a callback that does not come ends with the heartbeat, and then the token is worth nothing.
// Method: nobody answers.
func TestCallbackTimesOut(t *testing.T) {
	t.Parallel()
	w := begin(t, callback, setup{})
	id := w.start("late")
	token := w.handed(id)
	d := w.until(id, ended)
	if d.Status != workflow.Failed || *d.Failure.Code != workflow.ErrorHeartbeatTimeout {
		t.Errorf("ended as %+v", d)
	}
	if took := d.Stopped.Sub(d.Started); took < time.Minute || took > 2*time.Minute {
		t.Errorf("ended after %s", took)
	}
	if err := w.e.SendTaskSuccess(t.Context(), token, nil); !errors.Is(err, durable.ErrNoTask) {
		t.Errorf("a token that timed out: %v", err)
	}
}

// Goal: an execution that runs keeps its definition. Method: a second version while the first
// waits.
func TestKeepsItsDefinition(t *testing.T) {
	t.Parallel()
	wait := `{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "P"},
		"P": {"Type": "Pass", "Result": "%s", "End": true}}}`
	w := begin(t, fmt.Sprintf(wait, "first"), setup{})
	old := w.start("old")
	if v := w.define("m", fmt.Sprintf(wait, "second")); v != 2 {
		t.Errorf("the second definition has version %d", v)
	}
	if v := w.define("m", fmt.Sprintf(wait, "second")); v != 2 {
		t.Errorf("the same definition again has version %d", v)
	}
	for id, want := range map[string]string{old: "first", w.start("new"): "second"} {
		if d := w.until(id, ended); d.Output.Value != want {
			t.Errorf("%s ended with %v, want %s", id, d.Output.Value, want)
		}
	}
}

// Goal: starting is idempotent by name, and bad starts are refused. Method: the same, another
// input, bad names, no machine, too much input.
func TestStart(t *testing.T) {
	t.Parallel()
	w := begin(t, saga, setup{})
	w.start("one")
	w.start("one")
	bad := map[string]struct {
		s    durable.Start
		want error
	}{
		"another input": {durable.Start{Machine: "m", Name: "one"}, durable.ErrExists},
		"another version": {
			durable.Start{Machine: "m", Name: "one", Version: 2}, platform.ErrNotFound,
		},
		"no name": {durable.Start{Machine: "m"}, platform.ErrInvalid},
		"a slash": {durable.Start{Machine: "m", Name: "a/b"}, platform.ErrInvalid},
		"a long name": {
			durable.Start{Machine: "m", Name: strings.Repeat("a", 81)}, platform.ErrInvalid,
		},
		"no machine": {durable.Start{Machine: "n", Name: "one"}, platform.ErrNotFound},
		"a large input": {durable.Start{
			Machine: "m", Name: "two", Input: strings.Repeat("a", 256*1024+1),
		}, platform.ErrTooLarge},
	}
	for name, b := range bad {
		if _, err := w.e.Start(t.Context(), b.s); !errors.Is(err, b.want) {
			t.Errorf("%s: %v, want %v", name, err, b.want)
		}
	}
	_, err := w.e.Define(t.Context(), "n", []byte(`{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "${nobody}", "End": true}}}`))
	if !errors.Is(err, durable.ErrUnknownTask) {
		t.Errorf("a definition with an unknown task: %v", err)
	}
	list, _, err := w.e.List(t.Context(), durable.Query{Machine: "m"})
	if err != nil || len(list) != 1 {
		t.Errorf("%d executions are there: %v", len(list), err)
	}
}

// Goal: an execution can be stopped, and its calls and timers are forgotten; it can be redriven,
// and goes on where it was under a new key. Method: stop a wait; redrive what fails the first time.
func TestStopAndRedrive(t *testing.T) {
	t.Parallel()
	b := newBook()
	tasks := b.tasks()
	repaired := false // set before the redrive, which the next call follows
	tasks["step"] = func(_ context.Context, c durable.Call) (workflow.Value, error) {
		if c.State == "Second" && !repaired {
			return b.do(c, "Broken")
		}
		return b.do(c, "")
	}
	w := begin(t, `{"StartAt": "First", "States": {
		"First": {"Type": "Task", "Resource": "${step}", "Next": "Second"},
		"Second": {"Type": "Task", "Resource": "${step}", "Next": "Rest"},
		"Rest": {"Type": "Wait", "Seconds": 40000, "End": true}}}`, setup{book: b, tasks: tasks})
	ctx := t.Context()
	id := w.start("one")
	if d := w.until(id, ended); d.Status != workflow.Failed || *d.Failure.Code != "Broken" {
		t.Fatalf("ended as %+v", d)
	}
	repaired = true
	if err := w.e.Redrive(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := w.e.Redrive(ctx, id); !errors.Is(err, workflow.ErrNotRedrivable) {
		t.Errorf("redrive one that runs: %v", err)
	}
	d := w.until(id, func(d *durable.Description) bool { return !d.Next.IsZero() })
	if d.Redrives != 1 || len(b.effects) != 3 || b.calls["m/one:1.0"] != 1 {
		t.Errorf("redriven: %+v after %v", d, b.calls)
	}
	if err := w.e.Stop(ctx, id, workflow.NewFailure("Enough", "the test")); err != nil {
		t.Fatal(err)
	}
	if err := w.e.Stop(ctx, id, nil); err != nil {
		t.Errorf("stop again: %v", err)
	}
	d = w.describe(id)
	if d.Status != workflow.Aborted || *d.Failure.Code != "Enough" || !d.Next.IsZero() {
		t.Errorf("stopped: %+v", d)
	}
	for status, want := range map[workflow.Status]int{workflow.Aborted: 1, workflow.Failed: 0} {
		list, _, err := w.e.List(ctx, durable.Query{Machine: "m", Status: status})
		if err != nil || len(list) != want {
			t.Errorf("%d are %s, want %d: %v", len(list), status, want, err)
		}
	}
	if err := w.e.Stop(ctx, "m/none", nil); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("stop what is not there: %v", err)
	}
}

// Goal: an execution that cannot be kept fails with the name of the limit, and a long run of states
// without a task goes on by itself. Method: variables that grow; a loop of some thousand states.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := begin(t, `{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "${step}", "Assign": {"a.$": "$.big"}, "Next": "B"},
		"B": {"Type": "Task", "Resource": "${step}", "Assign": {"b.$": "$.big"}, "Next": "C"},
		"C": {"Type": "Task", "Resource": "${step}", "Assign": {"c.$": "$.big"}, "End": true}}}`,
		setup{tasks: map[string]durable.Task{
			"step": func(context.Context, durable.Call) (workflow.Value, error) {
				return workflow.NewObject("big", strings.Repeat("x", 150_000)), nil
			},
		}})
	d := w.until(w.start("big"), ended)
	if d.Status != workflow.Failed || *d.Failure.Code != workflow.ErrorDataLimitExceeded {
		t.Errorf("ended as %+v", d)
	}
	w.define("m", `{"StartAt": "N", "States": {
		"N": {"Type": "Pass", "Result": {"n": 0}, "Next": "Add"},
		"Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Again"},
		"Again": {"Type": "Choice", "Default": "Add",
			"Choices": [{"Variable": "$.n", "NumericEquals": 1500, "Next": "Done"}]},
		"Done": {"Type": "Succeed"}}}`)
	if d := w.until(w.start("long"), ended); d.Status != workflow.Succeeded {
		t.Errorf("ended as %+v", d)
	}
	w.noDead()
}

// Goal: waiting for an execution ends with it, with the caller's patience, or at once if there is
// none. Method: one that ends, one that waits and a context that is over, a name nobody has.
func TestAwait(t *testing.T) {
	t.Parallel()
	w := begin(t, `{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "${step}", "End": true}}}`, setup{})
	id := w.start("one")
	if err := w.e.Await(t.Context(), id); err != nil || !ended(w.describe(id)) {
		t.Errorf("awaited: %v, %+v", err, w.describe(id))
	}
	if err := w.e.Await(t.Context(), "m/none"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("await what is not there: %v", err)
	}
	w.define("m", callback)
	ctx, cancel := context.WithCancel(t.Context())
	id = w.start("two")
	cancel()
	if err := w.e.Await(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("await in vain: %v", err)
	}
}
