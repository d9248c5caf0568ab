package iamtest

import (
	"cmp"
	"fmt"
	"slices"
)

// Resource is one resource of a template, with every reference resolved.
type Resource struct {
	ID, Type   string
	Properties map[string]any
}

// Resources lists the resources of a kind in all templates that exist under the parameters, by ID.
func (h House) Resources(kind string) ([]Resource, error) {
	var list []Resource
	for _, s := range h.scopes {
		for id, r := range s.doc.Resources {
			if r.Type != kind {
				continue
			}
			if r.Condition != "" {
				exists, err := s.condition(s.doc.Conditions[r.Condition])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", id, err)
				}
				if !exists {
					continue
				}
			}
			v, err := s.resolve(r.Properties)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			list = append(list, Resource{id, kind, v.(map[string]any)})
		}
	}
	slices.SortFunc(list, func(a, b Resource) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// resolve replaces every reference in a value by what it refers to.
func (s *scope) resolve(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, one := range v {
			r, err := s.resolve(one)
			if err != nil {
				return nil, err
			}
			if r != nothing {
				out = append(out, r)
			}
		}
		return out, nil
	case map[string]any:
		for _, function := range []string{"Ref", "Fn::GetAtt", "Fn::Sub"} {
			if _, ok := v[function]; ok && len(v) == 1 {
				return s.text(v)
			}
		}
		if chosen, ok := v["Fn::If"].([]any); ok && len(v) == 1 {
			return s.choose(chosen)
		}
		out := make(map[string]any, len(v))
		for name, one := range v {
			r, err := s.resolve(one)
			if err != nil {
				return nil, err
			}
			if r != nothing {
				out[name] = r
			}
		}
		return out, nil
	}
	return v, nil
}

// nothing is what stands for no value at all: whatever it is part of goes without it.
const nothing = absent("AWS::NoValue")

type absent string

// choose resolves a condition's name and two values to one of them.
func (s *scope) choose(from []any) (any, error) {
	name, ok := from[0].(string)
	if !ok || len(from) != 3 {
		return nil, fmt.Errorf("unknown choice %v", from)
	}
	yes, err := s.condition(s.doc.Conditions[name])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	chosen := from[2]
	if yes {
		chosen = from[1]
	}
	if o, ok := chosen.(map[string]any); ok && len(o) == 1 && o["Ref"] == string(nothing) {
		return nothing, nil
	}
	return s.resolve(chosen)
}
