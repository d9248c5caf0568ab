package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/order"
)

// formOf makes the form of an input, with its schemas as they are published.
func formOf[I any]() *form {
	h := doorOf(handle(func(context.Context, *I) (*struct{}, error) { return nil, nil }), Begin)
	op := h.api.OpenAPI().Paths["/v1/orders"].Post
	return newForm(op, h.api.OpenAPI().Components.Schemas, reflect.TypeFor[I]())
}

// bodied is a form and a body that it takes.
type bodied struct {
	form *form
	in   reflect.Type
	body string
}

func allBodied() map[string]bodied {
	const person = `"shipTo":{"name":"A. Buyer","line1":"1 Road","line2":"","city":"Leeds",` +
		`"postalCode":"LS1","country":"GB"},"email":"a.buyer@example.com",` +
		`"expectedTotal":{"amount":-0,"currency":"GBP"}`
	return map[string]bodied{
		"checkout": {formOf[order.PostOrderIn](), reflect.TypeFor[order.PostOrderIn](),
			`{"items":[{"sku":"a","quantity":2},{"sku":"b","quantity":1000000}],"cartId":"",` +
				`"payment":{"token":"tok_visa"},` + person + `}`},
		"cart": {formOf[order.PutCartIn](), reflect.TypeFor[order.PutCartIn](),
			`{"items":[{"sku":"a","quantity":2}]}`},
		"command": {formOf[order.CommandIn](), reflect.TypeFor[order.CommandIn](),
			`{"reason":"mistake"}`},
		"product": {formOf[catalog.PostProductIn](), reflect.TypeFor[catalog.PostProductIn](),
			`{"sku":"a","title":"Thé","price":{"amount":510,"currency":"GBP"},"commissionBps":0}`},
		"repricing": {formOf[catalog.PatchProductIn](), reflect.TypeFor[catalog.PatchProductIn](),
			`{"price":{"amount":510,"currency":"GBP"},"withdrawn":true}`},
		"count": {formOf[inventory.PutStockIn](), reflect.TypeFor[inventory.PutStockIn](),
			`{"onHand":0}`},
		"dispatch": {formOf[fulfilment.DispatchIn](), reflect.TypeFor[fulfilment.DispatchIn](),
			`{"tracking":"1Z \"9\""}`},
		"purchase": {formOf[PostPurchaseIn](), reflect.TypeFor[PostPurchaseIn](),
			`{"orderId":"ord_1","customerId":"cus_1","itemList":[{"sku":"a","quantity":1}],` +
				`"paymentStatus":"pending","payment":{"token":"tok_visa"},` + person + `}`},
	}
}

// value makes an input and returns the field that is its body.
func (b bodied) value() reflect.Value {
	return reflect.New(b.in).Elem().Field(b.form.body)
}

// Goal: bodies as clients send them are read in one pass. Method: one of each kind, with the values
// at which a reader may stumble; a field that is not known must send it the long way.
func TestGoodBodiesAreReadOnce(t *testing.T) {
	t.Parallel()
	for name, b := range allBodied() {
		if !b.form.read([]byte(b.body), b.value()) {
			t.Errorf("%s: not sure of %s", name, b.body)
		}
		if b.form.read([]byte(strings.Replace(b.body, "{", `{"x":1,`, 1)), b.value()) {
			t.Errorf("%s: sure of a field that it does not know", name)
		}
	}
}

// oddValues are what a reader may take for something else.
func oddValues() []string {
	return []string{
		`""`, `0`, `-0`, `1`, `-1`, `01`, `1.0`, `1e2`, `1000001`, `1000000000000001`, `10001`,
		`9223372036854775807`, `9223372036854775808`, `99999999999999999999`, `1000000001`, `true`,
		`false`, `null`, `[]`, `{}`, `"1"`, `"a"`, `"A"`, `"\u0061"`, `"\u0007"`, `"\ud800"`, `"é"`,
		"\"\xff\"", "\"\x00\"", `"\""`, `"a b"`, `"/"`, `"."`, `"GB"`, `"GBP"`, `"gb"`, `"tok_"`,
		`"tok_1"`, `"tok-1"`, `"ord_a"`, `"pending"`, `"a@b"`, `"a.b@c.d"`, `"a..b@c"`, `"@"`,
		`"a@b@c"`, `"A <a@b>"`, `" a@b"`, `"ä@b"`, `"a@b."`, `"items"`, `"sku"`, `"s\u006bu"`,
		`"Sku"`, `"reason"`, `"price"`, `,`, `:`, `{`, `}`, `[`, `]`, ` `, ``,
		`"` + strings.Repeat("x", 64) + `"`, `"` + strings.Repeat("x", 65) + `"`,
		`"` + strings.Repeat("é", 100) + `"`, `"` + strings.Repeat("é", 101) + `"`,
		`"` + strings.Repeat("x", 201) + `"`, `"quantity":1`, `"quantity":1,`, `,"sku":"a"`,
		`{"sku":"a","quantity":1}`, `{"sku":"a"}`, `{"amount":1,"currency":"GBP"}`, `{"amount":1}`,
		`[{"sku":"a","quantity":1}` + strings.Repeat(`,{"sku":"a","quantity":1}`, 1199) + `]`,
		`[{"sku":"a","quantity":1}` + strings.Repeat(`,{"sku":"a","quantity":1}`, 1200) + `]`,
	}
}

