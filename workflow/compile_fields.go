package workflow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fields reads the members of one object of a definition and remembers which were read, so that the
// others can be reported.
type fields struct {
	c    *compiler
	o    *Object
	at   string
	read []string
}

func (c *compiler) fields(o *Object, at string) *fields { return &fields{c: c, o: o, at: at} }

func (f *fields) value(name string) (Value, bool) {
	f.read = append(f.read, name)
	return f.o.Get(name)
}

func (f *fields) wrong(name, want string, got Value) {
	f.c.bad(f.at+"/"+name, "", "%s must be %s, not %s", name, want, kindOf(got))
}

func (f *fields) text(name string) (string, bool) {
	v, ok := f.value(name)
	s, isText := v.(string)
	if ok && !isText {
		f.wrong(name, "a string", v)
	}
	return s, isText
}

func (f *fields) boolean(name string) (value, ok bool) {
	v, given := f.value(name)
	b, isBool := v.(bool)
	if given && !isBool {
		f.wrong(name, "true or false", v)
	}
	return b, isBool
}

func (f *fields) object(name string) (*Object, bool) {
	v, ok := f.value(name)
	o, isObject := v.(*Object)
	if ok && !isObject {
		f.wrong(name, "an object", v)
	}
	return o, isObject
}

// list reads an array of objects and calls each with the fields of one.
func (f *fields) list(name string, each func(f *fields)) (n int, given bool) {
	v, ok := f.value(name)
	if !ok {
		return 0, false
	}
	list, isList := v.(Array)
	if !isList {
		f.wrong(name, "an array", v)
		return 0, true
	}
	for i, item := range list {
		at := fmt.Sprintf("%s/%s[%d]", f.at, name, i)
		o, isObject := item.(*Object)
		if !isObject {
			f.c.bad(at, "", "an element of %s must be an object", name)
			continue
		}
		each(f.c.fields(o, at))
	}
	return len(list), true
}

// language reads QueryLanguage. A machine in JSONata has no JSONPath states.
func (f *fields) language(outer bool) (jsonata bool) {
	s, ok := f.text("QueryLanguage")
	switch {
	case !ok:
		return outer
	case s == "JSONata":
		return true
	case s != "JSONPath":
		f.c.bad(f.at+"/QueryLanguage", "", "QueryLanguage must be JSONPath or JSONata, not %q", shorten(s))
	case outer:
		f.c.bad(f.at+"/QueryLanguage", "set JSONata per state instead, in a machine without it",
			"a state of a JSONata machine cannot be JSONPath")
	}
	return false
}

// rest reports the members that nobody read.
func (f *fields) rest(of string) {
	for i := range f.o.Len() {
		name, _ := f.o.At(i)
		if !slices.Contains(f.read, name) {
			f.c.bad(f.at+"/"+name, "check its spelling, and whether the query language has it",
				"%s", strings.TrimSpace(fmt.Sprintf("Field '%s' is not supported %s", shorten(name), of)))
		}
	}
}

func (f *fields) path(name string) *Path {
	s, ok := f.text(name)
	if !ok {
		return nil
	}
	p, err := ParsePath(s)
	if err != nil {
		f.c.bad(f.at+"/"+name, "", "Value is not a valid JSONPath: %v", err)
		return nil
	}
	return p
}

func (f *fields) pathOrNull(name string) *pathOrNull {
	if v, ok := f.o.Get(name); ok && v == nil {
		f.read = append(f.read, name)
		return &pathOrNull{}
	}
	if p := f.path(name); p != nil {
		return &pathOrNull{path: p}
	}
	return nil
}

func (f *fields) referenceOrNull(name string) *pathOrNull {
	p := f.pathOrNull(name)
	if p != nil && p.path != nil && (!p.path.reference() || p.path.root != rootInput) {
		f.c.bad(f.at+"/"+name, "use names and indexes only, from $",
			"Value is not a Reference Path: Must be a reference path")
	}
	return p
}

// intField says what a whole-number field takes.
type intField struct {
	least, most int64
	float       bool // fractions as well
	noPath      bool // there is no form "…Path"
}

// integer reads a number: a literal, in JSONata an expression, in JSONPath also "namePath".
func (f *fields) integer(name string, limits intField) *integer {
	v, ok := f.value(name)
	n := &integer{field: name}
	if p := name + "Path"; !f.c.jsonata && !limits.noPath {
		if path := f.path(p); path != nil {
			if ok {
				f.c.bad(f.at, "remove one of them", "a state has %s or %s, not both", name, p)
			}
			return &integer{field: p, path: path}
		}
	}
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case Number:
		i, err := strconv.ParseInt(string(v), 10, 64)
		x, _ := v.Float64()
		switch {
		case err != nil && !limits.float:
			f.wrong(name, "a whole number", v)
			return nil
		case x < float64(limits.least) || x > float64(limits.most):
			f.c.bad(f.at+"/"+name, "", "%s must be between %d and %d, not %s",
				name, limits.least, limits.most, v)
			return nil
		}
		_ = i
		n.literal = &v
	case string:
		if !f.c.jsonata || !isExpression(v) {
			f.wrong(name, "a number", v)
			return nil
		}
		n.expression = f.c.expression(v, name, f.at+"/"+name)
	default:
		f.wrong(name, "a number", v)
		return nil
	}
	return n
}

