package fulfilment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The bounds of one cancellation. Each of its parcels is a record and at most two facts, which
// keeps the commit within platform.MaxItems.
const (
	MaxCancelLines   = 20
	MaxCancelParcels = 25
)

// reducible reports whether who may still cancel units of the parcel. A customer may until the
// dealer packs. The operator may also afterwards, until the parcel leaves; but not while its money
// is on its way, since only what was taken can go back.
func (s *Shipment) reducible(who room.Caller) bool {
	switch s.State {
	case Requested():
		return true
	case Cleared():
		return who.May(room.Admin(), room.ServiceRole())
	}
	return false
}

// cancellation is what somebody does not want any more of an order.
type cancellation struct {
	id     shop.ID
	want   []event.ParcelLine // each article once
	reason string
	by     room.Caller
}

// checkCancellation refuses what nobody could cancel.
func checkCancellation(lines []event.ParcelLine) error {
	if len(lines) == 0 || len(lines) > MaxCancelLines {
		return shop.Errorf(shop.Invalid, "a cancellation has 1 to %d lines, not %d",
			MaxCancelLines, len(lines))
	}
	for i, l := range lines {
		if l.Quantity < 1 || slices.ContainsFunc(lines[:i], func(o event.ParcelLine) bool {
			return o.SKU == l.SKU
		}) {
			return shop.Errorf(shop.Invalid,
				"each article is named once, with at least one unit: %s", l.SKU)
		}
	}
	return nil
}

// spread decides from which of an order's parcels the units are taken: from the first on in which
// they still can be. It refuses all of it if there are too few.
func (c *cancellation) spread(parcels []*Shipment) ([][]event.ParcelLine, error) {
	parts := make([][]event.ParcelLine, len(parcels))
	for _, w := range c.want {
		left, known := w.Quantity, false
		for i, sh := range parcels {
			for _, l := range sh.Lines {
				if l.SKU != w.SKU {
					continue
				}
				known = true
				n := min(left, l.Quantity)
				if n > 0 && sh.reducible(c.by) {
					parts[i] = append(parts[i], event.ParcelLine{SKU: w.SKU, Quantity: n})
					left -= n
				}
			}
		}
		switch {
		case !known:
			return nil, shop.Errorf(shop.Conflict,
				"no parcel of the order holds %s; nothing was cancelled", w.SKU)
		case left > 0:
			return nil, shop.Errorf(shop.Conflict,
				"%d of %s can still be cancelled, not %d; nothing was cancelled",
				w.Quantity-left, w.SKU, w.Quantity).
				WithHint("what is packed leaves, and may come back when it has arrived")
		}
	}
	touched := 0
	for _, units := range parts {
		if len(units) > 0 {
			touched++
		}
	}
	if touched > MaxCancelParcels {
		return nil, shop.Errorf(shop.Conflict,
			"the units are in %d parcels, at most %d are changed at once; nothing was cancelled",
			touched, MaxCancelParcels).WithHint("cancel fewer units at once")
	}
	return parts, nil
}

// Reduce decides what follows when units of the parcel are cancelled. What its articles cost is in
// shares; the units take their portion of that with them. A parcel without any is cancelled.
func (s *Shipment) Reduce(
	c cancellation, units []event.ParcelLine, shares []int64,
) []event.Fact {
	var amount, taken, all int64
	for i, l := range s.Lines {
		all += l.Quantity
		for _, u := range units {
			if u.SKU == l.SKU {
				amount += portion(shares[i], u.Quantity, l.Quantity)
				taken += u.Quantity
			}
		}
	}
	money := func(n int64) shop.Money {
		return shop.Money{Amount: n, Currency: s.Amount.Currency}
	}
	f := &event.ShipmentReduced{
		Shipment: s.ID, Order: s.Order, Payment: s.Payment, Dealer: s.Dealer,
		Cancellation: c.id, Refund: reductionID(c.id, s.ID), Lines: units,
		Amount: money(amount), Left: money(s.Amount.Amount - amount),
		Empty: taken == all, Reason: c.reason, By: c.by.ID,
	}
	if f.Empty {
		return []event.Fact{f, &event.ShipmentCancelled{Shipment: s.ID, Order: s.Order}}
	}
	return []event.Fact{f}
}

// reductionID names what is taken of one parcel, and its refund: a parcel is reduced once by a
// cancellation.
func reductionID(cancellation, shipment shop.ID) shop.ID {
	at := strings.LastIndexByte(string(shipment), '_')
	return shop.ID(fmt.Sprintf("rfn_%s_%s", cancellation, shipment[at+1:]))
}

// reduced takes units out of the parcel. The list is a new one: facts share the old.
func (s *Shipment) reduced(f *event.ShipmentReduced) {
	left := make([]event.ParcelLine, 0, len(s.Lines))
	for _, l := range s.Lines {
		for _, gone := range f.Lines {
			if gone.SKU == l.SKU {
				l.Quantity -= gone.Quantity
			}
		}
		if l.Quantity > 0 {
			left = append(left, l)
		}
	}
	s.Lines = left
	s.Amount = f.Left
}
