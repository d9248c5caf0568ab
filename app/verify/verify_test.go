package verify_test

import (
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

func TestProbe(t *testing.T) {
	began := time.Now()
	d := live(t, 600)
	t.Log("lived", time.Since(began))
	r, err := verify.Run(t.Context(), verify.Input{
		History: d.w.Raw.History(), Delivery: d.w.Raw.Delivery(), Rooms: d.app.Rooms(),
		Catalogue: d.w.Catalogue, Quiescent: true,
		Provider: func(fn func(verify.Effect) error) error {
			return d.provider.Ledger(func(e sandbox.Entry) error {
				return fn(verify.Effect{
					Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind, Amount: e.Amount,
					Currency: e.Currency, At: e.At, Ref: e.Ref,
				})
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
}

func TestCensus(t *testing.T) {
	d := live(t, 600)
	n := map[string]int{}
	var total int
	tp := record(t, d)
	for _, e := range tp.events {
		n[e.Type]++
		total += len(e.Data)
	}
	for k, v := range n {
		t.Log(k, v)
	}
	t.Log("bytes", total, len(tp.events), "dead", len(tp.dead))
	k := map[string]int{}
	for _, e := range tp.effects {
		k[e.Kind]++
	}
	t.Log(k)
	for _, s := range tp.status {
		if s.Pending+s.Waiting+s.DeadLetters > 0 {
			t.Log(s)
		}
	}
	st := map[string]int{}
	for _, id := range d.orders {
		v, err := d.app.Order.Get(d.admin(), id)
		if err != nil {
			t.Fatal(err)
		}
		st[v.Status]++
	}
	t.Log(st)
}
