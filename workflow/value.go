package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Value is a JSON value: nil, bool, string, [Number], [Array] or [*Object], and nothing else.
//
// Values are shared, never copied: who has been given one must not change it. A change is made by
// building a new array or object around the parts that stay.
type Value = any

// Number is a JSON number as it was written: 1 stays an integer, 1.0 stays a float, and an
// integer of any length keeps all its digits.
type Number = json.Number

// Array is a JSON array.
type Array = []any

// maxDepth is how deep values may nest. The service refuses far less; Go's stack holds far more.
const maxDepth = 1000

// errDepth is given for values that nest deeper than maxDepth.
var errDepth = fmt.Errorf("nested more than %d deep", maxDepth)

// Object is a JSON object that keeps the order of its members, because texts that are made of it
// (States.JsonToString, causes) show the order. The zero value is an empty object.
type Object struct {
	names  []string
	values []Value
	index  map[string]int // only for objects with more than a few members
}

// indexFrom is the number of members from which an object finds them by a map.
const indexFrom = 12

// NewObject makes an object of alternating names and values; a name given twice keeps its first
// place and its last value.
func NewObject(members ...any) *Object {
	o := &Object{
		names: make([]string, 0, len(members)/2), values: make([]Value, 0, len(members)/2),
	}
	for i := 0; i+1 < len(members); i += 2 {
		o.put(members[i].(string), members[i+1])
	}
	return o
}

// Len is the number of members. A nil object has none.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.names)
}

// At is the i-th member, in the order in which they were put.
func (o *Object) At(i int) (name string, v Value) { return o.names[i], o.values[i] }

// Get answers the member of that name.
func (o *Object) Get(name string) (v Value, ok bool) {
	if i := o.find(name); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// With is the object with one member set, a new object; the receiver stays as it is.
func (o *Object) With(name string, v Value) *Object {
	c := &Object{}
	if o != nil {
		c.names = append(make([]string, 0, len(o.names)+1), o.names...)
		c.values = append(make([]Value, 0, len(o.names)+1), o.values...)
	}
	c.put(name, v)
	return c
}

// put sets a member in place: only for an object that nobody else has seen yet.
func (o *Object) put(name string, v Value) {
	if i := o.find(name); i >= 0 {
		o.values[i] = v
		return
	}
	o.names, o.values = append(o.names, name), append(o.values, v)
	switch {
	case o.index != nil:
		o.index[name] = len(o.names) - 1
	case len(o.names) >= indexFrom:
		o.index = make(map[string]int, 2*len(o.names))
		for i, n := range o.names {
			o.index[n] = i
		}
	}
}

func (o *Object) find(name string) int {
	switch {
	case o == nil:
		return -1
	case o.index != nil:
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.Index(o.names, name)
}

// MarshalJSON writes the members in their order.
func (o *Object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o, 0) }

// UnmarshalJSON reads an object and keeps the order of its members.
func (o *Object) UnmarshalJSON(raw []byte) error {
	v, err := ParseValue(raw)
	if err != nil {
		return err
	}
	read, ok := v.(*Object)
	if !ok {
		return errors.New("not an object")
	}
	*o = *read
	return nil
}

// ParseValue reads one JSON value. It keeps numbers as they are written and members in their order,
// and refuses what nests too deep; a member that is given twice keeps its last value, as the
// service does.
func ParseValue(raw []byte) (Value, error) { return parseValue(raw, nil) }

// parseValue is ParseValue that tells where a member is given twice.
func parseValue(raw []byte, twice func(at string)) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := decode(d, 0, "", twice)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the value at offset %d", d.InputOffset())
	}
	return v, nil
}

func decode(d *json.Decoder, depth int, at string, twice func(at string)) (Value, error) {
	t, err := d.Token()
	if err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= maxDepth {
		return nil, errDepth
	}
	if delim == '[' {
		list := Array{}
		for d.More() {
			v, err := decode(d, depth+1, at, twice)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	o := &Object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		below := at
		if twice != nil {
			if below += "/" + name.(string); o.find(name.(string)) >= 0 {
				twice(below)
			}
		}
		v, err := decode(d, depth+1, below, twice)
		if err != nil {
			return nil, err
		}
		o.put(name.(string), v)
	}
	_, err = d.Token()
	return o, err
}
