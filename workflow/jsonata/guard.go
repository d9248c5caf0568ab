package jsonata

import (
	"errors"
	"fmt"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/recolabs/gnata"
)

// The library asks whether to go on before every part of an expression, but not within one
// operator, and a value can stand for far more than its memory: {"a":$x,"b":$x}, twenty times over,
// is a million times $x when somebody compares or prints it. So the compiled tree is given guards:
// the operands of what walks whole values, and the members of what is built, pass through a
// function that measures them. The tree is reached by reflection, because the library keeps it to
// itself; a test fails should another version of the library arrange it otherwise.

// The names of the guards. No source can spell them.
const (
	measureGuard  = "\x00measure"
	callableGuard = "\x00callable"
)

var errTree = errors.New("the expression cannot be guarded: this version of the library is unknown")

// guard puts guards into the tree of x, and notes what x refers to. It refuses a tree that is too
// deep and regular expressions that are too large.
func guard(x *expression, l Limits) error {
	field := reflect.ValueOf(x.code).Elem().FieldByName("ast")
	if !field.IsValid() || field.Kind() != reflect.Pointer || field.IsNil() {
		return errTree
	}
	g := guarder{x: x, limits: l, node: field.Type().Elem(), seen: make(map[uintptr]bool)}
	for _, name := range []string{
		"Type", "Value", "Left", "Right", "LHS", "Expressions", "Procedure", "Arguments", "Group",
	} {
		if _, ok := g.node.FieldByName(name); !ok {
			return errTree
		}
	}
	g.walk(reflect.NewAt(g.node, field.UnsafePointer()), 0)
	return g.err
}

type guarder struct {
	x      *expression
	limits Limits
	node   reflect.Type
	seen   map[uintptr]bool
	err    error
}

// walk visits a node and everything below it, the leaves first.
func (g *guarder) walk(n reflect.Value, depth int) {
	if g.err != nil || n.IsNil() || g.seen[n.Pointer()] {
		return
	}
	g.seen[n.Pointer()] = true
	if depth > g.limits.Depth {
		g.err = limit(fmt.Sprintf("it nests deeper than %d", g.limits.Depth))
		return
	}
	s := n.Elem()
	for i := range s.NumField() {
		g.below(s.Field(i), depth+1)
	}
	switch value := s.FieldByName("Value").String(); s.FieldByName("Type").String() {
	case "variable":
		if value != "" && !slices.Contains(g.x.variables, value) {
			g.x.variables = append(g.x.variables, value)
		}
	case "descendant":
		g.x.deep = true
	case "regex":
		g.regex(value)
	case "binary":
		g.binary(s, value)
	case "unary":
		g.constructor(s, value)
	}
}

// below looks for nodes in a field of a node.
func (g *guarder) below(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		switch {
		case v.IsNil():
		case v.Type().Elem() == g.node:
			g.walk(v, depth)
		case v.Type().Elem().Name() == "GroupExpr":
			g.group(v.Elem().FieldByName("Pairs"), depth)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			g.below(v.Index(i), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			g.below(v.Field(i), depth)
		}
	}
}

// group guards the values of a group {key: value}.
func (g *guarder) group(pairs reflect.Value, depth int) {
	g.below(pairs, depth)
	for i := range pairs.Len() {
		g.measured(pairs.Index(i).Index(1))
	}
}

func (g *guarder) binary(s reflect.Value, operator string) {
	switch operator {
	case "&", "=", "!=", "in":
		g.measured(s.FieldByName("Left"))
		g.measured(s.FieldByName("Right"))
	case "~>":
		g.callable(s.FieldByName("Right"))
	}
}

// constructor guards the members of {…} and [….].
func (g *guarder) constructor(s reflect.Value, kind string) {
	switch kind {
	case "{":
		for i := 1; i < s.FieldByName("LHS").Len(); i += 2 {
			g.measured(s.FieldByName("LHS").Index(i))
		}
	case "[":
		for i := range s.FieldByName("Expressions").Len() {
			g.measured(s.FieldByName("Expressions").Index(i))
		}
	}
}

