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
	const zero = "00-00000000000000000000000000000000-0000000000000000-01"
	text := []byte(zero) // stays on the stack
	if trace, flags, ok := parseTrace(first(h, headerTrace)); ok {
		copy(text[3:35], trace)
		copy(text[53:55], flags)
	} else {
		putHex(text[3:19], rand.Uint64())
		putHex(text[19:35], 1|rand.Uint64()) // no id may be zero
	}
	putHex(text[36:52], 1|rand.Uint64())
	parent := string(text)
	c := room.Cause{Correlation: parent[3:35], TraceParent: parent}
	if id := first(h, headerCorrelation); isCorrelation(id) {
		c.Correlation = id
	}
	return c
}

// putHex writes a number into sixteen digits.
func putHex(digits []byte, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	hex.Encode(digits, b[:])
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
