package workflow

import "strings"

// Mark is how far an execution is with a state.
type Mark string

// The marks. A state without one was not entered.
const (
	MarkActive Mark = "active" // it is at work, or waits
	MarkDone   Mark = "done"
	MarkFailed Mark = "failing" // it failed, caught or not
)

// Marks are those of an execution's states by their names, which are unique in a machine. A state
// that was entered several times has the mark of the last time.
type Marks map[string]Mark

// Note takes in one record of a history; they come in their order.
func (m Marks) Note(record, state string) {
	switch {
	case record == "ExecutionRedriven":
		for name, mark := range m {
			if mark == MarkFailed {
				m[name] = MarkActive
			}
		}
	case record == "ExecutionFailed", record == "ExecutionTimedOut", record == "ExecutionAborted":
		for name, mark := range m {
			if mark == MarkActive {
				m[name] = MarkFailed
			}
		}
	case state == "":
	case strings.HasSuffix(record, "StateExited"):
		if m[state] != MarkFailed {
			m[state] = MarkDone
		}
	case strings.HasSuffix(record, "StateEntered"), record == "TaskScheduled":
		m[state] = MarkActive
	case record == "TaskFailed", record == "TaskTimedOut":
		m[state] = MarkFailed
	}
}

// marked gives every state of a drawing its mark.
func (d *drawing) marked(marks Marks) {
	for _, n := range d.nodes {
		n.mark = marks[n.state.name]
		for _, in := range n.inner {
			in.d.marked(marks)
		}
	}
}

const markStyle = `.box.active{fill:#fff1b8;stroke:#b7791f;stroke-width:2.2}
.box.done{fill:#d7f2df;stroke:#2f7d4f}.box.failing{fill:#fbd5d1;stroke:#b3403a;stroke-width:2.2}
`

const markClasses = `    classDef active fill:#fff1b8,stroke:#b7791f
    classDef done fill:#d7f2df,stroke:#2f7d4f
    classDef failing fill:#fbd5d1,stroke:#b3403a
`
