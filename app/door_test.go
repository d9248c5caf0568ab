package app_test

import (
	"testing"
)

// Goal: whoever runs the process can ask how it is. Method: the three questions, before and after.
func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	s := open(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 401} {
		if got := s.ask("GET", path, "", ""); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	s.app.Drain()
	if got := s.ask("GET", "/readyz", "", ""); got.status != 503 {
		t.Errorf("draining, it says %d", got.status)
	}
}
