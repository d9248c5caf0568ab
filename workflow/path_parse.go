package workflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParsePath compiles a JSONPath: "$", "$$" and "$variable" are the roots; names may stand after a
// dot or, quoted, in brackets; [i], [i,j], [from:to], [*], .*, ..name and [?(filter)] are known.
func ParsePath(text string) (*Path, error) {
	if len(text) > maxPathText {
		return nil, fmt.Errorf("longer than %d characters", maxPathText)
	}
	p := &pathParser{text: text}
	path, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("at character %d: %w", p.pos+1, err)
	}
	return path, nil
}

// pathParser reads a path from left to right.
type pathParser struct {
	text string
	pos  int
	deep int // nesting of filters
}

func (p *pathParser) parse() (*Path, error) {
	if !strings.HasPrefix(p.text, "$") {
		return nil, errors.New(`a path begins with "$"`)
	}
	path := &Path{text: p.text, definite: true}
	p.pos = 1
	switch {
	case p.take("$"):
		path.root = rootContext
	case p.pos < len(p.text) && isNameStart(p.text[p.pos]):
		path.root = rootVariable
		path.variable = p.while(isNamePart)
	}
	if err := p.steps(path); err != nil {
		return nil, err
	}
	if p.pos != len(p.text) {
		return nil, fmt.Errorf("unexpected %q", p.text[p.pos:])
	}
	return path, nil
}

// steps reads as many steps as there are.
func (p *pathParser) steps(path *Path) error {
	for {
		var s step
		var err error
		switch {
		case p.take(".."):
			s, err = p.afterDots()
			s.deep = true
		case p.take("."):
			s, err = p.afterDot()
		case p.take("["):
			s, err = p.brackets()
		default:
			return nil
		}
		if err != nil {
			return err
		}
		if p.take("()") {
			if s.kind != stepNames || len(s.names) != 1 || s.deep || !isFunction(s.names[0]) {
				return errors.New("no such function")
			}
			path.function = s.names[0]
			return nil
		}
		if len(path.steps) == maxPathSteps {
			return fmt.Errorf("more than %d steps", maxPathSteps)
		}
		single := s.kind == stepNames && len(s.names) == 1 ||
			s.kind == stepIndexes && len(s.at) == 1
		path.definite = path.definite && single && !s.deep
		path.steps = append(path.steps, s)
	}
}

func (p *pathParser) afterDots() (step, error) {
	if p.take("[") {
		return p.brackets()
	}
	return p.afterDot()
}

func (p *pathParser) afterDot() (step, error) {
	if p.take("*") {
		return step{kind: stepAll}, nil
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(".[]()' \t\n\r,=<>!&|~\"{}", rune(p.text[p.pos])) {
		p.pos++
	}
	if p.pos == start {
		return step{}, errors.New("a name is missing after the dot")
	}
	return step{kind: stepNames, names: []string{p.text[start:p.pos]}}, nil
}

// brackets reads what follows "[" up to and with "]".
func (p *pathParser) brackets() (step, error) {
	p.spaces()
	var s step
	var err error
	switch {
	case p.take("*"):
		s = step{kind: stepAll}
	case p.take("?"):
		s.kind = stepFilter
		if s.filter, err = p.filterIn(); err != nil {
			return s, err
		}
	case p.at("'") || p.at(`"`):
		s, err = p.names()
	default:
		s, err = p.numbers()
	}
	if err != nil {
		return s, err
	}
	p.spaces()
	if !p.take("]") {
		return s, errors.New(`"]" is missing`)
	}
	return s, nil
}

func (p *pathParser) names() (step, error) {
	s := step{kind: stepNames}
	for {
		p.spaces()
		name, err := p.quoted()
		if err != nil {
			return s, err
		}
		s.names = append(s.names, name)
		p.spaces()
		if !p.take(",") {
			return s, nil
		}
	}
}

// numbers reads an index, a list of them, or a slice.
func (p *pathParser) numbers() (step, error) {
	s := step{kind: stepIndexes}
	var bounds [3]*int
	colons := 0
	for {
		p.spaces()
		n, ok := p.integer()
		p.spaces()
		switch {
		case p.take(":"):
			if len(s.at) > 0 || colons == 2 {
				return s, errors.New("a slice is [from:to]")
			}
			if ok {
				bounds[colons] = &n
			}
			colons++
			continue
		case colons > 0:
			if ok {
				bounds[colons] = &n
			}
			if b := bounds[2]; b != nil && *b < 1 {
				return s, errors.New("the step of a slice must be positive")
			}
			return step{kind: stepSlice, slice: slice{bounds[0], bounds[1], bounds[2]}}, nil
		case !ok:
			return s, errors.New("an index, a quoted name, * or ?(…) is missing")
		}
		s.at = append(s.at, n)
		if !p.take(",") {
			return s, nil
		}
	}
}

// integer reads a whole number, if one stands here.
func (p *pathParser) integer() (int, bool) {
	start := p.pos
	if p.at("-") {
		p.pos++
	}
	p.while(func(c byte) bool { return c >= '0' && c <= '9' })
	n, err := strconv.Atoi(p.text[start:p.pos])
	if err != nil || n > 1<<31 || n < -1<<31 {
		p.pos = start
		return 0, false
	}
	return n, true
}

// quoted reads a string in single or double quotes; a backslash takes the next character as it is.
func (p *pathParser) quoted() (string, error) {
	if !p.at("'") && !p.at(`"`) {
		return "", errors.New("a quoted string is missing")
	}
	quote := p.text[p.pos]
	var b strings.Builder
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == quote:
			p.pos++
			return b.String(), nil
		case c == '\\' && p.pos+1 < len(p.text):
			p.pos++
			b.WriteByte(p.text[p.pos])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a closing quote is missing")
}

func (p *pathParser) at(s string) bool { return strings.HasPrefix(p.text[p.pos:], s) }

func (p *pathParser) take(s string) bool {
	if !p.at(s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *pathParser) spaces() {
	p.while(func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' })
}

func (p *pathParser) while(ok func(c byte) bool) string {
	start := p.pos
	for p.pos < len(p.text) && ok(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// isNameStart and isNamePart are the letters of variable names; whatever is beyond ASCII counts as
// a letter here, and is judged where variables are assigned.
func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' }
