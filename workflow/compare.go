package workflow

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// equal reports whether two values are the same JSON: numbers by value, objects without regard to
// the order of their members.
func equal(a, b Value) bool {
	switch a := a.(type) {
	case Number:
		b, ok := b.(Number)
		return ok && (a == b || compareNumbers(a, b) == 0)
	case Array:
		b, ok := b.(Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			name, v := a.At(i)
			w, ok := b.Get(name)
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case Number, Array, *Object:
		return false
	}
	return a == b
}

// Equal reports whether two values are the same JSON, numbers compared by their value.
func Equal(a, b Value) bool { return equal(a, b) }

// contains reports whether a list has a value.
func contains(list Array, v Value) bool {
	for _, item := range list {
		if equal(item, v) {
			return true
		}
	}
	return false
}

// equalByValue is equality in filters, where a number equals the text that says it.
func equalByValue(a, b Value) bool {
	if s, ok := a.(string); ok {
		if n, ok := b.(Number); ok {
			return s == string(n)
		}
	}
	if _, ok := b.(string); ok {
		if _, ok := a.(Number); ok {
			return equalByValue(b, a)
		}
	}
	return equal(a, b)
}

// order compares two numbers or two strings.
func order(a, b Value) (int, bool) {
	switch a := a.(type) {
	case Number:
		if b, ok := b.(Number); ok {
			return compareNumbers(a, b), true
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), true
		}
	}
	return 0, false
}

// compareNumbers compares by value: integers of any length exactly, floats as doubles.
func compareNumbers(a, b Number) int {
	if isInteger(a) && isInteger(b) {
		x, errX := strconv.ParseInt(string(a), 10, 64)
		y, errY := strconv.ParseInt(string(b), 10, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
		const longest = 4096 // an integer that long is compared as a double, which is infinite
		if len(a) < longest && len(b) < longest {
			p, _ := new(big.Int).SetString(string(a), 10)
			q, _ := new(big.Int).SetString(string(b), 10)
			if p != nil && q != nil {
				return p.Cmp(q)
			}
		}
	}
	x, _ := strconv.ParseFloat(string(a), 64)
	y, _ := strconv.ParseFloat(string(b), 64)
	return cmp.Compare(x, y)
}
