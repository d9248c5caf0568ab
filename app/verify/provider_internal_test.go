package verify

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Goal: what is kept of a provider's ledger is what was read. Method: lines of a few orders, in any
// order and with any text; every order gets its own back.
func TestEffectsAreKept(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`([0-9a-f][0-9a-f])*`))
	rapid.Check(t, func(t *rapid.T) {
		var (
			kept effects
			want = make(map[shop.ID][]Effect)
			last = make(map[shop.ID]int64)
		)
		for range rapid.IntRange(0, 50).Draw(t, "lines") {
			e := Effect{
				Order: rapid.SampledFrom([]shop.ID{"ord_1", "ord_2", "x"}).Draw(t, "order"),
				Key:   text.Draw(t, "key"), Kind: text.Draw(t, "kind"),
				Currency: shop.Currency(text.Draw(t, "currency")),
				Amount:   rapid.Int64().Draw(t, "amount"),
				Payment:  shop.ID(text.Draw(t, "payment")),
			}
			if rapid.Bool().Draw(t, "own") {
				e.Payment = payment.Of(e.Order)
			}
			want[e.Order] = append(want[e.Order], e)
			last[e.Order] = kept.keep(e, last[e.Order])
		}
		for order, lines := range want {
			if !kept.isUnread(last[order]) {
				t.Errorf("%s counts as read", order)
			}
			if have := kept.of(order, last[order]); !slices.Equal(have, lines) {
				t.Errorf("%s: have %+v, want %+v", order, have, lines)
			}
		}
		if kept.unread != 0 {
			t.Errorf("%d lines were not read", kept.unread)
		}
	})
}

// Goal: the table of ids is a map. Method: the same calls on both.
func TestIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var have ids
		if n := rapid.IntRange(0, 100).Draw(t, "room"); n > 0 {
			have.room(n)
		}
		want := make(map[uint64]uint32)
		key := rapid.OneOf(rapid.Uint64Range(1, 50), rapid.Uint64Range(1<<63, 1<<63+50),
			rapid.Uint64Min(1))
		for range rapid.IntRange(0, 300).Draw(t, "calls") {
			k, chain := key.Draw(t, "key"), rapid.Uint32().Draw(t, "chain")
			c, ok := have.get(k)
			if w, known := want[k]; c != w || ok != known {
				t.Fatalf("%d is %d %t, want %d %t", k, c, ok, w, known)
			}
			want[k] = chain
			have.put(k, chain)
		}
	})
}
