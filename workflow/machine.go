package workflow

import (
	"fmt"
	"time"
)

// Kind is the type of a state.
type Kind string

// The eight state types.
const (
	KindPass     Kind = "Pass"
	KindTask     Kind = "Task"
	KindChoice   Kind = "Choice"
	KindWait     Kind = "Wait"
	KindSucceed  Kind = "Succeed"
	KindFail     Kind = "Fail"
	KindParallel Kind = "Parallel"
	KindMap      Kind = "Map"
)

// Type is what kind of workflow a machine is deployed as.
type Type string

// Standard machines run for up to a year; express ones for five minutes, without callbacks, .sync
// and activities.
const (
	Standard Type = "STANDARD"
	Express  Type = "EXPRESS"
)

// The limits of the service (docs.aws.amazon.com, "Step Functions service quotas").
const (
	maxPayload    = 256 * 1024       // bytes of an input, an output, a result
	maxVariables  = 10 * 1024 * 1024 // bytes of all variables of an execution
	maxStateName  = 80
	maxDefinition = 1 << 20
	expressTime   = 5 * time.Minute
)

// Machine is a compiled definition. It never changes, so any number of executions may share it, also
// at the same time.
type Machine struct {
	program
	Comment   string
	Version   string
	Type      Type
	timeout   int64 // seconds, 0 for none
	evaluator Evaluator
	source    *Object
}

// program is a set of states with a start: a machine, a branch, an item processor.
type program struct {
	start    string
	states   map[string]*state
	names    []string // in the order of the definition
	location string
}

// state is one compiled state. Fields that its type does not have are zero.
type state struct {
	name     string
	kind     Kind
	jsonata  bool
	next     string // empty at an end
	location string

	// JSONPath
	inputPath, outputPath *pathOrNull
	resultPath            *pathOrNull
	parameters            *tmpl
	selector              *tmpl // ResultSelector
	// JSONata
	arguments *tmpl
	output    *tmpl
	// both
	assign *tmpl

	result    *tmpl // Pass
	task      *taskSpec
	choices   []*rule
	fallback  string // Default of a Choice
	wait      *waitSpec
	errorName *textSpec // Fail
	cause     *textSpec
	branches  []*program
	maps      *mapSpec
	retry     []*retrier
	catch     []*catcher
}

// pathOrNull is a field that takes a path, or null.
type pathOrNull struct{ path *Path } // nil for null

// integer is a number of a field: a literal, a path, or an expression.
type integer struct {
	field      string
	literal    *Number
	path       *Path
	expression *expression
}

// textSpec is a string of a field: a literal, a path, an intrinsic function, or an expression.
type textSpec struct {
	field      string
	literal    string
	path       *Path
	call       *call
	expression *expression
}

type taskSpec struct {
	resource    string
	resourceOf  *expression
	timeout     *integer
	heartbeat   *integer
	credentials *tmpl
}

type waitSpec struct {
	seconds   *integer
	timestamp *textSpec
}

// mapSpec is what a Map has beyond the fields of all states.
type mapSpec struct {
	items       *tmpl // JSONata
	itemsPath   *Path // JSONPath
	selector    *tmpl // ItemSelector, or the older Parameters
	processor   *program
	distributed bool
	express     bool
	label       string
	concurrency *integer
	tolerate    *integer // ToleratedFailureCount
	percentage  *integer
	reader      *readerSpec
	batcher     *batcherSpec
	writer      *writerSpec
}

// retrier is one element of Retry.
type retrier struct {
	errors   []string
	interval int64 // seconds
	attempts int64
	backoff  float64
	maxDelay int64 // seconds, 0 for none
	jitter   bool
}

// catcher is one element of Catch.
type catcher struct {
	errors     []string
	next       string
	resultPath *pathOrNull
	assign     *tmpl
	output     *tmpl
}

// Options say how a definition is to be read.
type Options struct {
	// Evaluator runs JSONata. Without it, a definition that uses JSONata is accepted, and its
	// expressions fail with States.QueryEvaluationError.
	Evaluator Evaluator
	// Type is the kind of workflow; Standard if empty.
	Type Type
}

// Parse compiles a definition. The error of one that is refused is an [*InvalidError] with every
// diagnostic.
func Parse(definition []byte, o Options) (*Machine, error) {
	m, diagnostics := compile(definition, o)
	for _, d := range diagnostics {
		if d.Severity == SeverityError {
			return nil, &InvalidError{Diagnostics: diagnostics}
		}
	}
	return m, nil
}

// Validate answers everything that is wrong with a definition, in the order of the text where that
// is possible; nothing for one that [Parse] takes without a remark.
func Validate(definition []byte, o Options) []Diagnostic {
	_, diagnostics := compile(definition, o)
	return diagnostics
}

// States are the names of the top-level states, in the order of the definition.
func (m *Machine) States() []string { return append([]string(nil), m.names...) }

// StartAt is the first state.
func (m *Machine) StartAt() string { return m.start }

// Source is the definition as it was given.
func (m *Machine) Source() *Object { return m.source }

// Severity is how bad a diagnostic is.
type Severity string

// An error makes a definition unusable, a warning does not.
const (
	SeverityError   Severity = "ERROR"
	SeverityWarning Severity = "WARNING"
)

// The codes of diagnostics, as the service names them.
const (
	CodeSchema     = "SCHEMA_VALIDATION_FAILED"
	CodeTarget     = "MISSING_TRANSITION_TARGET"
	CodeNoEnd      = "MISSING_END_STATE"
	CodeJSON       = "INVALID_JSON_DESCRIPTION"
	CodeDuplicate  = "DUPLICATE_STATE_NAME"
	CodeDuplicateN = "DUPLICATE_FIELD"
)

// Diagnostic is one thing that is wrong with a definition.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`            // what is wrong
	Location string   `json:"location,omitempty"` // as in /States/Pay/Retry[0]/MaxAttempts
	Hint     string   `json:"hint,omitempty"`     // what to do about it
}

// String is the diagnostic on one line.
func (d Diagnostic) String() string {
	s := d.Code + ": " + d.Message
	if d.Location != "" {
		s += " at " + d.Location
	}
	return s
}

// InvalidError refuses a definition.
type InvalidError struct{ Diagnostics []Diagnostic }

// Error tells the first diagnostic and how many there are.
func (e *InvalidError) Error() string {
	s := "the definition is refused: " + e.Diagnostics[0].String()
	if n := len(e.Diagnostics) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}
