package app

import (
	"bytes"
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// shape is a schema made ready to read JSON into a Go value and check it in the same pass. It is
// sure or it is not: what it reads is what the schema takes and what decoding would give, and
// whatever it is not sure of (what is wrong, and what it was not made for) is read again the long
// way, which has the last word and the words to say what is wrong. The zero shape is never sure.
type shape struct {
	kind   reflect.Kind // Struct, Slice, String, Int, Bool; Invalid is never sure
	far    bool         // the Go value is a pointer to it
	fields []field      // of a Struct, in the order of the type
	need   uint64       // the fields that must be there, a bit each
	item   *shape       // of a Slice
	least  int          // of items or characters
	most   int          // of items or characters; -1: any number
	among  []string     // the only strings that are taken, if there are any
	email  bool         // of a String: an address
	match  *pattern     // of a String, if it has one
	low    *float64     // of an Int
	high   *float64
}

// field is one property of an object.
type field struct {
	quoted string // its name as JSON writes it
	at     int    // the field of the Go type
	shape  shape
}

// newShape makes the shape of a schema for the Go type that it was made from.
func newShape(reg huma.Registry, s *huma.Schema, t reflect.Type) shape {
	for s.Ref != "" {
		s = reg.SchemaFromRef(s.Ref)
	}
	if !heeded(s) || decodesItself(t) {
		return shape{}
	}
	if t.Kind() == reflect.Pointer {
		p := newShape(reg, s, t.Elem())
		if p.far { // a pointer to a pointer
			return shape{}
		}
		p.far = true
		return p
	}
	p := shape{most: -1}
	switch kind := t.Kind(); {
	case s.Type == huma.TypeObject && kind == reflect.Struct:
		return objectShape(reg, s, t)
	case s.Type == huma.TypeArray && kind == reflect.Slice && s.Enum == nil:
		item := newShape(reg, s.Items, t.Elem())
		p.kind, p.item = reflect.Slice, &item
		p.bounds(s.MinItems, s.MaxItems)
	case s.Type == huma.TypeString && kind == reflect.String:
		return stringShape(s)
	case s.Type == huma.TypeInteger && s.Enum == nil &&
		(kind == reflect.Int || kind == reflect.Int64):
		p.kind, p.low, p.high = reflect.Int, s.Minimum, s.Maximum
	case s.Type == huma.TypeBoolean && kind == reflect.Bool && s.Enum == nil:
		p.kind = reflect.Bool
	}
	return p
}

// heeded reports whether a schema says only what a shape heeds. Null is never sure, so that a
// schema may allow it.
func heeded(s *huma.Schema) bool {
	known := []string{
		"Type", "Nullable", "Title", "Description", "Format", "Examples", "PatternDescription",
		"Items", "MinItems", "MaxItems", "Properties", "AdditionalProperties", "Required",
		"MinLength", "MaxLength", "Pattern", "Enum", "Minimum", "Maximum",
	}
	v := reflect.ValueOf(s).Elem()
	for f, value := range v.Fields() {
		empty := value.IsZero() || value.Kind() == reflect.Map && value.Len() == 0
		if f.IsExported() && !empty && !slices.Contains(known, f.Name) {
			return false
		}
	}
	return true
}

// decodesItself reports whether a type has its own way from JSON.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[json.Unmarshaler]())
}

func objectShape(reg huma.Registry, s *huma.Schema, t reflect.Type) shape {
	const mostFields = 64 // bits of need
	if s.AdditionalProperties != false || s.Enum != nil || len(s.Properties) > mostFields {
		return shape{}
	}
	p := shape{kind: reflect.Struct}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := s.Properties[name]
		if property == nil || !f.IsExported() || f.Anonymous {
			return shape{}
		}
		if slices.Contains(s.Required, name) {
			p.need |= 1 << len(p.fields)
		}
		p.fields = append(p.fields, field{
			quoted: `"` + name + `"`, at: f.Index[0], shape: newShape(reg, property, f.Type),
		})
	}
	if len(p.fields) != len(s.Properties) {
		return shape{}
	}
	return p
}

func stringShape(s *huma.Schema) shape {
	p := shape{kind: reflect.String, most: -1, email: s.Format == "email"}
	if s.Format != "" && !p.email {
		return shape{}
	}
	for _, one := range s.Enum {
		p.among = append(p.among, one.(string)) // it was made from the tag of a string
	}
	if s.Pattern != "" {
		p.match = newPattern(s.Pattern)
	}
	p.bounds(s.MinLength, s.MaxLength)
	return p
}

