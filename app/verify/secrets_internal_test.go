package verify

import "testing"

// Goal: card numbers and tokens are found, and nothing that only looks like them. Method: a table.
func TestLeakIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		leak bool
	}{
		{`{"text":"4242424242424242"}`, true},
		{`{"text":"card 4111 1111 1111 1111, exp 12/30"}`, true},
		{`{"text":"378282246310005"}`, true},
		{`{"text":"3782-822463-10005"}`, true},
		{`{"text":"6011111111111117 12"}`, true},
		{`{"text":"no 12 5555555555554444"}`, true},
		{`{"text":"\"4242424242424242\""}`, true},
		{"4242424242424242", true},
		{`{"text":"tok_visa"}`, true},
		{`{"token": "tok_charge_then_timeout"}`, true},

		{`{"text":"4242424242424241"}`, false},             // the check sum
		{`{"text":"42424242424242424242"}`, false},         // too long
		{`{"text":"9999999999999995"}`, false},             // no scheme
		{`{"amount":4242424242424242}`, false},             // an amount
		{`{"amounts":[1,4242424242424242]}`, false},        // amounts
		{`{"sku":"4006381333931"}`, false},                 // a bar code
		{`{"sku":"4242424242424242"}`, false},              // a merchant's number
		{`{"order":"ord_4242424242424242"}`, false},        // a name
		{`{"key":"a4242424242424242"}`, false},             // part of a hash
		{`{"key":"4242424242424242f"}`, false},             // part of a hash
		{`{"id":"4242424242424242-1"}`, false},             // a name
		{`{"at":"2026-03-02T09:00:00.123456789Z"}`, false}, // a moment
		{`{"at":"1772442033500000000"}`, false},            // a moment
		{`{"text":"stok_visa"}`, false},                    // another word
		{`{"text":"tok_ and tok_"}`, false},                // no token
		{`{"text":"a token"}`, false},
		{``, false},
	} {
		if got := leakIn([]byte(c.text)); (got != "") != c.leak {
			t.Errorf("%s: %q", c.text, got)
		}
	}
}
