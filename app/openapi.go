package app

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const description = `The doors of a Souk market.

Amounts are integers in minor units with their currency. Lists are read with cursors. Every refusal
is application/problem+json with a stable code; unless the code is "unknown", it had no effect.

A request that moves something takes an Idempotency-Key, which is remembered for ever: the same
request gets the same bytes, a changed one 422 key_reused, and one whose first is still being worked
on 409 key_in_flight.

Any request may carry traceparent (W3C) and X-Correlation-Id (1 to 64 of A-Z a-z 0-9 . _ -); both
are kept through everything that follows from it.`

// document is the OpenAPI document as it is served: the same bytes for the same code.
func (h *house) document() ([]byte, error) {
	return json.MarshalIndent(h.api.OpenAPI(), "", "  ")
}

// openAPI serves the document.
func (h *house) openAPI(w http.ResponseWriter, r *http.Request) {
	doc, err := h.document()
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(doc)
}

// prune takes huma's own error type out of the document: nobody ever receives it.
func (h *house) prune() {
	schemas := h.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "HumaErrorModel")
	delete(schemas, "HumaErrorDetail")
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
