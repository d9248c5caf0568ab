package jsonata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// environment is what we need of the library's scope of names, whose type has no name outside it.
type environment interface {
	Bind(name string, value any)
	Lookup(name string) (any, bool)
	Range(each func(name string, value any))
	Context() context.Context
}

// function is a function of the language, called in a run. A nil argument is an undefined one.
type function func(r *run, args []any) (any, error)

// fill puts every function of the library behind its limits, and adds those of Step Functions.
func fill[E environment](env E) {
	// The types of the library's functions; ours are made to be of the second.
	type plain = func(args []any, focus any) (any, error)
	type aware = func(args []any, focus any, env E) (any, error)
	sample, _ := env.Lookup("map")
	kind := reflect.TypeOf(sample)
	bind := func(name string, f aware) {
		env.Bind(name, reflect.ValueOf(f).Convert(kind).Interface())
	}

	natives := make(map[string]aware)
	env.Range(func(name string, v any) {
		switch f := reflect.ValueOf(v); {
		case f.Kind() != reflect.Func:
		case f.Type() == kind:
			natives[name] = f.Convert(reflect.TypeFor[aware]()).Interface().(aware)
		default:
			call := f.Convert(reflect.TypeFor[plain]()).Interface().(plain)
			natives[name] = func(args []any, focus any, _ E) (any, error) {
				return call(args, focus)
			}
		}
	})
	for name, native := range natives {
		bind(name, func(args []any, focus any, env E) (any, error) {
			r := runOf(env)
			if err := r.admit(name, args, focus); err != nil {
				return nil, err
			}
			result, err := native(args, focus, env)
			if err != nil {
				return nil, err
			}
			return result, r.leave(result)
		})
	}
	for name, f := range own() {
		bind(name, func(args []any, _ any, env E) (any, error) { return f(runOf(env), args) })
	}
	bind("now", func(args []any, _ any, env E) (any, error) {
		millis := append([]any{float64(runOf(env).env.Now.UnixMilli())}, args...)
		return natives["fromMillis"](millis, nil, env)
	})
	bind("shuffle", func(args []any, focus any, env E) (any, error) {
		r := runOf(env)
		list, ok := argument(args, 0).([]any)
		if !ok || len(list) < 2 {
			return natives["shuffle"](args, focus, env)
		}
		return r.shuffle(list)
	})
}

func runOf[E environment](env E) *run {
	r, ok := env.Context().(*run)
	if !ok {
		panic("an expression is evaluated outside a run")
	}
	return r
}

// maxPicture bounds the pictures by which numbers and dates are written and read, and these texts
// themselves.
const maxPicture = 1000

// admit takes the price of a call off the budget before it is made.
func (r *run) admit(name string, args []any, focus any) error {
	switch name {
	case "eval":
		return errEval
	case "string", "distinct", "flatten", "join", "error", "assert":
		if len(args) == 0 {
			args = []any{focus} // $string() prints the context
		}
		if err := r.admitDeep(name, args); err != nil {
			return err
		}
	case "pad":
		if n, ok := number(argument(args, 1)); ok {
			return r.product(int(min(max(n, -n), 1e9)), len(text(argument(args, 2)))+1)
		}
	case "formatNumber", "formatInteger", "parseInteger", "fromMillis", "toMillis":
		for _, a := range args {
			if len(text(a)) > maxPicture {
				r.broken = limit(fmt.Sprintf("a text to format by is longer than %d", maxPicture))
				return r.broken
			}
		}
	case "replace", "match", "split", "contains":
		return r.admitText(name, args)
	}
	for _, a := range args {
		if err := r.spend(1 + shallow(a)); err != nil {
			return err
		}
	}
	return nil
}

// admitDeep is for functions that walk their arguments to the leaves.
func (r *run) admitDeep(name string, args []any) error {
	before := r.work
	for _, a := range args {
		if err := r.measure(a); err != nil {
			return err
		}
	}
	walked := r.work - before
	switch list, _ := argument(args, 0).([]any); name {
	case "distinct": // compares every object with every other
		objects := 0
		for _, item := range list {
			if shallow(item) != 1 {
				objects++
			}
		}
		return r.spend(objects * walked / 2)
	case "join":
		return r.product(len(list), len(text(argument(args, 1)))+1)
	case "string":
		if pretty, _ := argument(args, 1).(bool); pretty {
			s := size{max: r.limits}
			s.add(args[0], 0)
			return r.product(s.nodes, 2*s.depth+1)
		}
	}
	return nil
}

// admitText is for functions that search a text: the work is the text times the expression, the
// result at most the text times what replaces.
func (r *run) admitText(name string, args []any) error {
	s := text(argument(args, 0))
	if pattern, flags, ok := isRegex(argument(args, 1)); ok && len(s) > 4<<10 {
		if program(pattern, flags)*len(s) > 50_000_000 {
			r.broken = limit("a regular expression is too large for so long a text")
			return r.broken
		}
	}
	_, literal := argument(args, 1).(string)
	replacement, plain := argument(args, 2).(string)
	switch {
	case name == "match" && literal, name == "replace" && literal && len(args) > 2 && !plain:
		return errors.New("give a regular expression, such as /a.c/, not a string")
	case name == "replace" && plain:
		return r.product((len(s)+3)/4, len(replacement)+1) // not everything is replaced
	}
	return r.spend(shallow(s))
}

// product refuses a text of more than a times b bytes.
func (r *run) product(a, b int) error {
	if b > 0 && a > r.limits.Bytes/b && r.broken == nil {
		r.broken = limit(fmt.Sprintf("a text would have more than %d bytes", r.limits.Bytes))
	}
	return r.broken
}

// leave takes the price of a result.
func (r *run) leave(result any) error {
	if r.deep {
		return r.measure(result)
	}
	return r.spend(shallow(result))
}

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}
