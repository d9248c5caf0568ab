package workflow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Status is how an execution stands.
type Status string

// An execution runs until it has one of the others.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Data is a value within an execution that knows how to be written and read as JSON.
type Data struct{ Value Value }

// MarshalJSON writes the value.
func (d Data) MarshalJSON() ([]byte, error) { return appendJSON(nil, d.Value, 0) }

// UnmarshalJSON reads the value as this package keeps values.
func (d *Data) UnmarshalJSON(raw []byte) (err error) {
	d.Value, err = ParseValue(raw)
	return err
}

// Held is a value that may also be missing, which null is not: it is written as an array of it.
type Held struct{ Value Value }

// MarshalJSON writes an array of the value.
func (h Held) MarshalJSON() ([]byte, error) {
	b, err := appendJSON([]byte{'['}, h.Value, 0)
	return append(b, ']'), err
}

// UnmarshalJSON reads an array of one value.
func (h *Held) UnmarshalJSON(raw []byte) error {
	v, err := ParseValue(raw)
	if err != nil {
		return err
	}
	one, ok := v.(Array)
	if !ok || len(one) != 1 {
		return fmt.Errorf("a value that may be missing is %.20s, not an array of one", raw)
	}
	h.Value = one[0]
	return nil
}

// Execution is one run of a machine: all that must be kept between two events. It is a plain value:
// written as JSON and read back it goes on exactly where it was. It belongs to one caller at a
// time.
type Execution struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	MachineID string    `json:"machineId"`
	Machine   string    `json:"machine"` // the machine's name
	Role      string    `json:"role,omitempty"`
	Started   time.Time `json:"started"`
	Redrives  int       `json:"redrives,omitempty"`
	Input     Data      `json:"input"`

	Status  Status    `json:"status"`
	Output  *Data     `json:"output,omitempty"` // of one that succeeded
	Failure *Failure  `json:"failure,omitempty"`
	Stopped time.Time `json:"stopped,omitzero"`
	Entered int64     `json:"entered"` // how many states it has entered
	Events  int64     `json:"events"`  // how many records its history has
	Due     time.Time `json:"due,omitzero"`
	Root    *Frame    `json:"root,omitempty"`
	Yielded bool      `json:"yielded,omitempty"` // it waits for Resume
}

// phase is what a frame is doing.
type phase string

const (
	phaseEnter    phase = "enter" // its state is to be executed
	phaseTask     phase = "task"  // a call is out
	phaseWait     phase = "wait"
	phaseRetry    phase = "retry" // waiting for the next attempt
	phaseReading  phase = "reading"
	phaseChildren phase = "children"
	phaseWriting  phase = "writing"
)

// Frame is one place where an execution is: the main line, a branch of a Parallel, an iteration of
// a Map. Its exported fields are what must survive; they are not for others to change.
type Frame struct {
	State   string    `json:"state"`
	Step    int       `json:"step"`    // how many states this frame has entered
	Attempt int       `json:"attempt"` // how often the state has been tried again
	Phase   phase     `json:"phase"`
	Entered time.Time `json:"entered"`
	Since   int64     `json:"since"` // number of the record that says it was entered
	Input   Data      `json:"input"`
	Own     *Object   `json:"vars,omitempty"`
	Retries []int64   `json:"retries,omitempty"` // per retrier
	Token   string    `json:"token,omitempty"`

	Due     time.Time `json:"due,omitzero"`   // the wait or the retry ends
	Limit   time.Time `json:"limit,omitzero"` // the call times out
	Beat    int64     `json:"beat,omitempty"` // seconds between heartbeats
	BeatDue time.Time `json:"beatDue,omitzero"`

	Items    []Data         `json:"items,omitempty"`   // of a Map
	Results  []*Held        `json:"results,omitempty"` // nil: there is none yet, or none will be
	Children map[int]*Frame `json:"children,omitempty"`
	Halted   map[int]*Frame `json:"halted,omitempty"`  // children that failed, or were cancelled
	Again    map[int]*Frame `json:"again,omitempty"`   // those that a redrive has go on, in turn
	Started  int            `json:"started,omitempty"` // children that have begun
	Width    int            `json:"width,omitempty"`   // most at a time, 0 for any number
	Bad      int            `json:"bad,omitempty"`     // items that failed and were tolerated
	Batched  bool           `json:"batched,omitempty"`

	Index int   `json:"index,omitempty"` // of a child
	Item  *Held `json:"item,omitempty"`  // of an iteration
	Alone bool  `json:"alone,omitempty"` // a child execution: sees nothing of its parent

	Events int64 `json:"events,omitempty"` // of a child execution: the records of its history

	parent  *Frame
	program *program
	pumping bool
}

// ID names the current attempt of a frame's state within its execution: the same for the same
// attempt whenever it is asked, another for any other. It is what idempotency keys are made of.
func (f *Frame) id() string {
	own := strconv.Itoa(f.Step) + "." + strconv.Itoa(f.Attempt)
	if f.parent == nil {
		return own
	}
	return f.parent.id() + "/" + strconv.Itoa(f.Index) + "/" + own
}

