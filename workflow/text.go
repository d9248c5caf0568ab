package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is the compact JSON text of a value, members in their order: what States.JsonToString and
// the service's histories show.
func Text(v Value) string {
	raw, err := appendJSON(nil, v, 0)
	if err != nil {
		return ""
	}
	return string(raw)
}

// appendJSON writes what the service writes: no spaces, and only the characters escaped that JSON
// demands.
func appendJSON(b []byte, v Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v), nil
	case Number:
		return append(b, numberText(v)...), nil
	case Array:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case *Object:
		b = append(b, '{')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			name, member := v.At(i)
			b = append(appendString(b, name), ':')
			if b, err = appendJSON(b, member, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return nil, fmt.Errorf("a %T is not a JSON value of this package", v)
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// isInteger reports whether a number is written without fraction and exponent.
func isInteger(n Number) bool { return !strings.ContainsAny(string(n), ".eE") }

// numberText is a number as the service prints it: integers as they are, the rest as Java prints a
// double, 1.0 and 1000.0 and 1.0E10.
func numberText(n Number) string {
	if isInteger(n) {
		return string(n)
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return string(n)
	}
	return floatText(f)
}

func floatText(f float64) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "null"
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	e, _ := strconv.Atoi(exponent)
	return digits + "E" + strconv.Itoa(e)
}

// Int is the number of an integer.
func Int(i int64) Number { return Number(strconv.FormatInt(i, 10)) }

// Float is the number of a float: an integer where it has no fraction and a double holds it
// exactly, since that is how JSONata and JavaScript write it.
func Float(f float64) Number {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return Int(int64(f))
	}
	return Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// FromGo makes a value of Go's own: maps (members sorted by name), slices, numbers, strings and
// whatever encoding/json can write.
func FromGo(v any) (Value, error) {
	switch v := v.(type) {
	case nil, bool, string, *Object:
		return v, nil
	case Number:
		return v, nil
	case int:
		return Int(int64(v)), nil
	case float64:
		return Float(v), nil
	case map[string]any:
		o := &Object{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member, err := FromGo(v[name])
			if err != nil {
				return nil, err
			}
			o.put(name, member)
		}
		return o, nil
	case []any:
		list := make(Array, len(v))
		for i := range v {
			item, err := FromGo(v[i])
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return ParseValue(raw)
}

// canonicalText is a text that is the same for equal values: members sorted, numbers by value.
func canonicalText(v Value) string {
	switch v := v.(type) {
	case Number:
		f, err := v.Float64()
		if err != nil || isInteger(v) {
			return string(v)
		}
		return string(Float(f))
	case Array:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = canonicalText(item)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *Object:
		names := slices.Sorted(slices.Values(v.names))
		for i, n := range names {
			member, _ := v.Get(n)
			names[i] = Text(n) + ":" + canonicalText(member)
		}
		return "{" + strings.Join(names, ",") + "}"
	}
	return Text(v)
}
