package wording

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	text "text/template"
	"text/template/parse"
)

// Goal: a template that is filled quickly says what it says when it is executed, and fails where
// that does. Method: every template of every language, with each word that a choice asks for, with
// another, and with each word missing.
func TestQuick(t *testing.T) {
	t.Parallel()
	book := new(Book)
	book.once.Do(book.read)
	for _, language := range Languages() {
		for _, tmpl := range book.texts[language].Templates() {
			q, quickly := book.quick[language][tmpl.Name()]
			if !quickly {
				if strings.Contains(tmpl.Name(), "/") {
					t.Errorf("%s in %s is not filled quickly", tmpl.Name(), language)
				}
				continue
			}
			full, choices := make(map[string]string), make(map[string][]string)
			q.list(full, choices)
			tries := []map[string]string{full, nil}
			for word := range full {
				without := maps.Clone(full)
				delete(without, word)
				tries = append(tries, without)
				for _, value := range choices[word] {
					with := maps.Clone(full)
					with[word] = value
					tries = append(tries, with)
				}
			}
			for _, words := range tries {
				same(t, tmpl, q, words)
			}
		}
	}
}

func same(t *testing.T, tmpl *text.Template, q quick, words map[string]string) {
	t.Helper()
	var got, want strings.Builder
	bad, wrong := q.fill(&got, words), tmpl.Execute(&want, words)
	if (bad == nil) != (wrong == nil) || bad == nil && got.String() != want.String() {
		t.Errorf("%s with %v says %q (%v), executed %q (%v)", tmpl.Name(), words,
			got.String(), bad, want.String(), wrong)
	}
}

// list notes the words that there are, and what they are compared with.
func (q quick) list(full map[string]string, choices map[string][]string) {
	for _, p := range q {
		if p.word == "" {
			continue
		}
		full[p.word] = "<" + p.word + ">"
		if p.is != nil {
			choices[p.word] = append(choices[p.word], *p.is)
			p.yes.list(full, choices)
			p.no.list(full, choices)
		}
	}
}

// Goal: what is more than words and choices is left to be executed. Method: one of each kind.
func TestNotQuick(t *testing.T) {
	t.Parallel()
	for i, s := range []string{
		`{{range .a}}{{end}}`, `{{.a.b}}`, `{{printf .a}}`, `{{.a | len}}`, `{{$x := .a}}`,
		`{{if .a}}{{end}}`, `{{if ne .a "1"}}{{end}}`, `{{if eq .a .b}}{{end}}`,
		`{{if eq .a "1" "2"}}{{end}}`, `{{if eq .a "1"}}{{.a.b}}{{end}}`,
	} {
		trees, err := parse.Parse("t", s, "", "", map[string]any{
			"printf": fmt.Sprintf, "len": 0, "ne": 0, "eq": 0,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := ready(trees["t"].Root); ok {
			t.Errorf("%d: %s is filled quickly", i, s)
		}
	}
}
