package workflow

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// filter is the expression in [?(…)]: an operator over parts, a path that must exist, or a literal.
type filter struct {
	op    string // "&&", "||", "!", a comparison, "path" or "value"
	parts []*filter
	path  *Path // of "path"; rootInput with fromHere starts at @
	here  bool
	value Value
	match *regexp.Regexp
}

const maxFilterDepth = 32

// filterIn reads "(expression)".
func (p *pathParser) filterIn() (*filter, error) {
	if !p.take("(") {
		return nil, errors.New(`"(" is missing after "?"`)
	}
	f, err := p.either()
	if err != nil {
		return nil, err
	}
	p.spaces()
	if !p.take(")") {
		return nil, errors.New(`")" is missing`)
	}
	return f, nil
}

func (p *pathParser) either() (*filter, error) { return p.chain("||", p.both) }
func (p *pathParser) both() (*filter, error)   { return p.chain("&&", p.single) }

func (p *pathParser) chain(op string, part func() (*filter, error)) (*filter, error) {
	if p.deep++; p.deep > maxFilterDepth {
		return nil, errors.New("the filter nests too deep")
	}
	defer func() { p.deep-- }()
	first, err := part()
	if err != nil {
		return nil, err
	}
	all := []*filter{first}
	for p.spaces(); p.take(op); p.spaces() {
		next, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	if len(all) == 1 {
		return first, nil
	}
	return &filter{op: op, parts: all}, nil
}

func (p *pathParser) single() (*filter, error) {
	p.spaces()
	switch {
	case p.at("!") && !p.at("!="):
		p.pos++
		if p.deep++; p.deep > maxFilterDepth {
			return nil, errors.New("the filter nests too deep")
		}
		defer func() { p.deep-- }()
		f, err := p.single()
		return &filter{op: "!", parts: []*filter{f}}, err
	case p.at("("):
		return p.filterIn()
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.spaces()
	op := p.operator()
	if op == "" {
		if left.op != "path" {
			return nil, errors.New("a comparison is missing")
		}
		return left, nil
	}
	p.spaces()
	if op == "=~" {
		return p.regular(left)
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return &filter{op: op, parts: []*filter{left, right}}, nil
}

func (p *pathParser) operator() string {
	for _, op := range []string{"===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">"} {
		if p.take(op) {
			return strings.Replace(op, "===", "==", 1)
		}
	}
	start := p.pos
	word := strings.ToLower(p.while(isNameStart))
	switch word {
	case "in", "nin", "subsetof", "anyof", "noneof", "size", "empty", "contains":
		return word
	}
	p.pos = start
	return ""
}

// operand reads a path or a literal.
func (p *pathParser) operand() (*filter, error) {
	switch {
	case p.at("@"), p.at("$"):
		here := p.at("@")
		path := &Path{definite: true}
		start := p.pos
		p.pos++
		if err := p.steps(path); err != nil {
			return nil, err
		}
		path.text = p.text[start:p.pos]
		return &filter{op: "path", path: path, here: here}, nil
	case p.at("'"), p.at(`"`):
		s, err := p.quoted()
		return &filter{op: "value", value: s}, err
	case p.take("["):
		list := Array{}
		for p.spaces(); !p.take("]"); p.spaces() {
			if len(list) > 0 && !p.take(",") {
				return nil, errors.New(`"," or "]" is missing`)
			}
			p.spaces()
			item, err := p.operand()
			if err != nil {
				return nil, err
			}
			if item.op != "value" {
				return nil, errors.New("a list in a filter holds literals only")
			}
			list = append(list, item.value)
		}
		return &filter{op: "value", value: list}, nil
	}
	word := p.while(func(c byte) bool {
		return isNamePart(c) || c == '-' || c == '+' || c == '.'
	})
	switch word {
	case "true", "false":
		return &filter{op: "value", value: word == "true"}, nil
	case "null":
		return &filter{op: "value", value: nil}, nil
	}
	v, err := ParseValue([]byte(word))
	if _, ok := v.(Number); err != nil || !ok {
		return nil, fmt.Errorf("%q is neither a path nor a literal", word)
	}
	return &filter{op: "value", value: v}, nil
}

// regular reads "/expression/flags".
func (p *pathParser) regular(left *filter) (*filter, error) {
	if !p.take("/") {
		return nil, errors.New(`a regular expression begins with "/"`)
	}
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] != '/' {
		if p.text[p.pos] == '\\' {
			p.pos++
		}
		p.pos++
	}
	if p.pos >= len(p.text) {
		p.pos = len(p.text)
		return nil, errors.New(`a regular expression ends with "/"`)
	}
	source := p.text[start:p.pos]
	p.pos++
	if flags := p.while(isNameStart); strings.Contains(flags, "i") {
		source = "(?i)" + source
	}
	re, err := regexp.Compile("^(?:" + source + ")$")
	if err != nil {
		return nil, fmt.Errorf("the regular expression: %w", err)
	}
	return &filter{op: "=~", parts: []*filter{left}, match: re}, nil
}

// holds reports whether the expression is true of a value.
func (f *filter) holds(v Value, w *walk) bool {
	if w.visited++; w.visited > maxVisited {
		return false
	}
	switch f.op {
	case "&&":
		return !slices.ContainsFunc(f.parts, func(p *filter) bool { return !p.holds(v, w) })
	case "||":
		return slices.ContainsFunc(f.parts, func(p *filter) bool { return p.holds(v, w) })
	case "!":
		return !f.parts[0].holds(v, w)
	case "path":
		_, ok := f.of(v, w)
		return ok
	case "=~":
		left, _ := f.parts[0].of(v, w)
		s, ok := left.(string)
		return ok && f.match.MatchString(s)
	}
	left, lok := f.parts[0].of(v, w)
	right, rok := f.parts[1].of(v, w)
	if !lok || !rok {
		return f.op == "!=" && lok != rok
	}
	return compareIn(f.op, left, right)
}

// of is the value of an operand; a path that finds nothing has none.
func (f *filter) of(v Value, w *walk) (Value, bool) {
	if f.op == "value" {
		return f.value, true
	}
	doc := w.root
	if f.here {
		doc = v
	}
	found, err := f.path.Find(doc)
	if err != nil {
		return nil, false
	}
	if list, ok := found.(Array); ok && !f.path.definite && len(list) == 0 {
		return nil, false
	}
	return found, true
}

func compareIn(op string, left, right Value) bool {
	list, isList := right.(Array)
	other, bothLists := left.(Array)
	has := func(v Value) bool { return contains(list, v) }
	switch op {
	case "==":
		return equalByValue(left, right)
	case "!=", "!==":
		return !equalByValue(left, right)
	case "<", ">", "<=", ">=":
		c, ok := order(left, right)
		return ok && (c < 0 && op[0] == '<' || c > 0 && op[0] == '>' || c == 0 && len(op) == 2)
	case "in":
		return isList && has(left)
	case "nin":
		return isList && !has(left)
	case "subsetof":
		return isList && bothLists && !slices.ContainsFunc(other, func(v Value) bool { return !has(v) })
	case "anyof":
		return isList && bothLists && slices.ContainsFunc(other, has)
	case "noneof":
		return isList && bothLists && !slices.ContainsFunc(other, has)
	case "contains":
		s, ok := left.(string)
		part, also := right.(string)
		return bothLists && contains(other, right) || ok && also && strings.Contains(s, part)
	}
	n, err := applyFunction("length", left)
	if err != nil {
		return false
	}
	if op == "empty" {
		return (n == Number("0")) == (right == true)
	}
	return equalByValue(n, right) // size
}

// isFunction reports whether a path may end in that call.
func isFunction(name string) bool {
	return slices.Contains(
		[]string{"length", "size", "min", "max", "avg", "sum", "stddev", "keys", "first", "last"}, name)
}

// applyFunction calls what a path may end in.
func applyFunction(name string, v Value) (Value, error) {
	list, isList := v.(Array)
	switch name {
	case "length", "size":
		switch v := v.(type) {
		case string:
			return Int(int64(len([]rune(v)))), nil
		case *Object:
			return Int(int64(v.Len())), nil
		}
		if isList {
			return Int(int64(len(list))), nil
		}
		return nil, errNotFound
	case "keys":
		o, ok := v.(*Object)
		if !ok {
			return nil, errNotFound
		}
		names := make(Array, o.Len())
		for i := range names {
			names[i] = o.names[i]
		}
		return names, nil
	case "first", "last":
		at := 0
		if name == "last" {
			at = -1
		}
		if first, ok := item(list, at); ok {
			return first, nil
		}
		return nil, errNotFound
	}
	return aggregateOf(name, list)
}

func aggregateOf(name string, list Array) (Value, error) {
	var numbers []float64
	for _, v := range list {
		if n, ok := v.(Number); ok {
			f, _ := n.Float64()
			numbers = append(numbers, f)
		}
	}
	if len(numbers) == 0 {
		return nil, errors.New("aggregation function attempted to calculate value using empty array")
	}
	var sum, squares float64
	for _, f := range numbers {
		sum, squares = sum+f, squares+f*f
	}
	n := float64(len(numbers))
	result := map[string]float64{
		"min": slices.Min(numbers), "max": slices.Max(numbers), "sum": sum, "avg": sum / n,
		"stddev": math.Sqrt(max(squares/n-sum*sum/n/n, 0)),
	}[name]
	return Number(floatText(result)), nil
}
