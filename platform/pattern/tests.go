package pattern

import (
	"encoding/json"
	"net/netip"
)

// test reads one {"name": what} after its brace and adds it to the clause.
func (p *parser) test(c *clause) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	name, ok := t.(string)
	if !ok {
		return p.refuse("an empty object is no test")
	}
	p.place = append(p.place, name)
	tests := map[string]func(c *clause) error{
		"exactly": p.exactly, "prefix": p.prefix, "suffix": p.suffix, "numeric": p.numeric,
		"anything-but": p.anythingBut, "exists": p.exists, "cidr": p.cidr,
		"equals-ignore-case": p.ignoreCase, "wildcard": p.wildcard,
	}
	read := tests[name]
	if read == nil {
		return p.refuse("there is no test of this name")
	}
	if err := read(c); err != nil {
		return err
	}
	p.place = p.place[:len(p.place)-1]
	return p.shut()
}

// shut reads the closing brace of a test.
func (p *parser) shut() error {
	if p.d.More() {
		return p.refuse("a test has one name: put a second one into an object of its own")
	}
	_, err := p.token()
	return err
}

func (p *parser) string(what string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", p.refuse("%s must be a text", what)
	}
	return s, nil
}

func (p *parser) exactly(c *clause) error {
	s, err := p.string("what is matched exactly")
	c.tests = append(c.tests, test{op: exactText, text: s})
	return err
}

func (p *parser) ignoreCase(c *clause) error {
	s, err := p.string("what is compared in either case")
	c.tests = append(c.tests, newFold(foldText, s))
	return err
}

func (p *parser) prefix(c *clause) error { return p.affix(c, prefixText, foldPrefix) }
func (p *parser) suffix(c *clause) error { return p.affix(c, suffixText, foldSuffix) }

// affix reads a prefix or suffix: a text, or {"equals-ignore-case": text}.
func (p *parser) affix(c *clause, plain, folded op) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case string:
		c.tests = append(c.tests, test{op: plain, text: v, raw: []byte(v)})
		return nil
	case json.Delim:
		if v != '{' {
			break
		}
		name, err := p.string("the form of a prefix or suffix")
		if err != nil {
			return err
		}
		if name != "equals-ignore-case" {
			return p.refuse("%q does not go with a prefix or suffix", name)
		}
		s, err := p.string("what is compared in either case")
		if err != nil {
			return err
		}
		c.tests = append(c.tests, newFold(folded, s))
		return p.shut()
	}
	return p.refuse(`it must be a text or {"equals-ignore-case": text}`)
}

func (p *parser) wildcard(c *clause) error {
	s, err := p.string("a wildcard")
	if err != nil {
		return err
	}
	t, problem := newWildcard(s)
	if problem != "" {
		return p.refuse("%s", problem)
	}
	c.tests = append(c.tests, t)
	return nil
}

func (p *parser) exists(c *clause) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	yes, ok := t.(bool)
	if !ok {
		return p.refuse("it must be true or false")
	}
	if yes {
		c.tests = append(c.tests, test{op: present})
	} else {
		c.absent = true
	}
	return nil
}

func (p *parser) cidr(c *clause) error {
	s, err := p.string("a range of addresses")
	if err != nil {
		return err
	}
	net, ok := network(s)
	if !ok {
		return p.refuse("%q is no address with the number of its fixed bits, as in 10.0.0.0/8", s)
	}
	c.tests = append(c.tests, test{op: inNetwork, net: net})
	return nil
}

// network reads a CIDR. Bits beyond the fixed ones are ignored; at least one must be free.
func network(s string) (netip.Prefix, bool) {
	net, err := netip.ParsePrefix(s)
	if err != nil || net.IsSingleIP() || net.Addr().Zone() != "" || net.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return net.Masked(), true
}

