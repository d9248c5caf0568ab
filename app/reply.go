package app

import (
	"bytes"
	"net/http"
	"reflect"

	"github.com/souk-commerce/souk/shop"
)

// reply says how the output of a route becomes an answer. A nil output is an answer of the usual
// status and nothing else.
type reply struct {
	usual   int      // status
	status  int      // the field that holds another, or -1
	body    int      // the field that is the body, or -1
	bytes   bool     // the body is written as it is
	headers []header // all other fields; those that are empty are left out
}

// header is a field that becomes a header.
type header struct {
	name string
	at   int
}

// newReply panics over an output that it cannot write: routes are part of the program.
func newReply(usual int, t reflect.Type) *reply {
	p := &reply{usual: usual, status: -1, body: -1}
	for f := range t.Fields() {
		switch name := f.Tag.Get("header"); {
		case f.Name == "Status" && f.Type.Kind() == reflect.Int:
			p.status = f.Index[0]
		case f.Name == "Body":
			p.body, p.bytes = f.Index[0], f.Type == reflect.TypeFor[[]byte]()
		case name != "" && f.Type.Kind() == reflect.String:
			p.headers = append(p.headers, header{http.CanonicalHeaderKey(name), f.Index[0]})
		default:
			panic("app: the field " + f.Name + " is no part of an answer")
		}
	}
	return p
}

// write answers with an output, which is a pointer. It returns an error only while nothing has been
// written.
func (p *reply) write(h *house, w *recorder, out reflect.Value) error {
	if out.IsNil() {
		w.WriteHeader(p.usual)
		return nil
	}
	out = out.Elem()
	status := p.usual
	if p.status >= 0 {
		status = int(out.Field(p.status).Int())
	}
	var body []byte
	switch {
	case p.body < 0:
	case p.bytes:
		body = out.Field(p.body).Bytes()
	default:
		w.set("Content-Type", "application/json")
		if status == http.StatusNoContent || status == http.StatusNotModified {
			break
		}
		buf := h.bodies.Get().(*bytes.Buffer)
		defer h.giveBack(buf)
		if err := writeJSON(buf, out.Field(p.body).Addr().Interface()); err != nil {
			return shop.Errorf(shop.Internal, "encode the answer: %w", err)
		}
		body = buf.Bytes()
	}
	for _, f := range p.headers {
		if value := out.Field(f.at).String(); value != "" {
			w.set(f.name, value)
		}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // the client may have gone; there is nobody left to tell
	}
	return nil
}
