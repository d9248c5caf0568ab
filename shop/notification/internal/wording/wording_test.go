package wording_test

import (
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/notification/internal/wording"
)

// update rewrites the golden files: go test ./shop/notification/internal/wording -update.
var update = flag.Bool("update", false, "rewrite testdata")

// samples is what each topic is filled with here.
func samples() map[string]map[string]string {
	return map[string]map[string]string{
		"order_placed":     {"order": "ord_1", "parcels": "2"},
		"order_cancelled":  {"order": "ord_1", "reason": "out_of_stock"},
		"order_expired":    {"order": "ord_1"},
		"order_dispatched": {"order": "ord_1"},
		"order_delivered":  {"order": "ord_1"},
		"payment_refunded": {"order": "ord_1", "amount": "10.20 GBP"},
		"parcel_requested": {
			"order": "ord_1", "shipment": "shp_1", "lines": "1", "amount": "5.10 GBP",
		},
		"parcel_cancelled": {"order": "ord_1", "shipment": "shp_1"},
		"stock_short":      {"sku": "85123A", "wanted": "6", "available": "2"},
		"case_opened": {
			"order": "ord_1", "payment": "pay_1", "operation": "refund", "reason": "refused",
		},
		"order_held": {"order": "ord_1", "reason": "capture_failed"},
		"endpoint_disabled": {
			"endpoint": "whe_1", "owner": "dlr_1", "reason": "failing", "since": "2026-11-26 09:30",
		},
	}
}

// Goal: nobody changes what people are told without seeing it. Method: title, text and page of each
// topic in each language against golden files.
func TestGolden(t *testing.T) {
	t.Parallel()
	book := new(wording.Book)
	for _, language := range wording.Languages() {
		for topic, words := range samples() {
			said := book.Write(language, topic, words)
			if said.Plain || said.Language != language {
				t.Errorf("%s has no words in %s", topic, language)
			}
			page := book.HTML(wording.Page{
				Language: language, Topic: topic, Title: said.Title, Text: said.Text, Words: words,
				Leave: "https://shop.example/leave",
			})
			got := said.Title + "\n\n" + said.Text + "\n\n" + page
			name := filepath.Join("testdata", language, topic+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil || string(want) != got {
				t.Errorf("%s is stale (%v); it would say\n%s", name, err, got)
			}
		}
	}
}

// Goal: the page says what the text says. Method: each topic, the page without its marks.
func TestPagesSayWhatTextsSay(t *testing.T) {
	t.Parallel()
	book, mark := new(wording.Book), regexp.MustCompile(`(?s)<[^>]*>`)
	for _, language := range wording.Languages() {
		for topic, words := range samples() {
			said := book.Write(language, topic, words)
			page := book.HTML(wording.Page{
				Language: language, Topic: topic, Title: said.Title, Text: "?", Words: words,
			})
			_, body, _ := strings.Cut(page, "</h1>")
			plain := html.UnescapeString(mark.ReplaceAllString(body, " "))
			squeeze := func(s string) string {
				s = strings.Join(strings.Fields(s), " ")
				return strings.NewReplacer(" .", ".", " ,", ",", " :", ":").Replace(s)
			}
			if squeeze(plain) != squeeze(said.Text) {
				t.Errorf("%s in %s: the page says %q, the text %q", topic, language,
					squeeze(plain), squeeze(said.Text))
			}
		}
	}
}

// Goal: there are always words, and none of them is mark-up. Method: languages that nobody speaks,
// a topic that there is not, words that are missing, words that are mark-up.
func TestFallback(t *testing.T) {
	t.Parallel()
	book := new(wording.Book)
	for asked, want := range map[string]string{
		"": "en", "xx": "en", "de": "de", "DE": "de", "de-AT": "de", "de_CH": "de", "en-GB": "en",
		"<script>": "en",
	} {
		if got := wording.Resolve(asked); got != want {
			t.Errorf("who asks for %q is told in %s", asked, got)
		}
	}
	for _, w := range []wording.Words{
		book.Write("de", "no_such_topic", nil), book.Write("de", "order_placed", nil),
		book.Write("de", "order_placed", map[string]string{"order": "ord_1"}),
	} {
		if !w.Plain || w.Title != "Neues für Sie" || w.Text == "" {
			t.Errorf("the words are %+v", w)
		}
	}
	evil := `<script>alert(1)</script>`
	for _, p := range []wording.Page{
		{Topic: "order_expired", Title: evil, Text: evil, Words: map[string]string{"order": evil}},
		{Topic: "order_expired", Title: evil, Text: evil},
		{Topic: "no_such_topic", Title: evil, Text: evil, Words: map[string]string{}},
		{Topic: "order_expired", Title: evil, Text: evil, Words: map[string]string{"x": evil}},
	} {
		page := book.HTML(p)
		if strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("the page is %s", page)
		}
	}
}
