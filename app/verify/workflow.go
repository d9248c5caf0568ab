package verify

import (
	"fmt"
	"strings"
	"sync"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// executions checks what the log says of executions of state machines, without the engine's own
// code: a history has no gap, what was called is answered once at most, nothing comes after an end
// but a redrive; and the stored records say the same, and wait for something that has a name.
type executions struct {
	*sheet
	mu   sync.Mutex          // records are entered by several goroutines
	runs map[string]*running // by the execution
}

// running is what is remembered of one execution.
type running struct {
	at       place
	sequence int64           // of its last event
	records  int64           // number of its last record
	ended    string          // type of the record that ended it; empty while it runs
	open     map[string]bool // attempts that were scheduled and not answered
	answered map[string]bool // those that were
	stored   *standing       // its record; nil if there is none
}

// standing is what an execution's record says.
type standing struct {
	Sequence  int64 `json:"sequence"`
	Records   int64 `json:"records"`
	Execution struct {
		Status  string `json:"status"`
		Yielded bool   `json:"yielded"`
	} `json:"execution"`
	Calls map[string]struct {
		Kind string `json:"kind"`
	} `json:"calls"`
	Timer string `json:"timer"`
}

func newExecutions(s *sheet) *executions {
	return &executions{sheet: s, runs: make(map[string]*running)}
}

// take implements sink.
func (x *executions) take(items []item) {
	for i := range items {
		it := &items[i]
		switch f := it.fact.(type) {
		case *event.WorkflowAdvanced:
			x.enter(it, f.Execution, f.History, nil)
		case *event.WorkflowCalling:
			x.enter(it, f.Execution, f.History, f.Calls)
		}
	}
}

func (x *executions) run(id string) *running {
	r := x.runs[id]
	if r == nil {
		r = &running{open: make(map[string]bool), answered: make(map[string]bool)}
		x.runs[id] = r
	}
	return r
}

func (x *executions) enter(
	it *item, id string, history []event.WorkflowRecord, calls []event.WorkflowCall,
) {
	r := x.run(id)
	r.at, r.sequence = it.at, it.e.Sequence
	for i := range history {
		x.record(it, id, r, &history[i])
	}
	for i := range calls {
		x.check(executionsSound)
		if r.ended != "" {
			x.broken(executionsSound, it.at, "an execution that has ended calls somebody",
				"execution", id, "attempt", calls[i].ID, "ended", r.ended)
		}
	}
}

// record enters one line of a history.
func (x *executions) record(it *item, id string, r *running, h *event.WorkflowRecord) {
	x.check(executionsSound)
	if h.Number != r.records+1 {
		x.broken(executionsSound, it.at, "an execution's history has a gap or a repetition",
			"execution", id, "record", h.Number, "expected", r.records+1)
	}
	r.records = h.Number
	switch first := h.Type == "ExecutionStarted"; {
	case first != (h.Number == 1):
		x.broken(executionsSound, it.at,
			"an execution's history does not begin once, with its start", "execution", id,
			"record", h.Number, "type", h.Type)
	case r.ended != "" && h.Type != "ExecutionRedriven":
		x.broken(executionsSound, it.at, "something happens to an execution after its end",
			"execution", id, "record", h.Number, "type", h.Type, "ended", r.ended)
	case h.Type == "ExecutionRedriven" && (r.ended == "" || r.ended == "ExecutionSucceeded"):
		x.broken(executionsSound, it.at, "an execution is redriven that did not end badly",
			"execution", id, "record", h.Number)
	}
	switch h.Type {
	case "ExecutionRedriven":
		r.ended = ""
	case "ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted":
		r.ended = h.Type
		clear(r.open) // nobody waits for their answers any more
		clear(r.answered)
	case "TaskScheduled":
		if r.open[h.ID] || r.answered[h.ID] {
			x.broken(executionsSound, it.at, "an attempt is scheduled twice", "execution", id,
				"attempt", h.ID)
		}
		r.open[h.ID] = true
	case "TaskSucceeded", "TaskFailed", "TaskTimedOut":
		if !r.open[h.ID] {
			x.broken(executionsSound, it.at, "a call is answered that nobody waits for",
				"execution", id, "attempt", h.ID, "type", h.Type)
		}
		delete(r.open, h.ID)
		r.answered[h.ID] = true
	}
}

// executionPart begins the keys of the records of executions.
const executionPart = "workflow/execution/"

// executionRecord reads a stored record; nil if it is none of an execution's.
func executionRecord(rec *platform.Record) (id string, st *standing, err error) {
	id, ok := strings.CutPrefix(rec.Key.Part, executionPart)
	if !ok {
		return "", nil, nil
	}
	st = &standing{}
	return id, st, room.Decode(rec.Value, st)
}

// stored enters a record. It is called before the log is read for its meaning.
func (x *executions) stored(rec *platform.Record) error {
	id, st, err := executionRecord(rec)
	if st == nil || err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.run(id).stored = st
	return nil
}

// finish compares the histories with the records, and requires that whoever has not ended waits for
// something.
func (x *executions) finish() {
	for id, r := range x.runs {
		x.check(executionsSound)
		x.compare(id, r)
	}
}

func (x *executions) compare(id string, r *running) {
	bad := func(why string, pairs ...any) {
		x.broken(executionsSound, r.at, why, append(pairs, "execution", id)...)
	}
	st := r.stored
	switch {
	case st == nil:
		bad("an execution has a history, and no record")
		return
	case r.sequence == 0:
		bad("an execution has a record, and no history")
		return
	case st.Sequence != r.sequence || st.Records != r.records:
		bad("an execution's record is not where its history ends", "record",
			fmt.Sprintf("%d/%d", st.Sequence, st.Records), "history",
			fmt.Sprintf("%d/%d", r.sequence, r.records))
	case statusAfter(r.ended) != st.Execution.Status:
		bad("an execution's record does not say how its history ends", "record",
			st.Execution.Status, "history", r.ended)
	}
	waits := len(st.Calls) > 0 || st.Timer != "" || st.Execution.Yielded
	if st.Execution.Status == "RUNNING" && !waits {
		bad("an execution runs, and waits for nothing")
	}
	for attempt, c := range st.Calls {
		if c.Kind == "Call" && !r.open[attempt] {
			bad("an execution waits for a call that was never announced, or was answered",
				"attempt", attempt)
		}
	}
}

// statusAfter is the status that follows from the record that ended an execution.
func statusAfter(ended string) string {
	return map[string]string{
		"": "RUNNING", "ExecutionSucceeded": "SUCCEEDED", "ExecutionFailed": "FAILED",
		"ExecutionTimedOut": "TIMED_OUT", "ExecutionAborted": "ABORTED",
	}[ended]
}
