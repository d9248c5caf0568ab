package app

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/shop"
)

// checkQuery refuses a query that two readers could take for two different ones: broken escapes,
// semicolons, text that is not UTF-8, a name that stands twice, and a number without digits. The
// standard library would drop such a part silently, and answer another question than was asked.
func checkQuery(raw string, numbers map[string]bool) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return refusal(shop.Invalid, "the query is malformed")
	}
	for name, v := range values {
		switch {
		case len(v) > 1:
			return refusal(shop.Invalid, "the query says %q twice", clip(name))
		case !utf8.ValidString(name) || !utf8.ValidString(v[0]):
			return refusal(shop.Invalid, "the query is not UTF-8")
		case v[0] == "" && numbers[name]:
			return refusal(shop.Invalid, "the query's %s has no value", name)
		}
	}
	return nil
}

// numbersOf lists the parameters of a query that are no strings.
func numbersOf(op *huma.Operation) map[string]bool {
	numbers := make(map[string]bool)
	for _, p := range op.Parameters {
		if p.In == "query" && p.Schema != nil && p.Schema.Type != huma.TypeString {
			numbers[p.Name] = true
		}
	}
	return numbers
}

// ServeHTTP sends a request to its door. A path that is written in a roundabout way is not there:
// the router would answer with a redirect, which no client of an API should need.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if roundabout(r.URL.EscapedPath()) {
		h.nothing(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// roundabout reports whether a path has empty segments, or "." or ".." as one.
func roundabout(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/./") ||
		strings.Contains(path, "/../") || strings.HasSuffix(path, "/.") ||
		strings.HasSuffix(path, "/..") || !strings.HasPrefix(path, "/")
}