// measured replaces a place's node by a call that measures its value, unless the node is a literal
// or a constructor, whose members are measured already.
func (g *guarder) measured(place reflect.Value) {
	switch place.Elem().FieldByName("Type").String() {
	case "variable", "path", "function", "block", "binary", "condition", "apply", "bind",
		"wildcard":
		if place.Elem().FieldByName("Value").String() == ".." {
			return // a range belongs to its array, and has a bound of its own
		}
		place.Set(g.call(measureGuard, place))
	}
}

// callable lets only functions, and regular expressions that stand in the source, follow a "~>".
func (g *guarder) callable(place reflect.Value) {
	switch place.Elem().FieldByName("Type").String() {
	case "function", "regex", "lambda", "partial", "binary", "transform":
		return
	}
	block := g.new("block", "(")
	block.Elem().FieldByName("Expressions").Set(g.list(g.call(callableGuard, place)))
	place.Set(block)
}

func (g *guarder) call(name string, argument reflect.Value) reflect.Value {
	call := g.new("function", "(")
	call.Elem().FieldByName("Procedure").Set(g.new("variable", name))
	argument = reflect.ValueOf(argument.Interface()) // the node, not the place that holds it
	call.Elem().FieldByName("Arguments").Set(g.list(argument))
	call.Elem().FieldByName("Left").Set(argument) // never evaluated: where "%" is looked for
	return call
}

func (g *guarder) new(kind, value string) reflect.Value {
	n := reflect.New(g.node)
	n.Elem().FieldByName("Type").SetString(kind)
	n.Elem().FieldByName("Value").SetString(value)
	return n
}

func (g *guarder) list(n reflect.Value) reflect.Value {
	return reflect.Append(reflect.MakeSlice(reflect.SliceOf(n.Type()), 0, 1), n)
}

// regex refuses a regular expression that compiles to more than the limit: matching costs its
// length times that of the text.
func (g *guarder) regex(raw string) {
	pattern, flags := raw, ""
	if i := strings.LastIndexByte(raw, '/'); i >= 0 {
		pattern, flags = raw[:i], raw[i+1:]
	}
	if n := program(pattern, flags); n > g.limits.Regex {
		g.err = limit("a regular expression is too large")
	}
}

// program is how many instructions a regular expression has; 0 for what is none.
func program(pattern, flags string) int {
	f := syntax.Perl
	if strings.Contains(flags, "i") {
		f |= syntax.FoldCase
	}
	re, err := syntax.Parse(pattern, f)
	if err != nil {
		return 0
	}
	p, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(p.Inst)
}

// maxParts is how many dots and brackets a source may have: the parser's work grows with the square
// of a path's length.
const maxParts = 5000

// checkSource refuses a source that is too long, or whose brackets nest too deep for a parser that
// follows them by recursion.
func checkSource(source string, l Limits) error {
	if len(source) > l.Source {
		return limit(fmt.Sprintf("it is longer than %d bytes", l.Source))
	}
	depth, parts, quote := 0, 0, byte(0)
	for i := 0; i < len(source); i++ {
		c := source[i]
		if quote == 0 && (c == '.' || c == '[') {
			if parts++; parts > maxParts {
				return limit(fmt.Sprintf("it has more than %d steps of paths", maxParts))
			}
		}
		switch {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			if depth++; depth > l.Depth {
				return limit(fmt.Sprintf("it nests deeper than %d", l.Depth))
			}
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// isRegex reports whether v is a regular expression that stood in a source.
func isRegex(v any) (pattern, flags string, ok bool) {
	m, plain := v.(map[string]any)
	if !plain {
		return "", "", false
	}
	pattern, ok = m["pattern"].(string)
	flags, _ = m["flags"].(string)
	return pattern, flags, ok
}

// null is told apart from a value by the library's own test.
func undefinedOrNull(v any) bool { return v == nil || gnata.IsNull(v) }
