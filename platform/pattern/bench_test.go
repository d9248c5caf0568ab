package pattern

import (
	"fmt"
	"testing"
)

// mixed are a thousand rules as a busy bus has them: every operator, most of them about one kind of
// event among fifty, a tenth about no kind at all.
func mixed() []*Pattern {
	forms := []string{
		`{"detail-type":[%[1]q],"detail":{"status":["placed","paid"]}}`,
		`{"detail-type":[%[1]q],"detail":{"customer":[{"prefix":"c-%[2]d"}]}}`,
		`{"detail-type":[%[1]q],"detail":{"sku":[{"suffix":"-%[2]d"}]}}`,
		`{"detail-type":[%[1]q],"detail":{"total":[{"numeric":[">=",%[2]d,"<",%[3]d]}]}}`,
		`{"detail-type":[%[1]q],"detail":{"status":[{"anything-but":["cancelled","expired"]}]}}`,
		`{"detail-type":[%[1]q],"detail":{"address":[{"cidr":"10.%[4]d.0.0/16"}]}}`,
		`{"detail-type":[%[1]q],"detail":{"note":[{"exists":false}],"country":[{"equals-ignore-case":"gb"}]}}`,
		`{"$or":[{"detail-type":[%[1]q]},{"detail":{"customer":["c-%[2]d"]}}],"region":["eu-west-1"]}`,
		`{"detail":{"customer":["c-%[2]d"],"status":["placed"]}}`,
		`{"detail":{"sku":[{"wildcard":"sku-%[2]d*-x-*"}]},"source":["shop.order"]}`,
	}
	patterns := make([]*Pattern, 1000)
	for i := range patterns {
		kind := fmt.Sprintf("souk.thing.happened-%d", i%50)
		text := fmt.Sprintf(forms[i%len(forms)]+"%.[5]s", kind, i, i+500, i%200, "")
		patterns[i] = MustCompile(text)
	}
	return patterns
}

func events() [][]byte {
	all := make([][]byte, 50)
	for i := range all {
		all[i] = fmt.Appendf(nil, `{"version":"0","id":"8d3a8f4e-%04d","detail-type":"souk.thing.happened-%d",`+
			`"source":"shop.order","account":"123456789012","time":"2026-11-29T10:00:00Z",`+
			`"region":"eu-west-1","resources":[],"detail":{"status":"placed","customer":"c-%d",`+
			`"sku":"sku-%d-x-1","total":%d.50,"country":"GB","address":"10.%d.3.4",`+
			`"shipTo":{"street":"1 High St","city":"York","zip":"YO1"}}}`, i, i, i*17, i*3, i*20, i)
	}
	return all
}

// BenchmarkSet is one event against a thousand mixed rules.
func BenchmarkSet(b *testing.B) {
	set, all := NewSet(mixed()...), events()
	var got []int
	b.ReportAllocs()
	matched, i := 0, 0
	for b.Loop() {
		var err error
		if got, err = set.Match(got[:0], all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
		matched += len(got)
		i++
	}
	b.ReportMetric(float64(matched)/float64(b.N), "matches/event")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkOne is one event against one rule.
func BenchmarkOne(b *testing.B) {
	p, all := mixed()[0], events()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Matches(all[0]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkElements is an event whose values stand in elements of an array, where they must match
// together.
func BenchmarkElements(b *testing.B) {
	p := MustCompile(`{"detail":{"lines":{"sku":["s-19"],"quantity":[{"numeric":[">",10]}]}}}`)
	event := []byte(`{"detail":{"lines":[`)
	for i := range 20 {
		event = fmt.Appendf(event, `{"sku":"s-%d","quantity":%d},`, i, i)
	}
	event = append(event[:len(event)-1], "]}}"...)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Matches(event); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
