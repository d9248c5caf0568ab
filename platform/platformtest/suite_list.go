package platformtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runList(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Order", testListOrder}, {"Partitions", testPartitions}, {"Pages", testPages},
	})
}

// strangeSorts are places whose order a collation would change, that end in or hold the bytes at
// the edges, that are no UTF-8, and that are prefixes of each other.
func strangeSorts() []string {
	return []string{
		"", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "A", "a", "B", "b", "Z", "z",
		"a\x00", "a\x00b", "a\x01", "a\xff", "a\xff\xff", "aa", "ab", "a b", "a-b", "a_b", "ä", "Ä",
		"å", "é", "e\u0301", "ß", "ss", "SS", "I", "i", "ı", "İ", "-", "_", "~", "/", "a/b", " ",
		"0", "00", "1", "10", "2", "\x7f", "\x80", "\xc3", "\xfe", "\xff", "\xff\x00", "\xff\xff",
		"日本", "\u00a0", "%", "\\", "'", "\"",
	}
}

// Goal: List orders by bytes and honours prefix, after, limit and direction in every combination.
// Method: strange places written in a shuffled order, and every query compared with sorting in Go.
func testListOrder(t *testing.T, w *world) {
	sorts := strangeSorts()
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(sorts)) {
		w.commit(t, writes(put("p", sorts[i], "value of "+sorts[i], platform.Absent)))
	}
	slices.Sort(sorts)
	if n := len(slices.Compact(slices.Clone(sorts))); n != len(sorts) {
		t.Fatalf("the places are not distinct: %d of %d", n, len(sorts))
	}
	prefixes := []string{"", "a", "\x00", "\xff", "\xff\xff", "a\x00", "\xc3", "none"}
	afters := []string{
		"", "\x00", "A", "Zz", "a", "a\x00", "a\xff", "\x7f", "\xff", "\xff\xff\xff", "b",
	}
	for _, prefix := range prefixes {
		for _, after := range afters {
			for _, limit := range []int{1, 3, platform.MaxList} {
				for _, reverse := range []bool{false, true} {
					q := platform.Query{
						Part: "p", Prefix: prefix, After: after, Limit: limit, Reverse: reverse,
					}
					w.wantList(t, q, choose(sorts, q))
				}
			}
		}
	}
}

// choose answers a query over the places of one partition, which are in order.
func choose(sorts []string, q platform.Query) []string {
	var chosen []string
	for _, s := range sorts {
		beyond := q.After == "" || !q.Reverse && s > q.After || q.Reverse && s < q.After
		if strings.HasPrefix(s, q.Prefix) && beyond {
			chosen = append(chosen, s)
		}
	}
	if q.Reverse {
		slices.Reverse(chosen)
	}
	return chosen[:min(len(chosen), q.Limit)]
}

func describe(q platform.Query) string {
	return fmt.Sprintf("list of %+q, prefix %+q, after %+q, limit %d, reverse %t",
		q.Part, q.Prefix, q.After, q.Limit, q.Reverse)
}

func (w *world) wantList(t *testing.T, q platform.Query, want []string) {
	t.Helper()
	list, err := w.alpha().List(t.Context(), q)
	if err != nil {
		t.Errorf("%s: %v", describe(q), err)
		return
	}
	have := make([]string, len(list))
	for i, rec := range list {
		have[i] = rec.Key.Sort
		if rec.Key.Part != q.Part || rec.Version != 1 ||
			string(rec.Value) != "value of "+rec.Key.Sort {
			t.Errorf("%s: record %+q holds %q in version %d",
				describe(q), rec.Key, rec.Value, rec.Version)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s:\n have %q\n want %q", describe(q), have, want)
	}
}

// Goal: a list holds its own partition and no other, whatever the two names look like. Method:
// partitions that are prefixes of each other or hold separators and edge bytes, one place each.
func testPartitions(t *testing.T, w *world) {
	parts := []string{
		"p", "P", "p\x00", "p\x00s", "p\x00\x01", "p/", "p/s", "p\xff", "p\xff\xff", "pp", "p ",
		" p", "\x00", "\xff", "/", "p#", "p:s", "ä", "a\u0308",
	}
	for i, part := range parts {
		s := fmt.Sprint("s", i)
		w.commit(t, writes(put(part, s, "value of "+s, platform.Absent)))
	}
	for i, part := range parts {
		w.wantList(t, platform.Query{Part: part, Limit: 100}, []string{fmt.Sprint("s", i)})
		w.wantList(t, platform.Query{Part: part, Limit: 100, Reverse: true},
			[]string{fmt.Sprint("s", i)})
		w.wantList(t, platform.Query{Part: part, Prefix: "t", Limit: 100}, nil)
	}
	w.wantList(t, platform.Query{Part: "p\x00s0", Limit: 100}, nil)
}

// Goal: following After through pages visits every record once, in both directions, also when the
// partition is longer than MaxList; fewer than the limit means the end. Method: MaxList and a few
// records, read by pages of several sizes.
func testPages(t *testing.T, w *world) {
	const total = platform.MaxList + 7
	var want []string
	for i := range total {
		want = append(want, fmt.Sprintf("%05d", i))
	}
	for at := 0; at < total; at += platform.MaxItems {
		var b platform.Batch
		for _, s := range want[at:min(at+platform.MaxItems, total)] {
			b.Writes = append(b.Writes, put("p", s, "value of "+s, platform.Absent))
		}
		w.commit(t, b)
	}
	for _, limit := range []int{99, platform.MaxList} {
		for _, reverse := range []bool{false, true} {
			var have []string
			q := platform.Query{Part: "p", Limit: limit, Reverse: reverse}
			for {
				list, err := w.alpha().List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, rec := range list {
					have = append(have, rec.Key.Sort)
				}
				if len(list) < limit || len(have) > total {
					break
				}
				q.After = have[len(have)-1]
			}
			if reverse {
				slices.Reverse(have)
			}
			if !slices.Equal(have, want) {
				t.Errorf("pages of %d, reverse %t: %d records, want %d",
					limit, reverse, len(have), total)
			}
		}
	}
}
