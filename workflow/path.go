package workflow

import (
	"errors"
	"fmt"
	"strings"
)

// The JSONPath of the service: the dialect of Jayway's library, with three roots. The specification
// says what a Path and a Reference Path are (states-language.net, "Paths"); how a path that finds
// nothing behaves is the library's: a definite path (names and single indexes only) must find its
// value, an indefinite one answers the list of what it found, also when that is empty.

// root says what a path starts at.
type root uint8

const (
	rootInput    root = iota // $
	rootContext              // $$
	rootVariable             // $name
)

// Path is a compiled JSONPath.
type Path struct {
	text     string
	root     root
	variable string
	steps    []step
	definite bool
	function string // the function called at the end, such as length, or ""
}

// step is one part of a path, such as .name or [3].
type step struct {
	kind   stepKind
	names  []string // of kind names
	at     []int    // of kind indexes
	slice  slice    // of kind slices
	filter *filter  // of kind filters
	deep   bool     // was written with "..": holds for every descendant
}

type stepKind uint8

const (
	stepNames   stepKind = iota // .name, ['name'], ['a','b']
	stepIndexes                 // [1], [-1], [0,2]
	stepSlice                   // [from:to:by]
	stepAll                     // .*, [*]
	stepFilter                  // [?(…)]
)

type slice struct{ from, to, by *int }

// The limits of one evaluation, so that no path can take long.
const (
	maxPathText  = 4096
	maxPathSteps = 256
	maxVisited   = 500_000 // values looked at
)

var (
	errNotFound = errors.New("no results")
	errTooMany  = fmt.Errorf("the path looks at more than %d values", maxVisited)
)

// String is the path as it was written.
func (p *Path) String() string { return p.text }

// Definite reports whether the path can only ever point at one place.
func (p *Path) Definite() bool { return p.definite && p.function == "" }

// reference reports whether the path is a Reference Path: one that can be written through.
func (p *Path) reference() bool {
	for _, s := range p.steps {
		if s.kind == stepIndexes && s.at[0] < 0 {
			return false
		}
	}
	return p.Definite()
}

// canonical is the path in bracket notation, as the service names it in causes.
func (p *Path) canonical() string {
	var b strings.Builder
	b.WriteString("$")
	for _, s := range p.steps {
		switch s.kind {
		case stepNames:
			fmt.Fprintf(&b, "['%s']", strings.Join(s.names, "','"))
		case stepIndexes:
			fmt.Fprintf(&b, "[%s]", strings.Trim(fmt.Sprint(s.at), "[]"))
		default:
			return p.text
		}
	}
	return b.String()
}

// Find evaluates the path on a document (the value of its root).
func (p *Path) Find(doc Value) (Value, error) {
	if len(p.steps) == 0 && p.function == "" {
		return doc, nil
	}
	if p.Definite() {
		return p.findOne(doc)
	}
	w := &walk{root: doc}
	found := Array{doc}
	for _, s := range p.steps {
		var next Array
		for _, v := range found {
			next = w.step(s, v, next)
		}
		if w.visited > maxVisited {
			return nil, errTooMany
		}
		found = next
	}
	switch {
	case p.function == "":
		if found == nil {
			found = Array{}
		}
		return found, nil
	case p.definite && len(found) == 0:
		return nil, errNotFound
	case p.definite:
		return applyFunction(p.function, found[0])
	}
	return applyFunction(p.function, found)
}

func (p *Path) findOne(v Value) (Value, error) {
	for _, s := range p.steps {
		var ok bool
		if s.kind == stepNames {
			var o *Object
			if o, ok = v.(*Object); ok {
				v, ok = o.Get(s.names[0])
			}
		} else {
			var list Array
			if list, ok = v.(Array); ok {
				v, ok = item(list, s.at[0])
			}
		}
		if !ok {
			return nil, errNotFound
		}
	}
	return v, nil
}

