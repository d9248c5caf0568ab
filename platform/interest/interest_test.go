package interest

import (
	"errors"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func event() *platform.Event {
	return &platform.Event{
		ID: "e-1", Type: "souk.order.placed.v2", Subject: "order-7", Sequence: 3,
		Time: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC), Correlation: "c-1",
		Data: []byte(`{"total":{"amount":12000,"currency":"GBP"},"lines":[{"sku":"A","quantity":2}]}`),
	}
}

// Goal: a pattern sees an event in the names of CloudEvents, and what the event does not have does
// not exist. Method: patterns over each part of one event.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		``: true,
		`{"type":["souk.order.placed.v2"],"source":["souk"],"specversion":["1.0"]}`: true,
		`{"data":{"total":{"amount":[{"numeric":[">",10000]}]}}}`:                   true,
		`{"data":{"total":{"amount":[{"numeric":[">",20000]}]}}}`:                   false,
		`{"data":{"lines":{"sku":["A"],"quantity":[2]}}}`:                           true,
		`{"subject":[{"prefix":"order-"}],"sequence":[3]}`:                          true,
		`{"time":[{"prefix":"2026-11-29T10"}],"correlationid":["c-1"]}`:             true,
		`{"causationid":[{"exists":false}],"traceparent":[{"exists":false}]}`:       true,
		`{"$or":[{"subject":["order-8"]},{"data":{"total":{"currency":["EUR"]}}}]}`: false,
	} {
		i, err := Of(platform.Subscription{
			Name: "s", Types: []string{"souk.order.placed.v2"}, Pattern: text,
		})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := i.In(event()); got != want || i.Narrow() != (text != "") {
			t.Errorf("%s: %t", text, got)
		}
		other := event()
		other.Type = "souk.order.paid.v1"
		if i.In(other) {
			t.Errorf("%s: called for another type", text)
		}
	}
}

// Goal: what has no interest is refused. Method: no types, and a pattern that is none.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, s := range []platform.Subscription{
		{Name: "none"}, {Name: "bad", Types: []string{"a"}, Pattern: `{"a":1}`},
	} {
		if _, err := Of(s); !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// Goal: data that is no JSON matches nothing that asks about data, and the rest as it is. Method:
// such an event.
func TestDataThatIsNoJSON(t *testing.T) {
	t.Parallel()
	e := event()
	e.Data = []byte("{")
	for text, want := range map[string]bool{
		`{"data":{"a":[{"exists":false}]}}`: false, `{"subject":["order-7"]}`: true,
	} {
		i, err := Of(platform.Subscription{Types: []string{e.Type}, Pattern: text})
		if err != nil || i.In(e) != want {
			t.Errorf("%s: not %t, %v", text, want, err)
		}
	}
}
