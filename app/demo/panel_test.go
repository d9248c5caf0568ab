package demo

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
)

// busy is a market in which everything is as wide as it gets.
func busy() View {
	v := View{
		Phase: "flash sale: 5000 shoppers, 10 lamps", Elapsed: 1234 * time.Second,
		Shoppers: 10_000, Served: 9_999, Rush: 5000, Units: 10,
		Counts: Counts{
			Events: 1_234_567, Mails: 10_000, Lost: 4321, LostOpen: 1, FlashHeld: 9, FlashSold: 4,
			Orders: map[string]int{
				pending: 1, placed: 10_000, onHold: 1000, cancelled: 10_000, expired: 1000,
			},
			Parcels: map[string]int{toPack: 10_000, delivered: 10_000, cancelled: 10_000},
			Money: Sums{
				Authorised: 1_234_567_890, Captured: 1_234_567_890, Voided: 99, Refunded: 0,
			},
		},
		Placed: Latency{10_000, time.Second, 20 * time.Second, 30 * time.Second},
	}
	for i := range rateSlots {
		v.Rate = append(v.Rate, float64(i*1000))
	}
	var steps []Step
	for i := range 20 {
		steps = with(steps, Step{Word: fmt.Sprintf("capture refused %d", i), Tone: Bad})
	}
	for range windows {
		v.Stories = append(v.Stories, Story{"ord_0123456789abcdefghijklmnop", steps})
	}
	return v
}

// Goal: the panel never breaks a line, whatever the market is like and however narrow the terminal.
// Method: the fullest market and an empty one, drawn in terminals of several sizes.
func TestPanelFits(t *testing.T) {
	t.Parallel()
	for _, v := range []View{busy(), {Stories: make([]Story, windows)}} {
		for _, size := range [][2]int{{MinColumns, MinRows}, {80, 24}, {200, 60}} {
			p := NewPanel(nil, nil, false)
			frame := p.frame(v, size[0], size[1])
			if len(frame) >= size[1] {
				t.Errorf("%d lines in a terminal of %d", len(frame), size[1])
			}
			for _, l := range frame {
				if n := utf8.RuneCountInString(l); n > size[0] || strings.ContainsAny(l, "\x1b\n") {
					t.Errorf("%d characters in a terminal of %d: %q", n, size[0], l)
				}
			}
		}
	}
}

// Goal: in colour the panel says the same. Method: the coloured frame without its colours is the
// plain one.
func TestColourSaysNothing(t *testing.T) {
	t.Parallel()
	plain := NewPanel(nil, nil, false).frame(busy(), 80, 24)
	for i, l := range NewPanel(nil, nil, true).frame(busy(), 80, 24) {
		for _, s := range []shade{faint, strong, green, yellow, red, accent, "0"} {
			l = strings.ReplaceAll(l, "\x1b["+string(s)+"m", "")
		}
		if strings.TrimRight(l, " ") != plain[i] {
			t.Errorf("line %d: %q, without colour %q", i, l, plain[i])
		}
	}
}

// Goal: the panel stays in its place and leaves the terminal as it was. Method: the controls that
// two drawings and the end write.
func TestPanelComesAndGoes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := NewPanel(&out, func() (int, int) { return 80, 24 }, true)
	p.Close()
	if out.Len() != 0 {
		t.Errorf("a panel that was never drawn wrote %q", out.String())
	}
	p.Draw(busy())
	lines := strings.Count(out.String(), "\n")
	out.Reset()
	p.Draw(busy())
	if want := fmt.Sprintf("\x1b[%dA\r", lines); !strings.Contains(out.String(), want) {
		t.Errorf("the second drawing is not over the first: %q", out.String())
	}
	out.Reset()
	p.Close()
	if want := fmt.Sprintf("\x1b[%dA\r\x1b[J\x1b[?25h", lines); out.String() != want {
		t.Errorf("the end wrote %q, want %q", out.String(), want)
	}
}

// Goal: without a terminal a line comes with every part of the day and every two seconds, and not
// more often. Method: views at several times.
func TestLinesAreFew(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	for _, c := range []struct {
		phase string
		at    time.Duration
		lines int
	}{
		{"a", 0, 1}, {"a", time.Second, 1}, {"a", 2 * time.Second, 2}, {"b", 2 * time.Second, 3},
		{"b", 3 * time.Second, 3}, {"b", 4 * time.Second, 4},
	} {
		l.Draw(View{Phase: c.phase, Elapsed: c.at})
		if n := strings.Count(out.String(), "\n"); n != c.lines {
			t.Errorf("%s at %s: %d lines, want %d", c.phase, c.at, n, c.lines)
		}
	}
}

// Goal: what shoppers want follows from the seed alone, and nobody's story is left out. Method: two
// casts of one seed, one of another, the smallest cast.
func TestCastFollowsFromSeed(t *testing.T) {
	t.Parallel()
	s := Script{Seed: 3, Shoppers: MinShoppers, Rush: 5, Length: time.Second}
	all := s.cast()
	if !reflect.DeepEqual(all, s.cast()) {
		t.Error("the same seed made another cast")
	}
	other := s
	other.Seed = 4
	if reflect.DeepEqual(all, other.cast()) {
		t.Error("another seed made the same cast")
	}
	if len(all) != MinShoppers+5 {
		t.Errorf("%d people came", len(all))
	}
	told, ids := make(map[plot]bool), make(map[shop.ID]bool)
	for i := range all {
		told[all[i].plot], ids[all[i].id] = true, true
		if err := all[i].to.Check(); err != nil {
			t.Error(err)
		}
		if i > 0 && all[i].arrive < all[i-1].arrive {
			t.Errorf("shopper %d comes before shopper %d", i, i-1)
		}
	}
	if len(told) != int(rushes)+1 || len(ids) != len(all) || !ids[Customer] {
		t.Errorf("%d stories and %d names", len(told), len(ids))
	}
}

// Goal: the catalogue can be listed, and there is enough of everything that is not scarce on
// purpose. Method: the language's own rules, and the most that the largest cast can want.
func TestBazaarCanBeListed(t *testing.T) {
	t.Parallel()
	seen := make(map[shop.SKU]bool)
	for _, s := range stalls() {
		if _, err := shop.ParseID(string(s.dealer)); err != nil {
			t.Error(err)
		}
		for _, one := range s.things {
			if _, err := shop.ParseSKU(string(one.sku)); err != nil || seen[one.sku] {
				t.Errorf("%s: %v, or listed twice", one.sku, err)
			}
			seen[one.sku] = true
			if err := shop.CheckText("title", one.title, 1, 120); err != nil || one.price <= 0 {
				t.Errorf("%s: %v, price %d", one.sku, err, one.price)
			}
		}
	}
	if most := int64(MaxShoppers * mostOfOne); plenty < most {
		t.Errorf("shoppers can want %d of a thing of which there are %d", most, plenty)
	}
	if n := listings(stalls()); n < 40 || !seen[flashSKU] {
		t.Errorf("%d listings", n)
	}
}

// Goal: a story is as long as there are words, and its latest step comes last. Method: the steps of
// an order of two parcels.
func TestStepsThatRepeatAreOne(t *testing.T) {
	t.Parallel()
	var steps []Step
	for _, word := range []string{"placed", "packed", "captured", "packed", "captured"} {
		steps = with(steps, Step{Word: word})
	}
	var words []string
	for _, s := range steps {
		words = append(words, s.String())
	}
	if got := strings.Join(words, ", "); got != "placed, packed ×2, captured ×2" {
		t.Errorf("the story is %s", got)
	}
}
