package pattern

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The reference: it shares no code with the matcher, walks decoded values, tries every combination
// of values, and is as slow as that sounds.

// value is a leaf of an event, with the element of each array that it stands in.
type value struct {
	v  any
	in map[string]int
}

// flatten collects the leaves by path.
func flatten(v any, path, array string, in map[string]int, to map[string][]value) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			below := name
			if path != "" {
				below = path + "." + name
			}
			flatten(member, below, array+"/"+name, in, to)
		}
	case []any:
		for i, item := range v {
			mine := in
			switch item.(type) {
			case map[string]any, []any:
				mine = maps.Clone(in)
				mine[array] = i
			}
			flatten(item, path, fmt.Sprintf("%s[%d]", array, i), mine, to)
		}
	default:
		to[path] = append(to[path], value{v, in})
	}
}

// ways are the alternatives of a pattern: lists of values and tests by path.
func ways(p map[string]any, path string) []map[string][]any {
	all := []map[string][]any{{}}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		var these []map[string][]any
		below := name
		if path != "" {
			below = path + "." + name
		}
		switch v := p[name].(type) {
		case map[string]any:
			these = ways(v, below)
		case []any:
			if name == "$or" {
				for _, alternative := range v {
					these = append(these, ways(alternative.(map[string]any), path)...)
				}
			} else {
				these = []map[string][]any{{below: v}}
			}
		}
		var product []map[string][]any
		for _, a := range all {
			for _, b := range these {
				both := maps.Clone(a)
				maps.Copy(both, b)
				product = append(product, both)
			}
		}
		all = product
	}
	return all
}

func naive(pattern, event map[string]any) bool {
	leaves := make(map[string][]value)
	flatten(event, "", "", map[string]int{}, leaves)
	return slices.ContainsFunc(ways(pattern, ""), func(way map[string][]any) bool {
		return naiveWay(way, slices.Sorted(maps.Keys(way)), leaves, map[string]int{})
	})
}

func naiveWay(
	way map[string][]any, paths []string, leaves map[string][]value, so map[string]int,
) bool {
	if len(paths) == 0 {
		return true
	}
	there := false
	for _, l := range leaves[paths[0]] {
		both, fits := maps.Clone(so), true
		for array, i := range l.in {
			if j, ok := so[array]; ok && j != i {
				fits = false
			}
			both[array] = i
		}
		if !fits {
			continue
		}
		there = true
		for _, test := range way[paths[0]] {
			if naiveTest(test, l.v) && naiveWay(way, paths[1:], leaves, both) {
				return true
			}
		}
	}
	if !there {
		for _, test := range way[paths[0]] {
			m, _ := test.(map[string]any)
			if m["exists"] == false && naiveWay(way, paths[1:], leaves, so) {
				return true
			}
		}
	}
	return false
}

func naiveTest(test, v any) bool {
	m, ok := test.(map[string]any)
	if !ok {
		if s, isText := test.(string); isText && net.ParseIP(s) != nil {
			s2, isText := v.(string)
			return isText && net.ParseIP(s).Equal(net.ParseIP(s2))
		}
		return same(test, v)
	}
	s, isText := v.(string)
	for name, arg := range m {
		switch name {
		case "exists":
			return arg == true
		case "anything-but":
			return !slices.ContainsFunc(exceptions(arg), func(e any) bool {
				if _, isTest := e.(map[string]any); isTest {
					return naiveTest(e, v)
				}
				return same(e, v)
			})
		case "numeric":
			n, isNumber := v.(json.Number)
			return isNumber && naiveRange(arg.([]any), n)
		case "cidr":
			_, network, err := net.ParseCIDR(arg.(string))
			return err == nil && isText && net.ParseIP(s) != nil && network.Contains(net.ParseIP(s))
		case "prefix":
			if f, ok := arg.(map[string]any); ok {
				fold := strings.ToLower(f["equals-ignore-case"].(string))
				return isText && strings.HasPrefix(strings.ToLower(s), fold)
			}
			return isText && strings.HasPrefix(s, arg.(string))
		case "suffix":
			if f, ok := arg.(map[string]any); ok {
				fold := strings.ToLower(f["equals-ignore-case"].(string))
				return isText && strings.HasSuffix(strings.ToLower(s), fold)
			}
			return isText && strings.HasSuffix(s, arg.(string))
		case "equals-ignore-case":
			return isText && strings.EqualFold(s, arg.(string))
		case "wildcard":
			quoted := strings.ReplaceAll(regexp.QuoteMeta(arg.(string)), `\*`, `(?s:.*)`)
			return isText && regexp.MustCompile("^"+quoted+"$").MatchString(s)
		}
	}
	return false
}

// exceptions are what anything-but excludes, each as a value or a test of its own.
func exceptions(arg any) []any {
	list := func(v any) []any {
		if l, ok := v.([]any); ok {
			return l
		}
		return []any{v}
	}
	m, ok := arg.(map[string]any)
	if !ok {
		return list(arg)
	}
	var tests []any
	for name, args := range m {
		for _, a := range list(args) {
			tests = append(tests, map[string]any{name: a})
		}
	}
	return tests
}

func same(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, both := b.(json.Number)
	if isNumber && both {
		p, _ := new(big.Rat).SetString(string(x))
		q, _ := new(big.Rat).SetString(string(y))
		return p.Cmp(q) == 0
	}
	return a == b
}

func naiveRange(parts []any, n json.Number) bool {
	v, _ := new(big.Rat).SetString(string(n))
	for i := 0; i < len(parts); i += 2 {
		bound, _ := new(big.Rat).SetString(string(parts[i+1].(json.Number)))
		c := v.Cmp(bound)
		ok := map[string]bool{
			"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0,
		}[parts[i].(string)]
		if !ok {
			return false
		}
	}
	return true
}