// item is the element at an index, counted from the end when negative.
func item(list Array, i int) (Value, bool) {
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

// walk is one evaluation of an indefinite path.
type walk struct {
	root    Value
	visited int
}

// step adds to found what one step finds from one value.
func (w *walk) step(s step, v Value, found Array) Array {
	if w.visited++; w.visited > maxVisited {
		return found
	}
	found = w.here(s, v, found)
	if !s.deep {
		return found
	}
	switch v := v.(type) {
	case Array:
		for _, child := range v {
			found = w.step(s, child, found)
		}
	case *Object:
		for _, child := range v.values[:v.Len()] {
			found = w.step(s, child, found)
		}
	}
	return found
}

func (w *walk) here(s step, v Value, found Array) Array {
	switch s.kind {
	case stepNames:
		return stepInto(s.names, v, found)
	case stepIndexes:
		if list, ok := v.(Array); ok {
			for _, i := range s.at {
				if child, ok := item(list, i); ok {
					found = append(found, child)
				}
			}
		}
	case stepSlice:
		if list, ok := v.(Array); ok {
			found = append(found, s.slice.of(list)...)
		}
	case stepAll:
		switch v := v.(type) {
		case Array:
			found = append(found, v...)
			w.visited += len(v)
		case *Object:
			found = append(found, v.values[:v.Len()]...)
			w.visited += v.Len()
		}
	case stepFilter:
		return w.filter(s.filter, v, found, s.deep)
	}
	return found
}

// stepInto finds members by name. Several names of one object make one object of them, as the
// dialect has it.
func stepInto(names []string, v Value, found Array) Array {
	o, ok := v.(*Object)
	if !ok {
		return found
	}
	if len(names) == 1 {
		if child, ok := o.Get(names[0]); ok {
			found = append(found, child)
		}
		return found
	}
	some := &Object{}
	for _, n := range names {
		if child, ok := o.Get(n); ok {
			some.put(n, child)
		}
	}
	return append(found, some)
}

// filter keeps the elements of an array for which the expression holds; an object is asked itself.
func (w *walk) filter(f *filter, v Value, found Array, deep bool) Array {
	switch v := v.(type) {
	case Array:
		for _, child := range v {
			w.visited++
			if f.holds(child, w) {
				found = append(found, child)
			}
		}
	case *Object:
		if !deep && f.holds(v, w) {
			found = append(found, v)
		}
	}
	return found
}

// of is the slice of a list; like the dialect it knows no step but 1.
func (s slice) of(list Array) Array {
	n := len(list)
	bound := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	by := 1
	if s.by != nil {
		by = *s.by
	}
	from, to := bound(s.from, 0), bound(s.to, n)
	if from >= to {
		return nil
	}
	if by == 1 {
		return list[from:to]
	}
	var some Array
	for i := from; i < to; i += by {
		some = append(some, list[i])
	}
	return some
}

// set is the document with a value put where the reference path points: objects are made where
// nothing is, arrays must have the index (states-language.net, "ResultPath").
func (p *Path) set(doc, v Value) (Value, error) { return setSteps(p.steps, doc, v) }

func setSteps(steps []step, doc, v Value) (Value, error) {
	if len(steps) == 0 {
		return v, nil
	}
	s, rest := steps[0], steps[1:]
	if s.kind == stepNames {
		o, ok := doc.(*Object)
		if !ok {
			return nil, fmt.Errorf("unable to apply step %q to input %s", s.names[0], shorten(Text(doc)))
		}
		child, ok := o.Get(s.names[0])
		if !ok {
			child = &Object{}
		}
		if _, isObject := child.(*Object); !isObject && len(rest) > 0 && rest[0].kind == stepNames {
			return nil, fmt.Errorf("unable to apply step %q to input %s",
				rest[0].names[0], shorten(Text(child)))
		}
		child, err := setSteps(rest, child, v)
		if err != nil {
			return nil, err
		}
		return o.With(s.names[0], child), nil
	}
	list, ok := doc.(Array)
	if !ok || s.at[0] < 0 || s.at[0] >= len(list) {
		return nil, fmt.Errorf("unable to apply step [%d] to input %s", s.at[0], shorten(Text(doc)))
	}
	child, err := setSteps(rest, list[s.at[0]], v)
	if err != nil {
		return nil, err
	}
	list = append(Array(nil), list...)
	list[s.at[0]] = child
	return list, nil
}

// shorten keeps texts of values out of the way of the message around them.
func shorten(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
