package event

import "time"

// The facts of executions of state machines. What runs them knows no shop and writes these itself,
// so they are written here as it writes them. Values are JSON as text, as Step Functions' own
// histories have them: what a machine carries is its own affair.

// WorkflowRecord is one line of an execution's history.
type WorkflowRecord struct {
	Number    int64     `json:"number" doc:"from 1, without a gap"`
	Type      string    `json:"type" doc:"as Step Functions names it, as in TaskStateEntered"`
	At        time.Time `json:"at"`
	ID        string    `json:"id,omitempty" doc:"of the attempt"`
	State     string    `json:"state,omitempty"`
	Input     string    `json:"input,omitempty" doc:"JSON"`
	Output    string    `json:"output,omitempty" doc:"JSON"`
	Variables string    `json:"variables,omitempty" doc:"JSON: what was assigned"`
	Failure   string    `json:"failure,omitempty" doc:"JSON: error and cause"`
	Index     int       `json:"index,omitempty" doc:"of an iteration"`
}

// WorkflowCall is a call that an execution needs made, once, under the key of its attempt.
type WorkflowCall struct {
	Kind      string `json:"kind" doc:"Call, Read, Write or Continue"`
	ID        string `json:"id" doc:"of the attempt"`
	State     string `json:"state,omitempty"`
	Attempt   int    `json:"attempt,omitempty" doc:"0 for the first"`
	Resource  string `json:"resource,omitempty"`
	Token     string `json:"token,omitempty" doc:"with which the task is answered"`
	Input     string `json:"input" doc:"JSON"`
	TimeoutNs int64  `json:"timeoutNs,omitempty" doc:"0 for none"`
}

// WorkflowAdvanced says that an execution went on, and needs nothing from outside because of it.
type WorkflowAdvanced struct {
	Execution string           `json:"execution" doc:"machine/name"`
	History   []WorkflowRecord `json:"history"`
}

// WorkflowCalling says that an execution went on, or began, and what has to be called now.
type WorkflowCalling struct {
	Execution string           `json:"execution" doc:"machine/name"`
	History   []WorkflowRecord `json:"history,omitempty"`
	Calls     []WorkflowCall   `json:"calls"`
}

// WorkflowDue is a timer's fact: an execution has waited long enough for something.
type WorkflowDue struct {
	Execution string `json:"execution" doc:"machine/name"`
}

// Type implements Fact.
func (*WorkflowAdvanced) Type() string { return "souk.workflow.advanced.v1" }

// Type implements Fact.
func (*WorkflowCalling) Type() string { return "souk.workflow.calling.v1" }

// Type implements Fact.
func (*WorkflowDue) Type() string { return "souk.workflow.due.v1" }

// Subject implements Fact.
func (f *WorkflowAdvanced) Subject() string { return "execution/" + f.Execution }

// Subject implements Fact.
func (f *WorkflowCalling) Subject() string { return "execution/" + f.Execution }

// Subject implements Fact.
func (f *WorkflowDue) Subject() string { return "timer/workflow/" + f.Execution }

func workflowKinds() []Kind {
	const named = "size(data.execution) > 0"
	return []Kind{
		kind[WorkflowAdvanced]("an execution of a state machine went on",
			rule("has_execution", named,
				func(f *WorkflowAdvanced) bool { return f.Execution != "" }),
			rule("tells_something", "size(data.history) > 0",
				func(f *WorkflowAdvanced) bool { return len(f.History) > 0 })),
		kind[WorkflowCalling]("an execution of a state machine needs calls made",
			rule("has_execution", named,
				func(f *WorkflowCalling) bool { return f.Execution != "" }),
			rule("calls_something", "size(data.calls) > 0",
				func(f *WorkflowCalling) bool { return len(f.Calls) > 0 })),
		kind[WorkflowDue]("an execution has waited long enough (announced by its timer)",
			rule("has_execution", named,
				func(f *WorkflowDue) bool { return f.Execution != "" })),
	}
}