// dynamicText reads a string: a literal, in JSONata an expression, in JSONPath also "namePath", which may
// be a path or an intrinsic function.
func (f *fields) dynamicText(name string) *textSpec {
	s, ok := f.text(name)
	t := &textSpec{field: name, literal: s}
	if f.c.jsonata {
		if isExpression(s) {
			t.expression = f.c.expression(s, name, f.at+"/"+name)
		}
		if !ok {
			return nil
		}
		return t
	}
	p := name + "Path"
	if dynamic, given := f.text(p); given {
		at := f.at + "/" + p
		t = &textSpec{field: p}
		var err error
		if isIntrinsic(dynamic) {
			t.call, err = parseCall(dynamic)
		} else {
			t.path, err = ParsePath(dynamic)
		}
		if err != nil {
			f.c.bad(at, "", "Value is neither a JSONPath nor an intrinsic function call: %v", err)
			return nil
		}
		if ok {
			f.c.bad(f.at, "remove one of them", "a state has %s or %s, not both", name, p)
		}
		return t
	}
	if !ok {
		return nil
	}
	return t
}

// template reads a Payload Template.
func (f *fields) template(name string) *tmpl {
	v, ok := f.value(name)
	if !ok {
		return nil
	}
	return f.c.template(v, name, f.at+"/"+name)
}

// assign reads Assign: an object whose members are variables (states-language.net, "Assign").
func (f *fields) assign() *tmpl {
	v, ok := f.value("Assign")
	if !ok {
		return nil
	}
	o, isObject := v.(*Object)
	if !isObject {
		f.wrong("Assign", "an object", v)
		return nil
	}
	for i := range o.Len() {
		name, _ := o.At(i)
		if !f.c.jsonata {
			name = strings.TrimSuffix(name, ".$")
		}
		if !isVariable(name) {
			f.c.bad(f.at+"/Assign/"+name, "letters, digits and _, a letter first, at most 80 characters",
				"%q is not a name for a variable", shorten(name))
		}
	}
	return f.c.template(o, "Assign", f.at+"/Assign")
}

// isVariable judges a variable's name: an identifier of Unicode's annex 31, and not the reserved one.
func isVariable(name string) bool {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxStateName || name == "states" {
		return false
	}
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return false
		}
	}
	return true
}

// expression compiles a JSONata string.
func (c *compiler) expression(s, field, at string) *expression {
	e := newExpression(s, field)
	switch {
	case e.source == "":
		c.bad(at, "write an expression between {%% and %%}", "the JSONata expression is empty")
	case c.options.Evaluator != nil:
		if err := c.options.Evaluator.Check(e.source); err != nil {
			c.bad(at, "", "The JSONata expression is not valid: %v", err)
		}
	}
	return e
}

// template compiles a value, whose computed parts depend on the query language.
func (c *compiler) template(v Value, field, at string) *tmpl {
	switch v := v.(type) {
	case string:
		if c.jsonata && isExpression(v) {
			return &tmpl{dynamic: true, expression: c.expression(v, field, at)}
		}
	case Array:
		t := &tmpl{constant: v, list: make([]*tmpl, len(v))}
		for i, item := range v {
			n := strconv.Itoa(i)
			t.list[i] = c.template(item, field+"["+n+"]", at+"["+n+"]")
			t.dynamic = t.dynamic || t.list[i].dynamic
		}
		return t
	case *Object:
		return c.templateObject(v, field, at)
	}
	return &tmpl{constant: v}
}

func (c *compiler) templateObject(o *Object, field, at string) *tmpl {
	t := &tmpl{constant: o}
	for i := range o.Len() {
		name, v := o.At(i)
		here := at + "/" + name
		part := c.template(v, field+"/"+name, here)
		if short, dynamic := strings.CutSuffix(name, ".$"); dynamic && !c.jsonata {
			part = c.dynamicMember(name, v, here)
			name = short
		}
		t.names, t.parts = append(t.names, name), append(t.parts, part)
		t.dynamic = t.dynamic || part.dynamic
	}
	return t
}

// dynamicMember compiles the value of a member "name.$".
func (c *compiler) dynamicMember(name string, v Value, at string) *tmpl {
	s, ok := v.(string)
	t := &tmpl{dynamic: true}
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("it is of type %s", kindOf(v))
	case isIntrinsic(s):
		t.call, err = parseCall(s)
	default:
		t.path, err = ParsePath(s)
	}
	if err != nil {
		c.bad(at, `a member ending in ".$" is computed; without ".$" it is taken as it stands`,
			"The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call: %v",
			shorten(name), err)
		return &tmpl{}
	}
	return t
}
