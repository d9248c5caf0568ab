package app

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/shop"
)

const description = `The doors of a Souk market.

Amounts are integers in minor units with their currency. Lists are read with cursors. Every refusal
is application/problem+json with a stable code; unless the code is "unknown", it had no effect.

A request that moves something takes an Idempotency-Key, which is remembered for ever: the same
request gets the same bytes, a changed one 422 key_reused, and one whose first is still being worked
on 409 key_in_flight.

Any request may carry traceparent (W3C) and X-Correlation-Id (1 to 64 of A-Z a-z 0-9 . _ -); both
are kept through everything that follows from it.

A body has at most 1 MiB where it holds items, 32 KiB elsewhere, and 20,000 names and values.

What is not HTTP/1.1, or has headers of more than 16 KiB, never reaches a door: it is answered with
400, 431, 501 or 505 in text/plain, and the connection is closed.`

// document is the OpenAPI document as it is served: the same bytes for the same code.
func (h *house) document() ([]byte, error) {
	return json.MarshalIndent(h.api.OpenAPI(), "", "  ")
}

// openAPI serves the document.
func (h *house) openAPI(w http.ResponseWriter, r *http.Request) {
	doc, err := h.published()
	if err != nil {
		h.refuse(r.Context(), w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(doc)
}

// prune takes out of the document what huma says and we do not: its own error type, which nobody
// ever receives, lists that may be null, which are neither taken nor sent, and its own keywords.
func (h *house) prune() {
	schemas := h.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "HumaErrorModel")
	delete(schemas, "HumaErrorDetail")
	for _, s := range schemas {
		pruneSchema(s)
	}
}

func pruneSchema(s *huma.Schema) {
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	s.PatternDescription = "" // no keyword of JSON Schema; huma has put it into its messages
	for _, p := range s.Properties {
		pruneSchema(p)
	}
	if s.Items != nil {
		pruneSchema(s.Items)
	}
}

// schemaName names a schema after the package and the type, so that two rooms may use one name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return upper(hint)
	}
	path := t.PkgPath()
	pkg := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case path == "":
		return huma.DefaultSchemaNamer(t, hint)
	case pkg == "v2": // huma's own
		pkg = "huma"
	case pkg == "app", pkg == "shop":
		pkg = ""
	}
	return upper(pkg) + huma.DefaultSchemaNamer(t, hint)
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// operation describes the route for huma and for the document.
func (r Route) operation(shared *huma.Components) huma.Operation {
	reg := shared.Schemas
	op := huma.Operation{
		OperationID: r.ID, Method: r.Method, Path: r.Path, Summary: r.Summary,
		Tags: []string{r.tag()}, DefaultStatus: r.Status,
		Responses:  map[string]*huma.Response{},
		Extensions: map[string]any{"x-roles": r.roleNames(), "x-load": r.Load.String()},
	}
	if len(r.Roles) > 0 {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	byStatus := make(map[int][]shop.Code)
	for _, code := range r.refusals() {
		byStatus[statusOf(code)] = append(byStatus[statusOf(code)], code)
	}
	for status, codes := range byStatus {
		op.Responses[strconv.Itoa(status)] = refused(shared, status, codes)
	}
	r.succeed(&op, reg)
	return op
}

// succeed documents the answers that are no refusals, as far as huma cannot see them in the types.
func (r Route) succeed(op *huma.Operation, reg huma.Registry) {
	content := map[string]*huma.MediaType{}
	if r.serve.body != nil {
		schema := reg.Schema(r.serve.body, true, r.ID)
		content["application/json"] = &huma.MediaType{Schema: schema}
	}
	if r.serve.media != "" && r.serve.live == nil {
		content[r.serve.media] = &huma.MediaType{}
	}
	if len(content) > 0 {
		op.Responses[strconv.Itoa(r.Status)] = &huma.Response{
			Description: http.StatusText(r.Status), Content: content,
		}
	}
	if r.serve.second == 0 {
		return
	}
	second := &huma.Response{Description: r.serve.means}
	if len(r.serve.bodies) > 0 {
		any := &huma.Schema{}
		for _, b := range r.serve.bodies {
			any.AnyOf = append(any.AnyOf, reg.Schema(b, true, r.ID))
		}
		second.Content = map[string]*huma.MediaType{"application/json": {Schema: any}}
	}
	op.Responses[strconv.Itoa(r.serve.second)] = second
}

// finish adds to the document what can be said only when huma has seen the types.
func (r Route) finish(api *huma.OpenAPI) {
	var op *huma.Operation
	switch item := api.Paths[r.Path]; r.Method {
	case http.MethodGet:
		op = item.Get
	case http.MethodPost:
		op = item.Post
	case http.MethodPut:
		op = item.Put
	case http.MethodPatch:
		op = item.Patch
	}
	for _, p := range op.Parameters {
		if p.In == "header" && p.Name == "Idempotency-Key" {
			p.Required, p.Schema = r.Keyed, text(keyPattern) // the door has checked it
		}
	}
	if r.serve.media == "" {
		return
	}
	said := op.Responses[strconv.Itoa(r.Status)]
	if r.serve.live == nil { // there is no other form
		said.Content = make(map[string]*huma.MediaType)
	}
	said.Content[r.serve.media] = &huma.MediaType{}
	switch r.serve.media {
	case "text/csv", "text/event-stream": // a page or a paper has no schema
		said.Content[r.serve.media].Schema = &huma.Schema{Type: "string"}
	}
}

// refused documents one status and the codes that it stands for. Operations that refuse alike
// share one description.
func refused(shared *huma.Components, status int, codes []shop.Code) *huma.Response {
	name := strconv.Itoa(status)
	r := &huma.Response{
		Description: http.StatusText(status) + ":",
		Headers: map[string]*huma.Header{
			headerCorrelation: {Schema: &huma.Schema{Type: "string"}},
		},
	}
	code := &huma.Schema{Type: "string"}
	for _, c := range codes {
		name += "." + string(c)
		r.Description += " " + string(c)
		code.Enum = append(code.Enum, string(c))
		if retryAfter(c) > 0 {
			r.Headers["Retry-After"] = &huma.Header{Schema: &huma.Schema{Type: "integer"}}
		}
		if c == shop.Unauthorised {
			r.Headers["WWW-Authenticate"] = &huma.Header{Schema: &huma.Schema{Type: "string"}}
		}
	}
	problem := shared.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	r.Content = map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{
		AllOf: []*huma.Schema{problem, {
			Type: "object", Properties: map[string]*huma.Schema{"code": code},
		}},
	}}}
	shared.Responses[name] = r
	return &huma.Response{Ref: "#/components/responses/" + name}
}
