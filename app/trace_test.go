package app

import (
	"net/http"
	"strings"
	"testing"
)

// Goal: a trace goes on when it is well-formed and begins anew otherwise. Method: the header in
// every form that the specification tells apart.
func TestCauseOf(t *testing.T) {
	t.Parallel()
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for header, keeps := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                              true,
		"00-" + trace + "-" + span + "-00":                              true,
		"cc-" + trace + "-" + span + "-01-later":                        true,
		"cc-" + trace + "-" + span + "-01later":                         false,
		"00-" + trace + "-" + span + "-01-later":                        false,
		"ff-" + trace + "-" + span + "-01":                              false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":             false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":            false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01":           false,
		"00-" + trace + "-" + span:                                      false,
		"":                                                              false,
		"00-" + trace + "-" + span + "-0g":                              false,
		"00_" + trace + "-" + span + "-01":                              false,
		"00-" + trace + "-" + span + "-01" + strings.Repeat("-x", 1000): false,
	} {
		c := causeOf(http.Header{"Traceparent": {header}})
		parts := strings.Split(c.TraceParent, "-")
		if len(parts) != 4 || len(parts[1]) != 32 || len(parts[2]) != 16 || parts[2] == span {
			t.Fatalf("%q: not a child: %q", header, c.TraceParent)
		}
		if kept := parts[1] == trace; kept != keeps {
			t.Errorf("%q: kept %v, want %v", header, kept, keeps)
		}
		if c.Correlation != parts[1] {
			t.Errorf("%q: the correlation is not the trace but %q", header, c.Correlation)
		}
	}
}

// Goal: only an id that is safe everywhere is taken from outside. Method: both kinds.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	for id, taken := range map[string]bool{
		"abc-1_2.Z": true, "": false, "a b": false, "a\n": false, "ä": false,
		strings.Repeat("a", 65): false,
	} {
		c := causeOf(http.Header{headerCorrelation: {id}})
		if (c.Correlation == id) != taken {
			t.Errorf("%q became %q", id, c.Correlation)
		}
	}
}
