package inventory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: behind the real delivery, with doubled, repeated, shuffled events and lost or hidden
// commits, every SKU with a care is low, and short, exactly when it was told, and told by turns.
// Method: 80 orders over ten scarce SKUs, some of all at once, in random steps with rules, stock-
// takes, deliveries and cancellations between them; then every SKU against its facts.
func TestCareUnderFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := roomtest.New(t)
			s := New(w.Desk("inventory"), owners{})
			w.Start(t, s)
			c := &crowd{
				t: t, w: w, s: s, skus: names(10),
				chance: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // it decides a test's steps
			}
			for i, sku := range c.skus {
				c.receive(fmt.Sprint(i), sku, 20)
			}
			for i := range 80 {
				c.step(i)
			}
			w.Settle(t)
			w.ExpectNoDeadLetters(t)
			w.FoldEqualsState(t, s)
			for _, sku := range c.skus {
				c.judge(sku)
			}
		})
	}
}

// crowd are people who do at random what people do to stock.
type crowd struct {
	t      *testing.T
	w      *roomtest.World
	s      *Service
	skus   []shop.SKU
	chance *rand.Rand
	orders []shop.ID
}

func (c *crowd) receive(id string, sku shop.SKU, n int64) {
	if err := c.s.Receive(c.t.Context(), shop.ID("mov_"+id), sku, n); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crowd) step(i int) {
	sku := c.skus[c.chance.IntN(len(c.skus))]
	ann := c.w.As(c.t, "ann", room.Dealer())
	switch n := c.chance.IntN(10); {
	case n == 0:
		c.receive(fmt.Sprint("more_", i), sku, 1+c.chance.Int64N(8))
	case n == 1:
		at := c.chance.Int64N(12)
		in := &PutRulesIn{SKU: string(sku), Body: Rules{Safety: c.chance.Int64N(5), LowAt: &at}}
		if _, err := c.s.PutRules(ann, in); err != nil {
			c.t.Fatal(err)
		}
	case n == 2:
		in := &PostCountIn{SKU: string(sku), IdempotencyKey: fmt.Sprint(i)}
		in.Body.Counted = c.chance.Int64N(20)
		if _, err := c.s.PostCount(ann, in); err != nil {
			c.t.Fatal(err)
		}
	case n < 5 && len(c.orders) > 0:
		c.w.Announce(c.t, cancelled(c.orders[0]))
		c.orders = c.orders[1:]
	default:
		order := shop.ID(fmt.Sprintf("ord_%d", i))
		want := items(string(sku), 1+c.chance.IntN(5))
		if n == 9 {
			want = each(1, c.skus)
		}
		c.w.Announce(c.t, created(order, want...))
		c.orders = append(c.orders, order)
	}
	if i%10 == 9 {
		c.w.Settle(c.t)
	}
}

// judge compares a SKU's numbers with what was told of it.
func (c *crowd) judge(sku shop.SKU) {
	c.t.Helper()
	l, err := c.s.Level(c.t.Context(), sku)
	if err != nil {
		c.t.Fatal(err)
	}
	b := newBooks()
	for _, e := range c.w.EventsOf(c.t, "stock/"+string(sku)) {
		_, low := e.Fact.(*event.StockLow)
		_, recovered := e.Fact.(*event.StockRecovered)
		if was := b.care(sku).low; low && was || recovered && !was {
			c.t.Errorf("%s is told %s although it was told before", sku, e.Type)
		}
		b.enter(e.Fact)
	}
	said := b.care(sku)
	free := l.OnHand - l.Reserved
	low := said.rules.Watched && free-said.rules.Safety <= said.rules.LowAt
	if said.low != low || said.short != max(0, -free) || l.Short != said.short || l.Low != low {
		c.t.Errorf("%s: told %+v, and is %+v", sku, *said, l)
	}
}
