package contract_test

import (
	"encoding/json"
	"testing"

	"github.com/souk-commerce/souk/shop/event"
)

// written is a fact and its payload.
type written struct {
	fact event.Fact
	data []byte
}

// flow is what one small order of one dealer announces until it is placed and everybody has
// reacted: it weighs the kinds as a log does.
func flow(b *testing.B) []written {
	b.Helper()
	catalogue := event.NewCatalogue()
	var all []written
	for _, typ := range event.Types(
		&event.OrderCreated{}, &event.StockHeld{}, &event.PaymentIntended{},
		&event.PaymentAuthorized{}, &event.OrderPlaced{}, &event.StockCommitted{},
		&event.ShipmentRequested{}, &event.MessageSent{}, &event.LedgerPosted{},
	) {
		k, ok := catalogue.Kind(typ)
		if !ok {
			b.Fatalf("no kind %s", typ)
		}
		f := mend(filled(k, plain{}))
		data, err := json.Marshal(f)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, written{f, data})
	}
	return all
}

// BenchmarkCommit compares the ways to check the invariants of a fact at commit, where the fact and
// its encoded payload are both at hand: Go on the fact, or CEL on the payload. One operation is one
// event.
func BenchmarkCommit(b *testing.B) {
	facts, catalogue, checker := flow(b), event.NewCatalogue(), newChecker(b)
	b.Run("go", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := catalogue.Check(facts[i%len(facts)].fact); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cel", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			w := facts[i%len(facts)]
			if rule, err := checker.Broken(w.fact.Type(), w.data); rule != nil || err != nil {
				b.Fatal(rule, err)
			}
		}
	})
}

// BenchmarkValidate measures the full check of a payload, as verify makes it. One operation is one
// event.
func BenchmarkValidate(b *testing.B) {
	facts, checker := flow(b), newChecker(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := facts[i%len(facts)]
		if err := checker.Validate(w.fact.Type(), w.data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkNew is what a program pays before the first payload.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newChecker(b)
	}
}
