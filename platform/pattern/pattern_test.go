package pattern

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded is a case of AWS's open matcher: does the pattern match, or is it one at all.
type recorded struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Pattern     json.RawMessage `json:"pattern"`
	PatternText *string         `json:"pattern_text"`
	Event       json.RawMessage `json:"event"`
	Match       bool            `json:"match"`
	Valid       bool            `json:"valid"`
}

func (r *recorded) text() []byte {
	if r.PatternText != nil {
		return []byte(*r.PatternText)
	}
	return r.Pattern
}

func recordings(t testing.TB) []recorded {
	t.Helper()
	path := os.Getenv("SOUK_RECORDINGS")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "data", "recordings")
	}
	f, err := os.Open(filepath.Join(path, "event-patterns.jsonl.gz"))
	if err != nil {
		t.Skipf("the recorded cases are not beside this repository (SOUK_RECORDINGS may name their"+
			" folder): %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// Goal: a pattern means what it means to AWS. Method: what AWS's own matcher was recorded to
// answer.
func TestRecordings(t *testing.T) {
	t.Parallel()
	right, all := 0, recordings(t)
	for _, r := range all {
		p, err := Compile(r.text())
		ok := false
		if r.Kind == "pattern" {
			ok = (err == nil) == r.Valid
		} else if err == nil {
			var got bool
			got, err = p.Matches(r.Event)
			ok = err == nil && got == r.Match
		}
		if ok {
			right++
			continue
		}
		t.Errorf("%s: pattern %s, event %s, match %t, valid %t: %v",
			r.ID, r.text(), r.Event, r.Match, r.Valid, err)
	}
	t.Logf("%d of %d are right", right, len(all))
}

// Goal: every operator, and the corners where two ideas of it are possible. Method: pairs of
// pattern and event.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range append(operators(), structures()...) {
		p, err := Compile([]byte(c.pattern))
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got, err := p.Matches([]byte(c.event)); err != nil || got != c.want {
			t.Errorf("%s on %s: %t, %v", c.pattern, c.event, got, err)
		}
	}
}

type match struct {
	pattern, event string
	want           bool
}

func operators() []match {
	return []match{
		{`{"a":["x","y"]}`, `{"a":"y"}`, true},
		{`{"a":["x"]}`, `{"a":["z","x"]}`, true},
		{`{"a":[null]}`, `{"a":null}`, true},
		{`{"a":[null]}`, `{"a":"null"}`, false},
		{`{"a":[null]}`, `{}`, false},
		{`{"a":[true]}`, `{"a":true}`, true},
		{`{"a":["true"]}`, `{"a":true}`, false},
		{`{"a":[300]}`, `{"a":3.0e2}`, true},
		{`{"a":[300]}`, `{"a":"300"}`, false},
		{`{"a":[0.1]}`, `{"a":0.10}`, true},
		{`{"a":[-0]}`, `{"a":0.0}`, true},
		{`{"a":[12345678901234567890123]}`, `{"a":12345678901234567890123}`, true},
		{`{"a":[12345678901234567890123]}`, `{"a":12345678901234567890124}`, false},
		{`{"a":[{"prefix":"x"}]}`, `{"a":"xy"}`, true},
		{`{"a":[{"prefix":"1"}]}`, `{"a":12}`, false},
		{`{"a":[{"suffix":"y"}]}`, `{"a":"xy"}`, true},
		{`{"a":[{"suffix":"xyz"}]}`, `{"a":"yz"}`, false},
		{`{"a":[{"prefix":{"equals-ignore-case":"äX"}}]}`, `{"a":"Äxy"}`, true},
		{`{"a":[{"suffix":{"equals-ignore-case":"X"}}]}`, `{"a":"yx"}`, true},
		{`{"a":[{"equals-ignore-case":"straße"}]}`, `{"a":"STRASSE"}`, true},
		{`{"a":[{"equals-ignore-case":"ab"}]}`, `{"a":"aBc"}`, false},
		{`{"a":[{"equals-ignore-case":"k"}]}`, `{"a":"` + "\u212a" + `"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, true},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{"b":"x"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, true},
		{`{"a":[{"anything-but":[1,2]}]}`, `{"a":1.0}`, false},
		{`{"a":[{"anything-but":[1,2]}]}`, `{"a":"1"}`, true},
		{`{"a":[{"anything-but":"10.0.0.1"}]}`, `{"a":"10.0.0.1"}`, false},
		{`{"a":[{"anything-but":{"prefix":["x","y"]}}]}`, `{"a":"yz"}`, false},
		{`{"a":[{"anything-but":{"suffix":"z"}}]}`, `{"a":7}`, true},
		{`{"a":[{"anything-but":{"equals-ignore-case":["X"]}}]}`, `{"a":"x"}`, false},
		{`{"a":[{"anything-but":{"wildcard":"x*z"}}]}`, `{"a":"xyz"}`, false},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":5}`, true},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":0}`, false},
		{`{"a":[{"numeric":["=",301.8]}]}`, `{"a":3.018e2}`, true},
		{`{"a":[{"numeric":["<",5]}]}`, `{"a":"4"}`, false},
		{`{"a":[{"exists":true}]}`, `{"a":{"b":1}}`, false},
		{`{"a":[{"exists":false}]}`, `{"a":{"b":1}}`, true},
		{`{"a":[{"exists":true}]}`, `{"a":null}`, true},
		{`{"a":[{"exists":false}]}`, `{"a":[]}`, true},
		{`{"a":[{"exists":false},"x"]}`, `{"a":"x"}`, true},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":"10.9.8.7"}`, true},
		{`{"a":[{"cidr":"10.1.2.3/8"}]}`, `{"a":"11.9.8.7"}`, false},
		{`{"a":[{"cidr":"2001:db8::/32"}]}`, `{"a":"2001:0DB8::1"}`, true},
		{`{"a":["::ffff:a00:1"]}`, `{"a":"10.0.0.1"}`, true},
		{`{"a":["2001:DB8::1"]}`, `{"a":"2001:db8:0::1"}`, true},
		{`{"a":[{"wildcard":"a*b*c"}]}`, `{"a":"a--b--bc"}`, true},
		{`{"a":[{"wildcard":"a*a"}]}`, `{"a":"a"}`, false},
		{`{"a":[{"wildcard":"\\*\\\\*"}]}`, `{"a":"*\\x"}`, true},
		{`{"a":[{"wildcard":"*"}]}`, `{"a":""}`, true},
		{`{"a":[{"wildcard":"*"}]}`, `{"a":1}`, false},
	}
}

