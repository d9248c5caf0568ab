package workflow

import (
	"errors"
	"fmt"
	"strings"
)

// call is a compiled intrinsic function (states-language.net, "Intrinsic Functions"): States.Name,
// an open bracket, arguments between commas, a closing bracket.
type call struct {
	text string
	fn   intrinsic
	args []argument
}

// argument is one of: a literal, a path, another call.
type argument struct {
	literal Value
	path    *Path
	call    *call
}

// The limits of intrinsic functions, as the service documents them.
const (
	maxIntrinsicDepth = 10
	maxIntrinsicArgs  = 1000
)

// isIntrinsic reports whether a text is meant as a call.
func isIntrinsic(s string) bool { return strings.HasPrefix(s, "States.") }

// parseCall compiles an intrinsic function call.
func parseCall(text string) (*call, error) {
	p := &pathParser{text: text}
	c, err := p.call(0)
	if err == nil && p.pos != len(text) {
		err = fmt.Errorf("unexpected %q", shorten(text[p.pos:]))
	}
	if err != nil {
		return nil, fmt.Errorf("at character %d: %w", p.pos+1, err)
	}
	c.text = text
	return c, nil
}

func (p *pathParser) call(depth int) (*call, error) {
	if depth >= maxIntrinsicDepth {
		return nil, fmt.Errorf("intrinsic functions nest more than %d deep", maxIntrinsicDepth)
	}
	start := p.pos
	name := p.while(func(c byte) bool { return isNamePart(c) || c == '.' })
	fn, ok := intrinsicNamed(name)
	if !ok {
		p.pos = start
		return nil, fmt.Errorf("there is no intrinsic function %q", shorten(name))
	}
	c := &call{fn: fn}
	p.spaces()
	if !p.take("(") {
		return nil, errors.New(`"(" is missing`)
	}
	for p.spaces(); !p.take(")"); p.spaces() {
		if len(c.args) > 0 && !p.take(",") {
			return nil, errors.New(`"," or ")" is missing`)
		}
		if len(c.args) == maxIntrinsicArgs {
			return nil, fmt.Errorf("more than %d arguments", maxIntrinsicArgs)
		}
		p.spaces()
		a, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, a)
	}
	c.text = p.text[start:p.pos]
	if n := len(c.args); n < fn.least || fn.most >= 0 && n > fn.most {
		return nil, fmt.Errorf("%s takes %s, not %d", name, fn.arity(), n)
	}
	return c, nil
}

func (p *pathParser) argument(depth int) (argument, error) {
	switch {
	case p.at("'"):
		s, err := p.literal()
		return argument{literal: s}, err
	case p.at("States."):
		c, err := p.call(depth + 1)
		return argument{call: c}, err
	case p.at("$"):
		return p.pathArgument()
	}
	word := p.while(func(c byte) bool { return isNamePart(c) || c == '-' || c == '+' || c == '.' })
	v, err := ParseValue([]byte(word))
	if err != nil {
		return argument{}, fmt.Errorf("%q is no argument: use a quoted string, a number, a path or a call",
			shorten(word))
	}
	return argument{literal: v}, nil
}

// literal reads a quoted string. A backslash may stand before ' { } and itself, and nothing else.
// \{ and \} keep their backslash, since only States.Format knows whether it means them.
func (p *pathParser) literal() (string, error) {
	var b strings.Builder
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; c {
		case '\'':
			p.pos++
			return b.String(), nil
		case '\\':
			p.pos++
			if p.pos == len(p.text) || !strings.ContainsRune(`'{}\`, rune(p.text[p.pos])) {
				return "", errors.New(`a backslash stands only before ' { } and \`)
			}
			if c = p.text[p.pos]; c != '\'' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a closing quote is missing")
}

// pathArgument reads a path up to the comma or bracket that ends the argument.
func (p *pathParser) pathArgument() (argument, error) {
	start := p.pos
	nested := &pathParser{text: p.text, pos: start + 1}
	path := &Path{definite: true}
	switch {
	case nested.take("$"):
		path.root = rootContext
	case nested.pos < len(nested.text) && isNameStart(nested.text[nested.pos]):
		path.root = rootVariable
		path.variable = nested.while(isNamePart)
	}
	err := nested.steps(path)
	p.pos = nested.pos
	path.text = p.text[start:p.pos]
	return argument{path: path}, err
}

// eval answers the value of the call.
func (c *call) eval(s *scope) (Value, error) {
	args := make([]Value, len(c.args))
	for i, a := range c.args {
		var err error
		switch {
		case a.path != nil:
			args[i], err = s.find(a.path)
		case a.call != nil:
			args[i], err = a.call.eval(s)
		case i == 0 && c.fn.template:
			args[i] = a.literal
			if text, ok := a.literal.(string); ok {
				args[i] = template(text)
			}
		default:
			args[i] = a.literal
			if text, ok := a.literal.(string); ok {
				args[i] = unescape(text)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	v, err := c.fn.apply(args, s.env)
	if err != nil {
		return nil, failf(ErrorIntrinsicFailure, "The function '%s' had the following error: %v", c.text, err)
	}
	return v, nil
}

// template is a literal whose braces are still escaped.
type template string

// unescape takes the backslashes away that the literal kept.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\{`, "{", `\}`, "}", `\\`, `\`).Replace(s)
}
