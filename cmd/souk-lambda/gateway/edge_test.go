package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/gateway"
)

// Goal: nobody passes the web ACL by, and the word that would let him stays with the front. Method:
// requests with the word, without it, and with ones that are nearly it, before a handler that tells
// what it was shown; and a function that was given no word at all.
func TestOnlyTheFrontMayKnock(t *testing.T) {
	t.Parallel()
	const word = "0123456789abcdef"
	for _, one := range []struct {
		key, says string
		passes    bool
	}{
		{word, word, true},
		{word, "", false},
		{word, word[:15], false},
		{word, word + "0", false},
		{word, strings.ToUpper(word), false},
		{word, word + ", " + word, false},
		{"", "", false},
	} {
		served := false
		h := gateway.Behind(one.key, http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				served = true
				_, _ = io.WriteString(w, "seen:"+r.Header.Get("X-Souk-Edge"))
			}))
		r := ask(t, h.ServeHTTP, "$default", "POST", map[string]any{
			"headers": map[string]string{"x-souk-edge": one.says},
		})
		if one.passes && (r.StatusCode != 200 || r.Body != "seen:") || one.passes != served {
			t.Errorf("%q for %q: %+v, served %v", one.says, one.key, r, served)
		}
		if !one.passes && (r.StatusCode != 403 || !strings.Contains(r.Body, `"not_by_the_front"`) ||
			r.Headers["Content-Type"] != "application/problem+json") {
			t.Errorf("%q for %q: %+v", one.says, one.key, r)
		}
	}
}
