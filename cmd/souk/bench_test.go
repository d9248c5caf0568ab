package main_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// benched is what a reader of the bench's JSON relies on.
type benched struct {
	Saturation []struct {
		Accepted int64    `json:"accepted"`
		Stages   staged   `json:"stages"`
		Curve    []tenths `json:"curve"`
	} `json:"saturation"`
	Steady []struct {
		Accepted int64  `json:"accepted"`
		Stages   staged `json:"stages"`
	} `json:"steady"`
	Spike []struct {
		Accepted int64  `json:"accepted"`
		Failed   int64  `json:"failed"`
		Stages   staged `json:"stages"`
		Browsing struct {
			Accepted int64 `json:"accepted"`
			Shed     int64 `json:"shed"`
			Failed   int64 `json:"failed"`
		} `json:"browsing"`
	} `json:"spike"`
}

type tenths struct {
	Orders int64 `json:"orders"`
}

type staged struct {
	Orders     int `json:"orders"`
	Incomplete int `json:"incomplete"`
	Steps      []struct {
		Name  string `json:"name"`
		Since span   `json:"sinceArrival"`
		Own   span   `json:"own"`
	} `json:"steps"`
}

type span struct {
	P50 int64 `json:"p50Ns"`
	Max int64 `json:"maxNs"`
}

// check requires that every order went through every stage, in their order.
func (s staged) check(t *testing.T, run string) {
	t.Helper()
	var names []string
	for i, step := range s.Steps {
		names = append(names, step.Name)
		if step.Own.Max <= 0 || step.Since.P50 < step.Own.P50 ||
			i > 0 && step.Since.P50 < s.Steps[i-1].Since.P50 {
			t.Errorf("%s: %s has no sensible times: %+v", run, step.Name, step)
		}
	}
	want := []string{"created", "held", "authorised", "placed", "done"}
	if s.Orders == 0 || s.Incomplete != 0 || !slices.Equal(names, want) {
		t.Errorf("%s: %d orders, %d incomplete, stages %v", run, s.Orders, s.Incomplete, names)
	}
}

// Goal: the bench measures whole orders: it finds each stage of those that it sampled in the log,
// shows a run by tenths, and tells checkouts from browsing in a spike. Method: the binary itself,
// with small loads; what it measured is nobody's business here, only that it adds up.
func TestBench(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary and puts load on it; make test runs it")
	}
	bin := build(t)
	var r benched
	for _, part := range [][]string{
		{"--only", "many", "--orders", "200", "--connections", "8", "--curve"},
		{"--only", "rates", "--rates", "50", "--for", "1s"},
		{"--only", "spike", "--spike-for", "100ms", "--browsing", "100"},
	} {
		args := append([]string{"--json", "bench", "--skus", "20", "--customers", "20"}, part...)
		cmd, said := exec.CommandContext(t.Context(), bin, args...), &strings.Builder{}
		cmd.Stderr = said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, out, said)
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, s := range r.Saturation {
		s.Stages.check(t, "saturation")
		if s.Accepted != 200 || len(s.Curve) != 10 || s.Curve[9].Orders != 200 {
			t.Errorf("%d accepted; the curve is %+v", s.Accepted, s.Curve)
		}
	}
	for _, s := range r.Steady {
		s.Stages.check(t, "steady")
	}
	for _, s := range r.Spike {
		s.Stages.check(t, "spike")
		if s.Accepted == 0 || s.Browsing.Accepted == 0 || s.Failed+s.Browsing.Failed > 0 {
			t.Errorf("the spike met %+v", s)
		}
	}
	if len(r.Saturation) != 1 || len(r.Steady) != 1 || len(r.Spike) != 3 {
		t.Errorf("parts are missing: %+v", r)
	}
}
