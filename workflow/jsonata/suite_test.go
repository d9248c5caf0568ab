package jsonata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recolabs/gnata"

	"github.com/souk-commerce/souk/workflow"
)

// suiteCase is one case of the official suite, in its own form.
type suiteCase struct {
	Name            string
	Expr            string          `json:"expr"`
	ExprFile        string          `json:"expr-file"`
	Data            json.RawMessage `json:"data"`
	Dataset         *string         `json:"dataset"`
	Bindings        map[string]any  `json:"bindings"`
	Result          json.RawMessage `json:"result"`
	UndefinedResult bool            `json:"undefinedResult"`
	Unordered       bool            `json:"unordered"`
	Code            string          `json:"code"`
	Error           map[string]any  `json:"error"`
}

// Goal: behind our limits and guards the language is the library's own, case by case. Method: the
// official suite, which travels with the library's source (or lies in the folder that
// SOUK_JSONATA_SUITE names), through the evaluator; each case that the library alone passes must
// pass here, but those about $eval, which Step Functions forbids.
func TestTheOfficialSuite(t *testing.T) {
	t.Parallel()
	dir := suite(t)
	datasets := make(map[string]any)
	files, err := filepath.Glob(filepath.Join(dir, "datasets", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		datasets[strings.TrimSuffix(filepath.Base(f), ".json")] = decoded(string(raw))
	}
	cases, passed, evals := suiteCases(t, dir), 0, 0
	e := New(Limits{Time: 10 * time.Second})
	for _, c := range cases {
		ours, alone := c.ours(e, datasets), c.alone(datasets)
		switch {
		case ours == "":
			passed++
		case strings.HasPrefix(c.Name, "function-eval/"):
			evals++
		case alone == "":
			t.Errorf("%s: %s: %s", c.Name, c.Expr, ours)
		default:
			t.Logf("the library does not pass %s either: %s", c.Name, alone)
		}
	}
	t.Logf("%d of %d cases hold, %d more are about $eval", passed, len(cases), evals)
	if passed+evals < 1670 {
		t.Errorf("only %d cases hold", passed)
	}
}

// suite is where the suite lies in the module cache.
func suite(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SOUK_JSONATA_SUITE"); dir != "" {
		return dir
	}
	out, err := exec.Command(
		"go", "list", "-m", "-f", "{{.Dir}}", "github.com/recolabs/gnata").Output()
	if err != nil {
		t.Skipf("the go command is needed to find the suite: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "testdata")
	if _, err := os.Stat(filepath.Join(dir, "groups")); err != nil {
		t.Skipf("the suite is not with the library's source (go mod download, or a folder named by"+
			" SOUK_JSONATA_SUITE): %v", err)
	}
	return dir
}

func suiteCases(t *testing.T, dir string) []suiteCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "groups", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []suiteCase
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var cases []suiteCase
		if !strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
			raw = []byte("[" + string(raw) + "]")
		}
		if err := json.Unmarshal(raw, &cases); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for i, c := range cases {
			c.Name = filepath.Base(filepath.Dir(f)) + "/" +
				strings.TrimSuffix(filepath.Base(f), ".json")
			if len(cases) > 1 {
				c.Name += "#" + string(workflow.Int(int64(i)))
			}
			if c.ExprFile != "" {
				text, err := os.ReadFile(filepath.Join(filepath.Dir(f), c.ExprFile))
				if err != nil {
					t.Fatal(err)
				}
				c.Expr = string(text)
			}
			all = append(all, c)
		}
	}
	return all
}

// ours says why the case does not hold here, or nothing.
func (c *suiteCase) ours(e *Evaluator, datasets map[string]any) string {
	data, vars, err := c.given(datasets)
	if err != nil {
		return err.Error()
	}
	x := e.compile(c.Expr)
	if x.err != nil {
		return c.judge(nil, x.err)
	}
	got, err := e.evaluate(x, data, vars, newRun(e.limits, world(), x.deep))
	return c.judge(toLibrary(got), err)
}

// alone says why the case does not hold in the library without us, or nothing.
func (c *suiteCase) alone(datasets map[string]any) string {
	data, vars, err := c.given(datasets)
	if err != nil {
		return err.Error()
	}
	x, err := gnata.Compile(c.Expr)
	if err != nil {
		return c.judge(nil, err)
	}
	got, err := x.EvalWithVars(context.Background(), data, vars)
	if err == nil && got == nil {
		err = workflow.ErrUndefined
	}
	return c.judge(got, err)
}

func (c *suiteCase) given(datasets map[string]any) (data any, vars map[string]any, err error) {
	switch {
	case c.Dataset != nil:
		data = datasets[*c.Dataset]
	case len(c.Data) > 0 && string(c.Data) != "null": // null stands for no data
		data = decoded(string(c.Data))
	}
	vars = make(map[string]any, len(c.Bindings))
	for name, v := range c.Bindings {
		value, err := workflow.FromGo(v)
		if err != nil {
			return nil, nil, err
		}
		vars[name] = toLibrary(value)
	}
	return data, vars, nil
}

// judge says why an answer is not the right one, or nothing.
func (c *suiteCase) judge(got any, err error) string {
	switch {
	case c.Code != "" || c.Error != nil:
		if err == nil {
			return "no error " + c.Code
		}
		if !strings.Contains(err.Error(), c.Code) {
			return "not the error " + c.Code + " but " + err.Error()
		}
		return ""
	case c.UndefinedResult:
		if !errors.Is(err, workflow.ErrUndefined) {
			return "not undefined"
		}
		return ""
	case err != nil:
		return err.Error()
	}
	want := decoded(string(c.Result))
	if gnata.DeepEqual(got, want) || c.Unordered && sameMembers(got, want) {
		return ""
	}
	return fmt.Sprintf("%v is not %s", got, c.Result)
}

func sameMembers(a, b any) bool {
	left, _ := a.([]any)
	right, _ := b.([]any)
	if len(left) != len(right) {
		return false
	}
	used := make(map[int]bool)
	for _, item := range left {
		found := false
		for i, other := range right {
			if !used[i] && gnata.DeepEqual(item, other) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// world is an Env that stands still.
func world() workflow.Env {
	return workflow.Env{
		Now:    time.Date(2026, 11, 29, 10, 0, 0, 123e6, time.UTC),
		Random: func() float64 { return 0.25 },
		UUID:   func() string { return "0c7d0a5b-8f4e-4f6e-9b0a-0d6f7c1e2a3b" },
	}
}
