package importer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
)

// Goal: prices are read exactly, or not at all. Method: a table.
func TestReadPrice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		pence     int64
		whole, ok bool
	}{
		"2.55": {255, true, true}, "2.5": {250, true, true}, "7": {700, true, true},
		"0.0": {0, true, true}, "-11062.06": {-1106206, true, true}, "1.500": {150, true, true},
		"0.001": {0, false, true}, "2.555": {255, false, true},
		"999999999999.99": {99999999999999, true, true}, "9999999999999": {},
		"": {}, ".5": {}, "1e3": {}, "1,000": {}, "--1": {}, "1.2.3": {}, "free": {},
	} {
		pence, whole, ok := readPrice(text)
		if ok != want.ok || ok && (pence != want.pence || whole != want.whole) {
			t.Errorf("%q is %d, %t, %t; want %+v", text, pence, whole, ok, want)
		}
	}
}

// Goal: what is written as a line is read as it was. Method: random fields, quoted where they must
// be or where chance wants it.
func TestSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want, got [fields]string
		written := make([]string, fields)
		for i := range want {
			want[i] = rapid.StringOf(rapid.RuneFrom([]rune(`ab ",é`))).Draw(t, "field")
			written[i] = want[i]
			if strings.ContainsAny(want[i], `,"`) || rapid.Bool().Draw(t, "quoted") {
				written[i] = `"` + strings.ReplaceAll(want[i], `"`, `""`) + `"`
			}
		}
		if n := split(strings.Join(written, ","), &got); n != fields || got != want {
			t.Fatalf("%q was read as %d fields %q", written, n, got)
		}
	})
}

// Goal: no line, whatever is in it, is taken for goods that the shop could not list. Method: random
// lines made of plausible and of arbitrary parts.
func TestParse(t *testing.T) {
	t.Parallel()
	part := func(plausible ...string) *rapid.Generator[string] {
		likely := rapid.SampledFrom(plausible)
		return rapid.OneOf(likely, likely, rapid.String())
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join([]string{
			part("536365", "C536379", "A563185", "C").Draw(t, "invoice"),
			part("85123A", "85123a", "POST", "gift_0001", "a b").Draw(t, "code"),
			part("LAMP", "  TWO  LAMPS ", "").Draw(t, "title"),
			part("6", "-6", "0", "6.0", "99999999").Draw(t, "quantity"),
			part("2010-12-01 08:26:00", "12/1/2010 8:26").Draw(t, "date"),
			part("2.55", "0", "-1", "0.001").Draw(t, "price"),
			part("17850.0", "").Draw(t, "customer"),
			part("United Kingdom", "Unspecified").Draw(t, "country"),
		}, ",")
		r := parse(text, 7)
		if r.line != 7 {
			t.Fatalf("it is line %d", r.line)
		}
		if r.why != "" {
			return
		}
		_, badCode := shop.ParseSKU(r.code)
		k := kindOf(r.invoice)
		if badCode != nil || k == bookkeeping || r.quantity < 1 || r.price < 1 || r.at.IsZero() {
			t.Fatalf("%q was taken as %+v", text, r)
		}
		if !utf8.ValidString(r.title) || strings.ContainsFunc(r.title, unicode.IsControl) {
			t.Fatalf("the title is %q", r.title)
		}
	})
}

// Goal: invoices come whole, whatever stands between their lines, and every line comes once.
// Method: random sequences of a few invoice numbers, with lines that cannot be read among them.
func TestGroup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOf(rapid.SampledFrom([]string{"", "1", "2", "3"})).Draw(t, "file")
		tears, want := newTears(), make(map[string][]int64)
		for i, n := range numbers {
			want[n] = append(want[n], int64(i))
			if n != "" && tears.add(n) != nil {
				t.Fatal("too many invoices")
			}
		}
		got := make(map[string][]int64)
		g := group(tears.torn, func(v *invoice) error {
			if got[v.number] != nil && !v.loose {
				t.Fatalf("invoice %s comes twice", v.number)
			}
			for _, r := range v.rows {
				got[v.number] = append(got[v.number], r.line)
			}
			return nil
		})
		for i, n := range numbers {
			r := row{line: int64(i), invoice: n}
			if n == "" {
				r.why = Malformed
			}
			if err := g.add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.finish(); err != nil {
			t.Fatal(err)
		}
		for n := range want {
			if !slices.Equal(got[n], want[n]) {
				t.Fatalf("invoice %q has lines %v, want %v", n, got[n], want[n])
			}
		}
		if g.kept != 0 {
			t.Fatalf("%d rows are still kept", g.kept)
		}
	})
}

// Goal: work runs side by side within its bound, is finished in order, and a failure ends all of
// it. Method: pieces that count themselves, one of which may fail.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "pieces")
		width := rapid.IntRange(1, 8).Draw(t, "width")
		bad := rapid.IntRange(0, 60).Draw(t, "bad")
		var running, most atomic.Int64
		var order []int
		wrong := errors.New("wrong")
		produce := func(_ context.Context, begin beginner) error {
			for i := range n {
				err := begin(func() error {
					now := running.Add(1)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); {
						old = most.Load()
					}
					defer running.Add(-1)
					if i == bad {
						return wrong
					}
					return nil
				}, func() error {
					order = append(order, i)
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		}
		err := sideBySide(context.Background(), width, produce)
		if bad < n != errors.Is(err, wrong) {
			t.Fatalf("it ended with %v", err)
		}
		if len(order) != min(n, bad) || !slices.IsSorted(order) {
			t.Fatalf("%d pieces were finished as %v", n, order)
		}
		if most.Load() > int64(width) || running.Load() != 0 {
			t.Fatalf("%d ran at once, %d still do", most.Load(), running.Load())
		}
	})
}

// Goal: countries have their codes. Method: a few, and one that is none.
func TestCountryCode(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"United Kingdom": "GB", "EIRE": "IE", "Channel Islands": "GG", "Australia": "AU",
		"Kingdom": "ZZ", "": "ZZ", "Unspecified": "ZZ",
	} {
		if got := countryCode(name); got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}
