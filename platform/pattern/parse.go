package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const orName = "$or"

// parser reads a pattern from its tokens, because a member may be given twice and the order counts.
type parser struct {
	d     *json.Decoder
	or    bool // whether "$or" is the relationship or an ordinary name
	place []string
}

// parse returns the branches of a pattern.
func parse(text []byte, or bool) ([]branch, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrPattern, len(text), MaxBytes)
	}
	p := parser{d: json.NewDecoder(bytes.NewReader(text)), or: or}
	p.d.UseNumber()
	alternatives := []map[string]clause{}
	err := p.open('{', "a pattern")
	if err == nil {
		alternatives, err = p.object(alternatives, "", false)
	}
	if err == nil {
		if _, after := p.d.Token(); !errors.Is(after, io.EOF) {
			err = p.refuse("something follows the pattern")
		}
	}
	if err != nil {
		return nil, err
	}
	branches := make([]branch, len(alternatives))
	for i, a := range alternatives {
		branches[i] = newBranch(a)
	}
	return branches, nil
}

// refuse makes an error with the place at which the parser is.
func (p *parser) refuse(format string, args ...any) error {
	at := "/" + strings.Join(p.place, "/")
	return fmt.Errorf("%w: at %s: %s", ErrPattern, at, fmt.Sprintf(format, args...))
}

func (p *parser) token() (json.Token, error) {
	t, err := p.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, p.refuse("it is not JSON: %v", err)
	}
	return t, nil
}

func (p *parser) open(want json.Delim, what string) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != want {
		return p.refuse("%s must be written in %s", what, map[json.Delim]string{
			'{': "braces, as an object", '[': "brackets, as an array",
		}[want])
	}
	return nil
}

// object reads the members of an object after its brace, into every alternative.
func (p *parser) object(
	alternatives []map[string]clause, path string, inOr bool,
) ([]map[string]clause, error) {
	if len(p.place) > maxNesting {
		return nil, p.refuse("nested more than %d deep", maxNesting)
	}
	if !p.d.More() {
		return nil, p.refuse("an empty object matches nothing: leave it out")
	}
	for p.d.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		name := t.(string)
		p.place = append(p.place, name)
		if alternatives, err = p.member(alternatives, path, name, inOr); err != nil {
			return nil, err
		}
		p.place = p.place[:len(p.place)-1]
	}
	_, err := p.token()
	return alternatives, err
}

func (p *parser) member(
	alternatives []map[string]clause, path, name string, inOr bool,
) ([]map[string]clause, error) {
	if p.or && name == orName {
		return p.either(alternatives, path)
	}
	if inOr && reserved(name) {
		return nil, p.refuse("%q is the name of a test and cannot be a field inside $or", name)
	}
	if path != "" {
		name = path + "." + name
	}
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return p.object(alternatives, name, inOr)
	case json.Delim('['):
		c, err := p.clause(name)
		if err != nil {
			return nil, err
		}
		if len(alternatives) == 0 {
			alternatives = append(alternatives, make(map[string]clause))
		}
		for _, a := range alternatives {
			a[name] = c
		}
		return alternatives, nil
	}
	return nil, p.refuse("the values to match must stand in an array, as [%q]", fmt.Sprint(t))
}

// either reads the alternatives of "$or": each is added to what the pattern says so far.
func (p *parser) either(
	alternatives []map[string]clause, path string,
) ([]map[string]clause, error) {
	if err := p.open('[', "the alternatives of $or"); err != nil {
		return nil, err
	}
	var all []map[string]clause
	count := 0
	for ; p.d.More(); count++ {
		if err := p.open('{', "each alternative of $or"); err != nil {
			return nil, err
		}
		var mine []map[string]clause
		for _, a := range alternatives {
			mine = append(mine, maps.Clone(a))
		}
		mine, err := p.object(mine, path, true)
		if err != nil {
			return nil, err
		}
		if all = append(all, mine...); len(all) > MaxBranches {
			return nil, p.refuse("$or makes more than %d combinations", MaxBranches)
		}
	}
	if count < 2 {
		return nil, p.refuse("$or needs two alternatives or more")
	}
	_, err := p.token()
	return all, err
}

// clause reads the array of values and tests of one field, after its bracket.
func (p *parser) clause(path string) (clause, error) {
	c := clause{path: path}
	if !p.d.More() {
		return c, p.refuse("an empty array matches nothing: leave the field out")
	}
	for p.d.More() {
		t, err := p.token()
		if err != nil {
			return c, err
		}
		switch v := t.(type) {
		case json.Delim:
			if v != '{' {
				return c, p.refuse("a value must be a text, a number, true, false, null or a test")
			}
			if err := p.test(&c); err != nil {
				return c, err
			}
		case string:
			c.tests = append(c.tests, exactly(v))
		case json.Number:
			c.tests = append(c.tests, exactNumber(string(v)))
		case bool:
			c.tests = append(c.tests, test{op: exactLiteral, text: fmt.Sprint(v)})
		case nil:
			c.tests = append(c.tests, test{op: exactLiteral, text: "null"})
		}
	}
	_, err := p.token()
	return c, err
}

// reserved are the names that cannot be fields inside $or: they are tests, or may become some.
func reserved(name string) bool {
	return slices.Contains([]string{
		"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard",
		"numeric", "cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard",
		"not-equals-ignore-case", "date-after", "date-on-or-after", "date-before",
		"date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range",
	}, name)
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""` // a string is always JSON
	}
	return string(raw)
}
