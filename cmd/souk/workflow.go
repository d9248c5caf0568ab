package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/jsonata"
)

// workflowCommand works with state machines in the Amazon States Language.
type workflowCommand struct {
	Run       workflowRun       `cmd:"" help:"Run a machine in memory. Exit 0 succeeded, 1 failed or timed out, 2 definition refused."`
	Validate  workflowValidate  `cmd:"" help:"Say what is wrong with a definition. Exit 2 if it is refused."`
	TestState workflowTestState `cmd:"" name:"test-state" help:"Execute one state by itself."`
	Draw      workflowDraw      `cmd:"" help:"Draw a machine, as SVG or Mermaid."`
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

// workflowDraw draws a machine.
type workflowDraw struct {
	definitionFlags
	Format string `default:"svg" enum:"svg,mermaid" help:"svg or mermaid."`
}

// Run implements the command.
func (c *workflowDraw) Run(e *env) error {
	raw, options, err := c.read()
	if err != nil {
		return err
	}
	m, err := workflow.Parse(raw, options)
	if err != nil {
		return e.refused(err)
	}
	drawing := m.SVG()
	if c.Format == "mermaid" {
		drawing = m.Mermaid()
	}
	_, err = fmt.Fprintln(e.out, strings.TrimRight(drawing, "\n"))
	return err
}
