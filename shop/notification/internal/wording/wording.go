package wording

import (
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
	text "text/template"
)

// files are the templates, two for each language, and the page around every mail.
//
//go:embed templates
var files embed.FS

// English is the language of last resort.
const English = "en"

// plain is the topic of words for which there are no others.
const plain = "plain"

// Languages lists the languages that there are, the one of last resort first.
func Languages() []string { return []string{English, "de"} }

// Book holds the templates, which are read when they are first needed. It is safe for concurrent
// use.
type Book struct {
	once  sync.Once
	texts map[string]*text.Template
	quick map[string]map[string]quick // those texts that are words alone
	pages map[string]*template.Template
}

// Words are what somebody is told.
type Words struct {
	Language string
	Title    string
	Text     string
	Plain    bool // the topic had no words of its own, or they could not be filled
}

// Page is a message to be put into HTML.
type Page struct {
	Language string
	Topic    string
	Title    string
	Text     string            // shown if the topic has no page of its own
	Words    map[string]string // what the templates are filled with
	Leave    string            // the address of the door out of the topic; "": there is none
}

// Resolve returns the language that is spoken to who asks for one: itself, its base ("de" for
// "de-AT"), or English.
func Resolve(language string) string {
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	if slices.Contains(Languages(), base) {
		return base
	}
	return English
}

// usual is the room that most texts need, in bytes.
const usual = 192

// Write puts a topic into words.
func (b *Book) Write(language, topic string, words map[string]string) Words {
	b.once.Do(b.read)
	language = Resolve(language)
	for _, try := range []string{language, English} {
		title, err := b.fill(try, topic+"/title", words)
		if err != nil {
			continue
		}
		if said, err := b.fill(try, topic+"/text", words); err == nil {
			return Words{Language: try, Title: title, Text: said}
		}
	}
	w := Words{Language: language, Plain: true}
	// The plain words take nothing that could be missing.
	w.Title, _ = b.fill(language, plain+"/title", nil)
	w.Text, _ = b.fill(language, plain+"/text", nil)
	return w
}

// HTML puts a message into a whole page. What the topic's own page cannot say, the text does.
func (b *Book) HTML(p Page) string {
	b.once.Do(b.read)
	language := Resolve(p.Language)
	pages := b.pages[language]
	var body, whole strings.Builder
	if p.Words == nil || pages.ExecuteTemplate(&body, p.Topic+"/body", p.Words) != nil {
		body.Reset()
		for line := range strings.SplitSeq(strings.TrimSpace(p.Text), "\n") {
			fmt.Fprintf(&body, "<p>%s</p>\n", template.HTMLEscapeString(line))
		}
	}
	err := pages.ExecuteTemplate(&whole, "page", map[string]any{
		"Language": language, "Title": p.Title, "Leave": template.URL(p.Leave),
		"Body": template.HTML(strings.TrimSpace(body.String())), // made by a template just now
	})
	if err != nil {
		panic("wording: the page around every mail cannot be filled: " + err.Error())
	}
	return whole.String()
}

// LeaveText tells in a mail's plain text how to hear no more of a topic.
func (b *Book) LeaveText(language, address string) string {
	b.once.Do(b.read)
	said, _ := b.fill(Resolve(language), "leave/text", map[string]string{"address": address})
	return said
}

func (b *Book) fill(language, name string, words map[string]string) (string, error) {
	var out strings.Builder
	out.Grow(usual)
	if q, ok := b.quick[language][name]; ok {
		if err := q.fill(&out, words); err != nil {
			return "", fmt.Errorf("fill %s in %s: %w", name, language, err)
		}
		return strings.TrimSpace(out.String()), nil
	}
	if err := b.texts[language].ExecuteTemplate(&out, name, words); err != nil {
		return "", fmt.Errorf("fill %s in %s: %w", name, language, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// read parses the templates. They are part of the program, so what is wrong in them is a fault of
// it, which the tests find.
func (b *Book) read() {
	b.texts = make(map[string]*text.Template)
	b.quick = make(map[string]map[string]quick)
	b.pages = make(map[string]*template.Template)
	for _, l := range Languages() {
		b.texts[l] = text.Must(text.New(l).Option("missingkey=error").
			ParseFS(files, "templates/"+l+".txt"))
		b.quick[l] = make(map[string]quick)
		for _, t := range b.texts[l].Templates() {
			if q, ok := ready(t.Root); ok {
				b.quick[l][t.Name()] = q
			}
		}
		b.pages[l] = template.Must(template.New(l).Option("missingkey=error").
			ParseFS(files, "templates/page.html", "templates/"+l+".html"))
	}
}