// numeric reads ["=", n], ["<", n], [">", n, "<=", m] and so on.
func (p *parser) numeric(c *clause) error {
	if err := p.open('[', "the comparison of numbers"); err != nil {
		return err
	}
	t := test{op: inRange}
	operator, n, err := p.comparison()
	if err != nil {
		return err
	}
	switch operator {
	case "=":
		t = test{op: exactNumeric, low: n}
	case "<", "<=":
		t.high, t.hasHigh, t.openHigh = n, true, operator == "<"
	case ">", ">=":
		t.low, t.hasLow, t.openLow = n, true, operator == ">"
		if !p.d.More() {
			break
		}
		if operator, n, err = p.comparison(); err != nil {
			return err
		}
		if operator != "<" && operator != "<=" {
			return p.refuse("%q cannot be the upper bound of a range", operator)
		}
		if t.high, t.hasHigh, t.openHigh = n, true, operator == "<"; t.low >= t.high {
			return p.refuse("the lower bound of a range must be below the upper one")
		}
	default:
		return p.refuse("%q is no comparison of numbers", operator)
	}
	if p.d.More() {
		return p.refuse("there are too many parts in the comparison")
	}
	c.tests = append(c.tests, t)
	_, err = p.token()
	return err
}

func (p *parser) comparison() (operator string, n float64, err error) {
	if operator, err = p.string("a comparison's operator"); err != nil {
		return "", 0, err
	}
	t, err := p.token()
	if err != nil {
		return "", 0, err
	}
	number, ok := t.(json.Number)
	if !ok {
		return "", 0, p.refuse("what numbers are compared with must be a number")
	}
	if n, ok = exactFloat([]byte(number)); !ok {
		return "", 0, p.refuse("%s has more digits than a double holds", number)
	}
	return operator, n, nil
}

// anythingBut reads a text, a number, a list of either, or {"prefix": …} and its like with a text
// or a list of texts.
func (p *parser) anythingBut(c *clause) error {
	but := test{op: anythingBut}
	t, err := p.token()
	if err != nil {
		return err
	}
	if t == json.Delim('{') {
		name, err := p.string("the form of anything-but")
		if err != nil {
			return err
		}
		p.place = append(p.place, name)
		if t, err = p.token(); err != nil {
			return err
		}
		if but.but, err = p.except(t, p.form(name)); err != nil {
			return err
		}
		p.place = p.place[:len(p.place)-1]
		if err := p.shut(); err != nil {
			return err
		}
	} else if but.but, err = p.except(t, p.plain); err != nil {
		return err
	} else if !uniform(but.but) {
		return p.refuse("a list must hold texts only, or numbers only, and not be empty")
	}
	c.tests = append(c.tests, but)
	return nil
}

// except reads one value, or a list of them, each by read.
func (p *parser) except(t json.Token, read func(json.Token) (test, error)) ([]test, error) {
	if t != json.Delim('[') {
		one, err := read(t)
		return []test{one}, err
	}
	tests := []test{}
	for p.d.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		one, err := read(t)
		if err != nil {
			return nil, err
		}
		tests = append(tests, one)
	}
	_, err := p.token()
	return tests, err
}

func (p *parser) plain(t json.Token) (test, error) {
	switch v := t.(type) {
	case string:
		return test{op: exactText, text: v}, nil
	case json.Number:
		n, ok := exactFloat([]byte(v))
		if !ok {
			return test{}, p.refuse("%s has more digits than a double holds", v)
		}
		return test{op: exactNumeric, low: n}, nil
	}
	return test{}, p.refuse("it must be a text, a number or a list")
}

// form is how the values of {"anything-but": {name: …}} are read.
func (p *parser) form(name string) func(json.Token) (test, error) {
	return func(t json.Token) (test, error) {
		s, ok := t.(string)
		if !ok {
			return test{}, p.refuse("it must be a text or a list of texts")
		}
		switch name {
		case "prefix", "suffix":
			if s == "" {
				return test{}, p.refuse("an empty text is at the end of everything")
			}
			kind := map[string]op{"prefix": prefixText, "suffix": suffixText}[name]
			return test{op: kind, text: s, raw: []byte(s)}, nil
		case "equals-ignore-case":
			return newFold(foldText, s), nil
		case "wildcard":
			w, problem := newWildcard(s)
			if problem != "" {
				return test{}, p.refuse("%s", problem)
			}
			return w, nil
		}
		return test{}, p.refuse("%q does not go with anything-but", name)
	}
}

func uniform(tests []test) bool {
	for _, t := range tests {
		if t.op != tests[0].op {
			return false
		}
	}
	return len(tests) > 0
}
