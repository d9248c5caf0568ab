package workflow

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// filledFrame has something in every field that is written.
func filledFrame(child *Frame) *Frame {
	f := &Frame{
		Retries: []int64{1, 0, 3}, Items: []Data{{Int(1)}, {nil}},
		Results: []*Held{nil, {"r"}, {nil}},
		Own:     NewObject("a", "b<>&\u2028", "n", Number("1.0")), Item: &Held{nil},
		Children: map[int]*Frame{},
	}
	if child != nil {
		f.Children[7] = child
		f.Halted, f.Again = map[int]*Frame{1: child, 2: child}, map[int]*Frame{0: child}
	}
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		fillField(v.Field(i), i)
	}
	f.Input = Data{NewObject("x", Array{"y", Number("12345678901234567890")})}
	return f
}

// fillField gives a plain field a value that is its own.
func fillField(v reflect.Value, n int) {
	if !v.CanSet() {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, n, 5678, time.UTC)))
	case v.Kind() == reflect.String:
		v.SetString("t\"\\\n" + string(rune('a'+n)))
	case v.CanInt():
		v.SetInt(int64(n + 1))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}

// Goal: what is written by hand is what json.Marshal writes, no field forgotten. Method: executions
// with nothing and with something in every field, written in both ways and read back.
func TestAppendJSON(t *testing.T) {
	t.Parallel()
	full := &Execution{
		Output: &Data{"out"}, Failure: NewFailure("E", "c\x00ause"),
		Root: filledFrame(filledFrame(nil)),
	}
	v := reflect.ValueOf(full).Elem()
	for i := range v.NumField() {
		fillField(v.Field(i), i)
	}
	half := &Execution{Failure: &Failure{}, Root: &Frame{Children: map[int]*Frame{0: nil}}}
	for _, x := range []*Execution{{}, half, full} {
		raw, err := x.AppendJSON([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		std, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		raw = raw[len("before"):]
		var have, want, haveAny, wantAny any = &Execution{}, &Execution{}, nil, nil
		for _, one := range []struct {
			raw []byte
			v   any
		}{{raw, have}, {std, want}, {raw, &haveAny}, {std, &wantAny}} {
			if err := json.Unmarshal(one.raw, one.v); err != nil {
				t.Fatalf("%v in %s", err, one.raw)
			}
		}
		if !reflect.DeepEqual(have, want) || !reflect.DeepEqual(haveAny, wantAny) {
			t.Errorf("by hand\n%s\nand by json\n%s", raw, std)
		}
	}
}

// Goal: null is a result, and an item, as any other value; none is none. Method: both written and
// read back.
func TestNullIsKept(t *testing.T) {
	t.Parallel()
	raw, err := (&Execution{Root: filledFrame(nil)}).AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var x Execution
	if err := json.Unmarshal(raw, &x); err != nil {
		t.Fatal(err)
	}
	r := x.Root.Results
	if len(r) != 3 || r[0] != nil || r[1] == nil || r[2] == nil || r[2].Value != nil ||
		x.Root.Item == nil {
		t.Errorf("%s came back with results %v, item %v", raw, r, x.Root.Item)
	}
}
