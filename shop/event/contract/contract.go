package contract

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Contract is what is promised of one version of one event. Its JSON form is a JSON Schema of the
// payload; what schemas cannot say stands in x- keywords, which validators ignore.
type Contract struct {
	Dialect    string `json:"$schema"`
	ID         string `json:"$id"`
	Title      string `json:"title"`                  // the event's type
	Subject    string `json:"x-subject"`              // as in "order/{order}"
	UpcastsTo  string `json:"x-upcasts-to,omitempty"` // the version that readers get instead
	Invariants []Rule `json:"x-invariants,omitempty"`
	Schema
}

// Rule is one invariant as a reader in another language sees it: CEL over the variable data. Rules
// are read in order; the first that does not hold, or cannot be evaluated, is the answer.
type Rule struct {
	Name string `json:"name"`
	CEL  string `json:"cel"`
}

// Set holds contracts by event type.
type Set map[string]*Contract

const dialect = "https://json-schema.org/draft/2020-12/schema"

// Current returns the contracts of this build. Objects admit only the fields that they name, since
// that is what a producer keeps to.
func Current() (Set, error) { return build(&builder{}) }

func build(b *builder) (Set, error) {
	set := make(Set)
	for _, k := range event.Kinds() {
		s, err := b.schema(reflect.TypeOf(k.New()).Elem())
		if err != nil {
			return nil, fmt.Errorf("contract of %s: %w", k.Type, err)
		}
		s.Description = k.Doc
		c := &Contract{
			Dialect: dialect, ID: "urn:souk:event:" + k.Type, Title: k.Type,
			Subject: subjectOf(k), Schema: *s,
		}
		for _, inv := range k.Invariants {
			c.Invariants = append(c.Invariants, Rule{Name: inv.Name, CEL: inv.CEL})
		}
		if k.Upcast != nil {
			c.UpcastsTo = k.Upcast(k.New()).Type()
		}
		set[k.Type] = c
	}
	return set, nil
}

// subjectOf asks a fact whose fields hold their own names, in braces, for its subject.
func subjectOf(k event.Kind) string {
	f := k.New()
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			v.Field(i).SetString("{" + name + "}")
		}
	}
	return f.Subject()
}

//go:embed released/*.json
var released embed.FS

// Released returns the contracts as of the last release, which this build carries.
func Released() (Set, error) {
	entries, err := released.ReadDir("released")
	if err != nil {
		return nil, fmt.Errorf("read the released contracts: %w", err)
	}
	set := make(Set, len(entries))
	for _, e := range entries {
		data, err := released.ReadFile("released/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the released contract %s: %w", e.Name(), err)
		}
		c, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("released/%s: %w", e.Name(), err)
		}
		set[c.Title] = c
	}
	return set, nil
}

// Parse reads one contract. It refuses a keyword that it does not know, because what cannot be read
// cannot be compared.
func Parse(data []byte) (*Contract, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	c := new(Contract)
	if err := d.Decode(c); err != nil {
		return nil, shop.Errorf(shop.Invalid, "this is not a contract: %w", err)
	}
	return c, nil
}

// encode is the one form in which contracts and documents are written: indented, ending in a line
// feed, with characters as they are.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a contract: %w", err)
	}
	return buf.Bytes(), nil
}
