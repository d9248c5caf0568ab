package contract_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/souk-commerce/souk/shop/event"
)

// BenchmarkCommit compares the ways to check one fact's invariants at commit, where the fact and its
// encoded payload are both at hand: Go on the fact, or CEL on the payload.
func BenchmarkCommit(b *testing.B) {
	catalogue, checker := event.NewCatalogue(), newChecker(b)
	for _, typ := range []string{"souk.order.created.v1", "souk.ledger.posted.v1"} {
		k, _ := catalogue.Kind(typ)
		f := mend(filled(k, plain{}))
		data, err := json.Marshal(f)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("go/"+typ, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := catalogue.Check(f); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("cel/"+typ, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rule, err := checker.Broken(typ, data); rule != nil || err != nil {
					b.Fatal(rule, err)
				}
			}
		})
	}
}

// BenchmarkValidate measures the full check of payloads as verify meets them: one of every kind in
// turn. One operation is one event.
func BenchmarkValidate(b *testing.B) {
	checker := newChecker(b)
	var types []string
	var payloads [][]byte
	var bytes int64
	for _, k := range event.Kinds() {
		data, err := json.Marshal(mend(filled(k, plain{})))
		if err != nil {
			b.Fatal(err)
		}
		types, payloads = append(types, k.Type), append(payloads, data)
		bytes += int64(len(data))
	}
	b.SetBytes(bytes / int64(len(payloads)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(payloads)
		if err := checker.Validate(types[n], payloads[n]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkFlow is BenchmarkValidate on what one small order of one dealer announces, which weighs
// the kinds as a log does.
func BenchmarkFlow(b *testing.B) {
	checker, catalogue := newChecker(b), event.NewCatalogue()
	flow := event.Types(
		&event.OrderCreated{}, &event.StockHeld{}, &event.PaymentIntended{},
		&event.PaymentAuthorized{}, &event.OrderPlaced{}, &event.StockCommitted{},
		&event.ShipmentRequested{}, &event.MessageSent{}, &event.LedgerPosted{},
	)
	payloads := make([][]byte, len(flow))
	for i, typ := range flow {
		k, _ := catalogue.Kind(typ)
		f := k.New()
		fill(plain{}, reflect.ValueOf(f).Elem(), "")
		payloads[i], _ = json.Marshal(mend(f))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(flow)
		if err := checker.Validate(flow[n], payloads[n]); err != nil {
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
