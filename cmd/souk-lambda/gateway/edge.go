package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// edgeHeader is where the front says the word that it shares with the functions.
const edgeHeader = "X-Souk-Edge"

// Behind lets only requests through to h that came by the front, which says key with each. The
// gateway's own address is open to everybody, and whoever uses it passes the web ACL by. h does not
// see the word. How long a refusal takes does not depend on how much of the word was right.
func Behind(key string, h http.Handler) http.Handler {
	want := sha256.Sum256([]byte(key))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		have := sha256.Sum256([]byte(r.Header.Get(edgeHeader)))
		if subtle.ConstantTimeCompare(have[:], want[:]) != 1 || key == "" {
			p := problem(http.StatusForbidden, "not_by_the_front",
				"this address is not the shop's: use the one that the front has; nothing was done")
			w.Header().Set("Content-Type", p.head.Get("Content-Type"))
			w.WriteHeader(p.status)
			_, _ = w.Write(p.body.Bytes()) // it is collected, not sent
			return
		}
		r.Header.Del(edgeHeader)
		h.ServeHTTP(w, r)
	})
}
