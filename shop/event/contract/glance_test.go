package contract_test

import (
	"encoding/json"
	"reflect"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
)

// payload draws a payload of a kind, and whether a room could have written it: of a fact that is
// filled with anything, or of one that passes, then as it is or with some of its bytes changed.
func payload(t *rapid.T, k event.Kind) (data []byte, usual bool) {
	usual = rapid.Bool().Draw(t, "usual")
	f := filled(k, wild{t})
	if usual {
		f = mend(filled(k, tame{wild{t}}))
	}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		usual = false
		from := rapid.IntRange(0, len(data)).Draw(t, "from")
		to := min(len(data), from+rapid.IntRange(0, 12).Draw(t, "bytes"))
		put := rapid.OneOf(
			rapid.SampledFrom([]string{
				"", " ", "\n", "null", "true", "0", "-", "-0", "01", "1.5", "1e3", "\"", "\\",
				"\\u00e9", "\xff", "{", "}", "[", "]", ",", ":", "99999999999999999999", `"x":1,`, "=",
			}),
			rapid.Just(string(data[from:to])+string(data[from:to])), // a member twice, perhaps
		).Draw(t, "put")
		data = append(append(append([]byte(nil), data[:from]...), put...), data[to:]...)
	}
	return data, usual
}

// Goal: a glance admits nothing that the schema refuses, hides nothing from the rules, and suffices
// for what rooms write. Method: payloads of every kind, and with bytes changed; the glance against
// the schema, and the rules over what the glance kept against those over the whole.
func TestGlanceEqualsSchema(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	for _, k := range event.Kinds() {
		t.Run(k.Type, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				data, usual := payload(t, k)
				broken, sound, err := c.Glance(k.Type, data)
				if err != nil {
					t.Fatal(err)
				}
				refused := c.Schema(k.Type, data)
				if usual && refused == nil && !sound {
					t.Fatalf("a glance does not suffice for\n%s", data)
				}
				if !sound {
					return
				}
				if refused != nil {
					t.Fatalf("a glance admits, the schema says %v of\n%s", refused, data)
				}
				whole, err := c.Broken(k.Type, data)
				if err != nil || !reflect.DeepEqual(ruleName(broken), ruleName(whole)) {
					t.Fatalf("a glance shows the rules %q, the whole %q %v of\n%s",
						ruleName(broken), ruleName(whole), err, data)
				}
			})
		})
	}
}

func ruleName(r *contract.Rule) string {
	if r == nil {
		return ""
	}
	return r.Name
}

// Goal: the fast reader makes of a payload exactly what a decoder of JSON makes of it, or leaves it
// alone; and it reads what rooms write. Method: payloads of every kind, and with bytes changed.
func TestReaderEqualsDecoder(t *testing.T) {
	t.Parallel()
	r := contract.NewReader()
	for _, k := range event.Kinds() {
		t.Run(k.Type, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				data, usual := payload(t, k)
				fast, slow := k.New(), k.New()
				if !r.Read(data, fast) {
					if usual {
						t.Fatalf("the reader does not read\n%s", data)
					}
					return
				}
				if err := jsonv2.Unmarshal(data, slow); err != nil {
					t.Fatalf("it was read, but: %v\n%s", err, data)
				}
				if !reflect.DeepEqual(fast, slow) {
					t.Fatalf("read %+v\ndecoded %+v\nof\n%s", fast, slow, data)
				}
			})
		})
	}
}
