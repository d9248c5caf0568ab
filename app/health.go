package app

import (
	"net/http"
	"sync/atomic"

	"github.com/souk-commerce/souk/shop"
)

// The states of an app.
const (
	opening int32 = iota
	ready
	draining
)

// health answers the questions of whoever runs the process.
type health struct{ state atomic.Int32 }

// getHealth answers GET /healthz: the process is alive, whatever else is true.
func (h *health) getHealth(w http.ResponseWriter, _ *http.Request) {
	sayPlain(w, http.StatusOK, "ok\n")
}

// getReady answers GET /readyz: requests are welcome. It is 503 before Start and while draining,
// so that a load balancer sends them elsewhere.
func (h *health) getReady(w http.ResponseWriter, _ *http.Request) {
	switch h.state.Load() {
	case opening:
		refusal(shop.Unavailable, "opening").write(w)
	case draining:
		refusal(shop.Unavailable, "draining").write(w)
	default:
		sayPlain(w, http.StatusOK, "ready\n")
	}
}

func sayPlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // whoever asked may have gone
}
