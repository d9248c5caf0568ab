package contract

import (
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/shop/event"
)

// opening says what a reader of any event needs to know.
const opening = `# Events

<!-- Generated from shop/event by shop/event/contract. Do not edit. -->

Every fact that the rooms announce. The Go structs in shop/event are the contract; this page, the
[JSON Schemas](contracts/) and the [AsyncAPI document](contracts/asyncapi.json) are generated from
them.

A fact travels in a [CloudEvents envelope](contracts/cloudevent.json). Facts of one subject are
numbered from 1 by its sequence; a timer's facts carry no number. Amounts are whole minor units;
money is {"amount": 1020, "currency": "GBP"}. What is *sealed* is personal data that only the
person's own key opens. An optional field is left out when it has nothing to say.

Invariants are [CEL](https://cel.dev) over data, the payload; sum() adds up a list of integers. They
are read in order, overflow breaks them, and a fact that breaks one cannot be committed. Within a
version only optional fields are ever added, so readers ignore what they do not know.
`

// page writes docs/events.md.
func page(set Set) []byte {
	var w strings.Builder
	w.WriteString(opening)
	for _, r := range roomsOf(event.Kinds()) {
		fmt.Fprintf(&w, "\n## %s\n\n", r.name)
		w.WriteString("| event | what is true once it was announced |\n| --- | --- |\n")
		for _, k := range r.kinds {
			fmt.Fprintf(&w, "| [%s](#%s) | %s |\n", short(k.Type), anchor(k.Type), cell(k.Doc))
		}
		for _, k := range r.kinds {
			section(&w, set[k.Type])
		}
	}
	return []byte(w.String())
}

type roomKinds struct {
	name  string
	kinds []event.Kind
}

// roomsOf groups kinds by room, first come first.
func roomsOf(kinds []event.Kind) []roomKinds {
	var rooms []roomKinds
	for _, k := range kinds {
		name := event.Room(k.Type)
		if len(rooms) == 0 || rooms[len(rooms)-1].name != name {
			rooms = append(rooms, roomKinds{name: name})
		}
		last := &rooms[len(rooms)-1]
		last.kinds = append(last.kinds, k)
	}
	return rooms
}

func section(w *strings.Builder, c *Contract) {
	fmt.Fprintf(w, "\n### %s\n\n%s. Subject `%s`; [schema](contracts/%s.json).\n",
		c.Title, sentence(c.Description), c.Subject, c.Title)
	if c.UpcastsTo != "" {
		fmt.Fprintf(w, "\nNo longer announced: readers get [%s](#%s) made from it.\n",
			c.UpcastsTo, anchor(c.UpcastsTo))
	}
	w.WriteString("\n| field | type | note |\n| --- | --- | --- |\n")
	fields(w, "", &c.Schema)
	if len(c.Invariants) == 0 {
		return
	}
	w.WriteString("\n| invariant | CEL |\n| --- | --- |\n")
	for _, r := range c.Invariants {
		fmt.Fprintf(w, "| %s | `%s` |\n", r.Name, cell(r.CEL))
	}
}

// fields writes a row for each property and, below it, for what is inside.
func fields(w *strings.Builder, prefix string, s *Schema) {
	required := make(map[string]bool)
	for _, name := range s.Required {
		required[name] = true
	}
	for _, name := range s.order {
		p := s.Properties[name]
		var notes []string
		if !required[name] {
			notes = append(notes, "optional")
		}
		if len(p.Enum) > 0 {
			notes = append(notes, "one of "+strings.Join(p.Enum, ", "))
		}
		if p.Description != "" {
			notes = append(notes, p.Description)
		}
		fmt.Fprintf(w, "| %s%s | %s | %s |\n",
			prefix, name, typeName(p), cell(strings.Join(notes, "; ")))
		inner, inside := p, prefix+name+"."
		if p.Items != nil {
			inner, inside = p.Items, prefix+name+"[]."
		}
		if inner.Personal == "" && !isMoney(inner) {
			fields(w, inside, inner)
		}
	}
}

// typeName says in a word or two what a value is.
func typeName(s *Schema) string {
	switch {
	case s.Personal != "":
		return "*sealed* " + strings.ToLower(s.Personal)
	case s.Items != nil:
		return "list of " + typeName(s.Items)
	case isMoney(s):
		return "money"
	case s.Format == "date-time":
		return "time"
	case s.Type[0] == "integer":
		return "integer"
	case s.Format != "":
		return s.Format
	}
	return s.Type[0]
}

// isMoney recognises shop.Money, which readers know by its name.
func isMoney(s *Schema) bool {
	return len(s.Properties) == 2 && s.Properties["amount"] != nil &&
		s.Properties["currency"] != nil
}

// short drops what every type begins with.
func short(typ string) string { return strings.TrimPrefix(typ, "souk.") }

// anchor is the name that Markdown renderers give to a heading that is a type.
func anchor(typ string) string { return strings.ReplaceAll(typ, ".", "") }

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// cell keeps a table's cell on one line and in one column.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
