package contract

import (
	"regexp"
	"slices"

	"github.com/souk-commerce/souk/shop/event"
)

// glance is a schema made for speed: it goes through a payload once, and of what it reads it keeps
// only what the rules of the kind may ask for. It never refuses a payload. It says of most sound
// ones that they are sound; all others have to go through the schema itself.
type glance struct {
	types    typeSet
	moment   bool // a date-time
	base64   bool
	texts    []string // that are allowed; nil for all
	items    *glance
	names    []string // of the members of an object
	members  []*glance
	required uint64 // a bit for each of members
	kept     bool   // a rule may ask for it
}

// typeSet is a set of JSON's types.
type typeSet uint8

const (
	isText typeSet = 1 << iota
	isNumber
	isBool
	isList
	isObject
	isNull
)

// glanceOf makes a glance of the schema of a kind; nil if the schema is beyond what a glance knows.
// A rule can ask only for members whose names are in its text.
func glanceOf(s *Schema, k event.Kind) *glance {
	named := make(map[string]bool)
	for _, inv := range k.Invariants {
		for _, word := range regexp.MustCompile(`\w+`).FindAllString(inv.CEL, -1) {
			named[word] = true
		}
	}
	return makeGlance(s, named, true)
}

func makeGlance(s *Schema, named map[string]bool, kept bool) *glance {
	if s.Const != "" || s.Additional != nil && *s.Additional || len(s.Properties) > maxMembers {
		return nil
	}
	v := &glance{
		moment: s.Format == "date-time", base64: s.ContentEncoding != "", texts: s.Enum, kept: kept,
	}
	for _, t := range s.Type {
		one := map[string]typeSet{
			"string": isText, "integer": isNumber, "boolean": isBool, "array": isList,
			"object": isObject, "null": isNull,
		}[t]
		v.types |= one
	}
	if v.types == 0 || v.texts != nil && v.types != isText ||
		v.types&isObject != 0 && s.Additional == nil {
		return nil
	}
	if s.Items != nil {
		if v.items = makeGlance(s.Items, named, kept); v.items == nil {
			return nil
		}
	}
	for i, name := range s.order {
		of := makeGlance(s.Properties[name], named, kept && named[name])
		if of == nil {
			return nil
		}
		v.names, v.members = append(v.names, name), append(v.members, of)
		if slices.Contains(s.Required, name) {
			v.required |= 1 << i
		}
	}
	return v
}

// read goes through a payload. It returns what the rules may ask for, and whether the payload is
// certainly sound.
func (v *glance) read(data []byte) (any, bool) {
	if v == nil {
		return nil, false
	}
	c := cursor{data: string(data)}
	root, ok := v.value(&c)
	return root, ok && c.at == len(data)
}

func (v *glance) value(c *cursor) (any, bool) {
	switch b := c.next(); {
	case b == '"' && v.types&isText != 0:
		return v.text(c)
	case b == '{' && v.types&isObject != 0:
		return v.object(c)
	case b == '[' && v.types&isList != 0:
		return v.list(c)
	case b == 't' && v.types&isBool != 0:
		return true, c.word("true")
	case b == 'f' && v.types&isBool != 0:
		return false, c.word("false")
	case b == 'n' && v.types&isNull != 0:
		return nil, c.word("null")
	case v.types&isNumber != 0:
		n, ok := c.number()
		if !v.kept || !ok {
			return nil, ok
		}
		return n, true
	}
	return nil, false
}

func (v *glance) text(c *cursor) (any, bool) {
	s, ok := c.text()
	if !ok || v.moment && !isMoment(s) || v.base64 && !isBase64(s) {
		return nil, false
	}
	if v.texts != nil && !slices.Contains(v.texts, s) {
		return nil, false
	}
	if !v.kept {
		return nil, true
	}
	return s, true
}

func (v *glance) list(c *cursor) (any, bool) {
	l := []any{}
	ok := c.list(func() bool {
		one, ok := v.items.value(c)
		if v.kept {
			l = append(l, one)
		}
		return ok
	})
	return l, ok
}

func (v *glance) object(c *cursor) (any, bool) {
	var m map[string]any
	if v.kept {
		m = make(map[string]any, len(v.members))
	}
	seen, ok := c.object(v.names, func(i int) bool {
		p := v.members[i]
		one, ok := p.value(c)
		if p.kept {
			m[v.names[i]] = one
		}
		return ok
	})
	return m, ok && seen&v.required == v.required
}
