package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// read decodes a payload into the values that both checkers take: map[string]any, []any, string,
// int64, bool and nil. It refuses what a contract never holds: numbers that are not int64, a name
// twice in an object, bytes that are not UTF-8, anything after the value, and nesting beyond
// maxDepth.
func read(data []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	v, err := value(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the value")
	}
	return v, nil
}

// maxDepth bounds the recursion of value; no contract nests deeper than a handful.
const maxDepth = 32

func value(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		return t.String(), nil
	case '0':
		n, err := strconv.ParseInt(t.String(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("a number at %s is not an int64", d.StackPointer())
		}
		return n, nil
	}
	if d.StackDepth() > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if t.Kind() == '[' {
		return list(d)
	}
	return members(d)
}

func list(d *jsontext.Decoder) (any, error) {
	l := []any{}
	for d.PeekKind() != ']' {
		v, err := value(d)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := d.ReadToken()
	return l, err
}

func members(d *jsontext.Decoder) (any, error) {
	m := make(map[string]any, 8)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // the token is gone with the next read
		if m[key], err = value(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return m, err
}