func structures() []match {
	return []match{
		{`{"a":["x"],"b":["y"]}`, `{"a":"x"}`, false},
		{`{"a":{"b":["x"]}}`, `{"a":{"b":"x","c":1}}`, true},
		{`{"a":{"b":["x"]}}`, `{"a.b":"x"}`, true},
		{`{"a.b":["x"]}`, `{"a":{"b":"x"}}`, true},
		{`{"$or":[{"a":["x"]},{"b":["y"]}],"c":["z"]}`, `{"b":"y","c":"z"}`, true},
		{`{"$or":[{"a":["x"]},{"b":["y"]}],"c":["z"]}`, `{"b":"y"}`, false},
		{`{"a":["x"],"$or":[{"a":["y"]},{"b":["z"]}]}`, `{"a":"y"}`, true},
		{`{"$or":{"a":["x"]}}`, `{"$or":{"a":"x"}}`, true},
		{`{"$or":[{"cidr":"10.0.0.0/24"}]}`, `{"$or":"10.0.0.7"}`, true},
		{`{"a":{"b":["1"],"c":["2"]}}`, `{"a":[{"b":"1","c":"2"}]}`, true},
		{`{"a":{"b":["1"],"c":["2"]}}`, `{"a":[{"b":"1"},{"c":"2"}]}`, false},
		{`{"a":{"b":["1"],"c":["2"]}}`, `{"a":[[{"b":"1"}],[{"c":"2"}]]}`, false},
		{`{"a":{"b":["1"]},"c":{"d":["2"]}}`, `{"a":[{"b":"0"},{"b":"1"}],"c":[{"d":"2"}]}`, true},
		{`{"a":{"b":["1"],"c":[{"exists":false}]}}`, `{"a":[{"b":"1"},{"c":"2"}]}`, true},
		{`{"a":{"b":[{"exists":false}],"c":["2"]}}`, `{"a":[{"b":"1"},{"c":"2"}]}`, false},
		{`{"a":["x"]}`, `{"a":"y","a":"x"}`, true},
		{`{"a":["x"],"a":["y"]}`, `{"a":"x"}`, false},
		{`{"ä":["ö"]}`, `{"\u00e4":"\u00f6"}`, true},
		{`{"a":["😀"]}`, `{"a":"\ud83d\ude00"}`, true},
	}
}

