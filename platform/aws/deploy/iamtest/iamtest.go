// Package iamtest decides, as AWS would, whether the policies of a generated template allow a
// request. Tests import it.
//
// It promises to refuse what it does not understand: a condition operator or an intrinsic function
// that it does not know is an error or a denial, never an allowance. It knows what our templates
// use and no more.
package iamtest

import (
	"fmt"
	"slices"
)

// Request is one call to AWS. Context holds the condition keys that the service would set.
type Request struct {
	Action   string
	Resource string
	Context  map[string][]string
}

// On makes a request for an item of a table.
func On(action, table, key string) Request {
	return Request{action, table, map[string][]string{"dynamodb:LeadingKeys": {key}}}
}

// Policy is what one function's role says.
type Policy struct{ Statements []Statement }

// Statement is one permission, resolved.
type Statement struct {
	Effect     string
	Actions    []string
	Resources  []string
	Conditions map[string]map[string][]string // operator, key, values
}

// Allows reports whether a request passes: some statement allows it and none denies it.
func (p Policy) Allows(r Request) bool {
	allowed := false
	for _, s := range p.Statements {
		if !matchAny(s.Actions, r.Action) || !matchAny(s.Resources, r.Resource) || !s.holds(r) {
			continue
		}
		if s.Effect != "Allow" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s Statement) holds(r Request) bool {
	for operator, keys := range s.Conditions {
		for key, want := range keys {
			if !condition(operator, want, r.Context[key]) {
				return false
			}
		}
	}
	return true
}

// condition decides one line of a condition. A value that is absent passes ForAllValues, as it
// does at AWS.
func condition(operator string, want, have []string) bool {
	every := func(match func(w, h string) bool) bool {
		for _, h := range have {
			if !slices.ContainsFunc(want, func(w string) bool { return match(w, h) }) {
				return false
			}
		}
		return true
	}
	equal := func(w, h string) bool { return w == h }
	switch operator {
	case "ForAllValues:StringLike":
		return every(match)
	case "StringLike":
		return len(have) > 0 && every(match)
	case "StringEquals":
		return len(have) > 0 && every(equal)
	case "Null":
		return slices.Equal(want, []string{fmt.Sprint(len(have) == 0)})
	}
	return false
}

func matchAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, s) })
}

// match knows * (any characters) and ? (one). A slash is a character like others.
func match(pattern, s string) bool {
	star, mark := -1, 0 // the last * that was met, and where what it stands for ends
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0: // let it stand for one character more
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
