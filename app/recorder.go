package app

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/shop/room"
)

// recorder remembers the status of an answer. It can flush and be unwrapped, for streams.
type recorder struct {
	http.ResponseWriter
	status int
	values [6]string // of headers
	used   int
	shed   bool // refused for want of room, which souk_shed_total counts
}

// set sets a header, whose name must be in its canonical form, like http.Header.Set, but without an
// allocation for each.
func (r *recorder) set(name, value string) {
	if r.used == len(r.values) {
		r.Header()[name] = []string{value}
		return
	}
	r.values[r.used] = value
	r.used++
	r.Header()[name] = r.values[r.used-1 : r.used : r.used]
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// bound closes the connections of a listener that are too many.
type bound struct {
	most int64
	open atomic.Int64
}

// changed is a server's ConnState. A connection that is closed here is reported closed as well.
func (b *bound) changed(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if b.open.Add(1) > b.most {
			_ = c.Close() // there is nothing to say to it
		}
	case http.StateClosed, http.StateHijacked:
		b.open.Add(-1)
	}
}

// slow is from when on a request is worth a line in the log however it ended.
const slow = time.Second

// logRequest writes the access log: every request at debug level, slow ones at info, our own
// faults at warn. What was shed is counted instead: a crowd must not fill the log. It names neither
// the path's values, nor the caller, nor any header but the correlation id.
func (h *house) logRequest(
	r *http.Request, route string, w *recorder, took time.Duration, cause room.Cause,
) {
	status := w.status
	level := slog.LevelDebug
	switch {
	case w.shed:
	case status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case took >= slow:
		level = slog.LevelInfo
	}
	if !h.log.Enabled(r.Context(), level) {
		return
	}
	h.log.LogAttrs(r.Context(), level, "request",
		slog.String("route", route), slog.Int("status", status), slog.Duration("took", took),
		slog.String("correlation", cause.Correlation), slog.String("trace", cause.TraceParent))
}