// Goal: what is no pattern is refused, with the place and a reason. Method: mistakes, with a word
// of what is said about each.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``: "JSON", `[]`: "braces", `{}`: "empty object", `{"a":"x"}`: "/a: the values",
		`{"a":[]}`: "empty array", `{"a":{}}`: "/a: an empty", `{"a":[["x"]]}`: "a value must be",
		`{"a":[{"foo":1}]}`: "/a/foo: there is no test", `{"a":[{}]}`: "no test",
		`{"a":[{"prefix":1}]}`: "must be a text", `{"a":[{"prefix":"x","b":1}]}`: "one name",
		`{"a":[{"prefix":{"suffix":"x"}}]}`: "does not go", `{"a":[{"wildcard":"a**b"}]}`: "side by side",
		`{"a":[{"wildcard":"a\\b"}]}`: "backslash", `{"a":[{"cidr":"10.0.0.0"}]}`: "fixed bits",
		`{"a":[{"cidr":"10.0.0.0/32"}]}`: "fixed bits", `{"a":[{"exists":"x"}]}`: "true or false",
		`{"a":[{"numeric":[]}]}`: "operator", `{"a":[{"numeric":["=","1"]}]}`: "a number",
		`{"a":[{"numeric":[">",5,"<",1]}]}`: "below", `{"a":[{"numeric":["<",5,">",1]}]}`: "too many",
		`{"a":[{"numeric":["=",1e-400]}]}`: "digits", `{"a":[{"anything-but":[]}]}`: "not be empty",
		`{"a":[{"anything-but":["x",1]}]}`: "texts only", `{"a":[{"anything-but":true}]}`: "a text, a number",
		`{"a":[{"anything-but":{"prefix":""}}]}`: "empty text", `{"$or":[{"a":["x"]}]}`: "two alternatives",
		`{"$or":[{"a":["x"]},{"prefix":["x"]}]}`: "inside $or", `{"a":["x"]} {`: "follows",
		`{"a":["x"`: "JSON",
		strings.Repeat(`{"a":`, 300) + `["x"]` + strings.Repeat("}", 300):           "deep",
		`{` + strings.Repeat(`"$or":[{"a":["x"]},{"b":["y"]}],`, 11) + `"c":["z"]}`: "combinations",
	} {
		_, err := Compile([]byte(text))
		if !errors.Is(err, ErrPattern) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
}

// Goal: what is no event is refused. Method: texts that are no JSON object.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	p := MustCompile(`{"a":{"b":["x"]}}`)
	for _, event := range []string{
		``, `[]`, `"a"`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":01}`, `{"a":1.}`, `{"a":tru}`,
		`{"a":"x}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{} {}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{a:1}`,
		"{\"a\":\"\n\"}", `{"a":-}`, `{"a":1e}`, `{"z":[}`, strings.Repeat(`{"a":`, 1000),
		strings.Repeat(`{"z":`, 1_000_000),
	} {
		if _, err := p.Matches([]byte(event)); !errors.Is(err, ErrEvent) {
			t.Errorf("%.40s: %v", event, err)
		}
	}
}

// Goal: events given in parts match like whole ones. Method: one event both ways.
func TestMembers(t *testing.T) {
	t.Parallel()
	s := NewSet(
		MustCompile(`{"detail-type":["order.placed"],"detail":{"total":[{"numeric":[">",10]}]}}`),
		MustCompile(`{"source":["shop"],"detail":{"lines":{"sku":["A"]}}}`),
		MustCompile(`{"source":["other"]}`),
	)
	members := []Member{
		{Name: "source", Text: "shop"}, {Name: "detail-type", Text: "order.placed"},
		{Name: "detail", JSON: []byte(`{"total":12,"lines":[{"sku":"A"}]}`)},
	}
	got, err := s.MatchMembers(nil, members...)
	if err != nil || len(got) != 2 || got[0] != 0 || got[1] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := s.MatchMembers(nil, Member{Name: "detail", JSON: []byte(`{"total":}`)}); err == nil {
		t.Error("a member that is no JSON passes")
	}
	if types, ok := MustCompile(OfTypes("a", "x", "y")).Required("a"); !ok || len(types) != 2 {
		t.Errorf("%v, %t", types, ok)
	}
}
