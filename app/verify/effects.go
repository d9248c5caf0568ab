package verify

import (
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// told is what the customer and the books were told of an order, each once.
type told struct {
	placed, cancelled, expired bool
	authorised, voided         bool // by the ledger
	captures                   int  // by the ledger, as are those below
	refunds                    int
}

// follow requires that what an event brings about outside its own room happens once.
func (b *books) follow(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.MessageSent:
		b.message(it, l, f)
	case *event.MessageAttempted, *event.MessageHandedOver, *event.MessageRefused,
		*event.MessageUnresolved:
		b.sending(it, l)
	case *event.LedgerPosted:
		b.booking(it, l, f)
	}
}

// message requires one message for each topic of an order, or of a parcel.
func (b *books) message(it *item, l *life, f *event.MessageSent) {
	b.check(singletons)
	sent := new(bool)
	switch f.Topic {
	case "order_placed":
		sent = &l.told.placed
	case "order_cancelled":
		sent = &l.told.cancelled
	case "order_expired":
		sent = &l.told.expired
	case "order_dispatched":
		n := lastNumber(f.Message)
		if n < 1 || n > len(l.parcels) {
			b.broken(singletons, it.at, "a message about no parcel",
				"message", f.Message, "order", l.id)
			return
		}
		sent = &l.parcels[n-1].told
	}
	if *sent {
		b.broken(singletons, it.at, "somebody is told the same twice",
			"message", f.Message, "topic", f.Topic, "order", l.id)
	}
	*sent = true
}

// lastNumber is the number behind the last '_' of an id, or 0.
func lastNumber(id shop.ID) int {
	n, err := strconv.Atoi(string(id)[strings.LastIndexByte(string(id), '_')+1:])
	if err != nil {
		return 0
	}
	return n
}

// booking requires that the ledger books each thing once.
func (b *books) booking(it *item, l *life, f *event.LedgerPosted) {
	b.check(effectsOnce)
	again := false
	switch f.Kind {
	case "authorisation":
		again, l.told.authorised = l.told.authorised, true
	case "void":
		again, l.told.voided = l.told.voided, true
	case "capture":
		l.told.captures++
		again = l.told.captures > l.purse.captures()
	case "refund":
		l.told.refunds++
		again = l.told.refunds > l.purse.refunds
	case "maturity":
		for _, s := range f.Splits {
			if q, _ := l.parcel(s.Shipment); q != nil {
				again = again || q.matured
				q.matured = true
			}
		}
	}
	if again {
		b.broken(effectsOnce, it.at, "the ledger books the same twice",
			"transaction", f.Transaction, "kind", f.Kind, "order", l.id)
	}
}

// effectsEnd requires, once all is quiet, that everything that must have followed did.
func (b *books) effectsEnd(l *life) {
	if !b.quiescent || l.created == nil {
		return
	}
	b.check(effectsOnce)
	b.sendingEnd(l)
	h, p := &l.head, &l.purse
	missing := func(when bool, what string, pairs ...any) {
		if when {
			b.owed(effectsOnce, l, what, pairs...)
		}
	}
	status := h.status.String()
	missing(l.placed != nil && !l.told.placed, "the customer was not told that the order is placed")
	missing(status == "cancelled" && !l.told.cancelled,
		"the customer was not told that the order is cancelled")
	missing(status == "expired" && !l.told.expired,
		"the customer was not told that the order expired")
	missing(l.placed != nil && !l.told.authorised, "the ledger did not book the authorisation")
	missing(l.placed != nil && p.voided > 0 && !l.told.voided,
		"the ledger did not book what was given back")
	missing(l.told.captures != p.captures(), "the ledger did not book every capture",
		"captures", p.captures(), "booked", l.told.captures)
	missing(l.told.refunds != p.refunds, "the ledger did not book every refund",
		"refunds", p.refunds, "booked", l.told.refunds)
	missing(p.over && !h.voided, "the order did not hear that the authorisation was given back")
	missing(h.captured != p.captured, "the order did not hear of every capture",
		"captured", p.captured, "heard", h.captured)
	missing(h.refunded != p.refunded, "the order did not hear of every refund",
		"refunded", p.refunded, "heard", h.refunded)
	for i := range l.parcels {
		b.parcelEnd(l, i, missing)
	}
}

func (b *books) parcelEnd(l *life, i int, missing func(bool, string, ...any)) {
	q, h := &l.parcels[i], &l.head
	if q.absent {
		return
	}
	missing(i >= len(l.placed.Parcels) && h.split&(1<<(i+1)) == 0,
		"the order did not hear that a parcel was split", "parcel", i+1)
	missing(q.captured > 0 && h.paid&(1<<(i+1)) == 0,
		"the order did not hear that a parcel was paid", "parcel", i+1)
	gone := q.way == dispatched || q.way == delivered || q.way == lost
	missing(gone && h.dispatched&(1<<(i+1)) == 0, "the order did not hear that a parcel left",
		"parcel", i+1)
	missing(q.way == delivered && h.delivered&(1<<(i+1)) == 0,
		"the order did not hear that a parcel arrived", "parcel", i+1)
	missing(q.way == lost && h.lost&(1<<(i+1)) == 0,
		"the order did not hear that a parcel is lost", "parcel", i+1)
	missing(gone && !q.told, "the customer was not told that a parcel left", "parcel", i+1)
	missing(h.status.String() == "completed" && q.earned != 0 && !q.matured,
		"what a dealer earned did not mature", "parcel", i+1, "earned", q.earned)
}
