package awstest

import (
	"math/big"
	"strings"
)

// condition says whether an item, which may be nil, is as asked.
type condition func(item) bool

// update changes an item.
type update func(item) error

// operand is what an expression compares or assigns; ok is false where there is nothing.
type operand func(item) (v attr, ok bool)

// parser reads one expression of a request.
type parser struct {
	r     *request
	words []string
	at    int
	used  map[string]bool // names and values that expressions of the request use
	err   error
}

// parse starts on an expression. All expressions of one request share used.
func parse(r *request, expression string, used map[string]bool) *parser {
	p := &parser{r: r, used: used}
	if len(expression) > maxExpression {
		p.fail("an expression of %d bytes", len(expression))
	}
	for i := 0; i < len(expression); {
		n := wordLength(expression[i:])
		if w := expression[i : i+n]; strings.TrimSpace(w) != "" {
			p.words = append(p.words, w)
		}
		i += n
	}
	return p
}

func wordLength(s string) int {
	const punctuation = " (),=<>+-"
	if strings.HasPrefix(s, "<=") || strings.HasPrefix(s, ">=") || strings.HasPrefix(s, "<>") {
		return 2
	}
	if n := strings.IndexAny(s, punctuation); n > 0 {
		return n
	} else if n == 0 {
		return 1
	}
	return len(s)
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = invalid("an expression is not valid: "+format, args...)
	}
	p.at = len(p.words)
}

func (p *parser) peek() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

func (p *parser) next() string {
	w := p.peek()
	p.at++
	return w
}

func (p *parser) accept(word string) bool {
	if strings.EqualFold(p.peek(), word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(word string) {
	if !p.accept(word) {
		p.fail("%q where %q must stand", p.peek(), word)
	}
}

// condition parses the whole expression as a condition.
func (p *parser) condition() (condition, error) {
	c := p.or()
	if p.at < len(p.words) {
		p.fail("%q is left over", p.peek())
	}
	return c, p.err
}

func (p *parser) or() condition {
	left := p.and()
	for p.accept("OR") {
		a, b := left, p.and()
		left = func(i item) bool { return a(i) || b(i) }
	}
	return left
}

func (p *parser) and() condition {
	left := p.not()
	for p.accept("AND") {
		a, b := left, p.not()
		left = func(i item) bool { return a(i) && b(i) }
	}
	return left
}

func (p *parser) not() condition {
	if p.accept("NOT") {
		c := p.not()
		return func(i item) bool { return !c(i) }
	}
	if p.accept("(") {
		c := p.or()
		p.expect(")")
		return c
	}
	switch word := p.peek(); word {
	case "attribute_exists", "attribute_not_exists":
		p.next()
		path := p.argument()
		return func(i item) bool {
			_, ok := path(i)
			return ok == (word == "attribute_exists")
		}
	case "begins_with":
		p.next()
		p.expect("(")
		whole := p.operand()
		p.expect(",")
		prefix := p.operand()
		p.expect(")")
		return func(i item) bool {
			a, okA := whole(i)
			b, okB := prefix(i)
			return okA && okB && a.kind == b.kind && strings.HasPrefix(a.text, b.text)
		}
	}
	return p.comparison()
}

func (p *parser) argument() operand {
	p.expect("(")
	o := p.operand()
	p.expect(")")
	return o
}

func (p *parser) comparison() condition {
	left := p.operand()
	op := p.next()
	if strings.EqualFold(op, "BETWEEN") {
		low := p.operand()
		p.expect("AND")
		high := p.operand()
		return func(i item) bool {
			a, okA := compare(i, low, left)
			b, okB := compare(i, left, high)
			return okA && okB && a <= 0 && b <= 0
		}
	}
	tests := map[string]func(int) bool{
		"=": func(n int) bool { return n == 0 }, "<": func(n int) bool { return n < 0 },
		"<=": func(n int) bool { return n <= 0 }, ">": func(n int) bool { return n > 0 },
		">=": func(n int) bool { return n >= 0 },
	}
	test := tests[op]
	if test == nil {
		p.fail("%q is no comparison", op)
	}
	right := p.operand()
	return func(i item) bool {
		n, ok := compare(i, left, right)
		return ok && test(n)
	}
}

func compare(i item, left, right operand) (int, bool) {
	a, okA := left(i)
	b, okB := right(i)
	if !okA || !okB {
		return 0, false
	}
	return order(a, b)
}

// operand parses a name, a value, or size(name).
func (p *parser) operand() operand {
	word := p.next()
	switch {
	case word == "size":
		of := p.argument()
		return func(i item) (attr, bool) {
			v, ok := of(i)
			return number(int64(len(v.text))), ok
		}
	case strings.HasPrefix(word, ":"):
		v, ok := p.r.ExpressionAttributeValues[word]
		if !ok {
			p.fail("the value %s is not given", word)
		}
		p.used[word] = true
		return func(item) (attr, bool) { return v, true }
	}
	name := p.name(word)
	return func(i item) (attr, bool) {
		v, ok := i[name]
		return v, ok
	}
}

// name resolves an attribute's name. Only short plain words may stand for themselves.
func (p *parser) name(word string) string {
	if strings.HasPrefix(word, "#") {
		name, ok := p.r.ExpressionAttributeNames[word]
		if !ok {
			p.fail("the name %s is not given", word)
		}
		p.used[word] = true
		return name
	}
	if word == "" || strings.ContainsAny(word, ".[]") {
		p.fail("%q is no name that the fake knows", word)
	}
	return word
}

// update parses the whole expression as an update: SET, ADD and REMOVE.
func (p *parser) update() (update, error) {
	var steps []update
	section := ""
	for p.at < len(p.words) {
		switch word := strings.ToUpper(p.peek()); word {
		case "SET", "ADD", "REMOVE":
			section = word
			p.next()
		case ",":
			p.next()
		}
		steps = append(steps, p.step(section))
	}
	return func(i item) error {
		for _, s := range steps {
			if err := s(i); err != nil {
				return err
			}
		}
		return nil
	}, p.err
}

func (p *parser) step(section string) update {
	name := p.name(p.next())
	switch section {
	case "SET":
		p.expect("=")
		v := p.operand()
		return func(i item) error {
			got, ok := v(i)
			if !ok {
				return invalid("an update of %s with nothing", name)
			}
			i[name] = got
			return nil
		}
	case "ADD":
		v := p.operand()
		return func(i item) error {
			delta, _ := v(i)
			old, ok := i[name]
			if !ok {
				old = number(0)
			}
			if old.kind != "N" || delta.kind != "N" {
				return invalid("an addition to %s of what is no number", name)
			}
			i[name] = attr{kind: "N", num: new(big.Int).Add(old.num, delta.num)}
			return nil
		}
	case "REMOVE":
		return func(i item) error {
			delete(i, name)
			return nil
		}
	}
	p.fail("%q outside SET, ADD and REMOVE", name)
	return func(item) error { return nil }
}

// checkUsed refuses names and values that no expression uses, as the service does.
func (r *request) checkUsed(used map[string]bool) error {
	for name := range r.ExpressionAttributeNames {
		if !used[name] {
			return invalid("the name %s is not used", name)
		}
	}
	for name := range r.ExpressionAttributeValues {
		if !used[name] {
			return invalid("the value %s is not used", name)
		}
	}
	return nil
}
