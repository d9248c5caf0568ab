package verify_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// ordeal is a machine with a retry, a caught failure, branches, and a question at its end.
const ordeal = `{"StartAt": "First", "States": {
	"First": {"Type": "Task", "Resource": "${flaky}", "Next": "Both",
		"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]},
	"Both": {"Type": "Parallel", "Next": "Ask",
		"Catch": [{"ErrorEquals": ["No"], "Next": "Ask"}],
		"Branches": [
		{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${no}", "End": true}}},
		{"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": 60, "End": true}}}]},
	"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
		"End": true}}}`

// ordeals is the tape of executions: one is answered, one is stopped and redriven, one waits.
func ordeals(t *testing.T) *tape {
	t.Helper()
	w := roomtest.New(t, roomtest.Calm())
	tokens := make(chan string, 16)
	e, err := durable.New(durable.Options{
		Platform: w.Platform, Clock: w.Desk("workflow").Clock,
		Tasks: map[string]durable.Task{
			"flaky": func(_ context.Context, c durable.Call) (workflow.Value, error) {
				if c.Attempt == 0 {
					return nil, workflow.NewFailure("Busy", "")
				}
				return "done", nil
			},
			"no": func(context.Context, durable.Call) (workflow.Value, error) {
				return nil, workflow.NewFailure("No", "")
			},
			"arn:aws:states:::sqs:sendMessage": func(
				_ context.Context, c durable.Call,
			) (workflow.Value, error) {
				tokens <- c.Token
				return nil, nil
			},
		},
	})
	ctx := t.Context()
	if err == nil {
		_, err = e.Define(ctx, "ordeal", []byte(ordeal))
	}
	if err == nil {
		err = w.Platform.Delivery().Start(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := func(name string) (id, token string) {
		id, err := e.Start(ctx, durable.Start{Machine: "ordeal", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return id, nextToken(t, w, tokens)
	}
	_, token := asked("answered")
	if err := e.SendTaskSuccess(ctx, token, "yes"); err != nil {
		t.Fatal(err)
	}
	id, _ := asked("stopped")
	if err := e.Stop(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Redrive(ctx, id); err != nil {
		t.Fatal(err)
	}
	nextToken(t, w, tokens)
	asked("waiting")
	return recordExecutions(t, w)
}

// nextToken lets time pass until a task has its token.
func nextToken(t *testing.T, w *roomtest.World, tokens <-chan string) (token string) {
	t.Helper()
	platformtest.Poll(t, func() bool {
		select {
		case token = <-tokens:
			return true
		default:
			w.Manual.AdvanceToNext(10 * time.Second)
			return false
		}
	}, func() string { return "nobody is asked" })
	return token
}

func recordExecutions(t *testing.T, w *roomtest.World) *tape {
	t.Helper()
	contracts, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	tp := &tape{
		rooms: []room.Room{analytics.New(w.Desk("analytics"))}, catalogue: w.Catalogue,
		contracts: &remembering{Contracts: contracts},
	}
	ctx := t.Context()
	quiet := func() bool {
		all, err := w.Raw.Delivery().Status(ctx)
		return err == nil && !slices.ContainsFunc(all, func(s platform.SubscriptionStatus) bool {
			return s.Pending+s.Waiting > 0
		})
	}
	platformtest.Poll(t, quiet, func() string { return "deliveries do not come to rest" })
	err = w.Raw.History().Log(ctx, "", func(_ string, e platform.Event) error {
		tp.events = append(tp.events, e)
		return nil
	})
	if err == nil {
		err = w.Raw.History().Records(ctx, "", func(r platform.Record) error {
			tp.records = append(tp.records, r)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

// of returns the place of the first record of a type in the histories, as an event and an index.
func (tp *tape) of(typ string) (at int, f event.Fact, history []event.WorkflowRecord, i int) {
	for at, e := range tp.events {
		f, err := room.FactOf(tp.catalogue, e)
		if err != nil {
			continue
		}
		switch f := f.(type) {
		case *event.WorkflowAdvanced:
			history = f.History
		case *event.WorkflowCalling:
			history = f.History
		default:
			continue
		}
		for i, r := range history {
			if r.Type == typ {
				return at, f, history, i
			}
		}
	}
	panic("no history has a " + typ)
}

// retell changes the first record of a type.
func (tp *tape) retell(typ string, change func(r *event.WorkflowRecord)) {
	at, f, history, i := tp.of(typ)
	change(&history[i])
	tp.events[at].Data = encode(f)
}

// lie changes the record of the execution that waits.
func (tp *tape) lie(name string, v any) {
	tp.edits("workflow/execution/ordeal/waiting", func(r *platform.Record) bool {
		return field(r, name, func(json.RawMessage) any { return v })
	})
}

// Goal: what the log and the records say of executions is checked: a sound history is clean, in the
// order of its commits and in another, and whatever is wrong with it is found. Method: three
// executions with retries, catches, branches, questions, a stop and a redrive; then one thing at a
// time is changed.
func TestExecutions(t *testing.T) {
	t.Parallel()
	tp := ordeals(t)
	for name, change := range map[string]func(*verify.Input){
		"in order": nil, "in any order": func(in *verify.Input) { shuffle(in, 1) },
	} {
		if r := tp.verify(t, change); !r.Clean() || r.Open() > 0 {
			t.Fatalf("%s: %s", name, r)
		}
	}
	for name, corrupt := range map[string]func(tp *tape){
		"a gap in the history": func(tp *tape) {
			tp.retell("TaskSucceeded", func(r *event.WorkflowRecord) { r.Number++ })
		},
		"a beginning in the middle": func(tp *tape) {
			tp.retell("TaskSucceeded", func(r *event.WorkflowRecord) {
				r.Type = "ExecutionStarted"
			})
		},
		"no beginning": func(tp *tape) {
			tp.retell("ExecutionStarted", func(r *event.WorkflowRecord) { r.Type = "Begun" })
		},
		"an end in the middle": func(tp *tape) {
			tp.retell("TaskFailed", func(r *event.WorkflowRecord) { r.Type = "ExecutionFailed" })
		},
		"an end that is missing": func(tp *tape) {
			tp.retell("ExecutionSucceeded", func(r *event.WorkflowRecord) { r.Type = "Ended" })
		},
		"an answer to what nobody called": func(tp *tape) {
			tp.retell("TaskSucceeded", func(r *event.WorkflowRecord) { r.ID = "9.9" })
		},
		"a call that is scheduled twice": func(tp *tape) {
			tp.retell("TaskFailed", func(r *event.WorkflowRecord) { r.Type = "TaskScheduled" })
		},
		"a redrive of what runs": func(tp *tape) {
			tp.retell("ExecutionAborted", func(r *event.WorkflowRecord) { r.Type = "Stopped" })
		},
		"a record behind its history":   func(tp *tape) { tp.lie("records", 1) },
		"a record before its history":   func(tp *tape) { tp.lie("sequence", 99) },
		"an execution without an event": func(tp *tape) { tp.forget("ordeal/waiting") },
		"an execution without a record": func(tp *tape) {
			tp.records = slices.DeleteFunc(tp.records, func(r platform.Record) bool {
				return r.Key.Part == "workflow/execution/ordeal/waiting"
			})
		},
		"an execution that waits for nothing": func(tp *tape) { tp.lie("calls", map[string]any{}) },
		"an execution that waits for what nobody called": func(tp *tape) {
			tp.lie("calls", map[string]any{"9.9": map[string]string{"kind": "Call"}})
		},
	} {
		bad := tp.copy()
		corrupt(bad)
		found := false
		for _, f := range bad.verify(t, nil).Findings() {
			found = found || f.Invariant == "I31"
		}
		if !found {
			t.Errorf("%s is not found", name)
		}
	}
}

// forget takes the events of an execution out.
func (tp *tape) forget(id string) {
	tp.events = slices.DeleteFunc(tp.events, func(e platform.Event) bool {
		return e.Subject == "execution/"+id
	})
}
