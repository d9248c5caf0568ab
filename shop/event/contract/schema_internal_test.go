package contract

import (
	"reflect"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop"
)

// node holds itself, which no contract can.
type node struct {
	Next []node `json:"next"`
}

// Goal: what a contract should not hold is refused where it stands, so that nobody announces it.
// Method: a struct with one such field each.
func TestBuilderRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		of   any
		says string
	}{
		{"a float", struct {
			Rate float64 `json:"rate"`
		}{}, "Rate: a contract cannot hold a float64"},
		{"a map", struct {
			Tags map[string]string `json:"tags"`
		}{}, "Tags: a contract cannot hold a map"},
		{"a pointer", struct {
			Order *shop.ID `json:"order"`
		}{}, "Order: a contract cannot hold a *shop.ID"},
		{"anything", struct {
			Any any `json:"any"`
		}{}, "Any: a contract cannot hold a interface"},
		{"itself", node{}, "within itself"},
		{"a field without a name", struct{ Order shop.ID }{}, "needs a json name"},
		{"a struct's fields as its own", struct {
			shop.Money `json:"money"`
		}{}, "needs a json name"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := (&builder{}).schema(reflect.TypeOf(tc.of))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want it to say %q", err, tc.says)
			}
		})
	}
}

// Goal: sealed data is marked with what it is, wherever it stands, and nothing else is.
// Method: types that are sealed, and one that only looks like it.
func TestSealedIsMarked(t *testing.T) {
	t.Parallel()
	type Sealed[T any] struct {
		Box T `json:"box"`
	}
	for want, v := range map[string]any{
		"Address": shop.Sealed[shop.Address]{},
		"string":  shop.Sealed[string]{},
		"":        Sealed[string]{},
	} {
		s, err := (&builder{}).schema(reflect.TypeOf(v))
		if err != nil || s.Personal != want {
			t.Errorf("%T is marked %q (%v), want %q", v, s.Personal, err, want)
		}
	}
}
