package contract_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
)

const placed = "souk.order.placed.v2"

func current(t testing.TB) contract.Set {
	t.Helper()
	set, err := contract.Current()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// change is one thing that somebody may do to the contract of order.placed.v2, or to the set.
type change struct {
	name string
	do   func(set contract.Set, c *contract.Contract)
	// want is the field and a part of the finding, or empty when nothing breaks.
	field, want string
}

func parcel(c *contract.Contract) *contract.Schema { return c.Properties["parcels"].Items }

func changes() []change {
	return slices.Concat(harmless(), fieldBreaks(), eventBreaks())
}

func harmless() []change {
	text := func() *contract.Schema { return &contract.Schema{Type: contract.Types{"string"}} }
	return []change{
		{name: "nothing", do: func(contract.Set, *contract.Contract) {}},
		{name: "an optional field", do: func(_ contract.Set, c *contract.Contract) {
			c.Properties["gift"] = text()
		}},
		{name: "an optional field within a list", do: func(_ contract.Set, c *contract.Contract) {
			parcel(c).Properties["note"] = text()
		}},
		{name: "other words", do: func(_ contract.Set, c *contract.Contract) {
			c.Description, c.Properties["total"].Description = "said better", "said better"
		}},
		{name: "a new event", do: func(set contract.Set, c *contract.Contract) {
			set["souk.order.returned.v1"] = c
		}},
		{name: "a new version with an upcaster", do: func(set contract.Set, c *contract.Contract) {
			set["souk.order.placed.v3"] = &contract.Contract{}
			c.UpcastsTo = "souk.order.placed.v3"
			set["souk.order.placed.v1"].UpcastsTo = "souk.order.placed.v3"
		}},
	}
}

func fieldBreaks() []change {
	number := func() *contract.Schema { return &contract.Schema{Type: contract.Types{"integer"}} }
	return []change{
		{"removed", func(_ contract.Set, c *contract.Contract) {
			delete(c.Properties, "total")
		}, "total", "it was removed"},
		{"removed within a list", func(_ contract.Set, c *contract.Contract) {
			delete(parcel(c).Properties, "lines")
		}, "parcels[].lines", "it was removed"},
		{"renamed", func(_ contract.Set, c *contract.Contract) {
			c.Properties["sum"] = c.Properties["total"]
			delete(c.Properties, "total")
		}, "total", "it was removed, or renamed to sum"},
		{"another type", func(_ contract.Set, c *contract.Contract) {
			c.Properties["total"].Type = contract.Types{"string"}
		}, "total", "from integer (int64) to string (int64)"},
		{"a list of something else", func(_ contract.Set, c *contract.Contract) {
			parcel(c).Properties["lines"].Items = number()
		}, "parcels[].lines", "from array of object to array of integer"},
		{"another format", func(_ contract.Set, c *contract.Contract) {
			c.Properties["order"].Format = "date-time"
		}, "order", "from string (id) to string (date-time)"},
		{"no longer sealed", func(_ contract.Set, c *contract.Contract) {
			c.Properties["shipTo"].Personal = ""
		}, "shipTo", "(sealed Address)"},
		{"null is possible", func(_ contract.Set, c *contract.Contract) {
			c.Properties["parcels"].Type = contract.Types{"array", "null"}
		}, "parcels", "to array or null"},
		{"newly required", func(_ contract.Set, c *contract.Contract) {
			c.Properties["gift"] = number()
			c.Required = append(c.Required, "gift")
		}, "gift", "a required field was added"},
		{"no longer required", func(_ contract.Set, c *contract.Contract) {
			c.Required = slices.DeleteFunc(c.Required, func(s string) bool { return s == "total" })
		}, "total", "it was required and is now optional"},
		{"open to anything", func(_ contract.Set, c *contract.Contract) {
			parcel(c).Additional = nil
		}, "parcels[]", "from object (closed) to object"},
		{"a list of values", func(_ contract.Set, c *contract.Contract) {
			c.Properties["currency"].Enum = []string{"GBP"}
		}, "currency", "it admitted any text"},
	}
}

func eventBreaks() []change {
	const intended = "souk.payment.intended.v1"
	operation := func(set contract.Set) *contract.Schema {
		return set[intended].Properties["operation"]
	}
	return []change{
		{"event removed", func(set contract.Set, _ *contract.Contract) {
			delete(set, placed)
			delete(set, "souk.order.placed.v1") // its only way leads there
		}, "", "the event was removed"},
		{"a new version without an upcaster", func(set contract.Set, _ *contract.Contract) {
			set["souk.order.placed.v3"] = &contract.Contract{}
		}, "", "no way to it"},
		{"upcaster removed", func(set contract.Set, _ *contract.Contract) {
			set["souk.order.placed.v1"].UpcastsTo = ""
		}, "", "its upcaster to souk.order.placed.v2 was removed"},
		{"another subject", func(_ contract.Set, c *contract.Contract) {
			c.Subject = "payment/{payment}"
		}, "", "its subject order/{order} became payment/{payment}"},
		{"invariant removed", func(_ contract.Set, c *contract.Contract) {
			c.Invariants = c.Invariants[1:]
		}, "", "the invariant has_parcels was removed"},
		{"invariant changed", func(_ contract.Set, c *contract.Contract) {
			c.Invariants[0].CEL = "size(data.parcels) > 1"
		}, "", "the invariant has_parcels was changed"},
		{"invariant added", func(_ contract.Set, c *contract.Contract) {
			c.Invariants = append(c.Invariants, contract.Rule{Name: "cheap", CEL: "data.total < 9"})
		}, "", "the invariant cheap was added"},
		{"value removed", func(set contract.Set, _ *contract.Contract) {
			operation(set).Enum = operation(set).Enum[1:]
		}, "operation", "the value authorise was removed"},
		{"value added", func(set contract.Set, _ *contract.Contract) {
			operation(set).Enum = append(operation(set).Enum, "settle")
		}, "operation", "the value settle was added"},
		{"values forgotten", func(set contract.Set, _ *contract.Contract) {
			operation(set).Enum = nil
		}, "operation", "now admits any text"},
	}
}

// Goal: every kind of change is judged as the rules say, and a break names the event, the field and
// what to do. Method: make each change to a fresh copy of the present contracts.
func TestCheckJudgesChanges(t *testing.T) {
	t.Parallel()
	for _, ch := range changes() {
		t.Run(ch.name, func(t *testing.T) {
			t.Parallel()
			was, now := current(t), current(t)
			ch.do(now, now[placed])
			breaks := contract.Check(was, now)
			if ch.want == "" {
				for _, b := range breaks {
					t.Error(b)
				}
				return
			}
			found := slices.ContainsFunc(breaks, func(b contract.Break) bool {
				return b.Field == ch.field && strings.Contains(b.What, ch.want) &&
					b.Fix != "" && strings.HasPrefix(b.Event, "souk.")
			})
			if !found {
				t.Errorf("no break of %q that says %q in %v", ch.field, ch.want, breaks)
			}
		})
	}
}

// Goal: what Check lets pass cannot make a log invalid. Method: make one to three random changes to
// a random contract; where Check finds no break, payloads that the old schema admits must be
// admitted by the new one.
func TestUnbrokenChangesKeepOldPayloadsValid(t *testing.T) {
	t.Parallel()
	all := current(t)
	types := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(r *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(r, "type")
		was, now := all[typ], duplicate(t, all[typ])
		for range rapid.IntRange(1, 3).Draw(r, "changes") {
			evolve(r, &now.Schema)
		}
		if len(contract.Check(contract.Set{typ: was}, contract.Set{typ: now})) > 0 {
			return
		}
		payload := instance(r, &was.Schema)
		if err := compiled(t, was).Validate(payload); err != nil {
			r.Fatalf("the generator made an invalid payload: %v", err)
		}
		if err := compiled(t, now).Validate(payload); err != nil {
			r.Fatalf("no break was found, but: %v", err)
		}
	})
}

