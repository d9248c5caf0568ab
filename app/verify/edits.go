package verify

import (
	"maps"
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
)

// edition is what was to be added to an order, as both orders tell it: the one to which it is added
// and the supplement that has it. They are looked at apart, so it is kept until the end; there are
// few.
type edition struct {
	at           place
	to, says     shop.ID // the order, by its own facts and by the supplement's
	total, costs int64   // likewise
	closed, done bool    // by the order
	placed, over bool    // by the supplement: decided either way
}

func (b *books) edition(it *item, id shop.ID) *edition {
	e := b.edits[id]
	if e == nil {
		e = &edition{at: it.at}
		b.edits[id] = e
	}
	return e
}

// edited follows what is added to orders. It requires that one edit is open at a time, of a placed
// order, and that each is closed once.
func (b *books) edited(it *item, l *life) {
	h := &l.head
	supplement := l.created != nil && l.created.Supplements != ""
	switch f := it.fact.(type) {
	case *event.OrderEditBegun:
		b.check(transitions)
		e := b.edition(it, f.Edit)
		if h.editing != "" || h.status != order.Placed() || e.to != "" || supplement {
			b.broken(transitions, it.at, "something is added to an order that cannot be added to",
				"order", l.id, "edit", f.Edit, "status", h.status, "open", h.editing)
		}
		h.editing, e.to, e.total = f.Edit, l.id, f.Total
	case *event.OrderEditClosed:
		b.check(transitions)
		e := b.edition(it, f.Edit)
		if h.editing != f.Edit || e.closed {
			b.broken(transitions, it.at, "an edit ends that was not begun, or twice",
				"order", l.id, "edit", f.Edit, "open", h.editing)
		}
		h.editing, e.closed, e.done = "", true, f.Done
	case *event.OrderCreated:
		if f.Supplements != "" {
			e := b.edition(it, f.Order)
			e.says, e.costs = f.Supplements, f.Total
		}
	case *event.OrderPlaced:
		if supplement {
			e := b.edition(it, l.id)
			e.placed, e.over = true, true
		}
	case *event.OrderCancelled, *event.OrderExpired:
		if supplement {
			b.edition(it, l.id).over = true
		}
	}
}

// editsEnd requires that both orders tell the same of an edit: what it costs, and that it was done
// exactly if its supplement was placed.
func (b *books) editsEnd() {
	for _, id := range slices.Sorted(maps.Keys(b.edits)) {
		e := b.edits[id]
		b.check(transitions)
		b.check(arithmetic)
		switch {
		case e.to != e.says:
			b.broken(transitions, e.at, "an edit without its supplement, or the other way round",
				"edit", id, "order", e.to, "supplements", e.says)
		case e.total != e.costs:
			b.broken(arithmetic, e.at, "an edit is said to cost what its supplement does not",
				"edit", id, "said", e.total, "costs", e.costs)
		case e.closed && e.done != e.placed:
			b.broken(transitions, e.at, "an edit ends otherwise than its supplement",
				"edit", id, "done", e.done, "placed", e.placed)
		case e.closed != e.over && b.quiescent:
			b.broken(termination, e.at, "an edit and its supplement are not decided together",
				"edit", id, "closed", e.closed, "decided", e.over)
		}
	}
}
