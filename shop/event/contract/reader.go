package contract

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop/event"
)

// Reader fills facts from payloads as this build writes them, several times faster than a decoder
// that knows all of JSON. It is immutable and safe for concurrent use.
type Reader struct{ plans map[string]*plan }

// NewReader plans how every kind is read. It panics if a kind holds what no contract can.
func NewReader() *Reader {
	r := &Reader{plans: make(map[string]*plan)}
	for _, k := range event.Kinds() {
		r.plans[k.Type] = planOf(reflect.TypeOf(k.New()).Elem())
	}
	return r
}

// Read fills a fresh fact. False says that the payload has to be decoded in another way, with
// another fresh fact: it is no payload of the kind, or it is written differently. Texts of the fact
// share the memory of one copy of the payload.
func (r *Reader) Read(data []byte, f event.Fact) bool {
	p := r.plans[f.Type()]
	if p == nil {
		return false
	}
	c := cursor{data: string(data)}
	return p.fill(&c, reflect.ValueOf(f).Elem()) && c.at == len(data)
}

// plan is how a value of one Go type is read.
type plan struct {
	fill   func(c *cursor, v reflect.Value) bool
	names  []string // of the fields of a struct, in its order
	fields []*plan
}

func planOf(t reflect.Type) *plan {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &plan{fill: fillTime}
	case reflect.TypeFor[[]byte]():
		return &plan{fill: fillBytes}
	}
	switch t.Kind() {
	case reflect.String:
		return &plan{fill: fillText}
	case reflect.Int, reflect.Int64:
		return &plan{fill: fillNumber}
	case reflect.Bool:
		return &plan{fill: fillBool}
	case reflect.Slice:
		of := planOf(t.Elem())
		return &plan{fill: func(c *cursor, v reflect.Value) bool { return of.list(c, v) }}
	case reflect.Struct:
		p := &plan{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			p.names, p.fields = append(p.names, name), append(p.fields, planOf(t.Field(i).Type))
		}
		p.fill = p.object
		return p
	}
	panic(fmt.Sprintf("contract: a fact cannot hold a %s", t))
}

func fillText(c *cursor, v reflect.Value) bool {
	s, ok := c.text()
	v.SetString(s)
	return ok
}

func fillNumber(c *cursor, v reflect.Value) bool {
	n, ok := c.number()
	v.SetInt(n)
	return ok
}

func fillBool(c *cursor, v reflect.Value) bool {
	yes := c.word("true")
	v.SetBool(yes)
	return yes || c.word("false")
}

// fillTime reads only UTC, as facts are written.
func fillTime(c *cursor, v reflect.Value) bool {
	s, ok := c.text()
	t, is := v.Addr().Interface().(*time.Time)
	return ok && is && strings.HasSuffix(s, "Z") && t.UnmarshalText([]byte(s)) == nil
}

func fillBytes(c *cursor, v reflect.Value) bool {
	s, ok := c.text()
	if !ok {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(s)
	v.SetBytes(b)
	return err == nil && base64.StdEncoding.EncodedLen(len(b)) == len(s) // no line feeds
}

func (p *plan) list(c *cursor, v reflect.Value) bool {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	n := 0
	return c.list(func() bool {
		if n == v.Cap() {
			v.Grow(max(4, n))
		}
		n++
		v.SetLen(n)
		return p.fill(c, v.Index(n-1))
	})
}

func (p *plan) object(c *cursor, v reflect.Value) bool {
	_, ok := c.object(p.names, func(i int) bool { return p.fields[i].fill(c, v.Field(i)) })
	return ok
}
