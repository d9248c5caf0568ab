package embedded

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// Goal: what grows at one place is one region, and there are few of them. Method: pairs of keys as
// rooms make them.
func TestRegions(t *testing.T) {
	t.Parallel()
	record := func(part string) []byte {
		return recordKey(nil, platform.Key{Part: part, Sort: "s"})
	}
	subject := func(name string) []byte { return subjectKey(nil, name, 1) }
	for _, c := range []struct {
		name string
		a, b []byte
		one  bool
	}{
		{"two orders", record("order/ord_06a"), record("order/ord_06b"), true},
		{"two kinds", record("order/ord_06a"), record("order/~answer/ord_06a"), false},
		{"two rooms", record("order/ord_06a"), record("payment/ord_06a"), false},
		{"two products", record("catalog/listing/LAMP-1"), record("catalog/listing/A_B/C"), true},
		{"no kind", record("ledger/total"), record("ledger/totals"), true},
		{"two subjects of a kind", subject("order/ord_06a"), subject("order/ord_06b"), true},
		{"two kinds of subject", subject("order/ord_06a"), subject("payment/pay_06a"), false},
		{"the log", logKey(nil, 1), logKey(nil, 1<<60), true},
		{"the log and a mark", logKey(nil, 1), []byte{tableMark}, false},
		{"two timers", timerKey(nil, "order/a"), timerKey(nil, "payment/b"), true},
	} {
		if one := bytes.Equal(regionEnd(c.a), regionEnd(c.b)); one != c.one {
			t.Errorf("%s: one region: %t, want %t (%q, %q)", c.name, one, c.one,
				regionEnd(c.a), regionEnd(c.b))
		}
	}
}

// Goal: every key lies before the end of its region, or Pebble could not make progress. Method:
// random bytes, with those that mean something among them.
func TestRegionsEndAfterTheirKeys(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	const meaning = "rslt/_\x00\x01\xff~a0"
	for range 100_000 {
		key := make([]byte, 1+chance.IntN(12))
		for i := range key {
			key[i] = meaning[chance.IntN(len(meaning))]
		}
		if end := regionEnd(key); end != nil && bytes.Compare(key, end) >= 0 {
			t.Fatalf("key %q is not before the end of its region, %q", key, end)
		}
	}
}

// Goal: what a region appends leaves level 0, no file crosses a border between regions, and nothing
// is lost. Method: memtables of records in the order of their keys beside records without order,
// where the ends overlap as those of orders at work do; then one look of settle's.
func TestAppendedDataSettles(t *testing.T) {
	t.Parallel()
	p, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	const rounds, each, from = settleFrom, 40, settleFrom - 4
	chance := rand.New(rand.NewPCG(3, 4))
	want := make(map[platform.Key]string)
	s := p.Store("order")
	for round := range rounds {
		var b platform.Batch
		for i := range each {
			id := fmt.Sprintf("ord_%08d", round*each+i-chance.IntN(each/8))
			parts := []string{id}
			if round%4 == 0 { // seldom enough that Pebble has nothing to do by itself
				parts = append(parts, fmt.Sprintf("customer/cus_%d", chance.IntN(1000)))
			}
			for _, part := range parts {
				k := platform.Key{Part: part, Sort: fmt.Sprint(round, i)}
				want[k] = fmt.Sprintf("%s of %d", id, chance.Int64())
				b.Writes = append(b.Writes, platform.Write{
					Kind: platform.Put, Key: k, Expect: platform.Any, Value: []byte(want[k]),
				})
			}
		}
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := p.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	appended := string(regionEnd(recordKey(nil, platform.Key{Part: "order/ord_1"})))
	before := level0(t, p)[appended]
	if before < from {
		t.Fatalf("the appended region has %d files in level 0: the test tests nothing", before)
	}
	if err := p.settleOne(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	if after := level0(t, p)[appended]; after > 4 {
		t.Errorf("%d of the appended region's %d files stayed in level 0", after, before)
	}
	for k, v := range want {
		if rec, err := s.Get(t.Context(), k); err != nil || string(rec.Value) != v {
			t.Fatalf("%v: %q, %v; want %q", k, rec.Value, err, v)
		}
	}
}

// level0 counts the files of each region, and requires that every file of every level is of one.
func level0(t *testing.T, p *Platform) map[string]int {
	t.Helper()
	tables, err := p.db.SSTables()
	if err != nil {
		t.Fatal(err)
	}
	n := make(map[string]int)
	for level, files := range tables {
		for _, f := range files {
			end := regionEnd(f.Smallest.UserKey)
			if end != nil && bytes.Compare(f.Largest.UserKey, end) >= 0 {
				t.Errorf("a file of level %d reaches from %q to %q", level, f.Smallest.UserKey,
					f.Largest.UserKey)
			}
			if level == 0 {
				n[string(end)]++
			}
		}
	}
	return n
}

// Goal: files that lie over each other are compacted together, and others by themselves. Method:
// ranges as lists of letters.
func TestApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ files, want string }{
		{"ab cd ef", "ab cd ef"}, // the log
		{"ac bd ef", "ad ef"},
		{"ac be dg", "ag"}, // a staircase
		{"bc ad ef", "ad ef"},
		{"bc de af", "af"},
		{"aa bc", "bc"}, // one key has no range
		{"", ""},
	} {
		var files []pebble.SSTableInfo
		for f := range strings.FieldsSeq(c.files) {
			var i pebble.SSTableInfo
			i.Smallest.UserKey, i.Largest.UserKey = []byte(f[:1]), []byte(f[1:])
			files = append(files, i)
		}
		var got []string
		for _, r := range apart(files) {
			got = append(got, string(r.from)+string(r.to))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.files, s, c.want)
		}
	}
}
