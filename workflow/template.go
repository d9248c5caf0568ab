package workflow

import (
	"errors"
	"fmt"
	"strings"
)

// A tmpl is a compiled Payload Template (states-language.net, "Payload Template"; for JSONata "JSONata
// fields"): a JSON value in which some parts are computed.
type tmpl struct {
	constant Value // of a template in which nothing is computed
	dynamic  bool

	expression *expression // a string {% … %}
	path       *Path       // the value of a member "name.$"
	call       *call       // likewise, an intrinsic function
	list       []*tmpl
	names      []string // of an object; parts are its members
	parts      []*tmpl
}

// expression is a JSONata expression and where it stands.
type expression struct {
	source string // between {% and %}
	field  string // as in "Output/result"
}

// isExpression reports whether a string is a JSONata string: it begins with {% and ends with %}.
func isExpression(s string) bool {
	return len(s) >= 4 && strings.HasPrefix(s, "{%") && strings.HasSuffix(s, "%}")
}

func newExpression(s, field string) *expression {
	return &expression{source: strings.TrimSpace(s[2 : len(s)-2]), field: field}
}

// eval answers the value of a template. Errors are failures of the state.
func (t *tmpl) eval(s *scope) (Value, error) {
	switch {
	case !t.dynamic:
		return t.constant, nil
	case t.expression != nil:
		return t.expression.eval(s)
	case t.path != nil:
		v, err := s.find(t.path)
		if err != nil {
			return nil, err
		}
		return v, nil
	case t.call != nil:
		return t.call.eval(s)
	case t.list != nil:
		list := make(Array, len(t.list))
		for i, part := range t.list {
			var err error
			if list[i], err = part.eval(s); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	o := &Object{names: make([]string, 0, len(t.names)), values: make([]Value, 0, len(t.names))}
	for i, part := range t.parts {
		v, err := part.eval(s)
		if err != nil {
			return nil, inField(err, t.names[i], part)
		}
		o.put(t.names[i], v)
	}
	return o, nil
}

// inField names the member in the cause of a path that found nothing.
func inField(err error, name string, part *tmpl) error {
	missing, ok := errors.AsType[*missingPath](err)
	if !ok || part.path == nil || missing.field != "" {
		return err
	}
	return &missingPath{path: missing.path, input: missing.input, field: name + ".$"}
}

// missingPath is a path that found nothing: States.Runtime, with the text that the service gives.
type missingPath struct {
	path  *Path
	field string
	input Value
}

// Error is the cause.
func (m *missingPath) Error() string {
	if m.field == "" {
		return fmt.Sprintf("Invalid path '%s' : No results for path: %s", m.path, m.path.canonical())
	}
	return fmt.Sprintf("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
		m.path, m.field, shorten(Text(m.input)))
}

// scope is what paths and expressions can see while one field is evaluated.
type scope struct {
	machine   *Machine
	env       *Env
	input     Value // $ of paths
	vars      *vars
	context   func() *Object // made when somebody asks
	states    *Object        // $states of expressions without context, made on demand
	jsonInput Value          // $states.input
	result    *Value         // $states.result, where there is one
	failed    *Object        // $states.errorOutput, likewise
}

// find evaluates a path on the root it names.
func (s *scope) find(p *Path) (Value, error) {
	doc := s.input
	switch p.root {
	case rootContext:
		doc = s.context()
	case rootVariable:
		v, ok := s.vars.get(p.variable)
		if !ok {
			return nil, runtimef("The variable '$%s' referenced by '%s' is not assigned", p.variable, p)
		}
		doc = v
	}
	v, err := p.Find(doc)
	if errors.Is(err, errNotFound) {
		return nil, &missingPath{path: p, input: doc}
	}
	if err != nil {
		return nil, runtimef("Invalid path '%s' : %v", p, err)
	}
	return v, nil
}

// eval evaluates a JSONata expression with the reserved variable $states and the variables in scope
// (states-language.net, "Reserved Variables").
func (e *expression) eval(s *scope) (Value, error) {
	evaluator := s.machine.evaluator
	if evaluator == nil {
		return nil, failf(ErrorQueryEvaluation, "no JSONata evaluator was given to this interpreter")
	}
	states := NewObject("input", s.jsonInput)
	if s.result != nil {
		states.put("result", *s.result)
	}
	if s.failed != nil {
		states.put("errorOutput", s.failed)
	}
	states.put("context", s.context())
	bindings := s.vars.all()
	bindings["states"] = states
	v, err := evaluator.Evaluate(e.source, bindings, *s.env)
	if errors.Is(err, ErrUndefined) {
		return nil, failf(ErrorQueryEvaluation,
			"The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).",
			e.source, e.field)
	}
	if err != nil {
		return nil, failf(ErrorQueryEvaluation,
			"The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %v",
			e.source, e.field, err)
	}
	return v, nil
}

// want is the failure of an expression that answered another kind of value than the field takes.
func (e *expression) want(kind string, got Value) *Failure {
	return failf(ErrorQueryEvaluation, "The JSONata expression '%s' specified for the field '%s' "+
		"returned an unexpected result type. Expected '%s', but was '%s' for value: %s",
		e.source, e.field, kind, kindOf(got), shorten(Text(got)))
}

func kindOf(v Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case Number:
		return "number"
	case Array:
		return "array"
	}
	return "object"
}

// vars are the variables of one scope, chained to the scopes around it: an inner scope reads outer
// variables and writes only its own (states-language.net, "Variable scope").
type vars struct {
	outer *vars
	own   *Object
}

func (v *vars) get(name string) (Value, bool) {
	for ; v != nil; v = v.outer {
		if value, ok := v.own.Get(name); ok {
			return value, true
		}
	}
	return nil, false
}

// all are the variables as one map, the inner ones last.
func (v *vars) all() map[string]Value {
	all := make(map[string]Value)
	for ; v != nil; v = v.outer {
		for i := range v.own.Len() {
			name, value := v.own.At(i)
			if _, inner := all[name]; !inner {
				all[name] = value
			}
		}
	}
	return all
}
