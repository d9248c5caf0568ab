package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/jsonata"
)

// workflowCommand works with state machines in the Amazon States Language.
type workflowCommand struct {
	Run       workflowRun       `cmd:"" help:"Run a machine in memory. Exit 0 succeeded, 1 failed or timed out, 2 definition refused."`
	Validate  workflowValidate  `cmd:"" help:"Say what is wrong with a definition. Exit 2 if it is refused."`
	TestState workflowTestState `cmd:"" name:"test-state" help:"Execute one state by itself."`
	Draw      workflowDraw      `cmd:"" help:"Draw a machine, or an execution with its states in colours, as SVG or Mermaid."`

	Machines workflowMachines `cmd:"" help:"List the machines of a running server."`
	Start    workflowStart    `cmd:"" help:"Start an execution on a running server, once for its name."`
	List     workflowList     `cmd:"" help:"List a machine's executions, the last started first."`
	Describe workflowDescribe `cmd:"" help:"Say how an execution stands, and what it waits for."`
	History  workflowHistory  `cmd:"" help:"Print every step of an execution."`
	Redrive  workflowRedrive  `cmd:"" help:"Let an execution that ended badly go on with the state at which it ended."`
	Stop     workflowStop     `cmd:"" help:"End an execution."`
	Success  workflowSuccess  `cmd:"" name:"send-task-success" help:"Answer a task that waits for its token."`
	Failure  workflowFailure  `cmd:"" name:"send-task-failure" help:"Let a task fail that waits for its token."`
}

// definitionFlags name a definition.
type definitionFlags struct {
	Definition string `required:"" help:"File with the definition." type:"path" placeholder:"FILE"`
	Type       string `default:"STANDARD" enum:"STANDARD,EXPRESS" help:"STANDARD or EXPRESS."`
}

func (d *definitionFlags) read() ([]byte, workflow.Options, error) {
	raw, err := readFile(d.Definition)
	return raw, workflow.Options{
		Evaluator: jsonata.New(jsonata.Limits{}), Type: workflow.Type(d.Type),
	}, err
}

// readFile reads a file that the command line names; one that is not there is a usage error.
func readFile(name string) ([]byte, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, misused("read %s: %w", name, err)
	}
	return raw, nil
}

// readValue reads a JSON file that the command line names.
func readValue(name string) (workflow.Value, error) {
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	v, err := workflow.ParseValue(raw)
	if err != nil {
		return nil, misused("read %s: it is not JSON: %w", name, err)
	}
	return v, nil
}

// readObject reads a JSON file that must hold an object; nil if no file is named.
func readObject(name string) (*workflow.Object, error) {
	if name == "" {
		return nil, nil
	}
	v, err := readValue(name)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*workflow.Object)
	if !ok {
		return nil, misused("read %s: it must hold an object", name)
	}
	return o, nil
}

// misused is the error of a command line that cannot be carried out.
func misused(format string, args ...any) error {
	return &exitError{code: exitMisused, err: fmt.Errorf(format, args...)}
}

// workflowValidate judges a definition.
type workflowValidate struct {
	definitionFlags
}

// judged is the answer to validate.
type judged struct {
	Result      string       `json:"result"`
	Diagnostics []diagnostic `json:"diagnostics"`
}

// diagnostic is one thing that is wrong; the location is always there.
type diagnostic struct {
	Severity workflow.Severity `json:"severity"`
	Code     string            `json:"code"`
	Message  string            `json:"message"`
	Location string            `json:"location"`
	Hint     string            `json:"hint,omitempty"`
}

// Run implements the command.
func (c *workflowValidate) Run(e *env) error {
	raw, options, err := c.read()
	if err != nil {
		return err
	}
	if e.judge(workflow.Validate(raw, options)) {
		return nil
	}
	return &exitError{code: exitRefused}
}

// judge prints diagnostics and reports whether the definition can be used.
func (e *env) judge(list []workflow.Diagnostic) bool {
	res := judged{Result: "OK", Diagnostics: []diagnostic{}}
	for _, d := range list {
		if d.Severity == workflow.SeverityError {
			res.Result = "FAIL"
		}
		res.Diagnostics = append(res.Diagnostics,
			diagnostic{d.Severity, d.Code, d.Message, d.Location, d.Hint})
	}
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(res) == nil && res.Result == "OK"
}

// refused prints why a definition cannot be used, if that is the error, and gives it its exit code.
func (e *env) refused(err error) error {
	if invalid, ok := errors.AsType[*workflow.InvalidError](err); ok {
		e.judge(invalid.Diagnostics)
		return &exitError{code: exitRefused, err: err}
	}
	return err
}

// workflowDraw draws a machine, or an execution.
type workflowDraw struct {
	Definition string      `help:"File with the definition." type:"path" placeholder:"FILE" xor:"what" required:""`
	Execution  string      `help:"Of a running server: the execution, as MACHINE/NAME." placeholder:"MACHINE/NAME" xor:"what" required:""`
	Type       string      `default:"STANDARD" enum:"STANDARD,EXPRESS" help:"STANDARD or EXPRESS."`
	Format     string      `default:"svg" enum:"svg,mermaid" help:"svg or mermaid."`
	Server     serverFlags `embed:""`
}

// Run implements the command.
func (c *workflowDraw) Run(e *env) error {
	raw, options, marks, err := c.read(e)
	if err != nil {
		return err
	}
	m, err := workflow.Parse(raw, options)
	if err != nil {
		return e.refused(err)
	}
	drawing := m.SVGOf(marks)
	if c.Format == "mermaid" {
		drawing = m.MermaidOf(marks)
	}
	_, err = fmt.Fprintln(e.out, strings.TrimRight(drawing, "\n"))
	return err
}

// read is the definition, and how far the execution is if one is drawn.
func (c *workflowDraw) read(e *env) ([]byte, workflow.Options, workflow.Marks, error) {
	if c.Execution == "" {
		raw, options, err := (&definitionFlags{c.Definition, c.Type}).read()
		return raw, options, nil, err
	}
	s, err := c.Server.open(e)
	if err != nil {
		return nil, workflow.Options{}, nil, err
	}
	var v machines.ExecutionView
	if err := s.get(e.ctx, executionPath(c.Execution), &v); err != nil {
		return nil, workflow.Options{}, nil, err
	}
	marks := workflow.Marks{}
	err = s.history(e.ctx, c.Execution, func(r machines.ExecutionRecord) error {
		marks.Note(r.Type, r.State)
		return nil
	})
	options := workflow.Options{Evaluator: jsonata.New(jsonata.Limits{})}
	return []byte(v.Definition), options, marks, err
}
