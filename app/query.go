package app

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
)

// readQuery reads a query, and refuses one that two readers could take for two different ones:
// broken escapes, semicolons, text that is not UTF-8, and a name that stands twice. The standard
// library would drop such a part silently, and answer another question than was asked.
func readQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refusal(shop.Invalid, "the query is malformed")
	}
	for name, v := range values {
		switch {
		case len(v) > 1:
			return nil, refusal(shop.Invalid, "the query says %q twice", clip(name))
		case !utf8.ValidString(name) || !utf8.ValidString(v[0]):
			return nil, refusal(shop.Invalid, "the query is not UTF-8")
		}
	}
	return values, nil
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
