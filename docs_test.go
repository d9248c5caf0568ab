package souk

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Goal: no link in a document is dead. Method: every relative target of every Markdown link exists.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".md") {
			return
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(raw), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(path.Join(path.Dir(name), target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	})
}

// Goal: a room's page answers the six questions. Method: the headings of every README.md beside a
// react.go.
func TestRoomsExplainThemselves(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("shop/*/react.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Fatal("there are no rooms")
	}
	for _, react := range dirs {
		if path.Dir(react) == "shop/room" {
			continue
		}
		page := path.Join(path.Dir(react), "README.md")
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("%s is missing", page)
			continue
		}
		for _, heading := range []string{
			"## Owns", "## Announces", "## Listens to", "## Asks", "## Never does",
			"## Numbers to watch",
		} {
			if !strings.Contains(string(raw), heading) {
				t.Errorf("%s has no heading %q", page, heading)
			}
		}
	}
}

// Goal: nothing that was left for later is in the tree. Method: words that say so.
func TestNothingIsLeftForLater(t *testing.T) {
	t.Parallel()
	words := []string{"TO" + "DO", "FIX" + "ME", "not imple" + "mented", "XX" + "X"}
	for _, s := range sources(t) {
		for _, w := range words {
			if strings.Contains(s.text, w) {
				t.Errorf("%s says %q", s.path, w)
			}
		}
	}
}

// Goal: every dependency is a guest with a reason. Method: each direct requirement of go.mod is
// named in docs/dependencies.md, and nothing else is.
func TestDependenciesHaveReasons(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := make(map[string]bool)
	required := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)
	for _, m := range required.FindAllStringSubmatch(string(mod), -1) {
		direct[m[1]] = true
		if !strings.Contains(string(page), "`"+m[1]+"`") {
			t.Errorf("docs/dependencies.md does not say why %s is here", m[1])
		}
	}
	named := regexp.MustCompile("(?m)^\\| `(\\S+)` ")
	for _, m := range named.FindAllStringSubmatch(string(page), -1) {
		if !direct[m[1]] {
			t.Errorf("docs/dependencies.md names %s, which go.mod does not require", m[1])
		}
	}
}
