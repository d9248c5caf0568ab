package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// removal is when an execution that has ended is removed; the zero time is never.
func (st *state) removal(keep time.Duration) time.Time {
	if keep <= 0 || st.Removed || st.Execution.Status == workflow.Running {
		return time.Time{}
	}
	return st.Execution.Stopped.Add(keep)
}

// remove takes out of an execution what was kept for long enough. Its name must not begin another
// one: the events of that would have the names of this one's.
func (st *state) remove(keep time.Duration, now time.Time, o *outcome) error {
	at := st.removal(keep)
	if at.IsZero() || now.Before(at) {
		return errNothing
	}
	x := st.Execution
	st.Sum, st.Removed = st.inputSum(), true
	x.Input, x.Output, x.Failure, x.Root = workflow.Data{}, nil, nil, nil
	o.records = append(o.records, workflow.Record{Type: "ExecutionRemoved", At: now})
	return nil
}

// inputSum tells an execution's input from any other.
func (st *state) inputSum() string {
	if st.Removed {
		return st.Sum
	}
	return sumOf(st.Execution.Input.Value)
}

func sumOf(v workflow.Value) string {
	sum := sha256.Sum256([]byte(workflow.Text(v)))
	return hex.EncodeToString(sum[:])
}