func (p *shape) bounds(least, most *int) {
	if least != nil {
		p.least = *least
	}
	if most != nil {
		p.most = *most
	}
}

// quick reads JSON texts. It is not safe for concurrent use.
type quick struct {
	decoder *jsontext.Decoder
	text    bytes.Buffer
}

func newQuick() *quick { return &quick{decoder: jsontext.NewDecoder(new(bytes.Buffer))} }

// read fills v, which can be set, from a JSON text, and reports whether it is sure. If it is not, v
// may be half filled.
func (q *quick) read(p *shape, text []byte, v reflect.Value) bool {
	if p.kind == reflect.Invalid {
		return false
	}
	q.text = *bytes.NewBuffer(text)
	q.decoder.Reset(&q.text)
	if !p.read(q.decoder, v) {
		return false
	}
	_, err := q.decoder.ReadToken()
	return err == io.EOF
}

// read reads the next value. The decoder refuses what is no JSON, is not UTF-8 or says a name
// twice.
func (p *shape) read(d *jsontext.Decoder, v reflect.Value) bool {
	if p.far {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch kind := d.PeekKind(); {
	case p.kind == reflect.Struct && kind == '{':
		return p.readObject(d, v)
	case p.kind == reflect.Slice && kind == '[':
		return p.readList(d, v)
	case p.kind == reflect.String && kind == '"':
		s, ok := readString(d)
		if ok && p.takesString(s) {
			v.SetString(s)
			return true
		}
	case p.kind == reflect.Int && kind == '0':
		raw, err := d.ReadValue()
		n, ok := parseInt(raw)
		if err == nil && ok && !v.OverflowInt(n) && p.takesInt(n) {
			v.SetInt(n)
			return true
		}
	case p.kind == reflect.Bool && (kind == 't' || kind == 'f'):
		_, err := d.ReadToken()
		v.SetBool(kind == 't')
		return err == nil
	}
	return false
}

func (p *shape) readObject(d *jsontext.Decoder, v reflect.Value) bool {
	if _, err := d.ReadToken(); err != nil {
		return false
	}
	var have uint64
	next := 0
	for d.PeekKind() == '"' {
		name, err := d.ReadValue()
		if err != nil {
			return false
		}
		i := p.find(name, next)
		if i < 0 || !p.fields[i].shape.read(d, v.Field(p.fields[i].at)) {
			return false
		}
		have |= 1 << i
		next = i + 1
	}
	_, err := d.ReadToken()
	return err == nil && have&p.need == p.need
}

// find looks for the field of a name, first where it is if fields come in their order.
func (p *shape) find(name []byte, next int) int {
	if next < len(p.fields) && p.fields[next].quoted == string(name) {
		return next
	}
	return slices.IndexFunc(p.fields, func(f field) bool { return f.quoted == string(name) })
}

func (p *shape) readList(d *jsontext.Decoder, v reflect.Value) bool {
	if _, err := d.ReadToken(); err != nil {
		return false
	}
	n := 0
	for ; d.PeekKind() != ']'; n++ {
		if n == p.most {
			return false
		}
		if n == v.Cap() {
			v.Grow(max(4, n))
		}
		v.SetLen(n + 1)
		if !p.item.read(d, v.Index(n)) { // also where the text ends or is none
			return false
		}
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	_, err := d.ReadToken()
	return err == nil && n >= p.least
}

func readString(d *jsontext.Decoder) (string, bool) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	plain, err := jsontext.AppendUnquote(nil, raw)
	return string(plain), err == nil
}

// parseInt reads digits, of which there are at most as many as any int64 of our fields has.
func parseInt(raw []byte) (n int64, ok bool) {
	const most = 18
	digits := bytes.TrimPrefix(raw, []byte("-"))
	if len(digits) == 0 || len(digits) > most {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if len(digits) < len(raw) {
		n = -n
	}
	return n, true
}

func (p *shape) takesString(s string) bool {
	if len(s) < p.least || p.most >= 0 && len(s) > p.most || p.least > 1 {
		n := utf8.RuneCountInString(s)
		if n < p.least || p.most >= 0 && n > p.most {
			return false
		}
	}
	return (p.match == nil || p.match.takes(s)) && (!p.email || plainEmail(s)) &&
		(p.among == nil || slices.Contains(p.among, s))
}

func (p *shape) takesInt(n int64) bool {
	return (p.low == nil || float64(n) >= *p.low) && (p.high == nil || float64(n) <= *p.high)
}
