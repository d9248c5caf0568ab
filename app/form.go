package app

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/shop"
)

// form says how the input of a route is filled in from a request, by the tags and schemas from
// which huma draws the document.
type form struct {
	registry huma.Registry
	params   []param
	asks     map[string]bool // the names that a query may have
	raw      int             // the field that takes the body as it is, or -1
	body     int             // the field that takes it decoded, or -1
	required bool            // the body
	schema   *huma.Schema    // of the body
	shape    shape
	quick    sync.Pool
}

// asked is a request whose parts were read and bounded.
type asked struct {
	r     *http.Request
	query url.Values
	body  []byte // valid until the answer is written
}

// param is one parameter.
type param struct {
	in, name string // in is path, query or header
	key      string // the name as the request has it
	at       int    // the field
	usual    string // instead of none
	required bool
	schema   *huma.Schema
	shape    shape
}

// newForm panics over an input that it cannot fill: routes are part of the program.
func newForm(op *huma.Operation, reg huma.Registry, t reflect.Type) *form {
	f := &form{registry: reg, asks: make(map[string]bool), raw: -1, body: -1}
	f.quick.New = func() any { return newQuick() }
	for one := range t.Fields() {
		switch one.Name {
		case "RawBody":
			f.raw, f.required = one.Index[0], op.RequestBody.Required
		case "Body":
			f.body, f.required = one.Index[0], op.RequestBody.Required
			f.schema = op.RequestBody.Content["application/json"].Schema
			f.shape = newShape(reg, f.schema, one.Type)
		default:
			p := newParam(reg, one)
			f.params = append(f.params, p)
			f.asks[p.name] = p.in == "query"
		}
	}
	return f
}

func newParam(reg huma.Registry, f reflect.StructField) param {
	p := param{
		at: f.Index[0], usual: f.Tag.Get("default"), schema: huma.SchemaFromField(reg, f, ""),
		required: f.Tag.Get("required") == "true",
	}
	if kind := f.Type.Kind(); kind != reflect.String && kind != reflect.Int &&
		kind != reflect.Int64 {
		panic("app: no parameter can be a " + f.Type.String())
	}
	for _, in := range []string{"path", "query", "header"} {
		if name := f.Tag.Get(in); name != "" {
			p.in, p.name, p.key = in, name, name
		}
	}
	switch p.in {
	case "":
		panic("app: the field " + f.Name + " is neither a parameter nor the body")
	case "path":
		p.required = true
	case "header":
		p.key = http.CanonicalHeaderKey(p.name)
	}
	checked := *p.schema
	checked.Default = nil // it has been put in when the value is checked
	p.shape = newShape(reg, &checked, f.Type)
	return p
}

// fill makes an input, which can be set, of a request, or says everything that is wrong with it.
func (f *form) fill(a asked, in reflect.Value) error {
	for name := range a.query {
		if !f.asks[name] {
			return f.strange(a.query)
		}
	}
	var wrong []error
	for i := range f.params {
		wrong = append(wrong, f.params[i].fill(f.registry, a, in)...)
	}
	code := shop.Invalid
	switch {
	case f.raw < 0 && f.body < 0:
	case len(a.body) == 0:
		if f.required {
			return complaint(Malformed, "request body is required", wrong)
		}
	case f.raw >= 0:
		in.Field(f.raw).SetBytes(a.body)
	default:
		if v := in.Field(f.body); !f.read(a.body, v) {
			if err := checkBody(a.body); err != nil {
				return err
			}
			v.SetZero()
			var more []error
			code, more = f.weigh(a.body, v)
			wrong = append(wrong, more...)
		}
	}
	if len(wrong) > 0 {
		return complaint(code, "validation failed", wrong)
	}
	return nil
}

// strange complains of the names in a query that nobody asked for.
func (f *form) strange(query url.Values) error {
	var wrong []error
	for name := range query {
		if !f.asks[name] {
			wrong = append(wrong, &huma.ErrorDetail{
				Location: "query." + name, Message: "unknown query parameter",
			})
		}
	}
	return complaint(shop.Invalid, "validation failed", wrong)
}

// read decodes and checks a body in one pass, and reports whether it is sure.
func (f *form) read(body []byte, v reflect.Value) bool {
	q := f.quick.Get().(*quick)
	defer f.quick.Put(q)
	return q.read(&f.shape, body, v)
}

// weigh decodes a body into a tree of its values, in which everything that is wrong can be found,
// and only then into v. The code is for the errors.
func (f *form) weigh(body []byte, v reflect.Value) (shop.Code, []error) {
	bad := func(err error) []error {
		return []error{&huma.ErrorDetail{Location: "body", Message: err.Error()}}
	}
	var tree any
	if err := readJSON(body, &tree); err != nil {
		return Malformed, bad(err)
	}
	wrong := validate(f.registry, f.schema, tree, "body")
	if len(wrong) == 0 {
		if err := readJSON(body, v.Addr().Interface()); err != nil {
			wrong = bad(err)
		}
	}
	return shop.Invalid, wrong
}

// fill sets the parameter's field and returns what is wrong with it.
func (p *param) fill(reg huma.Registry, a asked, in reflect.Value) []error {
	text := p.text(a)
	v := in.Field(p.at)
	number := v.Kind() != reflect.String
	switch {
	case text != "":
	case number && p.in == "query" && a.query.Has(p.key): // no digits are no number
	case p.usual != "":
		text = p.usual
	case p.required:
		return p.wrong("required " + p.in + " parameter is missing")
	default:
		return nil
	}
	if !number {
		if v.SetString(text); p.shape.kind == reflect.String && p.shape.takesString(text) {
			return nil
		}
		return validate(reg, p.schema, text, p.in, p.name)
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err != nil {
		return p.wrong("invalid integer")
	}
	if v.SetInt(n); p.shape.kind == reflect.Int && p.shape.takesInt(n) {
		return nil
	}
	return validate(reg, p.schema, n, p.in, p.name)
}

// text is the parameter's value in the request.
func (p *param) text(a asked) string {
	switch p.in {
	case "path":
		return a.r.PathValue(p.key)
	case "query":
		return a.query.Get(p.key)
	}
	return first(a.r.Header, p.key)
}

func (p *param) wrong(message string) []error {
	return []error{&huma.ErrorDetail{Location: p.in + "." + p.name, Message: message}}
}

// validate lets huma find what is wrong with a value at a place of the request.
func validate(reg huma.Registry, s *huma.Schema, value any, place ...string) []error {
	at := huma.NewPathBuffer(nil, 0)
	for _, part := range place {
		at.Push(part)
	}
	var found huma.ValidateResult
	huma.Validate(reg, s, at, huma.ModeWriteToServer, value, &found)
	return found.Errors
}

// complaint is a refusal that says each thing that is wrong, within bounds.
func complaint(code shop.Code, sentence string, wrong []error) *Problem {
	p := refusal(code, "%s", sentence)
	for _, err := range wrong {
		if len(p.Errors) == maxDetails {
			break
		}
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok {
			panic(fmt.Sprintf("app: huma complains with a %T", err))
		}
		p.Errors = append(p.Errors, Detail{Location: clip(d.Location), Message: clip(d.Message)})
	}
	return p
}
