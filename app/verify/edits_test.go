package verify_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// addSome lets people add a thing to every third order, and what there is not to one.
func (d *town) addSome() {
	for n, id := range d.orders {
		v, err := d.app.Order.Get(d.admin(), id)
		if err != nil || n%3 != 0 {
			continue
		}
		in := &order.PostEditIn{ID: string(id), Key: "add-" + string(id)}
		in.Body.Version = v.Version
		in.Body.Add = []order.Item{{SKU: skuOf(n % d.skus), Quantity: 2}}
		if n%9 == 0 {
			in.Body.Add = []order.Item{{SKU: scarce, Quantity: 1000}}
		}
		_, _ = d.app.Order.PostEdit(d.admin(), in) // the order may have ended
	}
	for _, id := range d.orders[:6] {
		for i, by := range []context.Context{d.admin(), d.as(dealerOf(1), room.Dealer())} {
			in := &order.PostNoteIn{ID: string(id), Key: fmt.Sprint("note-", id, i)}
			in.Body.Text = "to be looked at"
			_, _ = d.app.Order.PostNote(by, in) // the dealer may have no part in it
		}
	}
	d.settle()
	for _, id := range slices.Clone(d.orders) {
		v, err := d.app.Order.Get(d.admin(), id)
		d.must(err)
		for _, e := range v.Edits {
			d.orders = append(d.orders, e.Order) // they are packed and sent as all others
		}
	}
}

// Goal: nothing is found where things are added to orders, or written down about them, whatever
// becomes of both; and whatever does not fit is. Method: a quiet town that lives to the end; its
// tape changed in one place each.
func TestAddedThingsAreFollowed(t *testing.T) {
	t.Parallel()
	d := newQuietTown(t, 24, 1000)
	d.shop(24)
	d.addSome()
	d.pack()
	d.ship()
	d.advance(40 * 24 * 3600e9)
	d.payOut()
	tp := record(t, d)
	if r := tp.verify(t, nil); !r.Clean() {
		t.Fatalf("the history is not clean before anything was changed:\n%s", r)
	}
	unnoticedFields(t, tp, map[string]string{
		"souk.order.edit_begun.v1.by": "nobody else says who asked",
	}, &event.OrderEditBegun{}, &event.OrderEditClosed{}, &event.OrderNoted{})
	for _, c := range corruptEdits() {
		t.Run(c.law+" "+c.name, func(t *testing.T) {
			bad := tp.copy()
			c.change(bad)
			r := bad.verify(t, nil)
			at := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool {
				return i.ID == c.law
			})
			if r.Invariants[at].Broken == 0 {
				t.Errorf("not caught:\n%s", r)
				return
			}
			t.Log(fmt.Sprint(r.Invariants[at].Findings[0]))
		})
	}
}

func corruptEdits() []corruption {
	done := func(f *event.OrderEditClosed) bool { return f.Done }
	return []corruption{
		{"I28", "an edit is said to be done that is not", func(tp *tape) {
			edit(tp, func(f *event.OrderEditClosed) bool {
				was := f.Done
				f.Done = true
				return !was
			})
		}},
		{"I28", "an edit is said to be refused that is done", func(tp *tape) {
			edit(tp, func(f *event.OrderEditClosed) bool {
				was := f.Done
				f.Done, f.Reason = false, "customer"
				return was
			})
		}},
		{"I29", "an order never hears what became of its edit", func(tp *tape) { drop(tp, done) }},
		{"I28", "a supplement that nobody asked for", func(tp *tape) {
			_, f := find[*event.OrderEditBegun](tp, nil)
			drop(tp, func(c *event.OrderEditClosed) bool { return c.Edit == f.Edit })
			drop(tp, func(b *event.OrderEditBegun) bool { return b.Edit == f.Edit })
		}},
		{"I20", "an edit costs a cent more", func(tp *tape) {
			edit(tp, func(f *event.OrderEditBegun) bool { f.Total++; return true })
		}},
		{"I28", "an edit ends twice", func(tp *tape) {
			at, f := find[*event.OrderEditClosed](tp, nil)
			tp.add(f, at)
		}},
		{"I28", "a stranger writes a note", func(tp *tape) {
			edit(tp, func(f *event.OrderNoted) bool { f.By += "9"; return f.Dealer })
		}},
		{"I28", "a note is out of turn", func(tp *tape) {
			edit(tp, func(f *event.OrderNoted) bool { f.Note += 5; return true })
		}},
		{"I34", "a note is sealed for somebody else", func(tp *tape) {
			edit(tp, func(f *event.OrderNoted) bool { f.Text.Person += "9"; return true })
		}},
		{"I28", "something is added while something is being added", func(tp *tape) {
			edit(tp, func(f *event.OrderEditClosed) bool { f.Edit += "9"; return true })
		}},
	}
}
