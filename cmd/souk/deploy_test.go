package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk/house"
	"github.com/souk-commerce/souk/platform/aws/deploy"
)

// update rewrites deploy/aws and docs/aws.svg: go test ./cmd/souk -run Deploy -update.
var update = flag.Bool("update", false, "rewrite what is generated for deployments")

const tree = "../../"

func templates(t *testing.T) []*deploy.Template {
	t.Helper()
	h, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	all, err := deploy.Generate(h)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Goal: what is committed is what the declarations make, and the same twice. Method: two
// generations, compared with the files below deploy/aws and with the diagram.
func TestDeployIsCurrent(t *testing.T) {
	t.Parallel()
	h, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{tree + "docs/aws.svg": deploy.Diagram(h)}
	for _, tpl := range templates(t) {
		want[tree+"deploy/aws/"+tpl.Name+".yaml"] = tpl.YAML()
	}
	for _, tpl := range templates(t) {
		if string(tpl.YAML()) != string(want[tree+"deploy/aws/"+tpl.Name+".yaml"]) {
			t.Errorf("%s is not the same twice", tpl.Name)
		}
	}
	for name, text := range want {
		if *update {
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(name)
		if err != nil || string(have) != string(text) {
			t.Errorf("%s is not what the declarations make (%v): run make generate", name, err)
		}
	}
	files, err := filepath.Glob(tree + "deploy/aws/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if want[name] == nil {
			t.Errorf("%s is left over", name)
		}
	}
}

// asJSON is a template as programs read it.
func asJSON(t *testing.T, tpl *deploy.Template) []byte {
	t.Helper()
	raw, err := tpl.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Goal: no permission is wider than it must be. Method: every action and resource of every
// statement that allows, in all templates, against the list of places that have a reason; each of
// these must be found, and the page for newcomers must name it.
func TestDeployAllowsNothingWide(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(tree + "docs/deploy-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	h, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	wide := deploy.Wide(h)
	found := make(map[string]bool)
	for _, tpl := range templates(t) {
		var doc struct {
			Resources map[string]struct {
				Type       string
				Properties any
			}
		}
		if err := json.Unmarshal(asJSON(t, tpl), &doc); err != nil {
			t.Fatal(err)
		}
		for id, r := range doc.Resources {
			statements(r.Properties, func(actions, resources []string) {
				for _, a := range actions {
					if strings.Contains(a, "*") {
						t.Errorf("%s: %s allows %s", tpl.Name, id, a)
					}
				}
				if !slices.Contains(resources, "*") {
					return
				}
				i := slices.IndexFunc(wide, func(w deploy.WidePlace) bool {
					_, of, _ := strings.Cut(w.What, " of ")
					return w.Where == r.Type && (of == "" || strings.Join(actions, ", ") == of)
				})
				if i < 0 {
					t.Errorf("%s: %s allows %v on any resource", tpl.Name, id, actions)
					return
				}
				found[wide[i].What] = true
			})
		}
	}
	for _, w := range wide {
		if !found[w.What] {
			t.Errorf("nothing is as wide as %q any more: remove it", w.What)
		}
		if !strings.Contains(string(page), w.Why) {
			t.Errorf("docs/deploy-aws.md does not say: %s", w.Why)
		}
	}
}

// statements calls fn for every statement that allows, anywhere in v.
func statements(v any, fn func(actions, resources []string)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			statements(one, fn)
		}
	case map[string]any:
		if v["Effect"] == "Allow" && v["Action"] != nil {
			fn(words(v["Action"]), words(v["Resource"]))
		}
		for _, one := range v {
			statements(one, fn)
		}
	}
}

// words are the plain strings among values.
func words(v any) []string {
	l, ok := v.([]any)
	if !ok {
		l = []any{v}
	}
	var all []string
	for _, one := range l {
		if s, ok := one.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// Goal: a message is never handled twice only because its function was slow, and nothing waits
// unseen. Method: every queue that starts a function hides a message six times as long as the
// function may take, has a dead-letter queue, and both have an alarm.
func TestDeployQueuesAreWatched(t *testing.T) {
	t.Parallel()
	type resource struct {
		Type       string
		Properties map[string]any
	}
	queues := 0
	for _, tpl := range templates(t) {
		var doc struct{ Resources map[string]resource }
		if err := json.Unmarshal(asJSON(t, tpl), &doc); err != nil {
			t.Fatal(err)
		}
		for id, r := range doc.Resources {
			name, isQueue := strings.CutSuffix(id, "Queue")
			if r.Type != "AWS::SQS::Queue" || !isQueue {
				continue
			}
			queues++
			hidden := r.Properties["VisibilityTimeout"].(float64)
			timeout := doc.Resources[name+"Function"].Properties["Timeout"].(float64)
			if hidden < 6*timeout {
				t.Errorf("%s hides for %v s, its function takes up to %v s", id, hidden, timeout)
			}
			if doc.Resources[name+"Dead"].Type != "AWS::SQS::Queue" ||
				r.Properties["RedrivePolicy"] == nil {
				t.Errorf("%s has no dead letters", id)
			}
			for _, alarm := range []string{"AgeAlarm", "DeadAlarm"} {
				if doc.Resources[name+alarm].Type != "AWS::CloudWatch::Alarm" {
					t.Errorf("%s has no %s", id, alarm)
				}
			}
		}
	}
	h, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	if want := len(h.Subscriptions) + len(h.Queues); queues != want {
		t.Errorf("%d queues, %d subscriptions and queues declared", queues, want)
	}
}
