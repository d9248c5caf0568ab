package workflow

import (
	"slices"
	"strings"
)

// rule is one Choice Rule: a comparison, a boolean combination, or a JSONata condition.
type rule struct {
	next   string
	assign *tmpl
	output *tmpl

	condition *tmpl // JSONata
	op        string
	parts     []*rule // of And, Or, Not
	variable  *Path
	operand   Value
	path      *Path // of the …Path operators
}

// topRule reads a rule of Choices, which must say where to go.
func (c *compiler) topRule(f *fields) *rule {
	r := c.rule(f, 0)
	var ok bool
	if r.next, ok = f.text("Next"); !ok {
		c.bad(f.at, "", "These fields are required: [Next]")
	}
	r.assign = f.assign()
	if c.jsonata {
		r.output = f.template("Output")
	}
	f.rest("of a choice rule in " + languageName(c.jsonata))
	return r
}

const maxRuleDepth = 50

func (c *compiler) rule(f *fields, depth int) *rule {
	r := &rule{}
	f.text("Comment")
	if depth > maxRuleDepth {
		c.bad(f.at, "", "choice rules nest more than %d deep", maxRuleDepth)
		return r
	}
	if c.jsonata {
		if r.condition = f.template("Condition"); r.condition == nil {
			c.bad(f.at, "", "These fields are required: [Condition]")
		} else if _, literal := r.condition.constant.(bool); !literal && r.condition.expression == nil {
			c.bad(f.at+"/Condition", "", "Condition must be a JSONata expression")
		}
		return r
	}
	found := 0
	for _, op := range []string{"And", "Or"} {
		n, given := f.list(op, func(p *fields) { r.parts = append(r.parts, c.nested(p, depth)) })
		if given {
			r.op = op
			found++
			if n == 0 {
				c.bad(f.at+"/"+op, "", "%s must have at least one rule", op)
			}
		}
	}
	if o, ok := f.object("Not"); ok {
		r.op, r.parts = "Not", []*rule{c.nested(c.fields(o, f.at+"/Not"), depth)}
		found++
	}
	found += c.comparison(f, r)
	if found != 1 {
		c.bad(f.at, "give And, Or, Not, or a Variable and one comparison operator",
			"a choice rule has exactly one operator, not %d", found)
	}
	return r
}

func (c *compiler) nested(f *fields, depth int) *rule {
	r := c.rule(f, depth+1)
	f.rest("of a nested choice rule")
	return r
}

// comparison reads Variable and the operators beside it (states-language.net, "Data-test
// expression"), and answers how many there are.
func (c *compiler) comparison(f *fields, r *rule) int {
	r.variable = f.path("Variable")
	found := 0
	for i := range f.o.Len() {
		name, v := f.o.At(i)
		kind, ok := operandOf(name)
		if !ok {
			continue
		}
		f.read = append(f.read, name)
		found++
		r.op, r.operand = name, v
		if kind == "path" {
			r.path = f.path(name)
			continue
		}
		if kind == "timestamp" {
			s, _ := v.(string)
			if _, err := parseTimestamp(s); err != nil {
				c.bad(f.at+"/"+name, "write it as 2026-01-31T12:00:00Z", "%s must be a timestamp", name)
			}
			continue
		}
		if kindOf(v) != kind {
			f.wrong(name, "a "+kind, v)
		}
	}
	if found > 0 && r.variable == nil {
		if _, given := f.o.Get("Variable"); !given {
			c.bad(f.at, "", "These fields are required: [Variable]")
		}
	}
	return found
}

// operandOf answers what an operator compares with.
func operandOf(op string) (kind string, ok bool) {
	switch op {
	case "IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp", "BooleanEquals":
		return "boolean", true
	case "StringMatches":
		return "string", true
	case "BooleanEqualsPath":
		return "path", true
	}
	for _, t := range []string{"String", "Numeric", "Timestamp"} {
		rest, ok := strings.CutPrefix(op, t)
		if !ok {
			continue
		}
		rest, isPath := strings.CutSuffix(rest, "Path")
		if !slices.Contains([]string{
			"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals",
		}, rest) {
			return "", false
		}
		switch {
		case isPath:
			return "path", true
		case t == "Numeric":
			return "number", true
		}
		return strings.ToLower(t), true
	}
	return "", false
}

