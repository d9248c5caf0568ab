package workflow_test

import (
	"strings"
	"testing"

	"github.com/souk-commerce/souk/workflow"
)

// Goal: a drawing of an execution shows how far it is, and one of a machine shows no such thing.
// Method: a machine whose second state fails, waits or is done, within a branch as well.
func TestMarks(t *testing.T) {
	t.Parallel()
	m, err := workflow.Parse([]byte(`{"StartAt":"A","States":{
		"A":{"Type":"Pass","Next":"P"},
		"P":{"Type":"Parallel","End":true,"Branches":[
			{"StartAt":"B","States":{"B":{"Type":"Task","Resource":"${b}","End":true}}}]}}}`),
		workflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plain := m.SVG(); strings.Contains(plain, "failing") || strings.Contains(plain, "active") ||
		strings.Contains(m.Mermaid(), "class") {
		t.Error("a machine is drawn like an execution")
	}
	marks := workflow.Marks{}
	for _, step := range []struct{ record, state, a, p, b string }{
		{"PassStateEntered", "A", "active", "", ""},
		{"PassStateExited", "A", "done", "", ""},
		{"ParallelStateEntered", "P", "done", "active", ""},
		{"TaskStateEntered", "B", "done", "active", "active"},
		{"TaskFailed", "B", "done", "active", "failing"},
		{"ExecutionFailed", "", "done", "failing", "failing"},
		{"ExecutionRedriven", "", "done", "active", "active"},
		{"TaskScheduled", "B", "done", "active", "active"},
		{"TaskStateExited", "B", "done", "active", "done"},
	} {
		marks.Note(step.record, step.state)
		for state, want := range map[string]string{"A": step.a, "P": step.p, "B": step.b} {
			if have := string(marks[state]); have != want {
				t.Errorf("after %s %s, %s is %q, not %q",
					step.record, step.state, state, have, want)
			}
		}
	}
	svg := m.SVGOf(marks)
	for _, class := range []string{"box Pass done", "box group active", "box Task done"} {
		if !strings.Contains(svg, `class="`+class+`"`) {
			t.Errorf("nothing is drawn as %q", class)
		}
	}
	if text := m.MermaidOf(marks); strings.Count(text, "class s") != 3 {
		t.Errorf("drawn as\n%s", text)
	}
}
