package pattern

import (
	"encoding/json"
	"testing"
)

// Goal: whatever is given as a pattern compiles or is refused, and what compiles can be matched.
// Method: fuzzing, with the recorded patterns as seeds where they are at hand.
func FuzzCompile(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text, `{"a":[{"b":"x"},1,null]}`)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		p, err := Compile([]byte(text))
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is no JSON, yet a pattern", text)
		}
		_, _ = p.Matches([]byte(event)) //nolint:errcheck // whether it is one is the other target's
	})
}

// Goal: an event is what JSON says an object is, and nothing else is. Method: fuzzing against
// encoding/json.
func FuzzEvent(f *testing.F) {
	for _, event := range []string{
		`{}`, `{"a":{"b":["x",1.5e-3,null]}}`, `{"a.b":"\ud83d\ude00\u00e4"}`, `{"a":[[],{}]}`,
		`{"a":-0}`, `{"z":{"a":[true,false]}}`, ` { "a" : 1 } `, `{"a":"\ud83dx"}`, `[]`, `{"a":01}`,
	} {
		f.Add(event)
	}
	p := MustCompile(`{"a":{"b":["x"]},"c":[{"exists":false}]}`)
	f.Fuzz(func(t *testing.T, event string) {
		_, err := p.Matches([]byte(event))
		var object map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(event), &object) == nil && object != nil
		if isObject != (err == nil) && (err == nil || !deep(event)) {
			t.Fatalf("%q: an object is %t, %v", event, isObject, err)
		}
	})
}

// deep reports whether a text has more brackets than may nest.
func deep(s string) bool {
	n := 0
	for _, c := range s {
		if c == '{' || c == '[' {
			n++
		}
	}
	return n > maxNesting
}

func seeds() []string {
	return []string{
		`{"a":["x",1,null,true]}`, `{"$or":[{"a":["x"]},{"b":[1.50]}]}`, `{"a":{"b":[{"exists":false}]}}`,
		`{"a":[{"wildcard":"x*\\*"}]}`, `{"a":[{"anything-but":{"prefix":["x"]}}]}`, `{"$or":{"a":["x"]}}`,
		`{"a":[{"numeric":[">",1,"<=",2e3]}]}`, `{"a":[{"cidr":"10.0.0.0/8"},"::1"]}`, `{"a":["x"],"a":["y"]}`,
		`{"a":[{"suffix":{"equals-ignore-case":"ß"}}]}`, `{"a":[{"anything-but":[1,2]}]}`,
	}
}
