package app

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"github.com/souk-commerce/souk/shop/room"
)

// The headers that join a request to what follows from it.
const (
	headerCorrelation = "X-Correlation-Id"
	headerTrace       = "Traceparent"
)

// causeOf names a request: its trace is the caller's, with a span of our own, or a new one (W3C
// Trace Context); its correlation id is the caller's if that is well-formed, otherwise the trace's
// id. The causation is left empty: a request causes, nothing caused it.
func causeOf(h http.Header) room.Cause {
	trace, flags, ok := parseTrace(first(h, headerTrace))
	if !ok {
		trace, flags = newTrace(), "01"
	}
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], 1|rand.Uint64()) // a span id must not be zero
	c := room.Cause{
		Correlation: trace,
		TraceParent: "00-" + trace + "-" + hex.EncodeToString(span[:]) + "-" + flags,
	}
	if id := first(h, headerCorrelation); isCorrelation(id) {
		c.Correlation = id
	}
	return c
}

// parseTrace reads version 00, and of later versions the part that they promise to keep. It
// refuses ids of zeros only.
func parseTrace(s string) (trace, flags string, ok bool) {
	const size = len("00-") + 32 + len("-") + 16 + len("-01")
	if len(s) < size || len(s) > 256 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", "", false
	}
	version, trace, span, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case !isHex(version) || version == "ff",
		version == "00" && len(s) != size,
		len(s) > size && s[size] != '-',
		!isHex(trace) || zeros(trace), !isHex(span) || zeros(span), !isHex(flags):
		return "", "", false
	}
	return trace, flags, true
}

func newTrace() string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], 1|rand.Uint64())
	return hex.EncodeToString(id[:])
}

// isCorrelation keeps what a caller sends safe in a key, a header and a log line.
func isCorrelation(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool {
	for _, c := range []byte(s) {
		if c != '0' {
			return false
		}
	}
	return true
}

// first returns a header's first value; key must be in its canonical form.
func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}