// The generators draw from few names and few texts, so that patterns meet events.

func names() *rapid.Generator[string] { return rapid.SampledFrom([]string{"a", "b", "c"}) }

func words() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"", "x", "X", "xy", "xyz", "yx", "zx", "Ä", "äx", "x*", "10.0.0.1", "10.0.0.9", "1", "x.y",
		"2001:db8::1", "2001:DB8:0::1", "true",
	})
}

func numerals() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"0", "1", "1.0", "1e0", "2", "-1", "1.5", "10e-1", "100", "1E2",
	})
}

func aScalar(t *rapid.T) string {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return numerals().Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "literal")
	}
	return quote(words().Draw(t, "word"))
}

func anEvent(t *rapid.T, depth int) string {
	var members []string
	for _, name := range rapid.SliceOfNDistinct(names(), 0, 3, rapid.ID).Draw(t, "names") {
		members = append(members, quote(name)+":"+aValue(t, depth))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func aValue(t *rapid.T, depth int) string {
	switch kind := rapid.IntRange(0, 4).Draw(t, "shape"); {
	case kind == 0 && depth > 0:
		return anEvent(t, depth-1)
	case kind <= 2 && depth > 0:
		items := make([]string, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range items {
			items[i] = aValue(t, depth-1)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return aScalar(t)
}

func aPattern(t *rapid.T, depth int) string {
	var members []string
	for _, name := range rapid.SliceOfNDistinct(names(), 1, 2, rapid.ID).Draw(t, "fields") {
		if depth > 0 && rapid.IntRange(0, 2).Draw(t, "deeper") == 0 {
			members = append(members, quote(name)+":"+aPattern(t, depth-1))
			continue
		}
		tests := make([]string, rapid.IntRange(1, 2).Draw(t, "tests"))
		for i := range tests {
			tests[i] = aTest(t)
		}
		members = append(members, quote(name)+":["+strings.Join(tests, ",")+"]")
	}
	if depth > 0 && rapid.IntRange(0, 4).Draw(t, "or") == 0 {
		// Names of their own: what a field means that is given inside and outside is no matter
		// for a reference that knows no order.
		members = append(members, fmt.Sprintf(`"$or":[{"d":[%s]},{"e":{"a":[%s]},"f":[%s]}]`,
			aTest(t), aTest(t), aTest(t)))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func aTest(t *rapid.T) string {
	word := func() string { return quote(words().Draw(t, "text")) }
	full := func() string {
		return quote(words().Filter(func(s string) bool { return s != "" }).Draw(t, "text"))
	}
	number := func() string { return numerals().Draw(t, "number") }
	switch rapid.IntRange(0, 16).Draw(t, "test") {
	case 0:
		return `{"prefix":` + word() + `}`
	case 1:
		return `{"suffix":` + word() + `}`
	case 2:
		return `{"prefix":{"equals-ignore-case":` + word() + `}}`
	case 3:
		return `{"suffix":{"equals-ignore-case":` + word() + `}}`
	case 4:
		return `{"equals-ignore-case":` + word() + `}`
	case 5:
		return `{"anything-but":` + word() + `}`
	case 6:
		return `{"anything-but":[` + number() + `,` + number() + `]}`
	case 7:
		return `{"anything-but":{"prefix":[` + full() + `,` + full() + `]}}`
	case 8:
		return `{"anything-but":{"suffix":` + full() + `}}`
	case 9:
		return `{"anything-but":{"equals-ignore-case":` + word() + `}}`
	case 10:
		return `{"anything-but":{"wildcard":"x*y"}}`
	case 11:
		return `{"numeric":[` + rapid.SampledFrom([]string{
			`">",0,"<=",2`, `"<",1`, `">=",1.5`, `"=",1`, `"<=",0`, `">",-1,"<",1e2`,
		}).Draw(t, "range") + `]}`
	case 12:
		return fmt.Sprintf(`{"exists":%t}`, rapid.Bool().Draw(t, "exists"))
	case 13:
		return `{"cidr":` + rapid.SampledFrom([]string{
			`"10.0.0.0/29"`, `"2001:db8::/64"`, `"0.0.0.0/0"`,
		}).Draw(t, "network") + `}`
	case 14:
		return `{"wildcard":` + rapid.SampledFrom([]string{
			`"*"`, `"x*"`, `"*x"`, `"x*y*z"`, `"*y*"`, `"xy"`,
		}).Draw(t, "wildcard") + `}`
	}
	return aScalar(t)
}

func decode(t interface{ Fatalf(string, ...any) }, text string) map[string]any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// Goal: a set of many patterns matches what each of them means. Method: random patterns and events
// against the reference.
func TestASetIsEachOfItsPatterns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := make([]string, rapid.IntRange(1, 12).Draw(t, "patterns"))
		patterns := make([]*Pattern, len(texts))
		for i := range texts {
			texts[i] = aPattern(t, 2)
			p, err := Compile([]byte(texts[i]))
			if err != nil {
				t.Fatalf("%s: %v", texts[i], err)
			}
			patterns[i] = p
		}
		set := NewSet(patterns...)
		for range 5 {
			event := anEvent(t, 3)
			got, err := set.Match(nil, []byte(event))
			if err != nil {
				t.Fatalf("%s: %v", event, err)
			}
			for i, text := range texts {
				want := naive(decode(t, text), decode(t, event))
				if slices.Contains(got, i) != want {
					t.Fatalf("pattern %s, event %s: the reference says %t", text, event, want)
				}
				if alone, err := patterns[i].Matches([]byte(event)); err != nil || alone != want {
					t.Fatalf("alone, pattern %s, event %s: %t, %v", text, event, alone, err)
				}
			}
		}
	})
}
