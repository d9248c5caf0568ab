package roomtest

import (
	"reflect"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/room"
)

// CheckClone tests that a clone of v equals v and shares nothing with it that anybody changes. It
// fills v first, so it is given the zero value of its type.
func CheckClone(t testing.TB, v room.Kept) {
	t.Helper()
	n := int64(0)
	fill(reflect.ValueOf(v).Elem(), &n)
	clone := v.Clone()
	if !reflect.DeepEqual(v, clone) {
		t.Errorf("%T: the clone %+v is not %+v", v, clone, v)
	}
	shared(t, reflect.TypeOf(v).String(), reflect.ValueOf(v), reflect.ValueOf(clone))
}

// fill gives every field that can be set a value of its own.
func fill(v reflect.Value, n *int64) {
	*n++
	if !v.CanSet() {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(*n, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(rune('a' + *n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(*n % 100)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 100))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

// shared reports memory that a and b, which are equal, have in common. Bytes are never changed, and
// neither is what a struct keeps to itself.
func shared(t testing.TB, at string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() {
			return
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", at)
			return
		}
		shared(t, at, a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", at)
			return
		}
		for i := range a.Len() {
			shared(t, at+"[]", a.Index(i), b.Index(i))
		}
	case reflect.Map:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", at)
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() {
				shared(t, at+"."+f.Name, a.Field(i), b.Field(i))
			}
		}
	}
}
