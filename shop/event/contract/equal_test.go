package contract_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
)

func newChecker(t testing.TB) *contract.Checker {
	t.Helper()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// firstBroken is the Go side of Checker.Broken.
func firstBroken(k event.Kind, f event.Fact) string {
	for _, inv := range k.Invariants {
		if !inv.Holds(f) {
			return inv.Name
		}
	}
	return ""
}

// agree reports how the Go rules and the contract differ about a fact; "" if they do not. It also
// returns the first rule that Go found broken. The Go rules must name the same rule as the CEL
// text, and must admit exactly what the whole contract, schema included, admits.
func agree(c *contract.Checker, k event.Kind, f event.Fact) (broken, difference string) {
	data, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Sprintf("marshal: %v", err)
	}
	inGo, inCEL := firstBroken(k, f), ""
	rule, err := c.Broken(k.Type, data)
	if err != nil {
		return "", err.Error()
	}
	if rule != nil {
		inCEL = rule.Name
	}
	if inGo != inCEL {
		return inGo, fmt.Sprintf("Go says %q, CEL says %q of\n%s", inGo, inCEL, data)
	}
	if err := c.Validate(k.Type, data); (err == nil) != (inGo == "") {
		return inGo, fmt.Sprintf("Go says %q, Validate says %v of\n%s", inGo, err, data)
	}
	return inGo, ""
}

// Goal: what is enforced at commit in Go is the contract, rule by rule; nothing that a room could
// commit fails the contract later, and nothing that passes it is refused.
// Method: facts of every kind, filled with anything, or mended so that they mostly pass, with up to
// three values then changed to anything.
func TestGoEqualsCEL(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	for _, k := range event.Kinds() {
		t.Run(k.Type, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				var f event.Fact
				if rapid.Bool().Draw(t, "anything") {
					f = filled(k, wild{t})
				} else {
					f = mend(filled(k, tame{wild{t}}))
					for range rapid.IntRange(0, 3).Draw(t, "changes") {
						places := leaves(reflect.ValueOf(f).Elem())
						fill(wild{t}, rapid.SampledFrom(places).Draw(t, "place"), "")
					}
				}
				if _, difference := agree(c, k, f); difference != "" {
					t.Fatal(difference)
				}
			})
		})
	}
}

// Goal: the comparison above cannot pass by never meeting a rule. Every rule of every kind is seen
// to hold and seen to be the one that breaks, and Go and CEL agree each time.
// Method: take a fact that passes; change each of its values in turn to each of the values that
// usually matter, and each two of its own numbers together.
func TestEveryInvariantDecides(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	for _, k := range event.Kinds() {
		t.Run(k.Type, func(t *testing.T) {
			t.Parallel()
			example := func() event.Fact { return mend(filled(k, plain{})) }
			if broken, difference := agree(c, k, example()); broken+difference != "" {
				t.Fatalf("the example breaks %s %s: teach mend about it", broken, difference)
			}
			seen := make(map[string]bool)
			try := func(f event.Fact) {
				broken, difference := agree(c, k, f)
				if difference != "" {
					t.Error(difference)
				}
				seen[broken] = true
			}
			everyChange(example, leaves, try)
			everyChange(example, numbers, func(f event.Fact) {
				changed := func() event.Fact { return copied(f) }
				everyChange(changed, numbers, try)
			})
			for _, inv := range k.Invariants {
				if !seen[inv.Name] {
					t.Errorf("no change breaks %s; is it implied by the others?", inv.Name)
				}
			}
		})
	}
}

// everyChange hands on a fact for each change of each of its places.
func everyChange(
	example func() event.Fact, places func(reflect.Value) []reflect.Value, try func(event.Fact),
) {
	for place := range places(reflect.ValueOf(example()).Elem()) {
		for n := 0; ; n++ {
			f := example()
			if !alter(places(reflect.ValueOf(f).Elem())[place], n) {
				break
			}
			try(f)
		}
	}
}

// copied copies a fact's own fields; lists stay shared.
func copied(f event.Fact) event.Fact {
	v := reflect.New(reflect.TypeOf(f).Elem())
	v.Elem().Set(reflect.ValueOf(f).Elem())
	return v.Interface().(event.Fact)
}

// numbers lists the numbers that a fact holds itself.
func numbers(v reflect.Value) []reflect.Value {
	var all []reflect.Value
	for i := range v.NumField() {
		if v.Field(i).CanInt() {
			all = append(all, v.Field(i))
		}
	}
	return all
}

// leaves lists every value in v that can be changed by itself: strings, numbers, flags, times, and
// lists as a whole beside what is in them.
func leaves(v reflect.Value) []reflect.Value {
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.Type() == reflect.TypeFor[[]byte]():
		return []reflect.Value{v}
	case v.Kind() == reflect.Struct:
		var all []reflect.Value
		for i := range v.NumField() {
			all = append(all, leaves(v.Field(i))...)
		}
		return all
	case v.Kind() == reflect.Slice:
		all := []reflect.Value{v}
		for i := range v.Len() {
			all = append(all, leaves(v.Index(i))...)
		}
		return all
	}
	return []reflect.Value{v}
}

// alter makes the nth change of a value; false if there are not so many.
func alter(v reflect.Value, n int) bool {
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "other", "GBP", "refund"}
		if n < len(texts) {
			v.SetString(texts[n])
		}
		return n < len(texts)
	case reflect.Bool:
		v.SetBool(!v.Bool())
		return n < 1
	case reflect.Int, reflect.Int64:
		numbers := []int64{0, -1, 1, 2, v.Int() + 1, v.Int() - 1, v.Int() - 2, -v.Int(), 10_001,
			math.MaxInt64, math.MinInt64, math.MaxInt64/2 + 1}
		if n < len(numbers) {
			v.SetInt(numbers[n])
		}
		return n < len(numbers)
	case reflect.Slice:
		return alterList(v, n)
	}
	v.SetZero() // a time
	return n < 1
}

func alterList(v reflect.Value, n int) bool {
	switch n {
	case 0:
		v.SetZero()
	case 1:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case 2:
		v.Set(v.Slice(0, v.Len()-1))
	case 3:
		v.Set(reflect.AppendSlice(v, v))
	}
	return n <= 3
}
