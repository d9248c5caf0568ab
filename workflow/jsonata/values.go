package jsonata

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/recolabs/gnata"

	"github.com/souk-commerce/souk/workflow"
)

// ordered is the library's object: members in the order in which they were set.
type ordered interface {
	Len() int
	Set(name string, v any)
	Get(name string) (any, bool)
	Range(each func(name string, v any) bool)
}

// library's null, and a new object of its own. It gives both away only by reading JSON.
func null() any { return decoded("null") }

func newObject() ordered { return decoded("{}").(ordered) }

func decoded(text string) any {
	v, err := gnata.DecodeJSON(json.RawMessage(text))
	if err != nil {
		panic("the library does not read " + text)
	}
	return v
}

// toLibrary turns a workflow's value into the library's.
func toLibrary(v workflow.Value) any {
	switch v := v.(type) {
	case nil:
		return null()
	case workflow.Array:
		list := make([]any, len(v))
		for i := range v {
			list[i] = toLibrary(v[i])
		}
		return list
	case *workflow.Object:
		o := newObject()
		for i := range v.Len() {
			name, member := v.At(i)
			o.Set(name, toLibrary(member))
		}
		return o
	}
	return v // bool, string, Number
}

// fromLibrary turns the library's value into a workflow's. It must have been measured.
func fromLibrary(v any) (workflow.Value, error) {
	switch v := v.(type) {
	case nil, bool, string, workflow.Number:
		return v, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, errors.New("the result is not a finite number")
		}
		return workflow.Float(v), nil
	case []any:
		list := make(workflow.Array, len(v))
		for i := range v {
			item, err := fromLibrary(v[i])
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case ordered:
		return objectFromLibrary(v)
	case map[string]any: // a match of a regular expression, or such an expression itself
		if _, isRegex := v["pattern"]; isRegex {
			return nil, errors.New("the result is a regular expression, not a JSON value")
		}
		o := newObject()
		for _, name := range []string{"match", "start", "end", "groups"} {
			if member, ok := v[name]; ok {
				o.Set(name, member)
			}
		}
		if o.Len() != len(v) {
			return workflow.FromGo(gnata.NormalizeValue(v))
		}
		return objectFromLibrary(o)
	}
	if gnata.IsNull(v) {
		return nil, nil
	}
	if list := sequence(v); list != nil {
		return fromLibrary(list)
	}
	if reflect.ValueOf(v).Kind() == reflect.Func || isLambda(v) {
		return nil, errors.New("the result is a function, not a JSON value")
	}
	return nil, fmt.Errorf("the result is a %T, not a JSON value", v)
}

func objectFromLibrary(v ordered) (workflow.Value, error) {
	members := make([]any, 0, 2*v.Len())
	var failed error
	v.Range(func(name string, member any) bool {
		value, err := fromLibrary(member)
		if failed = err; err != nil {
			return false
		}
		members = append(members, name, value)
		return true
	})
	if failed != nil {
		return nil, failed
	}
	return workflow.NewObject(members...), nil
}

// sequence is the list inside the library's sequence, or nil if v is none.
func sequence(v any) []any {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return nil
	}
	values := p.Elem().FieldByName("Values")
	if !values.IsValid() {
		return nil
	}
	list, ok := values.Interface().([]any)
	if !ok || list == nil {
		return nil
	}
	return list
}

func isLambda(v any) bool {
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct &&
		(p.Elem().FieldByName("Closure").IsValid() || p.Elem().FieldByName("Fn").IsValid())
}
