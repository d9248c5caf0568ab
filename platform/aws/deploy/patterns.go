package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// dataName is the one part of an event that a rule cannot look into: it travels as text.
const dataName = "data"

// RulePattern is the text of the pattern that a subscription's rule has.
func RulePattern(s Subscription) (string, error) {
	raw, err := json.Marshal(rulePattern(s))
	if err != nil {
		return "", fmt.Errorf("the pattern of %s: %w", s.Name, err)
	}
	return string(raw), nil
}

// rulePattern asks for a subscription's types, and for what its own event pattern says about the
// rest of the envelope, which EventBridge sees as the detail. It lets more through than the
// pattern, never less; the subscription's worker knows the pattern and decides.
func rulePattern(s Subscription) obj {
	types := list{}
	for _, t := range s.Types {
		types = append(types, t)
	}
	p := obj{"source": list{eventSource}, "detail-type": types}
	if detail := envelopePart(s.Pattern); len(detail) > 0 {
		p["detail"] = detail
	}
	return p
}

// envelopePart is a pattern without what asks about data. An $or is left out as a whole where one
// of its alternatives does.
func envelopePart(pattern string) obj {
	if pattern == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(pattern))
	d.UseNumber()
	var whole map[string]any
	if d.Decode(&whole) != nil {
		return nil // it was compiled when it was declared; without it the rule lets more through
	}
	part := obj{}
	for name, what := range whole {
		if isData(name) || name == "$or" && asksData(what) {
			continue
		}
		part[name] = values(what)
	}
	return part
}

// asksData reports whether one of the alternatives of $or, at any depth, asks about data.
func asksData(alternatives any) bool {
	all, ok := alternatives.([]any)
	if !ok {
		return true // no relationship after all: the worker decides
	}
	for _, one := range all {
		members, ok := one.(map[string]any)
		if !ok {
			return true
		}
		for name, what := range members {
			if isData(name) || name == "$or" && asksData(what) {
				return true
			}
		}
	}
	return false
}

func isData(name string) bool { return name == dataName || strings.HasPrefix(name, dataName+".") }

// values are the values of a pattern as a template holds them.
func values(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := obj{}
		for name, member := range v {
			o[name] = values(member)
		}
		return o
	case []any:
		l := list{}
		for _, item := range v {
			l = append(l, values(item))
		}
		return l
	}
	return v
}
