package awstest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"strings"
)

// attr is an attribute value: a string, bytes, or a whole number.
type attr struct {
	kind string // "S", "B", "N"
	text string // of a string, or the bytes
	num  *big.Int
}

// item is the attributes of an item by name.
type item map[string]attr

// UnmarshalJSON implements json.Unmarshaler.
func (a *attr) UnmarshalJSON(raw []byte) error {
	var w struct {
		S *string
		B *[]byte
		N *string
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return err
	}
	switch {
	case w.S != nil:
		*a = attr{kind: "S", text: *w.S}
	case w.B != nil:
		*a = attr{kind: "B", text: string(*w.B)}
	case w.N != nil:
		n, ok := new(big.Int).SetString(*w.N, 10)
		if !ok || len(strings.TrimLeft(n.Text(10), "-")) > 38 {
			return invalid("the number %q", *w.N)
		}
		*a = attr{kind: "N", num: n}
	default:
		return invalid("a value without a type")
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (a attr) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case "B":
		return json.Marshal(map[string][]byte{"B": []byte(a.text)})
	case "N":
		return json.Marshal(map[string]string{"N": a.num.String()})
	}
	return json.Marshal(map[string]string{"S": a.text})
}

func number(n int64) attr { return attr{kind: "N", num: big.NewInt(n)} }

// order compares two values of one kind; comparable is false for two kinds.
func order(a, b attr) (result int, comparable bool) {
	if a.kind != b.kind || a.kind == "" {
		return 0, false
	}
	if a.kind == "N" {
		return a.num.Cmp(b.num), true
	}
	return cmp.Compare(a.text, b.text), true
}

func same(a, b item) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if n, ok := order(v, b[name]); !ok || n != 0 {
			return false
		}
	}
	return true
}

func clone(i item) item {
	c := make(item, len(i))
	for name, v := range i {
		c[name] = v
	}
	return c
}

// size is what an item counts for.
func (i item) size() int {
	n := 0
	for name, v := range i {
		n += len(name) + v.size()
	}
	return n
}

func (a attr) size() int {
	if a.kind == "N" {
		return (len(strings.TrimLeft(a.num.String(), "-"))+1)/2 + 1
	}
	return len(a.text)
}

// only keeps the named attributes.
func (i item) only(names []string) item {
	if names == nil {
		return i
	}
	part := make(item)
	for _, n := range names {
		if v, ok := i[n]; ok {
			part[n] = v
		}
	}
	return part
}
