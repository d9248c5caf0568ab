package jsonata

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"

	"github.com/recolabs/gnata"

	"github.com/souk-commerce/souk/workflow"
)

// maxRange is how many elements $range may make, as in States.ArrayRange.
const maxRange = 1000

// own are the functions that Step Functions adds to the language, those whose answer depends on
// time and chance, and the guards.
func own() map[string]function {
	return map[string]function{
		"partition": partition,
		"range":     numbers,
		"hash":      digest,
		"random":    random,
		"uuid":      func(r *run, _ []any) (any, error) { return r.uuid() },
		"parse":     parse,
		"millis": func(r *run, _ []any) (any, error) {
			return float64(r.env.Now.UnixMilli()), nil
		},
		measureGuard: func(r *run, args []any) (any, error) {
			return args[0], r.measure(args[0])
		},
		callableGuard: func(_ *run, args []any) (any, error) {
			if _, isObject := args[0].(ordered); isObject {
				return nil, errors.New("what follows ~> is not a function")
			}
			return args[0], nil
		},
	}
}

// partition is $partition(array, size): the array in pieces of that size, the last one as long as
// what is left.
func partition(r *run, args []any) (any, error) {
	if argument(args, 0) == nil || argument(args, 1) == nil {
		return nil, nil
	}
	list, ok := args[0].([]any)
	if !ok {
		list = []any{args[0]} // a singleton is its only element
	}
	chunk, err := integer("$partition", "size", args[1])
	switch {
	case err != nil:
		return nil, err
	case chunk < 1:
		return nil, errors.New("$partition: the size must be a positive integer")
	case len(list) == 0:
		return nil, errors.New("$partition: the array is empty")
	}
	parts := make([]any, 0, (len(list)-1)/chunk+1)
	for len(list) > chunk {
		parts, list = append(parts, list[:chunk:chunk]), list[chunk:]
	}
	return append(parts, list), r.spend(len(args))
}

// numbers is $range(first, last, step): first, first+step … as far as last. Like every sequence of
// the language, one of a single number is that number.
func numbers(r *run, args []any) (any, error) {
	var n [3]int
	for i, name := range []string{"first number", "last number", "step"} {
		v := argument(args, i)
		if v == nil && i < 2 {
			return nil, nil
		}
		if v == nil {
			v = 1.0
		}
		var err error
		if n[i], err = integer("$range", name, v); err != nil {
			return nil, err
		}
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, errors.New("$range: the step must not be 0")
	}
	count := (last-first)/step + 1
	switch {
	case (last-first)/step < 0, (last > first) != (step > 0) && last != first:
		return nil, nil
	case count > maxRange:
		return nil, fmt.Errorf("$range: %d numbers, at most %d", count, maxRange)
	case count == 1:
		return float64(first), nil
	}
	list := make([]any, count)
	for i := range list {
		list[i] = float64(first + i*step)
	}
	return list, r.spend(count)
}

// digest is $hash(data, algorithm): the hash in lower-case hex.
func digest(r *run, args []any) (any, error) {
	if argument(args, 0) == nil || argument(args, 1) == nil {
		return nil, nil
	}
	data, ok := args[0].(string)
	if !ok {
		if err := r.measure(args[0]); err != nil {
			return nil, err
		}
		v, err := fromLibrary(args[0])
		if err != nil {
			return nil, err
		}
		data = workflow.Text(v)
	}
	var h hash.Hash
	switch text(args[1]) {
	case "MD5":
		h = md5.New()
	case "SHA-1":
		h = sha1.New()
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		return nil, errors.New(
			"$hash: the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512")
	}
	h.Write([]byte(data))
	return hex.EncodeToString(h.Sum(nil)), r.spend(shallow(data))
}

// random is $random(seed): a number in [0, 1), always the same one for a seed.
func random(r *run, args []any) (any, error) {
	if undefinedOrNull(argument(args, 0)) {
		return r.chance()
	}
	seed, ok := number(args[0])
	if !ok {
		return nil, errors.New("$random: the seed must be a number")
	}
	return rand.New(rand.NewPCG(math.Float64bits(seed), 0)).Float64(), nil
}

// parse is $parse(text): the value that JSON text stands for.
func parse(r *run, args []any) (any, error) {
	if argument(args, 0) == nil {
		return nil, nil
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("$parse: the argument must be a string")
	}
	if err := r.spend(len(s)); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(s)) {
		return nil, errors.New("$parse: the text is not JSON")
	}
	v, err := gnata.DecodeJSON(json.RawMessage(s))
	if err != nil {
		return nil, fmt.Errorf("$parse: %w", err)
	}
	return v, r.measure(v)
}

func (r *run) uuid() (any, error) {
	if r.env.UUID == nil {
		return nil, errors.New("$uuid is not available here")
	}
	return r.env.UUID(), nil
}

func (r *run) chance() (float64, error) {
	if r.env.Random == nil {
		return 0, errors.New("$random is not available here")
	}
	return r.env.Random(), nil
}

// shuffle is $shuffle(list) with the run's chance.
func (r *run) shuffle(list []any) (any, error) {
	shuffled := append([]any(nil), list...)
	for i := len(shuffled) - 1; i > 0; i-- {
		f, err := r.chance()
		if err != nil {
			return nil, err
		}
		j := min(int(f*float64(i+1)), i)
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	return shuffled, r.spend(len(list))
}

func integer(function, name string, v any) (int, error) {
	f, ok := number(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, fmt.Errorf("%s: the %s must be an integer", function, name)
	}
	return int(f), nil
}