// nearly calls try with every text that one change makes of a list of parts: a part or all up to
// its bracket replaced by an odd value, an odd value put in, and up to eight parts left out or said
// twice.
func nearly(parts []string, try func(text string)) {
	join := func(lists ...[]string) { try(strings.Join(slices.Concat(lists...), " ")) }
	for i := range parts {
		for _, odd := range oddValues() {
			join(parts[:i], []string{odd}, parts[i+1:])
			join(parts[:i], []string{odd}, parts[i:])
			join(parts[:i], []string{odd}, parts[shut(parts, i)+1:])
		}
		for j := i + 1; j <= min(i+8, len(parts)); j++ {
			join(parts[:i], parts[j:])
			join(parts[:j], parts[i:])
			join(parts[:j], []string{","}, parts[i:])
		}
	}
	join(parts, parts)
}

// shut returns where the bracket is closed that parts[i] opens; i if it opens none.
func shut(parts []string, i int) int {
	depth := 0
	for j := i; j < len(parts); j++ {
		switch parts[j] {
		case "{", "[":
			depth++
		case "}", "]":
			depth--
		}
		if depth <= 0 {
			return j
		}
	}
	return i
}

// Goal: one pass is sure of nothing that the long way would refuse or read otherwise. Method:
// every text that is one change away from a good body, read in both ways, which must come to the
// same.
func TestOnePassIsAsStrict(t *testing.T) {
	t.Parallel()
	parts := regexp.MustCompile(`"(\\.|[^"\\])*"|[{}\[\]:,]|[^\s{}\[\]:,"]+`)
	for name, b := range allBodied() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tried, sure := 0, 0
			nearly(parts.FindAllString(b.body, -1), func(text string) {
				once := b.value()
				if tried++; !b.form.read([]byte(text), once) {
					return
				}
				sure++
				if err := checkBody([]byte(text)); err != nil {
					t.Errorf("sure of %.300s: %v", text, err)
				}
				long := b.value()
				if _, wrong := b.form.weigh([]byte(text), long); len(wrong) > 0 {
					t.Errorf("sure of %.300s: %v", text, wrong)
				}
				if !reflect.DeepEqual(once.Interface(), long.Interface()) {
					t.Errorf("%.300s was read as\n%+v, and the long way as\n%+v", text, once, long)
				}
			})
			if sure == 0 || sure > tried/4 {
				t.Errorf("sure of %d of %d: nothing was tried", sure, tried)
			}
		})
	}
}

// Goal: a pattern is its regular expression. Method: texts that nearly match each kind of pattern.
func TestPatterns(t *testing.T) {
	t.Parallel()
	var all []*pattern
	for _, expr := range []string{
		idPattern, skuPattern, currencyPattern, keyPattern, `^tok_[A-Za-z0-9_-]{1,60}$`, `^[a-c]+$`,
		`^[^\x00-\x1f\x7f-\x9f]*$`, `^(?i)x[a-c]{2,}$`, `^a|[b-c]*$`, `[ab]{1,2}`, `^[0-9]{0,3}$`,
	} {
		all = append(all, newPattern(expr))
	}
	if p := newPattern(skuPattern); !p.simple || p.plainly("ä") || !p.takes("85123A") {
		t.Errorf("the pattern of a SKU: %+v", p)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "pattern")
		text := rapid.OneOf(
			rapid.StringMatching(`(tok_)?[A-Za-c0-9_-]{0,5}`), rapid.String(),
			rapid.StringMatching(`[Xx]?[A-Ca-c]{0,70}\n?`),
		).Draw(t, "text")
		if got, want := p.takes(text), p.re().MatchString(text); got != want {
			t.Fatalf("%s with %q: %v", p.re(), text, got)
		}
	})
}

// Goal: parameters are read as the document says, from where it says. Method: a query and headers
// of every kind, and what each becomes.
func TestParameters(t *testing.T) {
	t.Parallel()
	f := formOf[order.GetEventsIn]()
	for query, want := range map[string]string{
		"": "0 100", "after=7&limit=3": "7 3", "after=": "invalid", "limit=0": "invalid",
		"limit=101": "invalid", "limit=x": "invalid", "limit=1e1": "invalid", "after=-1": "invalid",
		"after=9223372036854775808": "invalid", "more=1": "invalid", "id=ord_1": "invalid",
	} {
		r := &http.Request{Header: http.Header{"Last-Event-Id": {"5"}}}
		r.SetPathValue("id", "ord_1")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var in order.GetEventsIn
		err = f.fill(asked{r: r, query: values}, reflect.ValueOf(&in).Elem())
		got := fmt.Sprint(in.After, " ", in.Limit)
		if err != nil {
			got = problemOf(err).Code
		} else if in.ID != "ord_1" || in.LastEventID != "5" {
			t.Errorf("?%s: %+v", query, in)
		}
		if got != want {
			t.Errorf("?%s: %s, want %s (%v)", query, got, want, err)
		}
	}
}
