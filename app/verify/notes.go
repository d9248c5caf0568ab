package verify

import (
	"slices"

	"github.com/souk-commerce/souk/shop/event"
)

// maxNotes bounds the notes of an order.
const maxNotes = 100

// noted requires that notes are counted one by one, that a dealer who writes one has a part in the
// order, and that the text is sealed under the key of the order's customer, so that it goes when
// they do.
func (b *books) noted(it *item, l *life) {
	f, ok := it.fact.(*event.OrderNoted)
	if !ok {
		return
	}
	b.check(secrecy)
	b.check(transitions)
	c := l.created
	if c == nil || f.Note != it.e.Sequence || f.Note > maxNotes ||
		f.Dealer && !slices.ContainsFunc(c.Lines, func(line event.OrderLine) bool {
			return line.Dealer == f.By
		}) {
		b.broken(transitions, it.at, "a note of no order, out of turn, or by a stranger",
			"order", l.id, "note", f.Note, "by", f.By)
	}
	if c != nil && f.Text.Person != c.Customer {
		b.broken(secrecy, it.at, "a note is sealed under another person's key than its order",
			"order", l.id, "note", f.Note, "person", f.Text.Person)
	}
}