// holds evaluates a rule.
func (r *rule) holds(s *scope) (bool, error) {
	if r.condition != nil {
		v, err := r.condition.eval(s)
		if err != nil {
			return false, err
		}
		b, ok := v.(bool)
		if !ok {
			return false, r.condition.expression.want("boolean", v)
		}
		return b, nil
	}
	switch r.op {
	case "And", "Or":
		for _, p := range r.parts {
			b, err := p.holds(s)
			if err != nil || b == (r.op == "Or") {
				return b, err
			}
		}
		return r.op == "And", nil
	case "Not":
		b, err := r.parts[0].holds(s)
		return !b, err
	}
	return r.compare(s)
}

// compare evaluates a data-test expression. The variable must exist, except for IsPresent and the
// other tests of type.
func (r *rule) compare(s *scope) (bool, error) {
	v, err := s.find(r.variable)
	if _, missing := err.(*missingPath); missing && r.op == "IsPresent" {
		return r.operand == false, nil
	}
	if err != nil {
		if m, missing := err.(*missingPath); missing {
			return false, runtimef("Invalid path '%s': The choice state's condition path references an invalid value.",
				m.path)
		}
		return false, err
	}
	operand := r.operand
	if r.path != nil {
		if operand, err = s.find(r.path); err != nil {
			return false, runtimef("Invalid path '%s': The choice state's condition path references an invalid value.",
				r.path)
		}
	}
	op := strings.TrimSuffix(r.op, "Path")
	switch op {
	case "IsPresent":
		return operand == true, nil
	case "IsNull":
		return (v == nil) == operand.(bool), nil
	case "IsBoolean", "IsString", "IsNumeric":
		kind := strings.ToLower(op[2:])
		if kind == "numeric" {
			kind = "number"
		}
		return (kindOf(v) == kind) == operand.(bool), nil
	case "IsTimestamp":
		text, ok := v.(string)
		if ok {
			_, err := parseTimestamp(text)
			ok = err == nil
		}
		return ok == operand.(bool), nil
	case "StringMatches":
		text, ok := v.(string)
		return ok && wildcardMatch(operand.(string), text), nil
	case "BooleanEquals":
		b, ok := v.(bool)
		return ok && operand == b, nil
	}
	return compareAs(op, v, operand), nil
}

// compareAs compares strings, numbers or timestamps; values of another type are never alike.
func compareAs(op string, v, operand Value) bool {
	var c int
	switch {
	case strings.HasPrefix(op, "Timestamp"):
		a, ok := v.(string)
		b, also := operand.(string)
		if !ok || !also {
			return false
		}
		x, errX := parseTimestamp(a)
		y, errY := parseTimestamp(b)
		if errX != nil || errY != nil {
			return false
		}
		c, op = x.Compare(y), strings.TrimPrefix(op, "Timestamp")
	default:
		kind, prefix := "string", "String"
		if strings.HasPrefix(op, "Numeric") {
			kind, prefix = "number", "Numeric"
		}
		if kindOf(v) != kind || kindOf(operand) != kind {
			return false
		}
		c, _ = order(v, operand)
		op = strings.TrimPrefix(op, prefix)
	}
	switch op {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "GreaterThan":
		return c > 0
	case "LessThanEquals":
		return c <= 0
	}
	return c >= 0
}

// wildcardMatch matches a pattern in which * stands for any characters and a backslash takes its
// meaning away. It takes the text apart from left to right, once.
func wildcardMatch(pattern, text string) bool {
	literals := []string{""}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			literals = append(literals, "")
			continue
		case c == '\\' && i+1 < len(pattern):
			i++
		}
		literals[len(literals)-1] += pattern[i : i+1]
	}
	first, last := literals[0], literals[len(literals)-1]
	if len(literals) == 1 {
		return text == first
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for _, literal := range literals[1 : len(literals)-1] {
		at := strings.Index(text, literal)
		if at < 0 {
			return false
		}
		text = text[at+len(literal):]
	}
	return strings.HasSuffix(text, last)
}

// noMatch is the failure of a Choice whose rules all refuse and that has no Default.
func noMatch(s *state) *Failure {
	return failf(ErrorNoChoiceMatched,
		"No choice in state '%s' matched, and it has no Default", s.name)
}