// frame finds the frame of an id; nil if that attempt is over.
func (x *Execution) frame(id string) *Frame {
	f := x.Root
	parts := strings.Split(id, "/")
	for i := 0; f != nil; i += 2 {
		if parts[i] != strconv.Itoa(f.Step)+"."+strconv.Itoa(f.Attempt) {
			return nil
		}
		if i+2 >= len(parts) {
			return f
		}
		n, err := strconv.Atoi(parts[i+1])
		if err != nil {
			return nil
		}
		f = f.Children[n]
	}
	return nil
}

// bind gives the frames of an execution that was read back what is not written down.
func (x *Execution) bind(m *Machine) error {
	if x.Root == nil || x.Root.program != nil {
		return nil
	}
	return x.Root.bind(&m.program, nil)
}

func (f *Frame) bind(p *program, parent *Frame) error {
	f.program, f.parent = p, parent
	s := p.states[f.State]
	if s == nil {
		return fmt.Errorf("workflow: the execution is at state %q, which this machine does not "+
			"have: "+
			"use the definition it was started with", f.State)
	}
	for _, children := range []map[int]*Frame{f.Children, f.Halted, f.Again} {
		for i, child := range children {
			if err := child.bindIn(f, s, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// bindIn is bind for the i-th child of a frame in a state.
func (f *Frame) bindIn(parent *Frame, s *state, i int) error {
	switch {
	case s.kind == KindParallel && i < len(s.branches):
		return f.bind(s.branches[i], parent)
	case s.kind == KindMap:
		return f.bind(s.maps.processor, parent)
	}
	return fmt.Errorf("workflow: state %q has no branch %d: use the definition the execution was "+
		"started with", parent.State, i)
}

// vars are the variables that a frame sees.
func (f *Frame) vars() *vars {
	v := &vars{own: f.Own}
	if f.parent != nil && !f.Alone {
		v.outer = f.parent.vars()
	}
	return v
}

// Variables are the variables of the main line, in the order in which they were first assigned.
func (x *Execution) Variables() *Object {
	if x.Root == nil || x.Root.Own == nil {
		return &Object{}
	}
	return x.Root.Own
}

// Clone is a deep copy, by way of JSON.
func (x *Execution) Clone() (*Execution, error) {
	raw, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	c := &Execution{}
	return c, json.Unmarshal(raw, c)
}

// Event is what happens to an execution from outside.
type Event struct {
	Kind    EventKind
	ID      string   // of the command that this answers
	Output  Value    // of TaskSucceeded
	Failure *Failure // of TaskFailed and Stop
}

// EventKind is what kind of event it is.
type EventKind string

// The events. One for an attempt that is over changes nothing.
const (
	TaskSucceeded EventKind = "TaskSucceeded" // the answer to a Call, a Read or a Write
	TaskFailed    EventKind = "TaskFailed"
	TaskHeartbeat EventKind = "TaskHeartbeat"
	Woken         EventKind = "Woken"  // the answer to a Wake, at its time or later
	Resume        EventKind = "Resume" // the answer to a Continue
	Stop          EventKind = "Stop"   // somebody ends the execution
)

// CommandKind is what is to be done.
type CommandKind string

// The commands. Who carries one out answers with an event that has its ID, once or several times: a
// repeated answer changes nothing.
const (
	Call CommandKind = "Call" // call a resource; answer TaskSucceeded or TaskFailed
	// read the items of a Map; the answer's output is text or a list
	Read     CommandKind = "Read"
	Write    CommandKind = "Write"    // write the results of a Map
	Wake     CommandKind = "Wake"     // answer Woken at a time
	Cancel   CommandKind = "Cancel"   // nobody waits for the answer to this ID any more
	Continue CommandKind = "Continue" // answer Resume: a long run of states has paused
)

// Command is one thing that an execution needs done.
type Command struct {
	Kind        CommandKind
	ID          string    // of the attempt: unique within the execution, stable
	At          time.Time // of Wake
	State       string
	Path        string // of the definition, as /States/Pay
	Attempt     int    // 0 for the first
	Resource    string // of Call, Read and Write, without the pattern's suffix
	Pattern     Pattern
	Input       Value
	Token       string // of calls that wait for a task token
	Credentials Value
	Timeout     time.Duration // 0 for none
	Heartbeat   time.Duration
}

// Record is one line of an execution's history, named as the service names them.
type Record struct {
	Type      string // such as TaskStateEntered
	At        time.Time
	ID        string // of the attempt
	State     string
	Input     Value // of …Entered and TaskScheduled
	Output    Value // of …Exited and …Succeeded
	Variables *Object
	Failure   *Failure
	Index     int // of MapIteration…
}

// Progress is what one event led to.
type Progress struct {
	Commands []Command
	History  []Record
}
