package contract_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
)

// Goal: each way of being wrong is refused with the code invalid and a message that says where.
// Method: one payload for each.
func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	const listed, moved = "souk.catalog.listed.v1", "souk.inventory.moved.v1"
	good := `{"movement":"m","sku":"CUP","quantity":1,"reason":"receive"}`
	with := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	const waits, expired = "souk.payment.requires_action.v1", "souk.order.expired.v1"
	until := func(now string) string {
		return strings.Replace(example(t, waits), "2026-11-05T09:30:00Z", now, 1)
	}
	cases := []struct{ name, typ, data, says string }{
		{"a type nobody knows", "souk.order.dreamt.v1", good, "no contract"},
		{"no JSON", moved, "quantity", "not readable"},
		{"nothing", moved, "", "not readable"},
		{"cut off", moved, good[:len(good)-1], "not readable"},
		{"something after it", moved, good + "{}", "more after"},
		{"a name twice", moved, with(`"sku":"CUP"`, `"sku":"CUP","sku":"MUG"`), "duplicate"},
		{"bytes that are no text", moved, with("CUP", "\xff"), "UTF-8"},
		{"too deep", moved, strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested"},
		{"a fraction", moved, with("1,", "1.5,"), "not an int64"},
		{"a whole number as a fraction", moved, with("1,", "1.0,"), "not an int64"},
		{"a number beyond int64", moved, with("1,", "9223372036854775808,"), "not an int64"},
		{"a list instead of an object", moved, "[]", "object"},
		{"null", moved, "null", "object"},
		{"a field missing", moved, with(`"reason":"receive"`, `"spread":[1]`), "reason"},
		{"a field too many", moved, with(`"sku"`, `"price":1,"sku"`), "price"},
		{"another type", moved, with(`"CUP"`, `7`), "at /sku"},
		{"text for a number", moved, with("1,", `"1",`), "at /quantity"},
		{"deep inside", listed, `{"sku":"A","dealer":"d","title":"","commissionBps":0,` +
			`"price":{"amount":"1","currency":"GBP"}}`, "at /price/amount"},
		{"a rule", moved, with("1,", "0,"), "something_moved: data.quantity != 0"},
		{"a sum that overflows", moved, with(`"reason"`,
			`"spread":[9223372036854775807,2,-9223372036854775807,-1],"reason"`), "spread_adds_up"},
		{"a time that is none", waits, until("tomorrow"), "date-time"},
		{"a time that Go does not read", waits, until("2026-12-31T23:59:60Z"), "date-time"},
		{"a box that is not base64", expired,
			strings.Replace(example(t, expired), `"box":"`, `"box":"?`, 1), "at /contact/box"},
	}
	c := newChecker(t)
	if err := c.Validate(moved, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := c.Validate(tc.typ, []byte(tc.data))
			if err == nil {
				t.Fatalf("%s passed", tc.data)
			}
			if shop.CodeOf(err) != shop.Invalid || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %v; want it to say %q", shop.CodeOf(err), err, tc.says)
			}
		})
	}
}

func example(t *testing.T, typ string) string {
	t.Helper()
	k, ok := event.NewCatalogue().Kind(typ)
	if !ok {
		t.Fatalf("no kind %s", typ)
	}
	data, err := json.Marshal(mend(filled(k, plain{})))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Goal: one checker serves many goroutines, also while its rules are being compiled.
// Method: a fresh checker, every kind from eight goroutines at once; the race detector looks on.
func TestCheckerIsConcurrent(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, k := range event.Kinds() {
				data, err := json.Marshal(mend(filled(k, plain{})))
				if err != nil {
					t.Error(err)
				} else if err := c.Validate(k.Type, data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// Goal: what cannot be compared is not read as a contract.
// Method: text that is none, and a contract with a keyword that Check does not know.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "[]", `{"title":"x","minLength":1}`, `{"type":7}`} {
		if _, err := contract.Parse([]byte(data)); err == nil {
			t.Errorf("%q was read", data)
		}
	}
}