// Goal: a log of the last release stays readable. Method: payloads that the released schemas admit
// must decode, into the newest version of their event.
func TestReleasedPayloadsDecode(t *testing.T) {
	t.Parallel()
	released, err := contract.Released()
	if err != nil {
		t.Fatal(err)
	}
	catalogue := event.NewCatalogue()
	for typ, c := range released {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			schema := compiled(t, c)
			rapid.Check(t, func(r *rapid.T) {
				payload := instance(r, &c.Schema)
				if err := schema.Validate(payload); err != nil {
					r.Fatalf("the generator made an invalid payload: %v", err)
				}
				data, err := json.Marshal(payload)
				if err != nil {
					r.Fatal(err)
				}
				f, err := catalogue.Decode(typ, data)
				if err != nil {
					r.Fatalf("decode %s: %v", data, err)
				}
				if k, ok := catalogue.Kind(f.Type()); !ok || k.Upcast != nil {
					r.Fatalf("%s decoded to %s, which is not the newest", typ, f.Type())
				}
			})
		})
	}
}

// evolve makes one change, good or bad, somewhere in a schema.
func evolve(t *rapid.T, s *contract.Schema) {
	names := slices.Sorted(maps.Keys(s.Properties))
	if len(names) == 0 {
		return
	}
	name := rapid.SampledFrom(names).Draw(t, "field")
	switch p := s.Properties[name]; rapid.IntRange(0, 5).Draw(t, "change") {
	case 0:
		s.Properties["fresh"] = &contract.Schema{Type: contract.Types{"integer"}}
	case 1:
		s.Properties["fresh"] = p
		delete(s.Properties, name)
	case 2:
		p.Type = rapid.SampledFrom([]contract.Types{{"integer"}, {"string"}, {"string", "null"}}).
			Draw(t, "type")
	case 3:
		s.Required = append(slices.Clone(s.Required), rapid.SampledFrom(names).Draw(t, "required"))
		slices.Sort(s.Required)
		s.Required = slices.Compact(s.Required)
	case 4:
		p.Enum = []string{"GBP"}
	case 5:
		if p.Items != nil {
			p = p.Items
		}
		evolve(t, p)
	}
}

// instance makes a payload that a schema admits.
func instance(t *rapid.T, s *contract.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return rapid.SampledFrom(s.Enum).Draw(t, "enum")
	case s.Format == "date-time":
		return wild{t}.moment().Format(time.RFC3339)
	case s.ContentEncoding == "base64":
		return "AAEC"
	case s.Items != nil:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, instance(t, s.Items))
		}
		return list
	case s.Properties != nil:
		object := make(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || rapid.Bool().Draw(t, "present") {
				object[name] = instance(t, s.Properties[name])
			}
		}
		return object
	case s.Type[0] == "integer":
		return wild{t}.number()
	case s.Type[0] == "boolean":
		return rapid.Bool().Draw(t, "flag")
	}
	return rapid.String().Draw(t, "text")
}

func duplicate(t *testing.T, c *contract.Contract) *contract.Contract {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := contract.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func compiled(t *testing.T, c *contract.Contract) *jsonschema.Schema {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(c.ID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
