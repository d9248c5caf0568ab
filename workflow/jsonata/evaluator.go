// Package jsonata evaluates the JSONata expressions of the Amazon States Language: it stands behind
// the workflow package's seam and is built on gnata.
//
// It promises the language as its official suite has it, the six functions that Step Functions
// adds ($partition, $range, $hash, $random, $uuid, $parse), time and chance from the given Env
// alone, and that no expression can hang or end the process: sources, depth, steps, values, regular
// expressions and memory have limits, and breaking one is an error. It refuses what Step Functions
// refuses: $eval, and results that are undefined or functions.
//
// Who wires a workflow imports it; it imports the workflow package and gnata.
package jsonata

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/recolabs/gnata"

	"github.com/souk-commerce/souk/workflow"
)

// maxCompiled is how many compiled expressions an Evaluator keeps.
const maxCompiled = 2000

// Evaluator compiles and evaluates expressions. It keeps what it compiled; it is safe for
// concurrent use.
type Evaluator struct {
	limits   Limits
	run      runner
	mu       sync.Mutex
	compiled map[string]*expression
}

// runner runs a compiled expression over data, with variables.
type runner = func(
	ctx context.Context, x *gnata.Expression, data any, vars map[string]any,
) (any, error)

var _ workflow.Evaluator = (*Evaluator)(nil)

// expression is a compiled source, or why it cannot be compiled.
type expression struct {
	code      *gnata.Expression
	variables []string // names that it refers to, without "$"
	deep      bool     // looks into everything below a value with "**"
	err       error
}

// New makes an evaluator with the given limits; zero fields stand for the defaults.
func New(limits Limits) *Evaluator {
	library := gnata.NewCustomEnv(nil)
	fill(library)
	return &Evaluator{
		limits:   limits.withDefaults(),
		compiled: make(map[string]*expression),
		run: func(
			ctx context.Context, x *gnata.Expression, data any, vars map[string]any,
		) (any, error) {
			env := library.Clone()
			for name, v := range vars {
				env.Bind(name, v)
			}
			return x.EvalWithCustomFuncs(ctx, data, env)
		},
	}
}

// Check compiles the source and says what is wrong with it.
func (e *Evaluator) Check(source string) error {
	x := e.compile(source)
	if x.err == nil && slices.Contains(x.variables, "eval") {
		return errEval
	}
	return x.err
}

// Evaluate answers the value of the source; the errors are those of [workflow.Evaluator].
func (e *Evaluator) Evaluate(
	source string, bindings map[string]workflow.Value, env workflow.Env,
) (workflow.Value, error) {
	x := e.compile(source)
	if x.err != nil {
		return nil, x.err
	}
	vars := make(map[string]any, len(x.variables))
	for _, name := range x.variables {
		if v, ok := bindings[name]; ok {
			vars[name] = toLibrary(v)
		}
	}
	return e.evaluate(x, nil, vars, newRun(e.limits, env, x.deep))
}

// evaluate runs an expression over data: the context "$", which Step Functions leaves undefined.
func (e *Evaluator) evaluate(
	x *expression, data any, vars map[string]any, r *run,
) (workflow.Value, error) {
	result, err := e.run(r, x.code, data, vars)
	switch {
	case r.broken != nil:
		return nil, r.broken
	case err != nil:
		return nil, fmt.Errorf("evaluate: %w", err)
	case result == nil:
		return nil, workflow.ErrUndefined
	}
	if err := r.measure(result); err != nil {
		return nil, err
	}
	return fromLibrary(result)
}

func (e *Evaluator) compile(source string) *expression {
	e.mu.Lock()
	x := e.compiled[source]
	e.mu.Unlock()
	if x != nil {
		return x
	}
	x = compile(source, e.limits)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.compiled) >= maxCompiled {
		clear(e.compiled)
	}
	e.compiled[source] = x
	return x
}

func compile(source string, l Limits) (x *expression) {
	defer func() {
		if p := recover(); p != nil { // the parser's own mistakes must stay the expression's
			x = &expression{err: fmt.Errorf("the expression cannot be parsed: %v", p)}
		}
	}()
	if err := checkSource(source, l); err != nil {
		return &expression{err: err}
	}
	code, err := gnata.Compile(source)
	if err != nil {
		return &expression{err: fmt.Errorf("the expression cannot be parsed: %w", err)}
	}
	x = &expression{code: code}
	x.err = guard(x, l)
	return x
}
