package inventory

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// shelfOp is one operation on one SKU as a client saw it: a change of what is available, or a
// refusal to take units.
type shelfOp struct {
	sku   shop.SKU
	delta int64 // negative for a reservation
	short bool  // refused: fewer than -delta were available
}

// shelf is the sequential model of one SKU.
func shelf() porcupine.Model {
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			of := map[shop.SKU][]porcupine.Operation{}
			for _, o := range all {
				sku := o.Input.(shelfOp).sku
				of[sku] = append(of[sku], o)
			}
			var parts [][]porcupine.Operation
			for _, ops := range of {
				parts = append(parts, ops)
			}
			return parts
		},
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			available, op := state.(int64), input.(shelfOp)
			if op.short {
				return available+op.delta < 0, available
			}
			return available+op.delta >= 0, available + op.delta
		},
	}
}

// recorder writes a history down. Its clock counts calls and returns.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (r *recorder) done(client int, call int64, ops ...shelfOp) {
	back := r.clock.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range ops {
		r.ops = append(r.ops, porcupine.Operation{
			ClientId: client, Input: op, Call: call, Return: back,
		})
	}
}

// shopper reserves, gives back and receives at random. An order that holds is an operation on each
// of its SKUs; one that is refused is an operation on the SKU that the refusal names.
func (w *world) shopper(r *recorder, client int, chance *rand.Rand) error {
	var mine []*event.OrderCreated
	for i := range 40 {
		id := fmt.Sprintf("%d_%d", client, i)
		call := r.clock.Add(1)
		switch n := chance.IntN(10); {
		case n < 1:
			units := 1 + chance.Int64N(3)
			err := w.s.Receive(w.t.Context(), shop.ID("mov_"+id), "X", units)
			if err != nil {
				return err
			}
			r.done(client, call, shelfOp{sku: "X", delta: units})
		case n < 4 && len(mine) > 0:
			f := mine[0]
			mine = mine[1:]
			if err := w.deliver(cancelled(f.Order)); err != nil {
				return err
			}
			r.done(client, call, changes(f, 1)...)
		default:
			want := items("X", 1+chance.IntN(3))
			if chance.IntN(3) == 0 {
				want = append(want, items("Y", 1+chance.IntN(2))...)
			}
			f := created(shop.ID("ord_"+id), want...)
			if err := w.deliver(f); err != nil {
				return err
			}
			if w.state(f.Order) == Held() {
				mine = append(mine, f)
				r.done(client, call, changes(f, -1)...)
				continue
			}
			no, err := w.refusal(f.Order)
			if err != nil {
				return err
			}
			r.done(client, call, shelfOp{sku: no.SKU, delta: -no.Wanted, short: true})
		}
	}
	return nil
}

func changes(f *event.OrderCreated, sign int64) []shelfOp {
	var ops []shelfOp
	for _, l := range f.Lines {
		ops = append(ops, shelfOp{sku: l.SKU, delta: sign * l.Quantity})
	}
	return ops
}

func (w *world) refusal(order shop.ID) (*event.StockRejected, error) {
	events, err := w.p.History().Subject(w.t.Context(), "hold/"+string(order), 0, 10)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		f, err := room.FactOf(w.s.desk.Catalogue, e)
		if err != nil {
			return nil, err
		}
		if no, ok := f.(*event.StockRejected); ok {
			return no, nil
		}
	}
	return nil, fmt.Errorf("%s is neither held nor refused", order)
}

// Goal: every SKU behaves as one number that reservations take from, one at a time: no unit is had
// twice, and nobody is refused while there was enough all along, also when the stock is split.
// Method: eight clients at once, the history checked by porcupine against the sequential model.
func TestShelfIsLinearizable(t *testing.T) {
	t.Parallel()
	for _, split := range []int{1, 3} {
		for round := range 6 {
			t.Run(fmt.Sprintf("%d allotments, round %d", split, round), func(t *testing.T) {
				t.Parallel()
				w, r := newWorld(t), &recorder{}
				for _, sku := range []shop.SKU{"X", "Y"} {
					call := r.clock.Add(1)
					w.receive(6, sku)
					r.done(0, call, shelfOp{sku: sku, delta: 6})
				}
				if split > 1 {
					if err := w.s.Allot(t.Context(), "mov_split", "X", split); err != nil {
						t.Fatal(err)
					}
				}
				var wg sync.WaitGroup
				for client := range 8 {
					wg.Go(func() {
						chance := rand.New(rand.NewPCG(uint64(round), uint64(client)))
						if err := w.shopper(r, client, chance); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if !porcupine.CheckOperations(shelf(), r.ops) {
					t.Errorf("%d operations are not linearizable", len(r.ops))
				}
				w.audit()
			})
		}
	}
}
