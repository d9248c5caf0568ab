package jsonata

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

func value(t testing.TB, text string) workflow.Value {
	t.Helper()
	v, err := workflow.ParseValue([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Goal: the functions of Step Functions, its numbers and its member order. Method: expressions and
// the JSON text of their values.
func TestExpressions(t *testing.T) {
	t.Parallel()
	e := New(Limits{})
	bindings := map[string]workflow.Value{
		"states": value(t, `{"input":{"list":[0,1,2,3],"one":[7],"text":"{\"b\":1,\"a\":[2.50]}",
			"big":12345678901234567890,"float":1.0,"nothing":null,"exp":1e3}}`),
		"x": value(t, `5`),
	}
	for source, want := range map[string]string{
		"$states.input.list":                         `[0,1,2,3]`,
		"$states.input.big":                          `12345678901234567890`,
		"$states.input.nothing":                      `null`,
		"$x + 1":                                     `6`,
		"$x / 2":                                     `2.5`,
		"$sum($states.input.list) * 1.5":             `9`,
		"{'b': 1, 'a': 2}":                           `{"b":1,"a":2}`,
		"$partition($states.input.list, 3)":          `[[0,1,2],[3]]`,
		"$partition($states.input.list, 9)":          `[[0,1,2,3]]`,
		"$partition([1], 1)":                         `[[1]]`,
		"$range(0, 10, 3)":                           `[0,3,6,9]`,
		"$range(9, 1, -4)":                           `[9,5,1]`,
		"$range(1, 9, 9)":                            `1`,
		"$parse($states.input.text)":                 `{"b":1,"a":[2.5]}`,
		"$parse('[null, true]')":                     `[null,true]`,
		"$random()":                                  `0.25`,
		"$random(7) = $random(7) and $random(7) < 1": `true`,
		"$uuid()":                                    `"0c7d0a5b-8f4e-4f6e-9b0a-0d6f7c1e2a3b"`,
		"$now()":                                     `"2026-11-29T10:00:00.123Z"`,
		"$now('[Y0001]-[M01]')":                      `"2026-11"`,
		"$millis()":                                  `1795946400123`,
		"$hash('', 'MD5')":                           `"d41d8cd98f00b204e9800998ecf8427e"`,
		"$hash('', 'SHA-256')":                       `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,
		"$shuffle([1, 2, 3, 4])[0] > 0":              `true`,
		"$contains('hello world', /^hello /)":        `true`,
		"$variable := 1":                             `1`,
		"'a' & 1 & true":                             `"a1true"`,
		"$map($states.input.list, function($v) { $v = 1 })":           `[false,true,false,false]`,
		"$states.input.list[$ > 1]":                                   `[2,3]`,
		"$string({'a': $states.input.list})":                          `"{\"a\":[0,1,2,3]}"`,
		"$match('ab1', /[a-z]([a-z])/).groups":                        `["b"]`,
		"'x' in ['x', 'y']":                                           `true`,
		"($f := function($n) {$n < 2 ? 1 : $n * $f($n - 1)}; $f(10))": `3628800`,
	} {
		got, err := e.Evaluate(source, bindings, world())
		if err != nil || workflow.Text(got) != want {
			t.Errorf("%s: %s, %v, want %s", source, workflow.Text(got), err, want)
		}
	}
}

// Goal: what is not a value, and what Step Functions forbids, is an error and never a value.
// Method: expressions that must fail, with a word of each error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	e := New(Limits{})
	for source, want := range map[string]string{
		"$doesNotExist":               "no value",
		"states.input":                "no value",
		"$":                           "no value",
		"[1, 2][5]":                   "no value",
		"function($x) { $x }":         "function",
		"{'f': $sum}":                 "function",
		"/a+/":                        "regular expression",
		"1 / 0":                       "finite",
		"1 +":                         "parsed",
		"$eval('1')":                  "$parse",
		"$partition([], 1)":           "empty",
		"$partition([1], 0)":          "positive",
		"$partition([1], 'a')":        "integer",
		"$range(1, 2, 0)":             "step",
		"$range(1, 2000, 1)":          "at most 1000",
		"$range(0, 1, 0.5)":           "integer",
		"$range(2, 1, 1)":             "no value",
		"$hash('a', 'CRC')":           "algorithm",
		"$parse('{')":                 "not JSON",
		"$random('a')":                "seed",
		"'a' ~> {'pattern': 'a'}":     "not a function",
		"$error('no such customer')":  "no such customer",
		"$assert(false, 'it is odd')": "it is odd",
	} {
		got, err := e.Evaluate(source, nil, world())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v, want an error with %q", source, workflow.Text(got), err, want)
		}
	}
	if err := e.Check("$eval('1')"); err == nil {
		t.Error("$eval passes Check")
	}
	if err := e.Check("$states.input.(a + 1)"); err != nil {
		t.Error(err)
	}
	if _, err := e.Evaluate("$x", nil, world()); !errors.Is(err, workflow.ErrUndefined) {
		t.Errorf("an unknown variable gives %v", err)
	}
}

// bombs are expressions that would run for ever, or take all memory or all of the stack.
func bombs() map[string]string {
	double := "$x := {'a': $x, 'b': $x};"
	list := "$x := [[$x], [$x]];"
	return map[string]string{
		"endless recursion":          "($f := function($n) { 1 + $f($n) }; $f(1))",
		"endless tail recursion":     "($f := function($n) { $f($n + 1) }; $f(1))",
		"doubled text":               "$reduce([1..60], function($s, $i) { $s & $s }, 'xx')",
		"doubled by recursion":       `($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 60))`,
		"doubled list":               "$reduce([1..60], function($s, $i) { $append($s, $s) }, [1])",
		"shared objects compared":    "($x := {'z': 1};" + strings.Repeat(double, 60) + "$x = $x)",
		"shared objects printed":     `($x := {'z': 1};` + strings.Repeat(double, 60) + "$string($x))",
		"shared objects answered":    "($x := {'z': 1};" + strings.Repeat(double, 60) + "$x)",
		"shared lists walked":        "($x := [1];" + strings.Repeat(list, 60) + "$count($x.**))",
		"mapped lists shared":        `$reduce([1..60], function($x, $i) {$map([1, 2], function(){$x})}, [1]).**`,
		"zipped":                     `$reduce([1..60], function($x, $i) { $zip($x, $x) }, [1]) & ''`,
		"a huge range":               "$sum([1..10000000])",
		"ranges of ranges":           "[1..100000].[1..100000]",
		"a product of lists":         "($x := [1..1000]; $x.($x.($x.($x))))",
		"a product of lists, flat":   "($x := [1..1000]; $count($x.$x.$x.$x))",
		"descendants of descendants": `($x := [1..1000].{'a': {'b': $}}; $x.**.**.**.**.**.**.**.**)`,
		"padding":                    `$pad('a', 10000, $reduce([1..20], function($s, $i) {$s & $s}, 'x'))`,
		"join":                       "$join([1..100000].('a'), $pad('', 10000, 'x'))",
		"replace": `$replace($pad('', 10000, 'x'), /x/, $pad('', 10000, 'y') & $pad('', 10000, 'y'))` +
			` & $replace($pad('', 10000, 'x'), 'x', $reduce([1..20], function($s, $i) {$s & $s}, 'x'))`,
		"sort":              "$sort([1..1000000], function($a, $b) { $a < $b })",
		"distinct":          "$count($distinct([1..20000].{'a': $, 'b': [$, 1]}))",
		"nested brackets":   strings.Repeat("(", 60000),
		"nested closed":     strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"minus signs":       strings.Repeat("-", 60000) + "1",
		"a long sum":        strings.Repeat("1+", 30000) + "1",
		"conditions":        strings.Repeat("1?", 20000) + "1",
		"a long path":       "a" + strings.Repeat(".a", 30000),
		"predicates":        "a" + strings.Repeat("[0]", 20000),
		"functions":         strings.Repeat("function(){", 5000),
		"too long":          strings.Repeat("1", 1<<20),
		"a large pattern":   "$match('aaaa', /((a{100}){100})/)",
		"patterns on text":  `$match($reduce([1..20], function($s,$i){$s & $s}, 'a'), /(a?){300}a{300}$/)`,
		"deep values":       "$string($reduce([1..100000], function($a, $i) { {'a': $a} }, 1))",
		"deep lists":        "$reduce([1..100000], function($a, $i) { [[$a]] }, 1)",
		"pretty deep":       `$string($reduce([1..900], function($a, $i) { {'a': $a, 'b': [1..500]} }, 1), true)`,
		"a wide date":       "$fromMillis(1, '[Y,1000000000]')",
		"a picture":         "$formatNumber(1, $reduce([1..22], function($s, $i) {$s & $s}, '0'))",
		"formats of length": "$formatInteger(1, $reduce([1..22], function($s, $i) {$s & $s}, '0'))",
		"each of each":      `($f := function($o) { $each($o, function($v, $k) { $f({'a': $v, 'b': $v}) }) }; $f({'a': 1, 'b': 2}))`,
		"merge":             `$reduce([1..100000], function($o, $i) { $merge([$o, {$string($i): $o}]) }, {})`,
	}
}

// Goal: no expression hangs or ends the process. Method: expressions made for that; each must come
// back, with an error or a value, soon and without the process having grown beyond reason.
func TestBombs(t *testing.T) {
	e := New(Limits{Time: time.Second})
	for name, source := range bombs() {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			_, err := e.Evaluate(source, nil, world())
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapSys > 3<<30 {
				t.Errorf("the heap has grown to %d MB", m.HeapSys>>20)
			}
			t.Logf("%v, heap %d MB: %.100v", time.Since(begun), m.HeapSys>>20, err)
		})
		runtime.GC()
	}
}

// Goal: no source makes the evaluator panic, whatever it is. Method: fuzzing, with the bombs and
// some ordinary expressions as seeds.
func FuzzEvaluate(f *testing.F) {
	for _, source := range bombs() {
		if len(source) < 1000 {
			f.Add(source)
		}
	}
	for _, source := range []string{
		`$states.input`, "$map([1..3], function($v) { $v * 2 })", "a.b[c = 'd'].{e: f}", "a ~> |b|{'c': 1}|",
		"$x ~> $string ~> $length", "%.a", "a@$b#$c.d", "$match('a', /a/i)", "**^(>a).b", "`a b`",
	} {
		f.Add(source)
	}
	e := New(Limits{Time: 200 * time.Millisecond, Heap: 64 << 20})
	bindings := map[string]workflow.Value{"states": value(f, `{"input":{"a":[1,{"b":"c"}]}}`)}
	env := world()
	env.Random = rand.Float64
	f.Fuzz(func(t *testing.T, source string) {
		v, err := e.Evaluate(source, bindings, env)
		if err == nil {
			if _, err := workflow.ParseValue([]byte(workflow.Text(v))); err != nil {
				t.Fatalf("%q gives %v, which is not JSON: %v", source, v, err)
			}
		}
	})
}

// BenchmarkEvaluate is what an ordinary expression costs with all its guards.
func BenchmarkEvaluate(b *testing.B) {
	e := New(Limits{})
	bindings := map[string]workflow.Value{
		"states": value(b, `{"input":{"lines":[{"price":3,"quantity":2},{"price":5,"quantity":1}]}}`),
	}
	for b.Loop() {
		if _, err := e.Evaluate(
			"$sum($states.input.lines.(price * quantity))", bindings, world(),
		); err != nil {
			b.Fatal(err)
		}
	}
}
